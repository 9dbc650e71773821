"""A file that has lost its name to another one while its writer goes on."""

import os
from collections.abc import Iterable
from dataclasses import dataclass

from jarvisd.core.sources.jsonlines.file_position import FilePosition
from jarvisd.core.sources.jsonlines.handles import Handles
from jarvisd.core.sources.jsonlines.identity import fits
from jarvisd.core.sources.jsonlines.open_for_writing import has_writer
from jarvisd.core.sources.jsonlines.stream import FileSlice, Stream
from jarvisd.core.sources.source_slice import SourceSlice

SILENT_S = 5.0
"""For how long nobody must have written to a renamed file before it is let go."""

HELD_S = 3600.0
"""The same as long as somebody has it open for writing: who has written nothing for an
hour has forgotten it."""


def is_abandoned(fd: int, silent_s: float) -> bool:
    """Say whether no more is to be expected of a file silent for *silent_s*."""
    if silent_s < SILENT_S:
        return False

    return silent_s >= HELD_S or not has_writer(fd)


@dataclass(slots=True)
class LeavingFile:
    """The rest of a renamed file, read until it is abandoned.

    *position* is how far it was read, which nobody stores: the block's own is that of
    the new file. *grew_at* is when it was last seen to grow.
    """

    key: str
    """What its descriptor is called in the handles."""
    position: FilePosition
    stream: Stream
    grew_at: float
    ended: bool = False

    def read(self, handles: Handles, now: float) -> FileSlice:
        """Return what was appended since; sets *ended* when that was all."""
        fd = handles.held(self.key)
        if fd is None or not (fits(self.position, fd) and self.stream.still_fits(fd)):
            # Others needed the descriptor more, or it is no longer what it was.
            self.end(handles)
            return SourceSlice([], self.position)

        part = self.stream.next(self.position, os.fstat(fd), fd)
        self.position = part.position
        if part.read_bytes:
            self.grew_at = now
        elif is_abandoned(fd, now - self.grew_at):
            self.end(handles)

        return part

    def is_at(self, seen: os.stat_result | None, handles: Handles) -> bool:
        """Say whether *seen* is this file, under another name."""
        fd = handles.held(self.key)
        if fd is None or seen is None:
            return False

        return os.path.samestat(os.fstat(fd), seen)

    def end(self, handles: Handles) -> None:
        """Read no more of it."""
        handles.drop(self.key)
        self.ended = True


def read_beside(
    leaving: Iterable[LeavingFile], position: FilePosition, handles: Handles, now: float
) -> FileSlice | None:
    """Return what one of *leaving* gained, as a slice that leaves *position* alone."""
    for each in leaving:
        part = each.read(handles, now)
        if part.lines or part.more:
            part.position, part.partial_bytes, part.more = position, 0, True
            return part

    return None
