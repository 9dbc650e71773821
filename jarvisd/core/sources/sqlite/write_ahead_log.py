"""The write-ahead log: which of its frames count, and which pages they hold.

`LogScan` finds that by checksums alone; `LogIndex` in the index that SQLite keeps in
shared memory, if anybody keeps it.
"""

from collections.abc import Iterator

from jarvisd.core.sources.sqlite.database_files import INDEX, LOG, DatabaseFiles
from jarvisd.core.sources.sqlite.pause import pause
from jarvisd.core.sources.sqlite.wal_format import (
    FRAME_HEADER_SIZE,
    INDEX_HEADER_SIZE,
    LOG_HEADER_SIZE,
    Checksum,
    FrameHeader,
    IndexHeader,
    LogHeader,
    index_ranges,
    is_next_log,
)

TRIES = 50
PAUSE_S = 0.001
"""The header of the index is written in two steps, between which it cannot be read."""

MAX_AHEAD = 2000
"""Frames behind the last commit that are searched for another one."""


def read_log_header(files: DatabaseFiles) -> LogHeader | None:
    """Return the header of the log, or None if it does not count."""
    return LogHeader.parse(files.read(LOG, LOG_HEADER_SIZE))


def frames_behind(
    files: DatabaseFiles, log: LogHeader, after: int, checksum: Checksum
) -> Iterator[tuple[int, FrameHeader]]:
    """Yield number and header of each valid frame behind *after*, committed or not."""
    number, before = after, checksum
    while True:
        offset = LOG_HEADER_SIZE + number * log.frame_size
        frame = files.read(LOG, log.frame_size, offset)
        header = FrameHeader.parse(frame)
        if (
            header is None
            or len(frame) < log.frame_size
            or header.salts != log.salts
            or not header.follows(before, frame, big_endian=log.big_endian)
        ):
            return

        number, before = number + 1, header.checksum
        yield number, header


class LogScan:
    """The frames of one log that count, by their checksums, from where it was."""

    def __init__(self, header: LogHeader) -> None:
        self.header = header
        self.frames = 0
        self.page_count = 0
        self.pages: dict[int, int] = {}
        self._checksum = header.checksum

    def advance(self, files: DatabaseFiles) -> None:
        """Take the frames of all commits that were added."""
        pending: dict[int, int] = {}
        for number, frame in frames_behind(
            files, self.header, self.frames, self._checksum
        ):
            pending[frame.page] = number
            if frame.page_count:
                self.pages.update(pending)
                self.frames, self._checksum = number, frame.checksum
                self.page_count = frame.page_count
                pending.clear()


class LogIndex:
    """The index of the log, as far as it can be believed."""

    def __init__(self, files: DatabaseFiles, boot_s: float) -> None:
        self.pages: dict[int, int] = {}
        self._files = files
        self._boot_s = boot_s
        self._salts = b""
        self._frames = 0
        self._abandoned = b""  # a header that nobody keeps up
        self._unreadable = b""  # what stands in place of one

    def header(self) -> IndexHeader | None:
        """Return its header, or None if it is not to be believed."""
        status = self._files.status(INDEX)
        # The first who opens a database truncates the index, so one from before the
        # boot belongs to nobody; after a power cut it may promise what was never
        # written to the log.
        if status is None or status.st_mtime < self._boot_s - 1:
            return None

        for _ in range(TRIES):
            data = self._files.read(INDEX, INDEX_HEADER_SIZE)
            index = IndexHeader.parse(data)
            if index is not None:
                return None if index.copy == self._abandoned else index

            if data == self._unreadable:
                return None

            pause(PAUSE_S)

        # Its writer was killed between the two copies of the header, or never began.
        self._unreadable = data
        return None

    def abandon(self, header: IndexHeader) -> None:
        """Believe this header no longer: nobody keeps it up."""
        self._abandoned = header.copy

    def forget(self) -> None:
        """Forget the frames that were found."""
        self.pages, self._salts, self._frames = {}, b"", 0

    def advance(self, header: IndexHeader) -> bool:
        """Take the frames up to *header*; False if they cannot be read now."""
        if self._salts != header.salts or self._frames > header.frames:
            self.forget()

        again = None
        if self._add_pages(self._frames, header.frames):
            again = self.header()

        if again is None or again.salts != header.salts:
            self.forget()
            return False

        self._salts, self._frames = header.salts, header.frames
        return True

    def agrees(self, index: IndexHeader) -> bool:
        """Whether the log holds the commit that the index ends with, and no newer."""
        log = read_log_header(self._files)
        if index.frames == 0:
            # What is in the log is of the log before, or it is another writer's who
            # keeps his index to himself.
            if log is None:
                return True

            if log.salts != index.salts:
                return is_next_log(log.salts, index.salts) or not self._has_commit(
                    log, 0, log.checksum
                )

            return not self._has_commit(log, 0, log.checksum)

        if log is None or log.salts != index.salts or log.page_size != index.page_size:
            return False

        offset = LOG_HEADER_SIZE + (index.frames - 1) * log.frame_size
        last = FrameHeader.parse(self._files.read(LOG, FRAME_HEADER_SIZE, offset))
        status = self._files.status(LOG)
        return (
            last is not None
            and status is not None
            and status.st_size >= offset + log.frame_size
            and last.salts == index.salts
            and last.checksum == index.frame_checksum
            and not self._has_commit(log, index.frames, index.frame_checksum)
        )

    def _has_commit(self, log: LogHeader, after: int, checksum: Checksum) -> bool:
        """Whether a committed frame follows that the index does not contain."""
        # Headers first: frames of an open transaction are many, checksums are slow.
        for number in range(after, after + MAX_AHEAD):
            offset = LOG_HEADER_SIZE + number * log.frame_size
            header = FrameHeader.parse(self._files.read(LOG, FRAME_HEADER_SIZE, offset))
            if header is None or header.salts != log.salts:
                return False

            if header.page_count:
                break
        else:
            return False

        frames = frames_behind(self._files, log, after, checksum)
        return any(frame.page_count for _, frame in frames)

    def _add_pages(self, after: int, last: int) -> bool:
        """Add the pages of the frames behind *after*, as the index has them."""
        frame = after
        for offset, count in index_ranges(after, last):
            data = self._files.read(INDEX, count * 4, offset)
            if len(data) < count * 4:
                return False

            for page in memoryview(data).cast("I"):
                if page == 0:
                    return False

                frame += 1
                self.pages[page] = frame

        return True
