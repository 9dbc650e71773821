"""Notices what no block tells: that the daemon's own state has turned."""

from jarvisd.base.clock import Clock, next_tick
from jarvisd.overview.rendered_files import Renderer
from jarvisd.overview.service import Service
from jarvisd.rpc.publisher import Subscriptions

PAUSE_S = 1.0
"""Problems are found by seconds, not by milliseconds."""


async def tell_of_health(
    service: Service, subscriptions: Subscriptions, renderer: Renderer, clock: Clock
) -> None:
    """Tell subscribers and the rendered files when problems or history come and go."""
    shown = _gist(service)
    while True:
        await clock.sleep_until(next_tick(clock.monotonic(), PAUSE_S))
        gist = _gist(service)
        if gist != shown:
            shown = gist
            subscriptions.health_changed(service.health())
            renderer.wake()


def _gist(service: Service) -> tuple[frozenset[str], bool]:
    problems = frozenset(each.kind for each in service.problems())
    return problems, service.backfill().files_total > 0
