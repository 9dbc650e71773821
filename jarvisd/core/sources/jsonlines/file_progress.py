"""How one file is being read: its unfinished line, and what is remembered of it."""

import os

from jarvisd.core.sources.jsonlines.file_position import FilePosition
from jarvisd.core.sources.jsonlines.identity import FileVerdict, advanced, judge
from jarvisd.core.sources.jsonlines.line_checksums import LineChecksums
from jarvisd.core.sources.jsonlines.lines import Condense, Oversize, TextLine
from jarvisd.core.sources.jsonlines.stream import FileSlice, Stream


class FileProgress:
    """Keeps splitter and memory of lines in step with the position."""

    __slots__ = ("_memory", "_stream")

    def __init__(self) -> None:
        self._stream: Stream | None = None
        self._memory: LineChecksums | None = None

    @property
    def partial_bytes(self) -> int:
        """Return the length of the unfinished line so far."""
        return self._stream.partial_bytes if self._stream is not None else 0

    def judge(
        self, position: FilePosition, seen: os.stat_result, fd: int
    ) -> tuple[FileVerdict, FilePosition]:
        """Return what the file behind *position* has become, and where to go on."""
        return judge(position, seen, fd, self._memory)

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
            if self._memory is not None:
                self._memory.rewind(position.offset)

        part = self._stream.next(position, seen, fd, self._memory)
        self._forget_some(part.position, seen, fd)
        return part

    def next_if_grown(
        self, position: FilePosition, seen: os.stat_result, fd: int
    ) -> FileSlice | None:
        """Return the next slice of a file that goes on where we stopped, or None."""
        if self._stream is None:
            return None

        part = self._stream.next_if_grown(position, seen, fd, self._memory)
        if part is not None:
            self._forget_some(part.position, seen, fd)

        return part

    def _forget_some(
        self, position: FilePosition, seen: os.stat_result, fd: int
    ) -> None:
        if self._memory is not None and self._memory.is_full:
            base = advanced(position, seen, fd, self._memory.middle)
            self._memory.forget_until(base)

    def begin_at(self, start: FilePosition) -> None:
        """Read on from *start*, which may lie before what was read or in a new file."""
        self._stream = None
        if self._memory is None:
            return

        if start.offset < max(1, self._memory.base.offset):
            self._memory = LineChecksums(start)

    def begin_after_edit(self, start: FilePosition) -> None:
        """Read on from *start*: what stands before it is not what was remembered."""
        self._stream = None
        if self._memory is not None:
            self._memory = LineChecksums(start)

    def remembers_all(self, position: FilePosition, fd: int) -> bool:
        """Whether each line before *position* is known to be as it was."""
        memory = self._memory
        if memory is None or memory.base.offset:
            return False

        return memory.kept(fd) >= position.offset

    def check_rest(self, fd: int) -> None:
        """Read the unfinished line again if it is not as it was."""
        if self._stream is not None and not self._stream.still_fits(fd):
            self._stream = None

    def drop_rest(self) -> None:
        """Forget the unfinished line: it was cut off, or stands in another file."""
        self._stream = None

    def finish(self) -> TextLine | Oversize | None:
        """Return the unfinished line of a file that has ended, if any."""
        return self._stream.finish() if self._stream is not None else None

    def hand_over(self) -> Stream | None:
        """Give away the stream, unfinished line and all."""
        stream, self._stream = self._stream, None
        return stream

    def remember(self, position: FilePosition) -> None:
        """Remember single lines from *position* on, in case the file is cut."""
        self._stream = None
        self._memory = LineChecksums(position)

    def forget(self) -> None:
        """Drop what is only useful while the file is followed."""
        self._memory = None
        if self._stream is not None and not self._stream.partial_bytes:
            self._stream = None
