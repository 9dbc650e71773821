"""What was written before we looked: read by one task, newest files first.

Agents that were at work when the daemon came go on writing. So the newest files are
followed as soon as they have been read, and kept open meanwhile: their next line shows
at once, also if their names are taken from them before it.
"""

import heapq
from itertools import count

import anyio

from jarvisd.base.clock import Clock
from jarvisd.blocks.block import LIVE_MS
from jarvisd.core.discovery.fairness import Fairness
from jarvisd.core.discovery.followers import Followers
from jarvisd.core.discovery.progress import ImportProgress
from jarvisd.core.discovery.tracked_file import TrackedFile

MAX_FOLLOWED = 64
"""More agents than anybody has at work, and no load where all files seem new: somebody
has just copied them."""


class History:
    """The files that wait for their turn, and the task that reads them."""

    def __init__(
        self,
        turns: Fairness,
        followers: Followers,
        progress: ImportProgress,
        clock: Clock,
    ) -> None:
        self._turns = turns
        self._followers = followers
        self._progress = progress
        self._clock = clock
        self._waiting: list[tuple[int, int, TrackedFile]] = []
        self._numbers = count()
        self._grew = anyio.Event()

    def add(self, known: TrackedFile) -> None:
        """Queue *known* behind the files with newer changes."""
        known.wakes += 1
        if known.backlog_bytes is None:
            unread = max(0, known.size - known.block.position.offset)
            known.backlog_bytes, known.historic_until = unread, known.size
            self._progress.found(unread, self._clock.monotonic())
            # The file itself, not its path: another file may have that in its turn.
            entry = (-known.mtime_ms, next(self._numbers), known)
            heapq.heappush(self._waiting, entry)
            self._grew.set()

    async def run(self) -> None:
        """Read what waits, until cancelled."""
        while True:
            self._grew = anyio.Event()
            await self.read()
            await self._grew.wait()

    async def read(self) -> None:
        """Read the files that wait now to their ends, newest first."""
        began = self._clock.monotonic()
        while self._waiting:
            _, _, known = heapq.heappop(self._waiting)
            # Who follows it may have read it meanwhile, but not since it was added again.
            if known.done < known.wakes:
                began = await self._turns.drain(known, began)
                self._leave(known)

    def _leave(self, known: TrackedFile) -> None:
        """Follow a file that has been read if it may go on, else put it away."""
        is_unread = known.source.retry_s is not None
        is_recent = self._followers.number < MAX_FOLLOWED and self._is_recent(known)
        if is_unread or is_recent:
            self._followers.wake(known)
        elif known.wake is None:
            self._followers.put_away(known)

    def _is_recent(self, known: TrackedFile) -> bool:
        return self._clock.unix_ms() - known.mtime_ms < LIVE_MS
