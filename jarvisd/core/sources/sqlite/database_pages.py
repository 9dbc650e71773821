"""Where the pages of one committed state are, found by reading alone.

SQLite's own readers take shared locks and write their read mark into the `-shm`: a
checkpoint of the owner waits for them, and in a rollback journal so does each commit.
Here nothing is locked, made or written. Pages are read with pread from the database or
its log, and afterwards `is_consistent` tells whether all of them belong to one state,
as a seqlock does: SQLite announces each step in the `-shm` before it overwrites.
"""

import os
from enum import Enum

import psutil
from msgspec import Struct

from jarvisd.base.clock import MS_PER_S, Clock
from jarvisd.core.sources.sqlite.database_errors import (
    NotADatabaseError,
    TornError,
    UnknownVersionError,
)
from jarvisd.core.sources.sqlite.database_files import (
    INDEX,
    LOG,
    DatabaseFiles,
    Stamp,
    stamp_of,
)
from jarvisd.core.sources.sqlite.kept_pages import KeptPages
from jarvisd.core.sources.sqlite.pause import pause
from jarvisd.core.sources.sqlite.wal_format import (
    FILE_HEADER_SIZE,
    FRAME_HEADER_SIZE,
    INDEX_HEADER_SIZE,
    LOG_HEADER_SIZE,
    FileHeader,
    IndexHeader,
)
from jarvisd.core.sources.sqlite.write_ahead_log import (
    LogIndex,
    LogScan,
    read_log_header,
)

TRIES = 50
"""How often a state is looked for while the owner changes it under our eyes."""

STABLE_S = 0.02
"""An index that contradicts its log for so long is kept up by nobody."""

SETTLED_MS = 20
"""Kernels before 6.13 stamp files in steps of 4 ms: a second change within a step does
not show. Behind a pause of this length the stamp is a new one."""

_VERSION_MASK = 0x7FFFFFFF


class FoundBy(Enum):
    """The evidence of where the pages of a state are."""

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
        self._index = LogIndex(
            self.files, psutil.boot_time() if boot_s is None else boot_s
        )
        self._scan: LogScan | None = None
        self._pages: dict[int, int] = {}
        self._stamp: Stamp = ()
        self._header = b""
        self._was_torn = True
        self._kept = KeptPages()

    def close(self) -> None:
        """Close the files. The next refresh opens them again."""
        self.files.close()
        self._kept.begin(None, 0)

    def signature(self) -> tuple[Stamp | bytes, ...]:
        """Return values that change with each commit, in some 20 us; see `reopen`."""
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

            index = self._index.header()
            if index is None:
                self._take_without_index()
                break

            if self._take_by_index(index):
                break

            # The first time it may have been a step that we saw from both sides.
            if attempt:
                pause(STABLE_S)
                again = self._index.header()
                if again is not None and again.copy == index.copy:
                    if self._take_by_index(again):
                        break

                    self._index.abandon(index)
        else:
            raise TornError("the database changes too fast")

    def is_consistent(self) -> bool:
        """Whether all that was read since `refresh` belongs to that state."""
        is_whole = self._is_whole()
        self._was_torn = not is_whole
        self._kept.settle(is_whole=is_whole)
        return is_whole

    def _is_whole(self) -> bool:
        key, files = self.key, self.files
        if key is None or not all(files.is_same(name) for name in ("", LOG, INDEX)):
            return False

        if key.found_by is FoundBy.INDEX:
            # Another log, or a checkpoint that wrote newer pages into the file.
            index = self._index.header()
            return (
                index is not None
                and index.salts == key.salts
                and index.backfilled <= key.frames
                and index.backfill_attempted <= key.frames
            )

        if self._file_stamp() != self._stamp:
            return False

        if key.found_by is FoundBy.LOG:
            log = read_log_header(self.files)
            return log is not None and log.salts == key.salts

        # The stamp may be too coarse; each transaction raises a counter here.
        return (
            files.read("", FILE_HEADER_SIZE) == self._header
            and not files.has_hot_journal()
            and read_log_header(self.files) is None
        )

    def page(self, number: int) -> bytes:
        """Return one page of the state; fewer bytes if the file is too short."""
        frame = self._pages.get(number)
        place = (False, number) if frame is None else (True, frame)
        data = self._kept.get(place)
        if data is not None:
            return data

        size = self.page_size
        if frame is None:
            data = self.files.read("", size, (number - 1) * size)
        else:
            before = LOG_HEADER_SIZE + (frame - 1) * (FRAME_HEADER_SIZE + size)
            data = self.files.read(LOG, size, before + FRAME_HEADER_SIZE)

        self._kept.add(place, data)
        return data

    def _take_by_index(self, index: IndexHeader) -> bool:
        """Use the state in the index, unless the log contradicts it."""
        if not self._index.agrees(index) or not self._index.advance(index):
            return False

        size, count = index.page_size, index.page_count
        if index.frames == 0:
            # After a recovery they are 0 here; the file knows them.
            size = self._file_header().page_size
            count = self._file_status().st_size // size

        self._scan, self._pages = None, self._index.pages
        self._take(FoundBy.INDEX, index.salts, index.frames, size, count)
        return True

    def _take_without_index(self) -> None:
        """Take what the log's checksums prove, or the file alone."""
        self._index.forget()
        self._settle()
        self._stamp = self._file_stamp()
        log = read_log_header(self.files)
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

        is_indexed = found_by is FoundBy.INDEX
        self._kept.begin((key.inode, salts, size) if is_indexed else None, frames)
        self.key, self.page_size, self.page_count = key, size, count

    def _forget_pages(self) -> None:
        self._pages, self._scan = {}, None
        self._index.forget()
        self._kept.begin(None, 0)

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
