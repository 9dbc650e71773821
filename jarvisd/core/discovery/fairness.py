"""Fairness between files: one with more than a slice to read waits for its turns."""

import math
from collections.abc import Sequence

import anyio
from anyio import lowlevel

from jarvisd.base.clock import Clock
from jarvisd.core.discovery.progress import ImportProgress
from jarvisd.core.discovery.slice_reader import SliceReader
from jarvisd.core.discovery.tracked_file import TrackedFile
from jarvisd.core.flush import Flusher

SETTLE_S = 0.5
"""A shorter retry means that the source is being written, so that `sync` waits for it."""

LIVE_CHECKPOINTS = 4
"""Rounds of the loop in which a live line gets from its hint to its subscribers: with a
turn of history between each two of them it would take several turns."""

LIVE_S = 2.0
"""For so long after a live line others are expected."""

TURN_S = 0.001
"""Seconds for which one file is read in a turn: the longest delay of a live line."""


class Fairness:
    """Reads files to their ends in turns, so that none delays the others."""

    def __init__(
        self,
        slice_reader: SliceReader,
        progress: ImportProgress,
        flusher: Flusher,
        clock: Clock,
    ) -> None:
        self._slice_reader = slice_reader
        self._progress = progress
        self._flusher = flusher
        self._clock = clock
        self._turn_lock = anyio.Lock(fast_acquire=True)
        self._progressed = anyio.Event()
        self._awaited = 0
        self.woken_at = -math.inf
        """When a live file was woken last, monotonic."""

    @property
    def has_live_files(self) -> bool:
        """Whether lines come while history is read, which are to be read at once."""
        return self._clock.monotonic() - self.woken_at < LIVE_S

    async def drain(self, tracked: TrackedFile, began: float) -> float:
        """Read *tracked* to its end, waiting for the next turn after each.

        *began* is the start of the caller's turn, monotonic; the result is the start of
        the turn in which the file was finished.
        """
        ticket = tracked.wakes
        more = True
        while more:
            if not self._slice_reader.is_open(tracked):
                await self._slice_reader.open(tracked)
                began = self._clock.monotonic()

            more = self._slice_reader.read_slice(tracked)
            if not more and is_settling(tracked):
                if tracked.backlog_bytes is not None:
                    self._end_backlog(tracked)  # its follower can wait until it settles
                    return began

                await anyio.sleep(tracked.source.retry_s or 0.0)
                more = True

            is_history = tracked.backlog_bytes is not None
            began = await self._end_turn(began, is_history=is_history)

        self.mark_done(tracked, ticket)
        return began

    async def drain_together(self, files: Sequence[TrackedFile], began: float) -> float:
        """Read *files* of history as `drain` does: their first slices in one step."""
        ready = [each for each in files if self._slice_reader.is_open(each)]
        tickets = [each.wakes for each in ready]
        unfinished = self._slice_reader.read_slices(ready)
        for tracked, ticket in zip(ready, tickets, strict=True):
            if tracked not in unfinished and not is_settling(tracked):
                self.mark_done(tracked, ticket)

        for tracked in files:
            if tracked.done < tracked.wakes:
                began = await self.drain(tracked, began)

        return await self._end_turn(began, is_history=True)

    async def _end_turn(self, began: float, *, is_history: bool) -> float:
        """Wait for the next turn if this one is over; return the start of the turn.

        History waits for the store as well.
        """
        if self._clock.monotonic() - began < TURN_S:
            return began

        began = await self.wait_for_turn()
        if is_history and self._flusher.is_behind:
            await self._flusher.catch_up()

        return began

    def read_at_once(self, tracked: TrackedFile) -> bool:
        """Read one slice of *tracked* now; return True if that was all of it.

        For files that grow by lines; any other change is left to the file's task.
        """
        if not self._slice_reader.is_open(tracked):
            return False

        path, ticket = tracked.path, tracked.wakes
        if (
            self._slice_reader.read_slice(tracked)
            or tracked.block.ended
            or tracked.path != path
        ):
            return False

        self.mark_done(tracked, ticket)
        return True

    async def wait_for_turn(self) -> float:
        """Wait for a turn; return its start, monotonic."""
        async with self._turn_lock:
            woken_at = self.woken_at
            await lowlevel.checkpoint()
            if self.woken_at != woken_at:
                for _ in range(LIVE_CHECKPOINTS):
                    await lowlevel.checkpoint()

        return self._clock.monotonic()

    def mark_done(self, tracked: TrackedFile, ticket: int) -> None:
        """Record that *tracked* has been read for all its wakes up to *ticket*."""
        tracked.done = max(tracked.done, ticket)
        self._end_backlog(tracked)
        if self._awaited:
            self._progressed.set()
            self._progressed = anyio.Event()

    def _end_backlog(self, tracked: TrackedFile) -> None:
        if tracked.backlog_bytes is not None:
            tracked.backlog_bytes = None
            self._progress.finished()

    async def wait_until_read(self, files: list[TrackedFile]) -> None:
        """Wait until *files* have been read for all their wakes until now."""
        waiting = [(each, each.wakes) for each in files]
        self._awaited += 1
        try:
            while waiting:
                tracked, ticket = waiting[-1]
                if tracked.done >= ticket:
                    waiting.pop()
                else:
                    await self._progressed.wait()
        finally:
            self._awaited -= 1


def is_settling(tracked: TrackedFile) -> bool:
    """Whether the source is being written, and must settle before it is read."""
    retry_s = tracked.source.retry_s
    return retry_s is not None and retry_s <= SETTLE_S
