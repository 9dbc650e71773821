"""A source: where a block's bytes come from, and how far they were read."""

import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from jarvisd.base.clock import Clock
from jarvisd.core.origin import SessionId
from jarvisd.core.source import Source


class Position(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How far a source was read, as far as the core has to know.

    Attributes:
        offset: How far, in the source's own measure: bytes of a file or of a pipe,
            batches of a pushed block.
        size: How large the source was then, in the same measure.
        generation: How often its content was found to be another.

    """

    offset: int = 0
    size: int = 0
    generation: int = 0

    @property
    def is_begun(self) -> bool:
        """Whether the source was ever looked into."""
        return self.offset > 0

    def cursor(self) -> bytes:
        """Return all that the source has to know to go on, for it alone to read."""
        return b""


class StoredPosition(Position, frozen=True, kw_only=True, gc=False):
    """A position as it was stored, which its source has not decoded yet."""

    stored: bytes

    def cursor(self) -> bytes:
        """Return the stored cursor."""
        return self.stored


class SourceKind(msgspec.Struct, frozen=True, kw_only=True):
    """Sources that are no files of lines: documents, folders of events, databases.

    Attributes:
        open: Given a path, a clock and the stored cursor (empty at the start), return
            the source. It may block, and is read on a thread.
        is_folder: Whether the source is the folder of what is found, not each file.
        beside: What the names of further files end with, behind the source's own name,
            whose changes are changes of the source. Of a source that is a folder: the
            folders inside it that have parts of it, such as "/events".
        title: What people call a source that is a folder; "" for files of events.

    """

    open: Callable[[str, Clock, bytes], Source]
    is_folder: bool = False
    beside: tuple[str, ...] = ()
    title: str = ""

    def source_of(self, path: str) -> str:
        """Return the path of the source that the file at *path* is, or is a part of."""
        if not self.is_folder:
            return path

        folder = os.path.dirname(path)
        inside = next((each for each in self.beside if folder.endswith(each)), "")
        return folder.removesuffix(inside)


class Place(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What an agent's file name states of a source.

    Attributes:
        session_id: Whose it is.
        parent_session_id: The session that started that one.
        project: The project of the session.
        cwd: The working folder of the session, where the log lies in it.
        kind: How the file is read, where that differs from the others of its tree; of
            sources that are no folders.

    """

    session_id: SessionId | None = None
    parent_session_id: SessionId | None = None
    project: str | None = None
    cwd: str | None = None
    kind: SourceKind | None = None


class Tree(msgspec.Struct, frozen=True, kw_only=True):
    """One folder tree in which one agent keeps its transcripts.

    Attributes:
        agent: Whose it is.
        root: The folder; it need not exist yet.
        place: Given the parts of a path below *root*, say what the file is, or None
            if it is no transcript.
        enters: Given the parts of a folder below *root*, say whether transcripts
            may lie in it or deeper.
        compressed: What the agent appends to the name of a transcript that it has
            compressed; empty if it compresses none.
        kind: How its transcripts are read; None: as files of lines. What `place` says of
            one file comes first.

    """

    agent: str
    root: Path
    place: Callable[[tuple[str, ...]], Place | None]
    enters: Callable[[tuple[str, ...]], bool]
    compressed: str = ""
    kind: SourceKind | None = None

    def kind_of(self, parts: tuple[str, ...]) -> SourceKind | None:
        """Return how the file at *parts* is read; None: as a file of lines."""
        place = self.place(parts)
        return self.kind if place is None else place.kind or self.kind
