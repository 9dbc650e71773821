"""Is this still the file that was read? The decision table of the tail engine.

A file is known by its head and by its mark, not by inode or name alone: inodes are
reused, files are rewritten in place, copied back and moved. The head is its first
bytes and grows with it to a limit, since two files may share a first line (a forked
session does); the mark is what stands just before the offset, and catches a file
that was rewritten in place to more than its old length.

    the name leads to            and the content           so it is
    -----------------            ---------------           --------
    nothing                                                GONE
    anything, never read                                   FRESH       read from 0
    at least offset bytes        head and mark fit         SAME        go on at offset
    at least offset bytes        head or mark differ       REWRITTEN   read from 0
    less than offset bytes                                 REWRITTEN   read from 0

The inode decides nothing: another inode whose head and mark fit is an atomic rewrite
(written aside and renamed) or a file system mounted anew, and the same inode whose
head differs was reused or rewritten.
"""

import hashlib
import os
from enum import Enum, auto

import msgspec

from jarvisd.model.source import Position

HEAD_BYTES = 1024
MARK_BYTES = 512
"""Long enough to hold what tells two lines of one agent apart, ids and times."""


class Verdict(Enum):
    """What a look at a file came to; see the table above."""

    GONE = auto()
    FRESH = auto()
    SAME = auto()
    REWRITTEN = auto()


def judge(position: Position, seen: os.stat_result | None, fd: int | None) -> Verdict:
    """Return what *position* has become, given the file that its name leads to now.

    Args:
        position: How far the file was read.
        seen: The status of *fd*; None when the name leads nowhere.
        fd: The file, to read head and mark from.

    """
    if seen is None or fd is None:
        return Verdict.GONE

    if position.offset == 0 and position.head_len == 0:
        return Verdict.FRESH

    fits = seen.st_size >= position.offset and _head_fits(fd, position)
    return Verdict.SAME if fits and _mark_fits(fd, position) else Verdict.REWRITTEN


def advanced(
    position: Position, seen: os.stat_result, fd: int, offset: int
) -> Position:
    """Return *position* moved to *offset*, with head and mark taken from the file."""
    head_len = min(HEAD_BYTES, offset)
    head_hash = position.head_hash
    if head_len != position.head_len:
        head_hash = digest(os.pread(fd, head_len, 0))

    mark_len = min(MARK_BYTES, offset)
    mark = os.pread(fd, mark_len, offset - mark_len)
    return msgspec.structs.replace(
        position,
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


def restarted(position: Position) -> Position:
    """Return the position of the next generation of the same name, at 0."""
    return Position(generation=position.generation + 1)


def digest(data: bytes) -> int:
    """Return 63 bits of a hash: what SQLite keeps as one integer."""
    raw = hashlib.blake2b(data, digest_size=8).digest()
    return int.from_bytes(raw) >> 1


def _head_fits(fd: int, position: Position) -> bool:
    head = os.pread(fd, position.head_len, 0)
    return len(head) == position.head_len and digest(head) == position.head_hash


def _mark_fits(fd: int, position: Position) -> bool:
    mark = os.pread(fd, position.mark_len, position.offset - position.mark_len)
    return len(mark) == position.mark_len and digest(mark) == position.mark_hash
