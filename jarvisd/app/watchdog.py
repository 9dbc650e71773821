"""Reports to systemd that work moves, and only while it does.

A watchdog fed by an idle timer hides the very failure it is for, so each sign of life
is given only if the loop answered in time, the scans go on and no write is stuck.
"""

import math

import structlog

from jarvisd.app import systemd
from jarvisd.base.clock import Clock, next_tick
from jarvisd.overview.service import Service

log = structlog.get_logger()

MAX_LAG_S = 2.0
LONGEST_S = 10.0
STATUS_EVERY_S = 60.0
"""The line for people goes through all that is known, and so comes more seldom."""


async def feed_watchdog(service: Service, clock: Clock) -> None:
    """Report status and signs of life until cancelled."""
    interval_s = systemd.watchdog_interval_s()
    pause_s = min(LONGEST_S, interval_s / 3) if interval_s else LONGEST_S
    reported_at = -math.inf
    while True:
        tick = next_tick(clock.monotonic(), pause_s)
        await clock.sleep_until(tick)
        now = clock.monotonic()
        lag_s, stuck = now - tick, service.stuck()
        if lag_s >= MAX_LAG_S or stuck is not None:
            log.error("watchdog.withheld", lag_s=round(lag_s, 1), stuck=stuck)
            continue

        words = {}
        if systemd.listens() and now - reported_at >= STATUS_EVERY_S - pause_s / 2:
            reported_at, words = now, {"STATUS": service.summary()}

        systemd.notify(WATCHDOG=1, **words)
