"""An open file as lines, a slice at a time."""

import os
from dataclasses import dataclass

from jarvisd.lines import Line, LineSplitter, Oversize
from jarvisd.model.source import Position
from jarvisd.sources.identity import MARK_BYTES, advanced, digest
from jarvisd.sources.memory import LineMemory

SLICE_BYTES = 64 * 1024
"""Read at most this much before others get a turn: about half a millisecond."""

SLICE_LINES = 400
"""... or about this many lines, since short lines cost more than their bytes."""

MIN_SLICE_BYTES = 4 * 1024

_REST_BYTES = 512
"""Compared of an unfinished line to know whether it is still the same one."""


@dataclass(slots=True)
class Slice:
    """What one turn gave.

    *position* is where to go on once *lines* are counted; *more* says that there is
    more to read already. *rest* is the unfinished last line of a file that has ended,
    which counts if it is a record. *restarted* is true when the file turned out to be
    another one or to be cut, *gone* when there is no file any more.
    """

    lines: list[Line | Oversize]
    position: Position
    read_bytes: int = 0
    partial_bytes: int = 0
    more: bool = False
    rest: Line | Oversize | None = None
    restarted: bool = False
    gone: bool = False


class Stream:
    """Reads a file on from *position*, holding back its unfinished last line."""

    __slots__ = ("_head", "_mark", "_rest", "_slice_bytes", "_splitter")

    def __init__(self, position: Position) -> None:
        self._splitter = LineSplitter(offset=position.offset)
        self._slice_bytes = SLICE_BYTES
        self._rest = b""
        # Head and mark of the position as bytes, as far as they are at hand: to
        # compare them costs less than to hash them, with every line of a live file.
        self._head = self._mark = b""

    @property
    def partial_bytes(self) -> int:
        """Return the length of the unfinished line so far."""
        return self._splitter.partial_bytes

    def next(
        self,
        position: Position,
        seen: os.stat_result,
        fd: int,
        memory: LineMemory | None = None,
    ) -> Slice:
        """Return the next slice after *position*, and let *memory* remember it.

        *seen* is the status of *fd* before anything is read.
        """
        splitter = self._splitter
        chunk = os.pread(fd, self._slice_bytes, splitter.next_offset)
        if memory is not None:
            memory.add(chunk, splitter.next_offset)

        lines = splitter.feed(chunk)
        self._mark = self._mark_after(chunk)
        if chunk and not lines and not splitter.partial_bytes:
            _pass_hole(splitter, seen, fd)
            self._mark = b""

        more = len(chunk) == self._slice_bytes and splitter.next_offset < seen.st_size
        self._slice_bytes = _next_slice_bytes(len(chunk), len(lines))
        self._note(chunk)
        if splitter.offset != position.offset or not _is_of(position, seen):
            position = advanced(position, seen, fd, splitter.offset, self._mark)

        return Slice(
            lines,
            position,
            read_bytes=len(chunk),
            partial_bytes=splitter.partial_bytes,
            more=more,
        )

    def is_behind(self, position: Position, fd: int) -> bool:
        """Say whether the file is surely the one that was read to *position*.

        What `identity.fits` does, without a hash; False if that has to be asked.
        """
        mark = self._mark
        if not mark or self._splitter.offset != position.offset:
            return False

        if os.pread(fd, position.mark_len, position.offset - position.mark_len) != mark:
            return False

        head = os.pread(fd, position.head_len, 0)
        if head != self._head:
            if len(head) < position.head_len or digest(head) != position.head_hash:
                return False

            self._head = head

        return True

    def still_fits(self, fd: int) -> bool:
        """Say whether the unfinished line is as it was: agents cut off their own."""
        if not self._rest:
            return True

        start = self._splitter.next_offset - len(self._rest)
        return os.pread(fd, len(self._rest), start) == self._rest

    def finish(self) -> Line | Oversize | None:
        """Return the unfinished line of a file that has ended, if any."""
        return self._splitter.finish()

    def _mark_after(self, chunk: bytes) -> bytes:
        """Return the last bytes before the offset, *chunk* being read last of all."""
        end = max(0, len(chunk) - self.partial_bytes)
        if end >= MARK_BYTES:
            return chunk[end - MARK_BYTES : end]

        return (self._mark + chunk[:end])[-MARK_BYTES:]

    def _note(self, chunk: bytes) -> None:
        kept = min(_REST_BYTES, self.partial_bytes)
        self._rest = (self._rest + chunk)[-kept:] if kept else b""


def _is_of(position: Position, seen: os.stat_result) -> bool:
    return (position.inode, position.dev) == (seen.st_ino, seen.st_dev)


def _pass_hole(splitter: LineSplitter, seen: os.stat_result, fd: int) -> None:
    """Skip NULs that nobody wrote, however many: a writer kept its offset."""
    try:
        data = os.lseek(fd, splitter.next_offset, os.SEEK_DATA)
    except OSError:  # nothing but the hole is left, or the file was cut meanwhile
        data = seen.st_size

    splitter.skip_to(max(data, splitter.next_offset))


def _next_slice_bytes(read_bytes: int, lines: int) -> int:
    """Return a slice that should hold at most SLICE_LINES lines like the last."""
    if lines <= SLICE_LINES:
        return SLICE_BYTES

    return max(MIN_SLICE_BYTES, read_bytes * SLICE_LINES // lines)
