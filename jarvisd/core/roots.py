"""A source: where a block's bytes come from, and how far they were read."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path

import msgspec

from jarvisd.core.origin import BlockId, SessionId


class SourceState(StrEnum):
    """How a source stands with us."""

    ACTIVE = "active"
    GONE = "gone"
    QUARANTINED = "quarantined"


class Position(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How far a file was read, and enough of it to know it again.

    The head is the first *head_len* bytes of the file and grows with it to a limit;
    the mark is the *mark_len* bytes just before *offset*. Both are kept as 64-bit
    hashes. *offset* always stands behind a line end. A pushed block uses *offset*
    as the number of batches taken.
    """

    dev: int = 0
    inode: int = 0
    offset: int = 0
    head_len: int = 0
    head_hash: int = 0
    mark_len: int = 0
    mark_hash: int = 0
    size: int = 0
    mtime_ns: int = 0
    generation: int = 0


class Place(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What an agent's file name says about its content."""

    session_id: SessionId | None = None
    parent_session_id: SessionId | None = None
    project: str | None = None


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

    """

    agent: str
    root: Path
    place: Callable[[tuple[str, ...]], Place | None]
    enters: Callable[[tuple[str, ...]], bool]
    compressed: str = ""


class AgentRoots(msgspec.Struct, frozen=True, kw_only=True):
    """How to find one agent's trees: `find(environ, home, configured_roots)`."""

    agent: str
    find: Callable[[Mapping[str, str], Path, tuple[Path, ...]], tuple[Tree, ...]]


class SourceView(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One source as `sources.list` shows it."""

    agent: str
    path: str
    state: SourceState
    block_id: BlockId | None
    offset: int
    size: int
    partial_bytes: int
    generation: int
    error: str | None
    remedy: str | None = None
