"""What one flush writes and one start reads back."""

import msgspec

from jarvisd.model.block import Counts, Origin
from jarvisd.model.source import Position, SourceState


class SavedBlock(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One block with its counts and the position they belong to: one row."""

    origin: Origin
    position: Position
    counts: Counts
    ended: bool = False
    exit_status: int | None = None
    state: SourceState = SourceState.ACTIVE
    error: str | None = None
    revision: int = 0


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of one flush; it is committed whole or not at all.

    *durable* asks for the disk's word before the answer: for pushed lines, which
    nobody can read again.
    """

    blocks: tuple[SavedBlock, ...]
    durable: bool = False


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
