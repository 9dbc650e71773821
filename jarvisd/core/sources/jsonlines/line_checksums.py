"""The last lines of a followed file, as checksums: how much of it is still there?

An agent that goes back in a conversation cuts its transcript, or writes it again
with another end. With a checksum per line, what was read of it is known to the line,
and only what is new is counted. Twelve bytes a line, for followed files only.
"""

import os
import zlib
from array import array

from jarvisd.core.sources.jsonlines.file_position import FilePosition

MAX_LINES = 8192
MAX_BYTES = 4 * 1024 * 1024
"""Looked at again at most when a file was cut: some milliseconds."""


class LineChecksums:
    """Checksums of the lines that end behind *base*, oldest first.

    Fed with the same bytes as the splitter; what lies before *base* is known by its
    head and mark alone.
    """

    __slots__ = ("_ends", "_sums", "_unfinished", "base")

    def __init__(self, base: FilePosition) -> None:
        self.base = base
        self._ends = array("Q")
        self._sums = array("L")
        self._unfinished = 0

    @property
    def is_full(self) -> bool:
        """Whether it is time to forget the older half."""
        ends = self._ends
        if not ends:
            return False

        return ends[-1] - self.base.offset > MAX_BYTES or len(ends) > MAX_LINES

    @property
    def middle(self) -> int:
        """Return where the newer half of the lines begins."""
        return self._ends[len(self._ends) // 2]

    def add(self, chunk: bytes, offset: int, start: int = 0) -> None:
        """Remember the lines that *chunk*, which stands at *offset*, completes.

        What stands before *start* in it was added already.
        """
        while (end := chunk.find(b"\n", start) + 1) > 0:
            self._ends.append(offset + end)
            self._sums.append(zlib.crc32(chunk[start:end], self._unfinished))
            self._unfinished = 0
            start = end

        if start < len(chunk):
            self._unfinished = zlib.crc32(chunk[start:], self._unfinished)

    def forget_until(self, base: FilePosition) -> None:
        """Forget what ends before *base*, which is the end of a line remembered."""
        count = self._ends.index(base.offset) + 1
        del self._ends[:count], self._sums[:count]
        self.base = base

    def rewind(self, offset: int) -> None:
        """Forget what lies behind *offset*, which is to be read again."""
        while self._ends and self._ends[-1] > offset:
            self._ends.pop()
            self._sums.pop()

        self._unfinished = 0

    def ends_alike(self, offset: int, fd: int) -> bool:
        """Whether the last line remembered ends at *offset*, in *fd* as well."""
        ends = self._ends
        if not ends or ends[-1] != offset:
            return False

        start = ends[-2] if len(ends) > 1 else self.base.offset
        line = os.pread(fd, offset - start, start)
        return len(line) == offset - start and zlib.crc32(line) == self._sums[-1]

    def kept(self, fd: int) -> int:
        """Return the last line end up to which *fd* holds the lines remembered."""
        at = self.base.offset
        for end, checksum in zip(self._ends, self._sums, strict=True):
            line = os.pread(fd, end - at, at)
            if len(line) < end - at or zlib.crc32(line) != checksum:
                break

            at = end
        return at
