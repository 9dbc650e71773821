"""A file of lines as discovery schedules it: the tail engine and its descriptors."""

import os
from collections.abc import Iterator
from typing import cast

from jarvisd.core.roots import Position
from jarvisd.core.sources.jsonlines.compressed_file import COMPRESSED, CompressedFile
from jarvisd.core.sources.jsonlines.file_position import FilePosition
from jarvisd.core.sources.jsonlines.handles import Handles
from jarvisd.core.sources.jsonlines.last_lines import last_lines
from jarvisd.core.sources.jsonlines.lines import Condense, Oversize, TextLine
from jarvisd.core.sources.jsonlines.stream import FileSlice
from jarvisd.core.sources.jsonlines.tailed_file import TailedFile
from jarvisd.core.sources.jsonlines.whole_file import lines_of


class LineFile:
    """One file of lines; its position is the one that its block holds.

    Attributes:
        tail: The tail engine.

    """

    __slots__ = ("_handles", "tail")

    retry_s = None

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
    def folder(self) -> str:
        """Return the folder of the file."""
        return os.path.dirname(self.tail.path)

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
