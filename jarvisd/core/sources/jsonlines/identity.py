"""Is this still the file that was read? The decision table of the tail engine.

A file is known by its head and by its mark, not by inode or name alone: inodes are
reused, files are rewritten in place, copied back and moved. The head is its first
bytes and grows with it to a limit, since two files may share a first line (a forked
session does); the mark is what stands just before the offset, and catches a file
that was rewritten in place to more than its old length.

    the file that the name leads to                    so it is
    -------------------------------                    --------
    was never read to a line end                       FRESH      read from 0
    is empty, and says nothing yet                     EMPTY      wait
    has head and mark where they were                  SAME       go on at offset
    the same, but its time changed and not its size,   EDITED     go on at offset; what
      or it was empty or gone in between                          stands before is read
                                                                  into the books again
    has what stood just before the offset there, and   EDITED     the same
      other lines before
    has lines that we saw, up to some line end         CUT        go on there
    has nothing of what we saw                         REWRITTEN  read from 0

The inode decides nothing: another inode whose head and mark fit is an atomic rewrite
(written aside and renamed) or a file system mounted anew, and the same inode whose
head differs was reused or rewritten. CUT needs a memory of single lines, which is
kept for followed files only; other files that were cut are REWRITTEN, and what is
left of them is counted again. What becomes of a file that has lost its name stands
in `file`.
"""

import hashlib
import os
from enum import Enum, auto

from jarvisd.core.sources.jsonlines.file_position import FilePosition
from jarvisd.core.sources.jsonlines.line_checksums import LineChecksums

HEAD_BYTES = 1024
MARK_BYTES = 512
"""Long enough to hold what tells two lines of one agent apart, ids and times."""


class FileVerdict(Enum):
    """What a look at a file came to; see the table above."""

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
    memory: LineChecksums | None = None,
) -> tuple[FileVerdict, FilePosition]:
    """Return what the file behind *position* has become, and where to go on in it.

    Args:
        position: How far the file was read.
        seen: The status of *fd*.
        fd: The file that the name leads to now.
        memory: The lines before *position* that are remembered, if any.

    """
    if position.head_len == 0:
        return FileVerdict.FRESH, position

    if seen.st_size == 0:
        return FileVerdict.EMPTY, position

    if fits(position, fd):
        return FileVerdict.SAME, position

    if _ends_alike(position, fd, memory):
        return FileVerdict.EDITED, edited(position, seen, fd)

    generation = position.generation + 1
    kept = _kept(memory, fd)
    if not kept:
        return FileVerdict.REWRITTEN, FilePosition(generation=generation)

    start = FilePosition(generation=generation)
    return FileVerdict.CUT, advanced(start, seen, fd, kept)


def fits(position: FilePosition, fd: int) -> bool:
    """Whether the file still has head and mark of *position* where they were."""
    if not position.offset:
        return True

    return _has_head(position, fd) and _has_mark(position, position.offset, fd)


def resembles(position: FilePosition, fd: int) -> bool:
    """Return True if the file begins or ends as what was read to *position* did.

    Together with its inode that tells a file that was written again from one that
    was not read yet and got the inode of a removed one.
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
    """Return *position* moved to *offset*, with head and mark taken from the file.

    *data* is what was read of it from *start* on.
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
    """Return *position* in the file *seen*: what stands before it was written again.

    The same number of lines, for all that is known, which may say something else now.
    They are of a new generation, which their rows tell by: see `row_version`.
    """
    start = FilePosition(generation=position.generation + 1)
    return advanced(start, seen, fd, position.offset)


def between(begin: int, end: int, fd: int, data: bytes, start: int) -> bytes:
    """Return what stands there: of *data*, read from *start* on, or of the file."""
    if start <= begin and end <= start + len(data):
        return data[begin - start : end - start]

    return os.pread(fd, end - begin, begin)


def digest(data: bytes) -> int:
    """Return 63 bits of a hash: what SQLite keeps as one integer."""
    raw = hashlib.blake2b(data, digest_size=8).digest()
    return int.from_bytes(raw) >> 1


def _has_head(position: FilePosition, fd: int) -> bool:
    head = os.pread(fd, position.head_len, 0)
    return len(head) == position.head_len and digest(head) == position.head_hash


def _has_mark(position: FilePosition, end: int, fd: int) -> bool:
    """Return True if what stood before the offset of *position* stands before *end*."""
    if end < position.mark_len:
        return False

    mark = os.pread(fd, position.mark_len, end - position.mark_len)
    return len(mark) == position.mark_len and digest(mark) == position.mark_hash


def _ends_alike(position: FilePosition, fd: int, memory: LineChecksums | None) -> bool:
    """Whether the last line that was read stands where it stood."""
    if _has_mark(position, position.offset, fd):
        return True

    return memory is not None and memory.ends_alike(position.offset, fd)


def _kept(memory: LineChecksums | None, fd: int) -> int:
    """Return up to where the file has the lines that we saw; 0 if from the start on."""
    return memory.kept(fd) if memory is not None and fits(memory.base, fd) else 0
