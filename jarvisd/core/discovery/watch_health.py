"""Reasons to look for ourselves: time that passed without us, hints that never came.

watchfiles drops what overflows its queue and what it has no watch for without a word,
and network folders tell nothing at all. What the scan finds although a watcher should
have told of it long ago is the one sign of that.
"""

import os

import structlog

from jarvisd.base.clock import MS_PER_S, Clock

log = structlog.get_logger()

LATE_S = 2.0
"""A tick that comes so late means that we were stopped, suspended or stuck."""

STEP_S = 5.0
"""The wall clock and the monotonic one part ways: suspended, or the time was set."""

HINT_MS = 1500
"""No hint takes this long; the slower watcher collects them for 400 ms."""

DOUBT_S = 600.0
"""For how long hints are not believed to be complete after some were lost."""


class WatcherHealth:
    """Knows how far hints can be trusted now."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lost_at: float | None = None
        self.lost_ms: int | None = None
        """When hints were last lost, in Unix ms."""
        self.lost_count = 0

    @property
    def are_raised(self) -> bool:
        """Whether hints were lost lately."""
        return self._lost_at is not None and (
            self._clock.monotonic() - self._lost_at < DOUBT_S
        )

    def clocks(self) -> tuple[float, float]:
        """Return what both clocks show, in seconds: the monotonic one and the other."""
        return self._clock.monotonic(), self._clock.unix_ms() / MS_PER_S

    def time_was_lost(self, before: tuple[float, float], pause_s: float) -> bool:
        """Whether more time went by since *before* than *pause_s*."""
        now = self.clocks()
        passed, wall = now[0] - before[0], now[1] - before[1]
        lost = passed > pause_s + LATE_S or abs(wall - passed) > STEP_S
        if lost:
            log.info("reader.lost_time", seconds=round(max(passed, wall), 1))

        return lost

    def hints_were_lost(self, count: int = 1) -> None:
        """Record that a watcher has failed to report so many changes."""
        if not self.are_raised:
            log.warning("watch.hints_lost")

        self.lost_count += count
        self._lost_at, self.lost_ms = self._clock.monotonic(), self._clock.unix_ms()

    def should_have_been_told(self, seen: os.stat_result, since_ms: int) -> bool:
        """Whether *seen* changed after *since_ms*, and long enough ago for a hint.

        The time of the inode's change is what nobody can set.
        """
        changed_ms = seen.st_ctime_ns // 1_000_000
        return since_ms < changed_ms < self._clock.unix_ms() - HINT_MS
