"""Notices what no block tells: that the daemon's own state has turned."""

from jarvisd.base.clock import Clock, next_tick
from jarvisd.core.publisher import Publish
from jarvisd.overview.health_wire import HealthTurned
from jarvisd.overview.service import Service

PAUSE_S = 1.0
"""Problems are found by seconds, not by milliseconds."""


async def watch_health(service: Service, publish: Publish, clock: Clock) -> None:
    """Publish when problems or history come and go, until cancelled."""
    shown = _gist(service)
    while True:
        await clock.sleep_until(next_tick(clock.monotonic(), PAUSE_S))
        gist = _gist(service)
        if gist != shown:
            shown = gist
            publish(HealthTurned(service.health()))


def _gist(service: Service) -> tuple[frozenset[str], bool]:
    problems = frozenset(each.kind for each in service.problems())
    return problems, service.backfill().files_total > 0
