"""What the daemon does when it is signalled: stop on TERM and INT, reload on HUP."""

import signal

import anyio
import structlog
from anyio.abc import TaskStatus

from jarvisd.app import systemd
from jarvisd.base.clock import Clock
from jarvisd.base.errors import ConfigError
from jarvisd.overview.service import Service

log = structlog.get_logger()


async def obey_signals(
    scope: anyio.CancelScope,
    service: Service,
    clock: Clock,
    *,
    task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
) -> None:
    """Cancel *scope* on SIGTERM or SIGINT; read the configuration again on SIGHUP."""
    wanted = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    with anyio.open_signal_receiver(*wanted) as received:
        task_status.started()
        systemd.ready(service.summary())
        async for number in received:
            if number is signal.SIGHUP:
                systemd.reloading(clock.monotonic())
                systemd.ready(await _reload(service))
            else:
                log.info("daemon.stopping", signal=number.name)
                systemd.stopping("storing the last changes")
                scope.cancel()


async def _reload(service: Service) -> str:
    try:
        result = await service.reload()
    except ConfigError as exc:
        log.warning("config.refused", reason=str(exc))
        return f"configuration refused, the old one is kept: {exc}"

    return f"configuration read; changed: {', '.join(result.changed) or 'nothing'}"
