"""The time since which this daemon has been awake without a break.

A machine that sleeps stops the monotonic clock but not the wall clock, so a tick that
is much too late by the wall clock shows a sleep. The time is stored with the next
flush: while nothing else is stored, the disk stays idle.
"""

import math

from jarvisd.base.clock import MS_PER_S, Clock, next_tick
from jarvisd.core.feature import Change, Feature, FlushOutcome, Receipt, Scope

BEAT_S = 60.0
"""A daemon that is killed loses at most this; a row a minute is no load."""

GAP_MS = 2 * int(BEAT_S) * MS_PER_S


class Awake(Feature):
    """The span of time in which no change can have been missed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since_ms = self._seen_ms = clock.unix_ms()
        self._taken_at = -math.inf

    @property
    def span(self) -> tuple[int, int]:
        """Return the time since which the daemon has been awake, and now."""
        now_ms = self._clock.unix_ms()
        if not 0 <= now_ms - self._seen_ms <= GAP_MS:
            self._since_ms = now_ms

        self._seen_ms = now_ms
        return self._since_ms, now_ms

    def take(self, scope: Scope) -> tuple[int, int] | None:
        """Return the span to store with a flush; None if one was taken in this minute."""
        del scope
        now = self._clock.monotonic()
        if now - self._taken_at < BEAT_S:
            return None

        self._taken_at = now
        return self.span

    def settled(self, outcome: FlushOutcome, change: Change, receipt: Receipt) -> None:
        """Store the span with the next flush if *change* is not stored."""
        del change, receipt
        if outcome is not FlushOutcome.COMMITTED:
            self._taken_at = -math.inf


async def stay_awake(awake: Awake, clock: Clock) -> None:
    """Read the clocks often enough to detect a sleep, until cancelled."""
    while True:
        await clock.sleep_until(next_tick(clock.monotonic(), BEAT_S))
        _ = awake.span
