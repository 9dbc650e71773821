"""Since when this daemon has been awake without a break: what it saw, it may count.

A machine that sleeps stops the monotonic clock and not the wall's, so a look that comes
much later than it should, by the wall, comes after a sleep. The time is written down
beside what else is stored: while nothing is, the disk is left alone, and the next flush
reports all the time since the last.
"""

import math

from jarvisd.base.clock import MS_PER_S, Clock, next_tick
from jarvisd.core.feature import Feature, Scope

BEAT_S = 60.0
"""A daemon that is killed loses so much of what it saw; a row a minute is no load."""

GAP_MS = 2 * int(BEAT_S) * MS_PER_S


class Awake(Feature):
    """Knows the stretch of time in which nothing can have been missed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since_ms = self._seen_ms = clock.unix_ms()
        self._told_at = -math.inf

    @property
    def span(self) -> tuple[int, int]:
        """Return since when we are awake, and now."""
        now_ms = self._clock.unix_ms()
        if not 0 <= now_ms - self._seen_ms <= GAP_MS:
            self._since_ms = now_ms

        self._seen_ms = now_ms
        return self._since_ms, now_ms

    def take(self, scope: Scope) -> tuple[int, int] | None:
        """Return the same to be stored with a flush; None if it was a minute ago."""
        del scope
        now = self._clock.monotonic()
        if now - self._told_at < BEAT_S:
            return None

        self._told_at = now
        return self.span


async def stay_awake(awake: Awake, clock: Clock) -> None:
    """Look at the clocks often enough to notice a sleep, until cancelled."""
    while True:
        await clock.sleep_until(next_tick(clock.monotonic(), BEAT_S))
        _ = awake.span
