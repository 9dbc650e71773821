"""What one flush writes and one start reads back."""

from typing import NamedTuple

import msgspec

from jarvisd.conversations.model import Recorded
from jarvisd.core.origin import Counts, Origin, SessionId
from jarvisd.core.roots import Position, SourceState
from jarvisd.ledger.model import Cell, Corrections, LedgerBatch, LimitRow, Repriced
from jarvisd.state.model import Transition


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
        recorded: What was said up to that position and is not stored yet.

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
    recorded: tuple[Recorded, ...] = ()


class FlushBatch(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of one flush; it is committed whole or not at all.

    *durable* asks for the disk's word before the answer: for pushed lines, which
    nobody can read again. A batch with a *number* may be sent again when its answer
    did not come in time: it is committed once, and answered as it was then. *awake* is
    since when the daemon has seen everything, and until when, Unix ms; None for as
    before.
    """

    blocks: tuple[SavedBlock, ...]
    durable: bool = False
    ledger: LedgerBatch | None = None
    transitions: tuple[Transition, ...] = ()
    awake: tuple[int, int] | None = None
    number: int = 0


class Saved(NamedTuple):
    """What came of a batch: the revision that it is, and what it changed of the books.

    *refused* names the rows that the database would not take; all others are stored.
    """

    revision: int
    corrections: Corrections = ()
    repriced: tuple[Repriced, ...] = ()
    refused: tuple[str, ...] = ()


class SavedBooks(msgspec.Struct, frozen=True, kw_only=True):
    """The books as one start reads them back.

    *sessions* are the states of `SessionRow`. The keys of rows come apart. *priced* tells, by price table, whose costs are counted with it. Segments that ended
    before *segments_since_ms*, when there was no jarvisd that told of them, are history.
    """

    sessions: list[bytes]
    cells: list[Cell]
    limits: list[LimitRow]
    priced: dict[str, set[tuple[str, SessionId]]] = {}
    segments_since_ms: int = 0


class StoreFacts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The state of the database. Times are Unix ms, absent is None.

    *error* is what the user must know and may mend while nothing can be stored.
    *repaired* tells what was done to a file that was damaged or had vanished.
    """

    path: str
    size_bytes: int
    schema_version: int
    revision: int
    last_flush_ms: int | None
    last_backup_ms: int | None
    error: str | None
    repaired: str | None
