"""One file that grows, read a slice at a time."""

import os
from dataclasses import dataclass, field

from jarvisd.lines import Line, LineSplitter, Oversize
from jarvisd.model.source import Position
from jarvisd.sources.handles import Handles, open_regular
from jarvisd.sources.identity import Verdict, advanced, judge, restarted

SLICE_BYTES = 64 * 1024
"""Read at most this much before others get a turn: about half a millisecond."""

SLICE_LINES = 400
"""... or about this many lines, since short lines cost more than their bytes."""

MIN_SLICE_BYTES = 4 * 1024


@dataclass(slots=True)
class Slice:
    """What one turn gave.

    *position* is where to go on once *lines* are counted; *more* says that the file
    holds more already. *read_bytes* counts new bytes. *restarted* is true when the
    file turned out to be another one, to be read from its start.
    """

    lines: list[Line | Oversize]
    position: Position
    read_bytes: int = 0
    partial_bytes: int = 0
    more: bool = False
    restarted: bool = False
    gone: bool = False


@dataclass(slots=True)
class TailedFile:
    """Reads one path in slices, noticing when the path means another file.

    The caller owns the position: it hands in the one it has stored with its counts
    and takes the new one from the slice, so that both always move together.
    """

    path: str
    _splitter: LineSplitter | None = None
    _known: tuple[int, int, int, int] | None = field(default=None)
    """Device, inode, size and mtime at the last look."""
    _slice_bytes: int = SLICE_BYTES

    def changed(self, seen: os.stat_result) -> bool:
        """Say whether *seen* is worth a look: cheap, without opening the file."""
        return _signature(seen) != self._known

    def assume_unchanged(self, position: Position) -> None:
        """Take it that *position* was all there was when it was stored."""
        if position.offset == position.size:
            self._known = (
                position.dev,
                position.inode,
                position.size,
                position.mtime_ns,
            )

    def read(self, position: Position, handles: Handles) -> Slice:
        """Return the next slice after *position*.

        Raises:
            SourceError: The file cannot be read; tell the user, and try again later.
            OSError: The disk failed.

        """
        held = handles.held(self.path)
        try:
            named = os.stat(self.path, follow_symlinks=False)
            moved = held is not None and not os.path.samestat(os.fstat(held), named)
            if moved and not self._is_continued(position, named):
                return self._farewell(position, handles, replaced=True)

            if moved:
                handles.drop(self.path)
                self._splitter = None

            fd = handles.get(self.path)
        except FileNotFoundError:
            return self._farewell(position, handles)

        return self._look(position, fd)

    def forget(self) -> None:
        """Drop what is only kept while the file is being read."""
        if self._splitter is not None and not self._splitter.partial_bytes:
            self._splitter = None

    def _is_continued(self, position: Position, named: os.stat_result) -> bool:
        """Say whether the name leads to a copy that goes on where ours ends."""
        fd = open_regular(self.path)
        try:
            return judge(position, named, fd) is Verdict.SAME
        finally:
            os.close(fd)

    def _look(self, position: Position, fd: int) -> Slice:
        seen = os.fstat(fd)
        if self.changed(seen) and judge(position, seen, fd) is Verdict.REWRITTEN:
            self._splitter = None
            return Slice([], restarted(position), restarted=True, more=True)

        if self._splitter is not None and seen.st_size < self._splitter.next_offset:
            self._splitter = None  # an agent has cut off its own unfinished line

        return self._next_slice(position, seen, fd)

    def _next_slice(self, position: Position, seen: os.stat_result, fd: int) -> Slice:
        splitter = self._splitter
        if splitter is None:
            splitter = self._splitter = LineSplitter(offset=position.offset)

        chunk = os.pread(fd, self._slice_bytes, splitter.next_offset)
        lines = splitter.feed(chunk)
        more = len(chunk) == self._slice_bytes and splitter.next_offset < seen.st_size
        self._slice_bytes = _next_slice_bytes(len(chunk), len(lines))
        if splitter.offset != position.offset or position.head_len == 0:
            position = advanced(position, seen, fd, splitter.offset)

        self._known = _signature(seen)
        return Slice(
            lines,
            position,
            read_bytes=len(chunk),
            partial_bytes=splitter.partial_bytes,
            more=more,
        )

    def _farewell(
        self, position: Position, handles: Handles, *, replaced: bool = False
    ) -> Slice:
        """Read what a removed or replaced file still holds, if we have it open."""
        fd = handles.held(self.path)
        if fd is None:
            return Slice([], position, gone=True)

        part = self._next_slice(position, os.fstat(fd), fd)
        if part.more:
            return part

        handles.drop(self.path)
        splitter, self._splitter = self._splitter, None
        last = splitter.finish() if splitter else None
        if last is not None:
            part.lines.append(last)

        part.partial_bytes = 0
        part.gone, part.more = not replaced, replaced
        return part


def _next_slice_bytes(read_bytes: int, lines: int) -> int:
    """Return a slice that should hold at most SLICE_LINES lines like the last."""
    if lines <= SLICE_LINES:
        return SLICE_BYTES

    return max(MIN_SLICE_BYTES, read_bytes * SLICE_LINES // lines)


def _signature(seen: os.stat_result) -> tuple[int, int, int, int]:
    return (seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns)
