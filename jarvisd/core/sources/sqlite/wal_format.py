"""The formats of SQLite's write-ahead log (`-wal`) and of its index (`-shm`).

From https://sqlite.org/walformat.html and SQLite's wal.c. The log is a header of 32
bytes and frames; a frame is a header of 24 bytes and a page. A frame counts if its
salts are those of the log, its checksum follows from the frame before, and a commit
frame (with a page count in its header) is at or behind it. The index repeats which
page each frame holds, so that a reader need not look at the frames.
"""

import struct
import sys
from array import array
from collections.abc import Iterator

from msgspec import Struct

LOG_HEADER_SIZE = 32
FRAME_HEADER_SIZE = 24
FILE_HEADER_SIZE = 100
INDEX_HEADER_SIZE = 136
"""Two copies of the header, and what checkpoints have written back."""

HOT_JOURNAL = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"
"""A rollback journal begins like this while a transaction may be half written."""

_COPY_SIZE = 48
_INDEX_VERSION = 3007000
_LOG_MAGIC = 0x377F0682  # its lowest bit: checksums read big-endian words
_INDEX_HEADER = struct.Struct("=III??HIIII8sII")
_BACKFILLED_AT, _BACKFILL_ATTEMPTED_AT = 96, 128

_BLOCK_SIZE = 32768
_FIRST_BLOCK_FRAMES, _BLOCK_FRAMES = 4062, 4096

Checksum = tuple[int, int]


def add_checksum(data: bytes, before: Checksum, *, big_endian: bool) -> Checksum:
    """Return the checksum of the log that continues *before* with *data*."""
    words = array("I", data)
    if big_endian != (sys.byteorder == "big"):
        words.byteswap()

    first, second = before
    each = iter(words)
    for even, odd in zip(each, each, strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF

    return first, second


def stored_page_size(number: int) -> int:
    """Return the page size that 16 bits stand for: 65536 is stored as 1."""
    return (number & 0xFE00) + ((number & 1) << 16)


class FileHeader(Struct, frozen=True):
    """What a reader needs of the first 100 bytes of the database file."""

    page_size: int

    @classmethod
    def parse(cls, data: bytes) -> "FileHeader | None":
        """Return the header in *data*, or None if that is not one of a database."""
        if len(data) < FILE_HEADER_SIZE or not data.startswith(b"SQLite format 3\0"):
            return None

        size = stored_page_size(int.from_bytes(data[16:18], "big"))
        is_valid = 512 <= size <= 65536 and size & (size - 1) == 0
        return cls(size) if is_valid else None


class LogHeader(Struct, frozen=True):
    """The header of a log. *salts* are new each time the log starts over."""

    page_size: int
    salts: bytes
    checksum: Checksum
    big_endian: bool

    @property
    def frame_size(self) -> int:
        """The size of a frame with its header."""
        return FRAME_HEADER_SIZE + self.page_size

    @classmethod
    def parse(cls, data: bytes) -> "LogHeader | None":
        """Return the header in *data*, or None if it does not count."""
        if len(data) < LOG_HEADER_SIZE:
            return None

        magic, _, size, _, salts, first, second = struct.unpack_from(">IIII8sII", data)
        if magic & ~1 != _LOG_MAGIC or not 512 <= size <= 65536 or size & (size - 1):
            return None

        big = bool(magic & 1)
        if add_checksum(data[:24], (0, 0), big_endian=big) != (first, second):
            return None

        return cls(size, salts, (first, second), big)


class FrameHeader(Struct, frozen=True):
    """The header of a frame. *page_count* is not 0 in the last one of a commit."""

    page: int
    page_count: int
    salts: bytes
    checksum: Checksum

    @classmethod
    def parse(cls, data: bytes) -> "FrameHeader | None":
        """Return the header in *data*, or None if that is too short."""
        if len(data) < FRAME_HEADER_SIZE:
            return None

        page, count, salts, first, second = struct.unpack_from(">II8sII", data)
        return cls(page, count, salts, (first, second))

    def follows(self, before: Checksum, frame: bytes, *, big_endian: bool) -> bool:
        """Whether this header belongs to *frame*, behind a frame with *before*."""
        middle = add_checksum(frame[:8], before, big_endian=big_endian)
        payload = frame[FRAME_HEADER_SIZE:]
        return add_checksum(payload, middle, big_endian=big_endian) == self.checksum


class IndexHeader(Struct, frozen=True):
    """The newest commit and the progress of checkpoints, as the `-shm` has them.

    *copy* is the header as it is stored, to recognize it again.
    """

    copy: bytes
    page_size: int
    frames: int
    page_count: int
    frame_checksum: Checksum
    salts: bytes
    backfilled: int
    backfill_attempted: int

    @classmethod
    def parse(cls, data: bytes) -> "IndexHeader | None":
        """Return the header in *data*, or None if it is being written or not one.

        A writer changes both copies one after the other, so they differ meanwhile.
        """
        copy = data[:_COPY_SIZE]
        if len(data) < INDEX_HEADER_SIZE or copy != data[_COPY_SIZE : 2 * _COPY_SIZE]:
            return None

        version, _, _, is_init, _, size, frames, pages, a, b, salts, c, d = (
            _INDEX_HEADER.unpack(copy)
        )
        if version != _INDEX_VERSION or not is_init:
            return None

        if add_checksum(copy[:40], (0, 0), big_endian=sys.byteorder == "big") != (c, d):
            return None

        (backfilled,) = struct.unpack_from("=I", data, _BACKFILLED_AT)
        (attempted,) = struct.unpack_from("=I", data, _BACKFILL_ATTEMPTED_AT)
        return cls(
            copy=copy,
            page_size=stored_page_size(size),
            frames=frames,
            page_count=pages,
            frame_checksum=(a, b),
            salts=salts,
            backfilled=backfilled,
            backfill_attempted=attempted,
        )


def index_ranges(after: int, last: int) -> Iterator[tuple[int, int]]:
    """Yield where the index has the pages of the frames behind *after* up to *last*.

    Each is an offset and a number of entries of four bytes, in the order of frames.

    >>> list(index_ranges(0, 2)), list(index_ranges(4061, 4063))
    ([(136, 2)], [(16380, 1), (32768, 1)])
    """
    while after < last:
        if after < _FIRST_BLOCK_FRAMES:
            block, base, start, room = 0, 0, INDEX_HEADER_SIZE, _FIRST_BLOCK_FRAMES
        else:
            block = (after - _FIRST_BLOCK_FRAMES) // _BLOCK_FRAMES + 1
            base = _FIRST_BLOCK_FRAMES + (block - 1) * _BLOCK_FRAMES
            start, room = 0, _BLOCK_FRAMES

        count = min(last, base + room) - after
        yield block * _BLOCK_SIZE + start + (after - base) * 4, count
        after += count


def is_next_log(old: bytes, new: bytes) -> bool:
    """Whether a log with the salts *new* was begun right behind that with *old*."""
    before, after = (int.from_bytes(salts[:4], "big") for salts in (old, new))
    return after == (before + 1) & 0xFFFFFFFF
