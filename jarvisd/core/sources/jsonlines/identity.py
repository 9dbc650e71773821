"""Judges whether a file still is the one that was read: the tail engine's decisions.

A file is identified by its head and its mark, not by inode or name alone: inodes are
reused, and files are rewritten in place, copied back and moved. The head is its first
bytes and grows with it to a limit, since two files may share a first line (a forked
session does); the mark is the bytes just before the offset, and detects a file that was
rewritten in place to more than its old length.

    the file at the path                               verdict    then
    --------------------                               -------    ----
    was never read to a line end                       FRESH      read from 0
    is empty, so that nothing is known yet             EMPTY      wait
    has head and mark where they were                  SAME       continue at offset
    the same, but its mtime changed and not its size,  EDITED     continue at offset;
      or it was empty or gone in between                          the ledger reads the
                                                                  lines before again
    has the last line at its place, and other lines    EDITED     the same
      before
    has the lines that were read, up to some line end  CUT        continue there
    has none of the lines that were read               REWRITTEN  read from 0

The inode decides nothing: another inode whose head and mark match is an atomic rewrite
(written to another name and renamed) or a remounted file system, and the same inode with
another head was reused or rewritten. Only if another block has read that inode further,
reading continues there (`FileRegistry.reclaim`). CUT needs checksums of lines, which are
kept for followed files only; other truncated files are REWRITTEN, and their remaining
lines are counted again. `tailed_file` handles a file that was renamed or deleted.

An agent that goes back in a session truncates its transcript, or rewrites it with another
end. Checksums show up to which line it is unchanged, so that only new lines are counted.
They take twelve bytes for each line.
"""

import hashlib
import os
import zlib
from array import array
from enum import Enum, auto

import msgspec

from jarvisd.core.roots import Position

HEAD_BYTES = 1024
MARK_BYTES = 512
"""Long enough to contain the ids and times by which lines of one agent differ."""

MAX_SUMMED_LINES = 8192
MAX_SUMMED_BYTES = 4 * 1024 * 1024
"""Bytes that are compared at most after a truncation: some milliseconds."""


class FilePosition(Position, frozen=True, kw_only=True, gc=False, array_like=True):
    """The position up to which a file was read, with the data that identifies the file.

    The head is the first *head_len* bytes of the file and grows with it to a limit; the
    mark is the *mark_len* bytes just before *offset*. Both are stored as hashes.
    *offset* is always after a line end.

    It is stored as a JSON array in the order of the fields: append new fields at the end.
    """

    dev: int = 0
    inode: int = 0
    head_len: int = 0
    head_hash: int = 0
    mark_len: int = 0
    mark_hash: int = 0
    mtime_ns: int = 0

    @property
    def is_begun(self) -> bool:
        """Whether the file was ever opened, even if it had no complete line yet."""
        return self.inode != 0

    def cursor(self) -> bytes:
        """Return the position as stored in the database."""
        return msgspec.json.encode(self)


_DECODER = msgspec.json.Decoder(FilePosition)


def position_of(cursor: bytes) -> FilePosition:
    """Return the position that is stored as *cursor*; the start if that is empty.

    Raises:
        msgspec.DecodeError: *cursor* is no position of a file.

    """
    return _DECODER.decode(cursor) if cursor else FilePosition()


class LineChecksums:
    """Checksums of the lines that end after *base*, oldest first.

    It receives the same bytes as the splitter. The bytes before *base* are only checked
    by head and mark.
    """

    __slots__ = ("_ends", "_sums", "_unfinished", "base")

    def __init__(self, base: FilePosition) -> None:
        self.base = base
        self._ends = array("Q")
        self._sums = array("L")
        self._unfinished = 0

    @property
    def is_full(self) -> bool:
        """Whether the older half should be dropped."""
        ends = self._ends
        if not ends:
            return False

        return (
            ends[-1] - self.base.offset > MAX_SUMMED_BYTES
            or len(ends) > MAX_SUMMED_LINES
        )

    @property
    def middle(self) -> int:
        """Return the offset at which the newer half of the lines begins."""
        return self._ends[len(self._ends) // 2]

    def add(self, chunk: bytes, offset: int, start: int = 0) -> None:
        """Add the lines that *chunk*, at *offset* of the file, completes.

        The bytes before *start* in *chunk* were added already.
        """
        while (end := chunk.find(b"\n", start) + 1) > 0:
            self._ends.append(offset + end)
            self._sums.append(zlib.crc32(chunk[start:end], self._unfinished))
            self._unfinished = 0
            start = end

        if start < len(chunk):
            self._unfinished = zlib.crc32(chunk[start:], self._unfinished)

    def drop_until(self, base: FilePosition) -> None:
        """Drop the lines before *base*, which must be the end of one of the lines."""
        count = self._ends.index(base.offset) + 1
        del self._ends[:count], self._sums[:count]
        self.base = base

    def rewind(self, offset: int) -> None:
        """Drop the lines after *offset*, which are read again."""
        while self._ends and self._ends[-1] > offset:
            self._ends.pop()
            self._sums.pop()

        self._unfinished = 0

    def matches_last_line(self, offset: int, fd: int) -> bool:
        """Whether the last line ends at *offset* and is unchanged in *fd*."""
        ends = self._ends
        if not ends or ends[-1] != offset:
            return False

        start = ends[-2] if len(ends) > 1 else self.base.offset
        line = os.pread(fd, offset - start, start)
        return len(line) == offset - start and zlib.crc32(line) == self._sums[-1]

    def matching_end(self, fd: int) -> int:
        """Return the end of the last line up to which *fd* is unchanged."""
        at = self.base.offset
        for end, checksum in zip(self._ends, self._sums, strict=True):
            line = os.pread(fd, end - at, at)
            if len(line) < end - at or zlib.crc32(line) != checksum:
                break

            at = end
        return at


class FileVerdict(Enum):
    """The result of comparing a file with its position; see the table above."""

    FRESH = auto()
    EMPTY = auto()
    SAME = auto()
    EDITED = auto()
    CUT = auto()
    REWRITTEN = auto()


def judge(
    position: FilePosition,
    seen: os.stat_result,
    fd: int,
    checksums: LineChecksums | None = None,
) -> tuple[FileVerdict, FilePosition]:
    """Return the verdict on the file *fd*, and the position to continue at.

    Args:
        position: The position up to which the file was read.
        seen: The status of *fd*.
        fd: The file that the path refers to now.
        checksums: Checksums of the lines before *position*, if they are kept.

    """
    if position.head_len == 0:
        return FileVerdict.FRESH, position

    if seen.st_size == 0:
        return FileVerdict.EMPTY, position

    if fits(position, fd):
        return FileVerdict.SAME, position

    if _has_last_line(position, fd, checksums):
        return FileVerdict.EDITED, edited(position, seen, fd)

    generation = position.generation + 1
    matching_end = _matching_end(checksums, fd)
    if not matching_end:
        return FileVerdict.REWRITTEN, FilePosition(generation=generation)

    start = FilePosition(generation=generation)
    return FileVerdict.CUT, advanced(start, seen, fd, matching_end)


def is_of(position: FilePosition, seen: os.stat_result) -> bool:
    """Whether *position* is in the file *seen*, by its inode."""
    return position.inode == seen.st_ino and position.dev == seen.st_dev


def fits(position: FilePosition, fd: int) -> bool:
    """Whether head and mark of *position* are unchanged in the file."""
    if not position.offset:
        return True

    return _has_head(position, fd) and _has_mark(position, position.offset, fd)


def resembles(position: FilePosition, fd: int) -> bool:
    """Return True if the file has the head of *position*, or ends with its mark.

    Together with the inode that distinguishes a rewritten file from a new one that has
    the inode of a deleted file.
    """
    return _has_head(position, fd) or _has_mark(position, os.fstat(fd).st_size, fd)


def advanced(
    position: FilePosition,
    seen: os.stat_result,
    fd: int,
    offset: int,
    *,
    data: bytes = b"",
    start: int = 0,
) -> FilePosition:
    """Return *position* moved to *offset*, with head and mark of the file.

    *data* are bytes of the file that were already read, from *start* on.
    """
    head_len = min(HEAD_BYTES, offset)
    head_hash = position.head_hash
    if head_len != position.head_len:
        head_hash = digest(between(0, head_len, fd, data, start))

    mark_len = min(MARK_BYTES, offset)
    mark = between(offset - mark_len, offset, fd, data, start)
    return FilePosition(
        generation=position.generation,
        dev=seen.st_dev,
        inode=seen.st_ino,
        offset=offset,
        head_len=head_len,
        head_hash=head_hash,
        mark_len=mark_len,
        mark_hash=digest(mark),
        size=seen.st_size,
        mtime_ns=seen.st_mtime_ns,
    )


def edited(position: FilePosition, seen: os.stat_result, fd: int) -> FilePosition:
    """Return *position* in the file *seen*, whose lines before it may have changed.

    Their number is assumed unchanged. They belong to a new generation, by which their
    rows replace the old ones: see `row_version`.
    """
    start = FilePosition(generation=position.generation + 1)
    return advanced(start, seen, fd, position.offset)


def between(begin: int, end: int, fd: int, data: bytes, start: int) -> bytes:
    """Return these bytes of the file, from *data*, read from *start* on, if possible."""
    if start <= begin and end <= start + len(data):
        return data[begin - start : end - start]

    return os.pread(fd, end - begin, begin)


def digest(data: bytes) -> int:
    """Return 63 bits of a hash, which SQLite can store as an integer."""
    raw = hashlib.blake2b(data, digest_size=8).digest()
    return int.from_bytes(raw) >> 1


def _has_head(position: FilePosition, fd: int) -> bool:
    head = os.pread(fd, position.head_len, 0)
    return len(head) == position.head_len and digest(head) == position.head_hash


def _has_mark(position: FilePosition, end: int, fd: int) -> bool:
    """Return True if the mark of *position* is just before *end*."""
    if end < position.mark_len:
        return False

    mark = os.pread(fd, position.mark_len, end - position.mark_len)
    return len(mark) == position.mark_len and digest(mark) == position.mark_hash


def _has_last_line(
    position: FilePosition, fd: int, checksums: LineChecksums | None
) -> bool:
    """Whether the last line that was read is unchanged."""
    if _has_mark(position, position.offset, fd):
        return True

    return checksums is not None and checksums.matches_last_line(position.offset, fd)


def _matching_end(checksums: LineChecksums | None, fd: int) -> int:
    """Return the offset up to which the file's lines are unchanged; 0 if none are."""
    return (
        checksums.matching_end(fd)
        if checksums is not None and fits(checksums.base, fd)
        else 0
    )
