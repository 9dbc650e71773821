"""What a feature is to the core: an engine that is asked for changes, and their store.

The core moves items to records and changes to the database. It knows no feature by
name: the composition root hands them in, in the order in which they are asked and
written.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, NamedTuple

from jarvisd.core.agent import Agent
from jarvisd.core.block import Block, BlockMemory
from jarvisd.core.origin import SessionId
from jarvisd.core.record import Record
from jarvisd.core.sources.jsonlines.lines import Oversize, TextLine

Change = Any
"""What a feature has to store in one transaction. Nobody but its store looks into it."""

Receipt = Any
"""The store's result for a change that is stored, for the feature's engine."""

SessionKey = tuple[str, SessionId]
"""Agent and session: two agents may use one id."""


class Mode(Enum):
    """When the items of a slice happened, and whether they were counted before."""

    LIVE = auto()
    """As they came."""
    HISTORY = auto()
    """From before we looked: at the times in their records."""
    REREAD = auto()
    """They are counted already; what is merged by key is wanted again."""


@dataclass(slots=True, kw_only=True)
class Slice:
    """Items of one stream that are applied together, between awaits.

    Attributes:
        stream: What they are read into, with all that features remember of it.
        records: What each item says; None for one that is malformed or was refused.
        now_ms: When that is, Unix ms; *now_s* by the monotonic clock.
        written_ms: When the items were written at the latest.
        has_grown: Whether an item was counted.

    """

    stream: Block
    agent: Agent
    items: Sequence[TextLine | Oversize]
    records: Sequence[Record | None] = ()
    mode: Mode
    now_ms: int
    now_s: float
    written_ms: int
    has_grown: bool = False


class Scope(NamedTuple):
    """What one transaction is of.

    Attributes:
        streams: Those whose cursors are in it.
        sessions: The only sessions that anything else may be of; None for all.

    """

    streams: Sequence[Block] = ()
    sessions: Collection[SessionKey] | None = None


ALL = Scope()


class FlushOutcome(Enum):
    """What became of the changes that were taken for one transaction."""

    COMMITTED = auto()
    """They are stored: what is announced as stored is announced now."""
    REFUSED = auto()
    """They are not stored: they are put back, and taken again with what is new then."""
    UNANSWERED = auto()
    """Nobody knows. The same changes are sent again, and nothing new is taken before."""
    REPLACED = auto()
    """Another database has taken the place of theirs, and did not get them."""


class Feature:
    """The engine of a feature; each overrides what applies to it.

    Attributes:
        has_cursors: Its changes hold the cursors of streams. While one is not stored,
            no stream of it is: nobody is told that what was pushed is safe.

    """

    has_cursors = False

    @property
    def unsaved(self) -> int:
        """Return how many rows wait to be stored."""
        return 0

    @property
    def is_pressing(self) -> bool:
        """Whether what waits is to be stored at once."""
        return False

    @property
    def has_waiting(self) -> bool:
        """Whether there is something to store that no changed stream brings along."""
        return False

    @property
    def is_mixed(self) -> bool:
        """Whether what it has cannot be parted by sessions now."""
        return False

    def open_memory(
        self, block: Block, version: int, saved: Mapping[str, bytes]
    ) -> BlockMemory | None:
        """Return the memory of *block* for all features, if this one keeps it.

        *saved* is the encoded memory of each, *version* that of the parser of the items.
        """
        del block, version, saved
        return None

    def apply(self, stream: Any, record: Record, *, live: bool) -> None:
        """Apply the record of one item; a record that is refused is a malformed item.

        *stream* is the features' memory of the stream.
        """

    def applied(self, part: Slice) -> None:
        """Apply *part* as a whole, after all features applied its records."""

    def counted(self, part: Slice) -> None:
        """Apply *part* of an agent whose items are only counted."""

    def reread(self, stream: Block) -> None:
        """Go on behind a second reading of all items of *stream*."""

    def closed(self, stream: Block, now_ms: int) -> None:
        """Record that the writer of *stream* has ended, and its session with it."""

    def urgent_sessions(self) -> Collection[SessionKey]:
        """Return the sessions of which something is to be stored before all else."""
        return ()

    def take(self, scope: Scope) -> Change | None:
        """Return the change to store of *scope*, or None if there is none.

        Nothing else is taken until `settled` reports its outcome.
        """
        del scope
        return None

    def settled(self, outcome: FlushOutcome, change: Change, receipt: Receipt) -> None:
        """Go on after *change*; there is a *receipt* if it is committed."""

    def delayed(self) -> None:
        """Record that nothing can be stored for now."""

    def take_refused(self) -> list[str]:
        """Return the kind of each row that could not be built since the last call."""
        return []


class Tx(NamedTuple):
    """The transaction of one flush, as stores see it.

    Attributes:
        raw: The connection, of `sqlite3`.
        known: What the database is known to hold, `storage.interned.Interned`.
        revision: The number that this flush gets.

    """

    raw: Any
    known: Any
    revision: int


@dataclass(frozen=True, slots=True)
class FeatureStore:
    """The SQL of a feature. It is stateless, and runs on the store's thread.

    Attributes:
        write: Stores a change inside the transaction; gives the receipt.
        moved: Gives what of a change belongs into a database that is not the one for
            which it was taken; None for nothing.
        needs: The features without whose change its own is not stored either: a kill
            between the two transactions would lose something or do it twice.

    """

    write: Callable[[Tx, Change], Receipt]
    moved: Callable[[Change], Change | None] = lambda change: change
    needs: frozenset[str] = frozenset()
