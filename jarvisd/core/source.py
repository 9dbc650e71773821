"""The contract of a source: items in, with a durable cursor.

A source knows bytes, rows or documents, and no agent. It is the unit of durability: it
has one cursor, however many streams (sessions) its items belong to.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec


class ItemRef(msgspec.Struct, frozen=True, gc=False):
    """The name of an item within its source.

    `line:OFFSET`, `row:TABLE:ID` or `element:PATH`.
    """

    key: str


class Item(msgspec.Struct, frozen=True, gc=False):
    """A line, a row's text or an element of a document: what one record is read from.

    Attributes:
        ref: Its name.
        stream: The session that it belongs to inside a database; "" in a file.
        body: Its text as it is written.
        chars: The code points of its text.
        replaces: The item whose counts this one takes the place of. A database that
            was not read since the start of the process may name an item here that was
            never returned.
        replaced_chars: The code points of that item; 0 if they are not known.
        written_ms: When its source was written with it, where that stands for its time.

    """

    ref: ItemRef
    stream: str
    body: bytes
    chars: int
    replaces: ItemRef | None = None
    replaced_chars: int = 0
    written_ms: int | None = None


class StreamTotals(msgspec.Struct, frozen=True, gc=False):
    """How many items a stream has now, and how many code points they have together."""

    items: int
    chars: int


class Fault(msgspec.Struct, frozen=True, gc=False):
    """Why a source cannot be read for now, and since when."""

    path: str
    reason: str
    since_ms: int


class Budget(msgspec.Struct, frozen=True, gc=False):
    """How much one call of `read` may return: so many items and bytes, or one item."""

    items: int = 400
    size_bytes: int = 256 * 1024


class Batch(msgspec.Struct, frozen=True, gc=False):
    """What one call of `read` returned.

    Attributes:
        items: In the order in which they are to be applied.
        more: Whether there is more to read already.
        gone: Whether there is no such file any more.
        removed: How many items the source does not have any more. What they counted
            stays counted: it was spent.
        retry_s: In how many seconds to read again although nothing changes.
        fault: What is wrong with the source now; None: nothing.
        restarted: Streams whose items so far are void; those in *items* and in later
            batches take their place, and replace nothing. Comes before *items*.
        ended: Streams that their owner deleted.
        deleted: The items of *removed* that have names.
        totals: What the streams of this batch have now, where the source knows: counts
            that are set to it are exact, whatever was replaced or deleted unseen.

    """

    items: Sequence[Item] = ()
    more: bool = False
    gone: bool = False
    removed: int = 0
    retry_s: float | None = None
    fault: Fault | None = None
    restarted: Sequence[str] = ()
    ended: Sequence[str] = ()
    deleted: Sequence[ItemRef] = ()
    totals: Mapping[str, StreamTotals] = msgspec.field(default_factory=dict)


class Source(Protocol):
    """One file, folder or database that is read."""

    def read(self, budget: Budget) -> Batch:
        """Return the next items. May block: kinds that do run on a thread.

        Returns the same batch until `applied` is called with it.
        """
        ...

    def applied(self, batch: Batch) -> None:
        """Move the cursor past *batch*, whose items have been applied.

        Called where the items were applied, without an await in between. A source that
        is read on a thread could not move its cursor by itself: a flush that comes
        between the end of `read` and the items would store a cursor ahead of its counts.
        """
        ...

    def cursor(self) -> bytes:
        """Return how far items were applied, to be stored with what they counted."""
        ...

    def locate(self, ref: ItemRef) -> bytes | None:
        """Return the text of an item as it is now, for `tail` and `explain`."""
        ...
