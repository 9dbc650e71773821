"""Publishes what no block reports: that the health of the daemon has changed."""

import structlog

from jarvisd.base.clock import Clock, next_tick
from jarvisd.core.drift import DriftLog
from jarvisd.core.publisher import Publish
from jarvisd.core.record import DriftKind
from jarvisd.overview.health_wire import HealthTurned
from jarvisd.overview.service import Service

log = structlog.get_logger()

PAUSE_S = 1.0
"""Problems are found by seconds, not by milliseconds."""


async def watch_health(service: Service, publish: Publish, clock: Clock) -> None:
    """Publish when problems or history come and go, until cancelled."""
    shown = _gist(service)
    while True:
        await clock.sleep_until(next_tick(clock.monotonic(), PAUSE_S))
        log_drift(service.drift, clock.unix_ms())
        gist = _gist(service)
        if gist != shown:
            shown = gist
            publish(HealthTurned(service.health()))


def log_drift(drift: DriftLog, now_ms: int) -> None:
    """Log what agents write that is unknown: once for a version, without content."""
    for each in drift.unlogged(now_ms):
        names = {kind.value: dict(each.names(kind)) for kind in DriftKind}
        found = {kind: counts for kind, counts in names.items() if counts}
        report = log.warning if found else log.info
        report(
            "agent.drift",
            agent=each.agent,
            version=each.version or None,
            newest_tested=each.tested.newest,
            **found,
            action="report these names and counts if a newer jarvisd has them too",
        )


def _gist(service: Service) -> tuple[frozenset[str], bool]:
    problems = frozenset(each.kind for each in service.problems())
    return problems, service.backfill().files_total > 0
