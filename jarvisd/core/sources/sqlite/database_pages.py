"""Where the pages of one committed state are, found by reading alone.

SQLite's own readers take shared locks and write their read mark into the `-shm`: a
checkpoint of the owner waits for them, and in a rollback journal so does each commit.
Here nothing is locked, made or written. Pages are read with pread from the database or
its log, and afterwards `is_consistent` tells whether all of them belong to one state,
as a seqlock does: SQLite announces each step in the `-shm` before it overwrites.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from enum import Enum

import psutil
from msgspec import Struct

from jarvisd.base.clock import MS_PER_S, Clock
from jarvisd.core.sources.sqlite.database_errors import (
    NotADatabaseError,
    TornError,
    UnknownVersionError,
)
from jarvisd.core.sources.sqlite.pause import pause
from jarvisd.core.sources.sqlite.wal_format import (
    FILE_HEADER_SIZE,
    FRAME_HEADER_SIZE,
    HOT_JOURNAL,
    INDEX_HEADER_SIZE,
    LOG_HEADER_SIZE,
    Checksum,
    FileHeader,
    FrameHeader,
    IndexHeader,
    LogHeader,
    index_ranges,
    is_next_log,
)

LOG, INDEX, JOURNAL = "-wal", "-shm", "-journal"

TRIES = 50
"""FoundBy often a state is looked for while the owner changes it under our eyes."""

PAUSE_S = 0.001

STABLE_S = 0.02
"""An index that contradicts its log for so long is kept up by nobody."""

SETTLED_MS = 20
"""Kernels before 6.13 stamp files in steps of 4 ms: a second change within a step does
not show. Behind a pause of this length the stamp is a new one."""

MAX_AHEAD = 2000
"""Frames behind the last commit that are searched for another one."""

_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_VERSION_MASK = 0x7FFFFFFF

Stamp = tuple[int, ...]
"""What stat says of a file; another one means that the file may have changed."""


class FoundBy(Enum):
    """Which evidence says where the pages of a state are."""

    INDEX = "index"
    LOG = "log"
    FILE = "file"


class StateKey(Struct, frozen=True):
    """The identity of a state: which file, and how far in which log."""

    inode: tuple[int, int]
    found_by: FoundBy
    salts: bytes
    frames: int
    stamp: Stamp


def stamp_of(status: os.stat_result) -> Stamp:
    """Return what changes with the file's content, its name's target included."""
    return (
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )


def database_of(path: str) -> str:
    """Return the database that a changed file belongs to.

    >>> database_of("/a/x.db-wal"), database_of("/a/x.db")
    ('/a/x.db', '/a/x.db')
    """
    for suffix in (LOG, INDEX, JOURNAL):
        if path.endswith(suffix):
            return path.removesuffix(suffix)

    return path


class DatabaseFiles:
    """Descriptors of a database, its log and its index, by name.

    None is kept once its name means another file: a log that is deleted and held open
    would keep its space on the disk.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._fds: dict[str, int] = {}

    def reopen(self) -> bool:
        """Open each name that means another file than before; True if one does.

        Raises:
            FileNotFoundError: There is no database.
            NotADatabaseError: It is a link, a pipe or a folder, or may not be read.

        """
        changed = [name for name in ("", LOG, INDEX) if not self.is_same(name)]
        for suffix in changed:
            self._close(suffix)
            with suppress(FileNotFoundError):
                self._open(suffix)

        if "" not in self._fds:
            self.close()
            raise FileNotFoundError(self.path)

        return bool(changed)

    def is_same(self, suffix: str) -> bool:
        """Whether the name still means the file that is open, or still no file."""
        try:
            named = os.stat(self.path + suffix, follow_symlinks=False)
        except OSError:
            return suffix not in self._fds

        held = self._fds.get(suffix)
        return held is not None and os.path.samestat(named, os.fstat(held))

    def status(self, suffix: str) -> os.stat_result | None:
        """Return what fstat says, or None if there is no such file."""
        held = self._fds.get(suffix)
        return None if held is None else os.fstat(held)

    def read(self, suffix: str, size: int, offset: int = 0) -> bytes:
        """Return up to *size* bytes; fewer at the end, none if there is no file."""
        held = self._fds.get(suffix)
        return b"" if held is None else os.pread(held, size, offset)

    def has_hot_journal(self) -> bool:
        """Whether a transaction with a rollback journal is open, or died."""
        try:
            fd = os.open(self.path + JOURNAL, _FLAGS)
        except OSError:
            return False

        try:
            return os.read(fd, len(HOT_JOURNAL)) == HOT_JOURNAL
        finally:
            os.close(fd)

    def close(self) -> None:
        """Close all of them."""
        for suffix in list(self._fds):
            self._close(suffix)

    def _open(self, suffix: str) -> None:
        try:
            fd = os.open(self.path + suffix, _FLAGS)
        except FileNotFoundError:
            raise
        except OSError as exc:
            # An index that may not be read does without: the log has checksums.
            if suffix == INDEX:
                return

            raise NotADatabaseError(f"{self.path}{suffix}: {exc.strerror}") from exc

        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise NotADatabaseError(f"{self.path}{suffix}: not a regular file")

        self._fds[suffix] = fd

    def _close(self, suffix: str) -> None:
        if (fd := self._fds.pop(suffix, None)) is not None:
            os.close(fd)


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


class DatabasePages:
    """The pages of a database in one committed state.

    `refresh` finds the newest state, `page` reads it, `is_consistent` says afterwards
    whether what was read is that state and nothing else.
    """

    def __init__(self, path: str, clock: Clock, *, boot_s: float | None = None) -> None:
        self.files = DatabaseFiles(path)
        self.page_size = 0
        self.page_count = 0
        self.version = 0
        self.key: StateKey | None = None
        self._clock = clock
        self._boot_s = psutil.boot_time() if boot_s is None else boot_s
        self._pages: dict[int, int] = {}
        self._index_salts = b""
        self._scan: LogScan | None = None
        self._abandoned = b""  # the index header that nobody keeps up
        self._unreadable = b""  # what stands in place of one
        self._stamp: Stamp = ()
        self._header = b""
        self._was_torn = True

    def close(self) -> None:
        """Close the files. The next refresh opens them again."""
        self.files.close()

    def signature(self) -> tuple[Stamp | bytes, ...]:
        """Return what changes with each commit, for some 20 us; see `reopen`."""
        self.files.reopen()
        parts = [self.files.status(suffix) for suffix in ("", LOG)]
        stamps = [() if part is None else stamp_of(part) for part in parts]
        return (*stamps, self.files.read(INDEX, INDEX_HEADER_SIZE // 2))

    def refresh(self) -> None:
        """Find the newest committed state.

        Raises:
            TornError: The owner is in the middle of a change.
            FileNotFoundError: There is no database.
            NotADatabaseError: It cannot be read.
            UnknownVersionError: It is still empty.

        """
        for attempt in range(TRIES):
            if self.files.reopen():
                self._forget_pages()

            index = self._index()
            if index is None:
                self._take_without_index()
                break

            if self._take_by_index(index):
                break

            # The first time it may have been a step that we saw from both sides.
            if attempt:
                pause(STABLE_S)
                again = self._index()
                if again is not None and again.copy == index.copy:
                    if self._take_by_index(again):
                        break

                    self._abandoned = index.copy
        else:
            raise TornError("the database changes too fast")

    def is_consistent(self) -> bool:
        """Whether all that was read since `refresh` belongs to that state."""
        is_whole = self._is_whole()
        self._was_torn = not is_whole
        return is_whole

    def _is_whole(self) -> bool:
        key, files = self.key, self.files
        if key is None or not all(files.is_same(name) for name in ("", LOG, INDEX)):
            return False

        if key.found_by is FoundBy.INDEX:
            # Another log, or a checkpoint that wrote newer pages into the file.
            index = self._index()
            return (
                index is not None
                and index.salts == key.salts
                and index.backfilled <= key.frames
                and index.backfill_attempted <= key.frames
            )

        if self._file_stamp() != self._stamp:
            return False

        if key.found_by is FoundBy.LOG:
            log = self._log_header()
            return log is not None and log.salts == key.salts

        # The stamp may be too coarse; each transaction raises a counter here.
        return (
            files.read("", FILE_HEADER_SIZE) == self._header
            and not files.has_hot_journal()
            and self._log_header() is None
        )

    def page(self, number: int) -> bytes:
        """Return one page of the state; fewer bytes if the file is too short."""
        frame = self._pages.get(number)
        if frame is None:
            offset = (number - 1) * self.page_size
            return self.files.read("", self.page_size, offset)

        before = LOG_HEADER_SIZE + (frame - 1) * (FRAME_HEADER_SIZE + self.page_size)
        return self.files.read(LOG, self.page_size, before + FRAME_HEADER_SIZE)

    def _index(self) -> IndexHeader | None:
        """Return the header of the index, or None if it is not to be believed."""
        status = self.files.status(INDEX)
        # The first who opens a database truncates the index, so one from before the
        # boot belongs to nobody; after a power cut it may promise what was never
        # written to the log.
        if status is None or status.st_mtime < self._boot_s - 1:
            return None

        for _ in range(TRIES):
            data = self.files.read(INDEX, INDEX_HEADER_SIZE)
            index = IndexHeader.parse(data)
            if index is not None:
                return None if index.copy == self._abandoned else index

            if data == self._unreadable:
                return None

            pause(PAUSE_S)

        # Its writer was killed between the two copies of the header, or never began.
        self._unreadable = data
        return None

    def _log_header(self) -> LogHeader | None:
        return LogHeader.parse(self.files.read(LOG, LOG_HEADER_SIZE))

    def _take_by_index(self, index: IndexHeader) -> bool:
        """Take the state that the index tells of, unless the log contradicts it."""
        log = self._log_header()
        if not self._agrees(index, log):
            return False

        if index.frames == 0:
            # After a recovery page size and count are 0 here; the file knows them.
            header = self._file_header()
            self._forget_pages()
            size, status = header.page_size, self._file_status()
            count = status.st_size // size
        else:
            size, count = index.page_size, index.page_count
            known = self.key
            if (
                self._index_salts != index.salts
                or known is None
                or known.frames > index.frames
            ):
                self._forget_pages()
                known = None

            done = 0 if known is None else known.frames
            if not self._add_pages(done, index.frames):
                self._forget_pages()
                return False

        again = self._index()
        if again is None or again.salts != index.salts:
            self._forget_pages()
            return False

        self._index_salts = index.salts
        self._take(FoundBy.INDEX, index.salts, index.frames, size, count)
        return True

    def _agrees(self, index: IndexHeader, log: LogHeader | None) -> bool:
        """Whether the log holds the commit that the index ends with, and no newer."""
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
        last = FrameHeader.parse(self.files.read(LOG, FRAME_HEADER_SIZE, offset))
        status = self.files.status(LOG)
        return (
            last is not None
            and status is not None
            and status.st_size >= offset + log.frame_size
            and last.salts == index.salts
            and last.checksum == index.frame_checksum
            and not self._has_commit(log, index.frames, index.frame_checksum)
        )

    def _has_commit(self, log: LogHeader, after: int, checksum: Checksum) -> bool:
        """Whether a committed frame follows that the index says nothing of."""
        # Headers first: frames of an open transaction are many, checksums are slow.
        for number in range(after, after + MAX_AHEAD):
            offset = LOG_HEADER_SIZE + number * log.frame_size
            header = FrameHeader.parse(self.files.read(LOG, FRAME_HEADER_SIZE, offset))
            if header is None or header.salts != log.salts:
                return False

            if header.page_count:
                break
        else:
            return False

        frames = frames_behind(self.files, log, after, checksum)
        return any(frame.page_count for _, frame in frames)

    def _add_pages(self, after: int, last: int) -> bool:
        """Add the pages of the frames behind *after*, as the index has them."""
        frame = after
        for offset, count in index_ranges(after, last):
            data = self.files.read(INDEX, count * 4, offset)
            if len(data) < count * 4:
                return False

            for page in memoryview(data).cast("I"):
                if page == 0:
                    return False

                frame += 1
                self._pages[page] = frame

        return True

    def _take_without_index(self) -> None:
        """Take what the log's checksums prove, or the file alone."""
        self._index_salts = b""
        self._settle()
        self._stamp = self._file_stamp()
        log = self._log_header()
        if log is not None:
            if self._scan is None or self._scan.header != log:
                self._scan = LogScan(log)

            self._scan.advance(self.files)
            self._pages, count = self._scan.pages, self._scan.page_count
            size = log.page_size
            if not self._scan.frames:
                size = self._file_header().page_size
                count = self._stamp[2] // size

            self._take(FoundBy.LOG, log.salts, self._scan.frames, size, count)
            return

        self._forget_pages()
        if self.files.has_hot_journal():
            raise TornError("a transaction with a rollback journal is open")

        self._header = self.files.read("", FILE_HEADER_SIZE)
        size = self._file_header().page_size
        self._take(FoundBy.FILE, b"", 0, size, self._stamp[2] // size)

    def _settle(self) -> None:
        """Wait for once until the next change of the file would show in its stamp."""
        age_ms = self._clock.unix_ms() - self._file_status().st_mtime_ns // 1_000_000
        if 0 <= age_ms < SETTLED_MS:
            pause((SETTLED_MS - age_ms) / MS_PER_S)

    def _take(
        self, found_by: FoundBy, salts: bytes, frames: int, size: int, count: int
    ) -> None:
        status = self._file_status()
        stamp = () if found_by is FoundBy.INDEX else stamp_of(status)
        key = StateKey((status.st_dev, status.st_ino), found_by, salts, frames, stamp)
        # SQLite keeps pages by this number, also those of a state that was torn.
        if key != self.key or self._was_torn:
            self.version = (self.version + 1) & _VERSION_MASK

        self.key, self.page_size, self.page_count = key, size, count

    def _forget_pages(self) -> None:
        self._pages, self._index_salts, self._scan = {}, b"", None

    def _file_header(self) -> FileHeader:
        data = self.files.read("", FILE_HEADER_SIZE)
        header = FileHeader.parse(data)
        if header is not None:
            return header

        if not data:
            raise UnknownVersionError("tables: the file is empty")

        raise NotADatabaseError(f"{self.files.path}: no database of SQLite")

    def _file_status(self) -> os.stat_result:
        status = self.files.status("")
        if status is None:
            raise FileNotFoundError(self.files.path)

        return status

    def _file_stamp(self) -> Stamp:
        return stamp_of(self._file_status())
