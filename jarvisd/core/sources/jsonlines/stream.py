"""Reads an open file as lines, one slice at a time."""

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
"""The largest slice: reading it takes about half a millisecond."""

COUNTED_SLICE_BYTES = 256 * 1024
"""The largest slice if lines are only counted."""

LONG_STEP_BYTES = 32 * 1024
"""The largest piece of a partial line in a slice, since it may be condensed."""

SLICE_LINES = 400
"""About the most lines of a slice, since short lines cost more than their bytes."""

MIN_SLICE_BYTES = 4 * 1024

FileSlice = SourceSlice[FilePosition]

_TAIL_BYTES = MARK_BYTES
"""Bytes before the new ones that are read again, to detect a rewrite."""


class Stream:
    """Reads a file from *position* on; keeps its partial last line back."""

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
        """Return the length of the partial line so far."""
        return self._splitter.partial_bytes

    def next(
        self,
        position: FilePosition,
        seen: os.stat_result,
        fd: int,
        checksums: LineChecksums | None = None,
    ) -> FileSlice:
        """Return the next slice after *position*, and add it to *checksums*.

        *seen* is the status of *fd* before the read.
        """
        before = min(_TAIL_BYTES, self._splitter.next_offset)
        data = self._read(fd, before, seen)
        return self._split(
            data, before, position, seen=seen, fd=fd, checksums=checksums
        )

    def next_if_grown(
        self,
        position: FilePosition,
        seen: os.stat_result,
        fd: int,
        checksums: LineChecksums | None = None,
    ) -> FileSlice | None:
        """Return the next slice if the file was only appended to, else None.

        It takes two reads: one of the head, one of the old tail with the new bytes.
        """
        head, tail = self._head, self._tail
        if len(head) != position.head_len or not tail:
            return None

        data = self._read(fd, len(tail), seen)
        if not data.startswith(tail) or os.pread(fd, len(head), 0) != head:
            return None

        return self._split(
            data, len(tail), position, seen=seen, fd=fd, checksums=checksums
        )

    def matches_partial_line(self, fd: int) -> bool:
        """Whether the partial line is unchanged: agents truncate their own."""
        rest = self._tail[-self.partial_bytes :] if self.partial_bytes else b""
        if not rest:
            return True

        return os.pread(fd, len(rest), self._splitter.next_offset - len(rest)) == rest

    def finish(self) -> TextLine | Oversize | None:
        """Return the partial line of a file that has ended, if any."""
        return self._splitter.finish()

    def _read(self, fd: int, before: int, seen: os.stat_result) -> bytes:
        """Return *before* known bytes and the next new ones, up to the size of *seen*.

        Bytes that were appended since may belong to a rewrite, which is judged first.
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

    def _split(
        self,
        data: bytes,
        before: int,
        position: FilePosition,
        *,
        seen: os.stat_result,
        fd: int,
        checksums: LineChecksums | None,
    ) -> FileSlice:
        """Split *data* after its first *before* bytes, which are known, into lines."""
        splitter, read_bytes = self._splitter, len(data) - before
        start = splitter.next_offset - before
        if checksums is not None:
            checksums.add(data, start, before)

        lines = splitter.feed(data, before)
        self._tail = data[-_TAIL_BYTES:]
        if read_bytes and not lines and not splitter.partial_bytes:
            _skip_hole(splitter, seen, fd)
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
        """Return the size of a slice that has about SLICE_LINES lines at most."""
        if lines <= SLICE_LINES:
            return self._max_slice_bytes

        return max(MIN_SLICE_BYTES, read_bytes * SLICE_LINES // lines)


def _is_of(position: FilePosition, seen: os.stat_result) -> bool:
    return position.inode == seen.st_ino and position.dev == seen.st_dev


def _skip_hole(splitter: LineSplitter, seen: os.stat_result, fd: int) -> None:
    """Skip a hole of any size, left by a writer that kept its offset."""
    try:
        data = os.lseek(fd, splitter.next_offset, os.SEEK_DATA)
    except OSError:  # the rest is a hole, or the file was truncated meanwhile
        data = seen.st_size

    splitter.skip_to(max(data, splitter.next_offset))
