"""What was written before we looked: read by one task, newest files first."""

import heapq

import anyio

from jarvisd.clock import Clock
from jarvisd.reader.catalogue import Catalogue
from jarvisd.reader.known import Known
from jarvisd.reader.progress import Progress
from jarvisd.reader.turns import Turns
from jarvisd.sources.handles import Handles


class History:
    """The files that wait for their turn, and the task that reads them."""

    def __init__(
        self,
        catalogue: Catalogue,
        handles: Handles,
        turns: Turns,
        progress: Progress,
        clock: Clock,
    ) -> None:
        self._catalogue = catalogue
        self._handles = handles
        self._turns = turns
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
                    known.tail.forget()
                    known.block.rest()
                    self._handles.drop(path)

            await self._grew.wait()
