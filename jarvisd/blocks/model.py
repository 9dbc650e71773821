"""The rows of blocks: what a flush stores of them, and a start reads back."""

import msgspec

from jarvisd.core.origin import Counts, Origin
from jarvisd.core.roots import Position, SourceState


class BadLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A line that could not be taken in; *length* is in bytes, without its end."""

    offset: int
    length: int
    reason: str


class SavedBlock(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One block with its counts and the position they belong to: one row.

    Attributes:
        cursor: All of the position that its source has to know, for the source to read.
        reader_memory: What its reader has to remember at that position.
        ledger_memory: What the ledger has to remember of it there.
        state_memory: What the judgement of states has to remember of it there.
        parser_version: Of the parser whose words are in the ledger; 0 if it has not
            been read into the ledger yet.
        bad_lines: Some that were met since the start, for explaining.

    """

    origin: Origin
    position: Position
    counts: Counts
    cursor: bytes = b""
    ended: bool = False
    exit_status: int | None = None
    state: SourceState = SourceState.ACTIVE
    error: str | None = None
    revision: int = 0
    reader_memory: bytes = b""
    ledger_memory: bytes = b""
    state_memory: bytes = b""
    parser_version: int = 0
    bad_lines: tuple[BadLine, ...] = ()
