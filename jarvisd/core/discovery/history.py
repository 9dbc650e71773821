"""The initial import: reads existing files by one task, newest first.

Agents that ran before the daemon started go on writing. So the newest files are followed
as soon as they have been read, and stay open: their next line is read at once, even if
they are renamed or deleted before it.
"""

import heapq
from collections.abc import Iterator, Sequence
from itertools import count

import anyio

from jarvisd.base.clock import Clock
from jarvisd.core.block import LIVE_MS
from jarvisd.core.discovery.fairness import Fairness
from jarvisd.core.discovery.followers import Followers
from jarvisd.core.discovery.progress import ImportProgress
from jarvisd.core.discovery.slice_reader import SliceReader
from jarvisd.core.discovery.tracked_file import TrackedFile

OPENED_AHEAD = 16
"""Files that are opened together: each hop to a thread takes as long as a small file."""

SMALL_TOGETHER = 6
TOGETHER_BYTES = 64 * 1024
"""Files that are read in one step: more of them would be longer than a turn."""

MAX_FOLLOWED = 64
"""Files that are followed after the import: more than anybody has agents running, and
few enough if all files seem new because they were just copied."""


class History:
    """The queue of files to import, and the task that reads them."""

    def __init__(
        self,
        slice_reader: SliceReader,
        fairness: Fairness,
        followers: Followers,
        progress: ImportProgress,
        clock: Clock,
    ) -> None:
        self._slice_reader = slice_reader
        self._fairness = fairness
        self._followers = followers
        self._progress = progress
        self._clock = clock
        self._waiting: list[tuple[int, int, TrackedFile]] = []
        self._numbers = count()
        self._grew = anyio.Event()

    def add(self, tracked: TrackedFile) -> None:
        """Queue *tracked* after the files with newer changes."""
        tracked.wakes += 1
        if tracked.backlog_bytes is None:
            unread = max(0, tracked.size - tracked.block.position.offset)
            tracked.backlog_bytes, tracked.historic_until = unread, tracked.size
            self._progress.found(unread, self._clock.monotonic())
            # The file itself, not its path: by its turn another file may have the path.
            entry = (-tracked.mtime_ms, next(self._numbers), tracked)
            heapq.heappush(self._waiting, entry)
            self._grew.set()

    async def run(self) -> None:
        """Read queued files until cancelled."""
        while True:
            self._grew = anyio.Event()
            await self.read()
            await self._grew.wait()

    async def read(self) -> None:
        """Read the queued files to their ends, newest first."""
        while self._waiting:
            # A hop for each file is a pause, in which live lines have the loop.
            ahead = 1 if self._fairness.has_live_files else OPENED_AHEAD
            number = min(ahead, len(self._waiting))
            files = [heapq.heappop(self._waiting)[-1] for _ in range(number)]
            await self._slice_reader.open_ahead(files)
            began = self._clock.monotonic()
            for some in _small_together(files):
                # Followers may have read them meanwhile; then nothing is left to do.
                unread = [each for each in some if each.done < each.wakes]
                if not unread:
                    continue

                self._progress.newest_ms = max(unread[0].mtime_ms, self._newest_ms)
                began = await self._fairness.drain_together(unread, began)
                for tracked in unread:
                    self._follow_or_close(tracked)

    @property
    def _newest_ms(self) -> int:
        """Return when the newest file that waits was changed."""
        return -self._waiting[0][0] if self._waiting else 0

    def _follow_or_close(self, tracked: TrackedFile) -> None:
        """Follow a file that has been read if it may grow, else close it."""
        is_unread = tracked.source.retry_s is not None
        is_recent = self._clock.unix_ms() - tracked.mtime_ms < LIVE_MS
        if is_unread or (is_recent and self._followers.number < MAX_FOLLOWED):
            self._followers.wake(tracked)
        elif tracked.wake is None:
            self._followers.close(tracked)


def _small_together(files: Sequence[TrackedFile]) -> Iterator[list[TrackedFile]]:
    """Yield *files* in order, as many at a time as are read in about one turn."""
    some: list[TrackedFile] = []
    size = 0
    for tracked in files:
        unread = tracked.backlog_bytes or 0
        if some and (len(some) == SMALL_TOGETHER or size + unread > TOGETHER_BYTES):
            yield some
            some, size = [], 0

        some.append(tracked)
        size += unread

    yield some
