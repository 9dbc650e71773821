"""What was written before we looked: read by one task, newest files first.

Agents that were at work when the daemon came go on writing. So the newest files are
followed as soon as they have been read, and kept open meanwhile: their next line shows
at once, also if their names are taken from them before it.
"""

import heapq

import anyio

from jarvisd.accumulators.block import LIVE_MS
from jarvisd.clock import Clock
from jarvisd.reader.catalogue import Catalogue
from jarvisd.reader.followers import Followers
from jarvisd.reader.known import Known
from jarvisd.reader.progress import Progress
from jarvisd.reader.turns import Turns

MAX_FOLLOWED = 64
"""More agents than anybody has at work, and no load where all files seem new: somebody
has just copied them."""


class History:
    """The files that wait for their turn, and the task that reads them."""

    def __init__(
        self,
        catalogue: Catalogue,
        turns: Turns,
        followers: Followers,
        progress: Progress,
        clock: Clock,
    ) -> None:
        self._catalogue = catalogue
        self._turns = turns
        self._followers = followers
        self._progress = progress
        self._clock = clock
        self._waiting: list[tuple[int, str]] = []
        self._grew = anyio.Event()

    def add(self, known: Known) -> None:
        """Let *known* be read when those with newer changes have been."""
        known.wakes += 1
        if known.backlog_bytes is None:
            unread = max(0, known.size - known.block.position.offset)
            known.backlog_bytes, known.historic_until = unread, known.size
            self._progress.found(unread, self._clock.monotonic())
            heapq.heappush(self._waiting, (-known.mtime_ms, known.path))
            self._grew.set()

    async def read(self) -> None:
        """Read what waits, until cancelled."""
        while True:
            self._grew = anyio.Event()
            began = self._clock.monotonic()
            while self._waiting:
                _, path = heapq.heappop(self._waiting)
                known = self._catalogue.get(path)
                if known is not None and known.backlog_bytes is not None:
                    began = await self._turns.drain(known, began)
                    self._leave(known)

            await self._grew.wait()

    def _leave(self, known: Known) -> None:
        """Follow a file that has been read if it may go on, else put it away."""
        if self._followers.number < MAX_FOLLOWED and self._is_recent(known):
            self._followers.wake(known)
        elif known.wake is None:
            self._followers.put_away(known)

    def _is_recent(self, known: Known) -> bool:
        return self._clock.unix_ms() - known.mtime_ms < LIVE_MS
