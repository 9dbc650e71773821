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
another head was reused or rewritten. CUT needs checksums of lines, which are kept for
followed files only; other truncated files are REWRITTEN, and their remaining lines are
counted again. `tailed_file` handles a file that was renamed or deleted.
"""

import hashlib
import os
from enum import Enum, auto

from jarvisd.core.sources.jsonlines.file_position import FilePosition
from jarvisd.core.sources.jsonlines.line_checksums import LineChecksums

HEAD_BYTES = 1024
MARK_BYTES = 512
"""Long enough to contain the ids and times by which lines of one agent differ."""


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
