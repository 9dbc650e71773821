"""Detects lost hints, and time that passed while the process did not run.

watchfiles drops hints silently if its queue overflows or a watch is missing, and network
folders report no changes at all. The only sign of that is a change that the scan finds
although a watcher should have reported it long before.
"""

import os

import structlog

from jarvisd.base.clock import MS_PER_S, Clock

log = structlog.get_logger()

MAX_DELAY_S = 2.0
"""A tick later than this means that the process was stopped, suspended or stuck."""

MAX_CLOCK_DRIFT_S = 5.0
"""A larger difference of wall and monotonic time means suspend, or a set clock."""

HINT_MS = 1500
"""The longest delay of a hint; the slower watcher collects them for 400 ms."""

LOSS_MEMORY_S = 600.0
"""Seconds for which hints count as incomplete after some were lost."""


class WatcherHealth:
    """Tracks whether hints of the watchers are complete."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lost_at: float | None = None
        self.lost_ms: int | None = None
        """The time at which hints were last lost, Unix ms."""
        self.lost_count = 0

    @property
    def has_recent_losses(self) -> bool:
        """Whether hints were lost within LOSS_MEMORY_S."""
        return self._lost_at is not None and (
            self._clock.monotonic() - self._lost_at < LOSS_MEMORY_S
        )

    def read_clocks(self) -> tuple[float, float]:
        """Return monotonic and wall time, in seconds."""
        return self._clock.monotonic(), self._clock.unix_ms() / MS_PER_S

    def has_lost_time(self, before: tuple[float, float], pause_s: float) -> bool:
        """Whether clearly more time than *pause_s* has passed since *before*."""
        now = self.read_clocks()
        passed, wall = now[0] - before[0], now[1] - before[1]
        lost = passed > pause_s + MAX_DELAY_S or abs(wall - passed) > MAX_CLOCK_DRIFT_S
        if lost:
            log.info("reader.lost_time", seconds=round(max(passed, wall), 1))

        return lost

    def record_lost_hints(self, count: int = 1) -> None:
        """Record that a watcher failed to report *count* changes."""
        if not self.has_recent_losses:
            log.warning("watch.hints_lost")

        self.lost_count += count
        self._lost_at, self.lost_ms = self._clock.monotonic(), self._clock.unix_ms()

    def should_have_had_hint(self, seen: os.stat_result, since_ms: int) -> bool:
        """Whether *seen* changed after *since_ms*, and long enough ago for a hint.

        It uses the inode's change time, which, unlike mtime, programs cannot set.
        """
        changed_ms = seen.st_ctime_ns // 1_000_000
        return since_ms < changed_ms < self._clock.unix_ms() - HINT_MS
