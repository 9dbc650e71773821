"""Fairness: whoever has more than one slice to read takes turns for each further one."""

import anyio
from anyio import lowlevel

from jarvisd.base.clock import Clock
from jarvisd.core.discovery.progress import ImportProgress
from jarvisd.core.discovery.pull import SliceReader
from jarvisd.core.discovery.tracked_file import TrackedFile
from jarvisd.core.flush import Flusher

SETTLE_S = 0.5
"""A source that is to be read again so soon is being written: `sync` waits for it."""

TURN_S = 0.001
"""How long one file is read before others get a turn: what a live line may wait."""


class Fairness:
    """Reads files to their ends, none of them at the expense of the others."""

    def __init__(
        self,
        puller: SliceReader,
        progress: ImportProgress,
        flusher: Flusher,
        clock: Clock,
    ) -> None:
        self._puller = puller
        self._progress = progress
        self._flusher = flusher
        self._clock = clock
        self._bulk = anyio.Lock(fast_acquire=True)
        self._progressed = anyio.Event()
        self._awaited = 0

    async def drain(self, known: TrackedFile, began: float) -> float:
        """Read *known* to its end, giving way after each turn.

        *began* is when the turn began in which this is called; the return value when
        the one did in which it ends.
        """
        ticket = known.wakes
        more = True
        while more:
            if not self._puller.is_open(known):
                await self._puller.open(known)
                began = self._clock.monotonic()

            more = self._puller.pull(known)
            if not more and is_settling(known):
                if known.backlog_bytes is not None:
                    self._end_backlog(known)  # who follows it has the time to wait
                    return began

                await anyio.sleep(known.source.retry_s or 0.0)
                more = True

            if self._clock.monotonic() - began >= TURN_S:
                began = await self.give_way()
                if known.backlog_bytes is not None and self._flusher.is_behind:
                    await self._flusher.catch_up()

        self.pass_by(known, ticket)
        return began

    def read_at_once(self, known: TrackedFile) -> bool:
        """Read one slice of *known* here and now; return whether that was all of it.

        For files that grow by lines. Whatever else becomes of a file is for its task.
        """
        if not self._puller.is_open(known):
            return False

        path, ticket = known.path, known.wakes
        if self._puller.pull(known) or known.block.ended or known.path != path:
            return False

        self.pass_by(known, ticket)
        return True

    async def give_way(self) -> float:
        """Wait for a turn; return when it begins."""
        async with self._bulk:
            await lowlevel.checkpoint()

        return self._clock.monotonic()

    def pass_by(self, known: TrackedFile, ticket: int) -> None:
        """Record that all is done with *known* that was asked up to *ticket*."""
        known.done = max(known.done, ticket)
        self._end_backlog(known)
        if self._awaited:
            self._progressed.set()
            self._progressed = anyio.Event()

    def _end_backlog(self, known: TrackedFile) -> None:
        if known.backlog_bytes is not None:
            known.backlog_bytes = None
            self._progress.finished()

    async def all_done(self, files: list[TrackedFile]) -> None:
        """Return once *files* have been read as often as was asked until now."""
        waiting = [(each, each.wakes) for each in files]
        self._awaited += 1
        try:
            while waiting:
                known, ticket = waiting[-1]
                if known.done >= ticket:
                    waiting.pop()
                else:
                    await self._progressed.wait()
        finally:
            self._awaited -= 1


def is_settling(known: TrackedFile) -> bool:
    """Whether the source is just being written, and has to rest before it is read."""
    retry_s = known.source.retry_s
    return retry_s is not None and retry_s <= SETTLE_S
