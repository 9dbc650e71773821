"""Tells systemd that work moves, and only while it does.

A watchdog fed by an idle timer hides the very failure it is for, so each sign of life
is given only if the loop answered in time, the scans go on and no write is stuck.
"""

import anyio
import structlog

from jarvisd import systemd
from jarvisd.clock import Clock
from jarvisd.daemon.service import Service

log = structlog.get_logger()

MAX_LAG_S = 2.0
STATUS_EVERY_S = 10.0


async def feed_watchdog(service: Service, clock: Clock) -> None:
    """Report status and signs of life until cancelled."""
    interval_s = systemd.watchdog_interval_s()
    pause_s = min(STATUS_EVERY_S, interval_s / 3) if interval_s else STATUS_EVERY_S
    while True:
        before = clock.monotonic()
        await anyio.sleep(pause_s)
        lag_s = clock.monotonic() - before - pause_s
        stuck = service.stuck()
        if lag_s < MAX_LAG_S and stuck is None:
            systemd.notify(WATCHDOG=1, STATUS=service.summary())
        else:
            log.error("watchdog.withheld", lag_s=round(lag_s, 1), stuck=stuck)
