"""Reads an open file as lines, one slice at a time, and keeps what that needs."""

import os
from collections.abc import Callable

from jarvisd.core.sources.jsonlines.foreign import PROBE_BYTES
from jarvisd.core.sources.jsonlines.identity import (
    MARK_BYTES,
    FilePosition,
    FileVerdict,
    LineChecksums,
    advanced,
    between,
    is_of,
    judge,
)
from jarvisd.core.sources.jsonlines.lines import (
    Condense,
    LineSplitter,
    Oversize,
    TextLine,
)
from jarvisd.core.sources.source_slice import SourceSlice

SLICE_BYTES = 128 * 1024
"""The largest slice: reading it takes about a millisecond."""

COUNTED_SLICE_BYTES = 256 * 1024
"""The largest slice if lines are only counted."""

LONG_STEP_BYTES = 32 * 1024
"""The largest piece of a partial line in a slice, since it may be condensed."""

SLICE_LINES = 400
"""About the most lines of a slice, since short lines cost more than their bytes."""

MIN_SLICE_BYTES = 4 * 1024

FileSlice = SourceSlice[FilePosition]

CheckHead = Callable[[bytes], None]
"""Raises SourceError if the first bytes of a file are not those of text."""

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
        check: CheckHead | None = None,
    ) -> FileSlice:
        """Return the next slice after *position*, and add it to *checksums*.

        *seen* is the status of *fd* before the read. *check* gets the head of the file.
        """
        before = min(_TAIL_BYTES, self._splitter.next_offset)
        data = self._read(fd, before, seen)
        if check is not None:
            head = os.pread(fd, PROBE_BYTES, 0) if before else data[:PROBE_BYTES]
            check(head)

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
        if splitter.offset != position.offset or not is_of(position, seen):
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


def _skip_hole(splitter: LineSplitter, seen: os.stat_result, fd: int) -> None:
    """Skip a hole of any size, left by a writer that kept its offset."""
    try:
        data = os.lseek(fd, splitter.next_offset, os.SEEK_DATA)
    except OSError:  # the rest is a hole, or the file was truncated meanwhile
        data = seen.st_size

    splitter.skip_to(max(data, splitter.next_offset))


class FileProgress:
    """Keeps stream and checksums consistent with the position."""

    __slots__ = ("_checksums", "_stream")

    def __init__(self) -> None:
        self._stream: Stream | None = None
        self._checksums: LineChecksums | None = None

    @property
    def partial_bytes(self) -> int:
        """Return the length of the partial line so far."""
        return self._stream.partial_bytes if self._stream is not None else 0

    def judge(
        self, position: FilePosition, seen: os.stat_result, fd: int
    ) -> tuple[FileVerdict, FilePosition]:
        """Return the verdict on the file *fd*, and the position to continue at."""
        return judge(position, seen, fd, self._checksums)

    def next(
        self,
        position: FilePosition,
        seen: os.stat_result,
        fd: int,
        slice_bytes: int,
        condense: Condense | None = None,
        *,
        check: CheckHead | None = None,
    ) -> FileSlice:
        """Return the next slice after *position*, of *slice_bytes* at most.

        Long lines go through *condense*; *check* raises if the head is no text's.
        """
        if self._stream is None:
            self._stream = Stream(position, slice_bytes, condense)
            if self._checksums is not None:
                self._checksums.rewind(position.offset)

        part = self._stream.next(position, seen, fd, self._checksums, check)
        self._drop_older_half(part.position, seen, fd)
        return part

    def next_if_grown(
        self, position: FilePosition, seen: os.stat_result, fd: int
    ) -> FileSlice | None:
        """Return the next slice if the file was only appended to, else None."""
        if self._stream is None:
            return None

        part = self._stream.next_if_grown(position, seen, fd, self._checksums)
        if part is not None:
            self._drop_older_half(part.position, seen, fd)

        return part

    def _drop_older_half(
        self, position: FilePosition, seen: os.stat_result, fd: int
    ) -> None:
        if self._checksums is not None and self._checksums.is_full:
            base = advanced(position, seen, fd, self._checksums.middle)
            self._checksums.drop_until(base)

    def begin_at(self, start: FilePosition) -> None:
        """Continue at *start*, which may be before the old position or in a new file."""
        self._stream = None
        if self._checksums is None:
            return

        if start.offset < max(1, self._checksums.base.offset):
            self._checksums = LineChecksums(start)

    def begin_after_edit(
        self, start: FilePosition, seen: os.stat_result, fd: int
    ) -> None:
        """Continue at *start* in *fd*; the lines before it have changed since."""
        self._stream = None
        if self._checksums is not None:
            base = self._checksums.base.offset
            self._checksums = _checksums_between(base, start, seen, fd)

    def matches_all(self, position: FilePosition, fd: int) -> bool:
        """Whether each line before *position* is known to be unchanged."""
        checksums = self._checksums
        if checksums is None or checksums.base.offset:
            return False

        return checksums.matching_end(fd) >= position.offset

    def check_partial_line(self, fd: int) -> None:
        """Read the partial line again if it has changed."""
        if self._stream is not None and not self._stream.matches_partial_line(fd):
            self._stream = None

    def drop_partial_line(self) -> None:
        """Drop the partial line: it was truncated, or is in another file."""
        self._stream = None

    def finish(self) -> TextLine | Oversize | None:
        """Return the partial line of a file that has ended, if any."""
        return self._stream.finish() if self._stream is not None else None

    def detach_stream(self) -> Stream | None:
        """Return the stream with its partial line, and start a new one next time."""
        stream, self._stream = self._stream, None
        return stream

    def remember(self, position: FilePosition) -> None:
        """Keep checksums of lines from *position* on, in case the file is truncated."""
        self._stream = None
        self._checksums = LineChecksums(position)

    def forget(self) -> None:
        """Drop the data that only followed files need."""
        self._checksums = None
        if self._stream is not None and not self._stream.partial_bytes:
            self._stream = None


def _checksums_between(
    begin: int, end: FilePosition, seen: os.stat_result, fd: int
) -> LineChecksums:
    """Return checksums of the lines from *begin* to *end*.

    There are none if no line ends at *begin* any more, or if the file is shorter now.
    """
    if begin and os.pread(fd, 1, begin - 1) != b"\n":
        return LineChecksums(end)

    start = FilePosition(generation=end.generation)
    checksums = LineChecksums(advanced(start, seen, fd, begin) if begin else start)
    while begin < end.offset:
        chunk = os.pread(fd, min(COUNTED_SLICE_BYTES, end.offset - begin), begin)
        if not chunk:
            return LineChecksums(end)

        checksums.add(chunk, begin)
        begin += len(chunk)

    return checksums
