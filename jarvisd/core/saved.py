"""What one flush writes, and what came of it."""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from jarvisd.core.feature import Change, Receipt


class FlushBatch(msgspec.Struct, frozen=True, kw_only=True):
    """The changes of one flush, by feature; they are written in this order.

    They are committed together or not at all. *durable* asks for the disk's word before
    the answer: for pushed lines, which nobody can read again. A batch with a *number*
    may be sent again when its answer did not come in time: it is committed once, and
    answered as it was then.
    """

    changes: Mapping[str, Change]
    durable: bool = False
    number: int = 0


class Saved(NamedTuple):
    """What came of a batch: the revision that it is, and the stores' receipts.

    A change without a receipt is not stored: its store failed, or the database was
    replaced. *refused* names the rows that the database would not take; all others are
    stored.
    """

    revision: int
    receipts: Mapping[str, Receipt] = {}
    refused: tuple[str, ...] = ()
