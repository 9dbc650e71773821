"""A file of lines as discovery schedules it: the tail engine and its descriptors."""

import os
from collections import deque
from collections.abc import Iterator
from typing import cast

from jarvisd.core.roots import Position
from jarvisd.core.sources.jsonlines.compressed_file import (
    COMPRESSED,
    CompressedFile,
    TranscriptText,
)
from jarvisd.core.sources.jsonlines.handles import Handles, open_regular
from jarvisd.core.sources.jsonlines.identity import FilePosition
from jarvisd.core.sources.jsonlines.lines import (
    Condense,
    LineSplitter,
    Oversize,
    TextLine,
    is_blank,
)
from jarvisd.core.sources.jsonlines.stream import FileSlice
from jarvisd.core.sources.jsonlines.tailed_file import TailedFile

STEP_BYTES = 64 * 1024
MAX_TAIL_BYTES = 8 * 1024 * 1024
"""Bytes that are read at most: the tail of a file of huge lines is short, not slow."""

_CHUNK_BYTES = 256 * 1024


class LineFile:
    """One file of lines; its position is the one that its block holds.

    Attributes:
        tail: The tail engine.

    """

    __slots__ = ("_handles", "tail")

    retry_s = None
    are_items = False
    has_removed = False

    def __init__(self, path: str, handles: Handles) -> None:
        self.tail = open_tail(path)
        self._handles = handles

    @property
    def condense(self) -> Condense | None:
        """Return the function that condenses long lines, if it is set."""
        return self.tail.condense

    @condense.setter
    def condense(self, condense: Condense | None) -> None:
        self.tail.condense = condense

    @property
    def path(self) -> str:
        """Return the current path of the file."""
        return self.tail.path

    @property
    def paths(self) -> tuple[str, ...]:
        """Return only its path: no other file is a part of it."""
        return (self.tail.path,)

    @property
    def folders(self) -> tuple[str, ...]:
        """Return the folder of the file."""
        return (os.path.dirname(self.tail.path),)

    @property
    def seen_bytes(self) -> int | None:
        """Return the size of the file at the last read; None before the first."""
        return self.tail.seen_bytes

    @property
    def is_unsettled(self) -> bool:
        """Whether a renamed file is read, whose changes no hint reports."""
        return self.tail.is_unsettled

    def changed(self, seen: os.stat_result) -> bool:
        """Whether *seen* is a reason to read the file."""
        return self.tail.changed(seen)

    def is_ready(self) -> bool:
        """Whether `read` need not wait until a file is opened, as far as is known."""
        # For a file that was moved, the tail engine decides which path to open.
        is_held = self._handles.peek(self.tail.path) is not None
        return is_held or self.tail.moved_to is not None

    async def prepare(self) -> None:
        """Open the file; `read` raises an error of that."""
        await self._handles.open(self.tail.path)

    def read(self, position: Position, now: float) -> FileSlice:
        """Return the next slice after *position*, as the tail engine does."""
        return self.tail.read(cast("FilePosition", position), self._handles, now)

    def remember(self, position: Position) -> None:
        """Keep checksums of lines from *position* on, in case the file is truncated."""
        self.tail.remember(cast("FilePosition", position))

    def forget(self) -> None:
        """Close the file, and drop the data that only followed files need."""
        self.tail.forget()
        self._handles.drop(self.tail.path)

    def lines(
        self, position: Position, condense: Condense
    ) -> Iterator[TextLine | Oversize]:
        """Yield the lines of the file before *position*."""
        return lines_of(self.tail.path, condense, end=position.offset)

    def last_lines(self, position: Position, count: int) -> list[str]:
        """Return the last *count* lines before *position*."""
        return last_lines(self.tail.path, position.offset, count)


def open_tail(path: str) -> TailedFile | CompressedFile:
    """Return the reader of the file at *path*."""
    return CompressedFile(path) if path.endswith(COMPRESSED) else TailedFile(path)


def last_lines(path: str, end: int, count: int) -> list[str]:
    """Return the last *count* lines of *path* before offset *end* that are not blank.

    They are fewer if the file has fewer, or if they exceed MAX_TAIL_BYTES. Bytes that are not
    UTF-8 are replaced.

    Raises:
        FileNotFoundError: The file does not exist.
        SourceError: The file is not readable.

    """
    fd = open_regular(path)
    try:
        is_compressed = path.endswith(COMPRESSED)
        tail = (
            _compressed_tail(path, fd, end) if is_compressed else _tail(fd, end, count)
        )
    finally:
        os.close(fd)

    lines = [each for each in tail.split(b"\n") if not is_blank(each)]
    return [
        each.lstrip(b"\0").removesuffix(b"\r").decode(errors="replace")
        for each in lines[-count:]
    ]


def _compressed_tail(path: str, fd: int, end: int) -> bytes:
    """Return the complete lines before *end*; all text before is decompressed."""
    text, pieces, offset, size = TranscriptText(path, fd), deque[bytes](), 0, 0
    while offset < end and not text.ended:
        pieces.append(text.read(min(STEP_BYTES, end - offset)))
        offset += len(pieces[-1])
        size += len(pieces[-1])
        while size > MAX_TAIL_BYTES:
            size -= len(pieces.popleft())

    tail = b"".join(pieces)
    return tail if size == offset else tail[tail.find(b"\n") + 1 :]


def _tail(fd: int, end: int, count: int) -> bytes:
    """Return complete lines, with at least *count* that are not blank if possible."""
    start, tail = end, b""
    while start and len(tail) < MAX_TAIL_BYTES:
        step = min(STEP_BYTES, start)
        start -= step
        tail = os.pread(fd, step, start) + tail
        first = tail.find(b"\n") + 1 if start else 0
        if sum(1 for each in tail[first:].split(b"\n") if not is_blank(each)) >= count:
            return tail[first:]

    return tail[tail.find(b"\n") + 1 :] if start else tail


def lines_of(
    path: str, condense: Condense, *, end: int | None = None
) -> Iterator[TextLine | Oversize]:
    """Yield the complete lines of the file at *path* before the offset *end*.

    Without *end*, yield all lines, including a last one without a line end.

    Raises:
        SourceError: It is no regular file, or a damaged compressed one.
        OSError: The file cannot be opened or read.

    """
    fd = open_regular(path)
    try:
        splitter, text = LineSplitter(condense=condense), TranscriptText(path, fd)
        while end is None or splitter.next_offset < end:
            left = _CHUNK_BYTES if end is None else end - splitter.next_offset
            chunk = text.read(min(left, _CHUNK_BYTES))
            if text.ended:
                break

            yield from splitter.feed(chunk)

        last = splitter.finish() if end is None else None
        if last is not None:
            yield last
    finally:
        os.close(fd)
