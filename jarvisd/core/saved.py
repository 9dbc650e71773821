"""What one flush is of and writes, what came of it, and who writes it."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import msgspec

from jarvisd.core.block import Block
from jarvisd.core.feature import Change, Receipt


class FlushPlan(NamedTuple):
    """What a flush is of, and how.

    Attributes:
        streams: The changed streams that it stores.
        durable: The answer waits for the disk.
        is_hurried: Of all else, only what is of the sessions of urgent changes.

    """

    streams: list[Block]
    durable: bool = False
    is_hurried: bool = False


class FlushBatch(msgspec.Struct, frozen=True, kw_only=True):
    """The changes of one flush, by feature; they are written in this order.

    They are committed together or not at all. *durable* asks for the disk's word before
    the answer: for pushed lines, which nobody can read again. A batch with a *number*
    may be sent again when its answer did not come in time: it is committed once, and
    answered as it was then. Its changes build on what the database of *generation* has;
    None: on nothing. Another gets only what applies to any. *failed* names the features
    that could not give their change: what needs it is not written either.
    """

    changes: Mapping[str, Change]
    durable: bool = False
    number: int = 0
    generation: int | None = None
    failed: frozenset[str] = frozenset()


class Saved(NamedTuple):
    """What came of a batch: the revision that it is, and the stores' receipts.

    A change without a receipt is not stored: its store or one that it needs failed, or
    the database was replaced. *refused* names the rows that the database would not take; all others are
    stored.
    """

    revision: int
    receipts: Mapping[str, Receipt] = {}
    refused: tuple[str, ...] = ()


class Saver(Protocol):
    """What the flusher needs of the store."""

    @property
    def revision(self) -> int:
        """The number of batches ever committed."""
        ...

    @property
    def generation(self) -> int:
        """Raised when another file has taken the place of the one written to."""
        ...

    async def save(self, batch: FlushBatch) -> Saved:
        """Commit *batch* and return what came of it, or raise StoreError."""
        ...
