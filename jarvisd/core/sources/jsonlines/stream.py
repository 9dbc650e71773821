"""An open file as lines, a slice at a time."""

import os

from jarvisd.core.sources.jsonlines.file_position import FilePosition
from jarvisd.core.sources.jsonlines.identity import MARK_BYTES, advanced, between
from jarvisd.core.sources.jsonlines.line_checksums import LineChecksums
from jarvisd.core.sources.jsonlines.lines import (
    Condense,
    LineSplitter,
    Oversize,
    TextLine,
)
from jarvisd.core.sources.source_slice import SourceSlice

SLICE_BYTES = 64 * 1024
"""Read at most this much before others get a turn: about half a millisecond."""

COUNTED_SLICE_BYTES = 256 * 1024
"""The same where lines are only counted."""

LONG_STEP_BYTES = 32 * 1024
"""... or so much of an unfinished line: it may have to be condensed."""

SLICE_LINES = 400
"""... or about this many lines, since short lines cost more than their bytes."""

MIN_SLICE_BYTES = 4 * 1024

FileSlice = SourceSlice[FilePosition]

_TAIL_BYTES = MARK_BYTES
"""Read again before what is new, to know whether the file still goes on from there."""


class Stream:
    """Reads a file on from *position*, holding back its unfinished last line."""

    __slots__ = ("_head", "_max_slice_bytes", "_slice_bytes", "_splitter", "_tail")

    def __init__(
        self,
        position: FilePosition,
        slice_bytes: int = SLICE_BYTES,
        condense: Condense | None = None,
    ) -> None:
        self._splitter = LineSplitter(offset=position.offset, condense=condense)
        self._slice_bytes = self._max_slice_bytes = slice_bytes
        self._head = self._tail = b""

    @property
    def partial_bytes(self) -> int:
        """Return the length of the unfinished line so far."""
        return self._splitter.partial_bytes

    def next(
        self,
        position: FilePosition,
        seen: os.stat_result,
        fd: int,
        memory: LineChecksums | None = None,
    ) -> FileSlice:
        """Return the next slice after *position*, and let *memory* remember it.

        *seen* is the status of *fd* before anything is read.
        """
        before = min(_TAIL_BYTES, self._splitter.next_offset)
        data = self._read(fd, before, seen)
        return self._take(data, before, position, seen=seen, fd=fd, memory=memory)

    def next_if_grown(
        self,
        position: FilePosition,
        seen: os.stat_result,
        fd: int,
        memory: LineChecksums | None = None,
    ) -> FileSlice | None:
        """Do the same if the file is known to go on where we stopped; else None.

        Two reads in all, of head and tail as they were and of what is new.
        """
        head, tail = self._head, self._tail
        if len(head) != position.head_len or not tail:
            return None

        data = self._read(fd, len(tail), seen)
        if not data.startswith(tail) or os.pread(fd, len(head), 0) != head:
            return None

        return self._take(data, len(tail), position, seen=seen, fd=fd, memory=memory)

    def still_fits(self, fd: int) -> bool:
        """Whether the unfinished line is as it was: agents cut off their own."""
        rest = self._tail[-self.partial_bytes :] if self.partial_bytes else b""
        if not rest:
            return True

        return os.pread(fd, len(rest), self._splitter.next_offset - len(rest)) == rest

    def finish(self) -> TextLine | Oversize | None:
        """Return the unfinished line of a file that has ended, if any."""
        return self._splitter.finish()

    def _read(self, fd: int, before: int, seen: os.stat_result) -> bytes:
        """Return *before* known bytes and the next ones of those that were *seen*.

        What came since has not been looked at, and may be anything.
        """
        start = self._splitter.next_offset
        new = min(self._slice_bytes, max(0, seen.st_size - start))
        data = os.pread(fd, before + new, start - before)
        if new <= LONG_STEP_BYTES:
            return data

        most = max(before, data.rfind(b"\n") + 1) + LONG_STEP_BYTES
        if len(data) <= most:
            return data

        self._slice_bytes = most - before
        return data[:most]

    def _take(
        self,
        data: bytes,
        before: int,
        position: FilePosition,
        *,
        seen: os.stat_result,
        fd: int,
        memory: LineChecksums | None,
    ) -> FileSlice:
        """Cut into lines what *data* holds behind the *before* bytes known already."""
        splitter, read_bytes = self._splitter, len(data) - before
        start = splitter.next_offset - before
        if memory is not None:
            memory.add(data, start, before)

        lines = splitter.feed(data, before)
        self._tail = data[-_TAIL_BYTES:]
        if read_bytes and not lines and not splitter.partial_bytes:
            _pass_hole(splitter, seen, fd)
            self._tail = b""

        more = read_bytes == self._slice_bytes and splitter.next_offset < seen.st_size
        self._slice_bytes = self._next_slice_bytes(read_bytes, len(lines))
        if splitter.offset != position.offset or not _is_of(position, seen):
            offset = splitter.offset
            position = advanced(position, seen, fd, offset, data=data, start=start)
            if len(self._head) != position.head_len:
                self._head = between(0, position.head_len, fd, data, start)

        return SourceSlice(
            lines,
            position,
            read_bytes=read_bytes,
            partial_bytes=splitter.partial_bytes,
            more=more,
        )

    def _next_slice_bytes(self, read_bytes: int, lines: int) -> int:
        """Return a slice that should hold at most so many lines as one may."""
        if lines <= SLICE_LINES:
            return self._max_slice_bytes

        return max(MIN_SLICE_BYTES, read_bytes * SLICE_LINES // lines)


def _is_of(position: FilePosition, seen: os.stat_result) -> bool:
    return position.inode == seen.st_ino and position.dev == seen.st_dev


def _pass_hole(splitter: LineSplitter, seen: os.stat_result, fd: int) -> None:
    """Skip NULs that nobody wrote, however many: a writer kept its offset."""
    try:
        data = os.lseek(fd, splitter.next_offset, os.SEEK_DATA)
    except OSError:  # nothing but the hole is left, or the file was cut meanwhile
        data = seen.st_size

    splitter.skip_to(max(data, splitter.next_offset))
