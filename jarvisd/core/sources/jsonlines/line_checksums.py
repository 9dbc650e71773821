"""Checksums of the last lines of a followed file, to find how much of it is unchanged.

An agent that goes back in a session truncates its transcript, or rewrites it with another
end. Checksums show up to which line it is unchanged, so that only new lines are counted.
They take twelve bytes for each line, and are kept for followed files only.
"""

import os
import zlib
from array import array

from jarvisd.core.sources.jsonlines.file_position import FilePosition

MAX_LINES = 8192
MAX_BYTES = 4 * 1024 * 1024
"""Bytes that are compared at most after a truncation: some milliseconds."""


class LineChecksums:
    """Checksums of the lines that end after *base*, oldest first.

    It receives the same bytes as the splitter. The bytes before *base* are only checked
    by head and mark.
    """

    __slots__ = ("_ends", "_sums", "_unfinished", "base")

    def __init__(self, base: FilePosition) -> None:
        self.base = base
        self._ends = array("Q")
        self._sums = array("L")
        self._unfinished = 0

    @property
    def is_full(self) -> bool:
        """Whether the older half should be dropped."""
        ends = self._ends
        if not ends:
            return False

        return ends[-1] - self.base.offset > MAX_BYTES or len(ends) > MAX_LINES

    @property
    def middle(self) -> int:
        """Return the offset at which the newer half of the lines begins."""
        return self._ends[len(self._ends) // 2]

    def add(self, chunk: bytes, offset: int, start: int = 0) -> None:
        """Add the lines that *chunk*, at *offset* of the file, completes.

        The bytes before *start* in *chunk* were added already.
        """
        while (end := chunk.find(b"\n", start) + 1) > 0:
            self._ends.append(offset + end)
            self._sums.append(zlib.crc32(chunk[start:end], self._unfinished))
            self._unfinished = 0
            start = end

        if start < len(chunk):
            self._unfinished = zlib.crc32(chunk[start:], self._unfinished)

    def drop_until(self, base: FilePosition) -> None:
        """Drop the lines before *base*, which must be the end of one of the lines."""
        count = self._ends.index(base.offset) + 1
        del self._ends[:count], self._sums[:count]
        self.base = base

    def rewind(self, offset: int) -> None:
        """Drop the lines after *offset*, which are read again."""
        while self._ends and self._ends[-1] > offset:
            self._ends.pop()
            self._sums.pop()

        self._unfinished = 0

    def matches_last_line(self, offset: int, fd: int) -> bool:
        """Whether the last line ends at *offset* and is unchanged in *fd*."""
        ends = self._ends
        if not ends or ends[-1] != offset:
            return False

        start = ends[-2] if len(ends) > 1 else self.base.offset
        line = os.pread(fd, offset - start, start)
        return len(line) == offset - start and zlib.crc32(line) == self._sums[-1]

    def matching_end(self, fd: int) -> int:
        """Return the end of the last line up to which *fd* is unchanged."""
        at = self.base.offset
        for end, checksum in zip(self._ends, self._sums, strict=True):
            line = os.pread(fd, end - at, at)
            if len(line) < end - at or zlib.crc32(line) != checksum:
                break

            at = end
        return at
