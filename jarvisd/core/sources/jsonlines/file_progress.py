"""The state of reading one file: its partial line, and checksums of its lines."""

import os

from jarvisd.core.sources.jsonlines.file_position import FilePosition
from jarvisd.core.sources.jsonlines.identity import FileVerdict, advanced, judge
from jarvisd.core.sources.jsonlines.line_checksums import LineChecksums
from jarvisd.core.sources.jsonlines.lines import Condense, Oversize, TextLine
from jarvisd.core.sources.jsonlines.stream import COUNTED_SLICE_BYTES, FileSlice, Stream


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
    ) -> FileSlice:
        """Return the next slice after *position*, of *slice_bytes* at most.

        Long lines go through *condense*.
        """
        if self._stream is None:
            self._stream = Stream(position, slice_bytes, condense)
            if self._checksums is not None:
                self._checksums.rewind(position.offset)

        part = self._stream.next(position, seen, fd, self._checksums)
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
