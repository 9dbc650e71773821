"""Rows in memory: the newest, while all others are only stored.

A row stays in memory for a while because copies of one thing come close together. Of
the others only the key is known: 64 bits of a hash. A copy of such a row is *contested*: it is not
counted, but stored as it is, and what it changed comes back as a correction.
"""

import sys
from array import array
from bisect import bisect_left
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice
from typing import Generic, TypeVar

from jarvisd.core.event import LimitsReported
from jarvisd.core.feature import SessionKey
from jarvisd.core.origin import SessionId
from jarvisd.ledger.limit_samples import Samples, followed
from jarvisd.ledger.merge import merged
from jarvisd.ledger.model import CallRow, LimitRow, MarkRow, ResponseRow

R = TypeVar("R", ResponseRow, CallRow, MarkRow)


Name = tuple[str, str]
"""An agent, and what it calls a thing."""

_SHARDS = 256
_INT_BYTES = 32
"""What a key takes beside its place in a set."""


def key_of(agent: str, kind: str, name: str) -> int:
    """Return the key of the thing that *agent* calls *name*; never 0.

    Signed, because that is what SQLite's integers are. Among a million keys the chance
    that two are alike is one in thirty million.
    """
    text = f"{agent}\0{kind}\0{name}".encode(errors="surrogatepass")
    digest = blake2b(text, digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True) or 1


class KeySet:
    """A set of keys: 8 bytes for each that was stored, 70 to 140 for each new one.

    Plain sets, since a table made of arrays is smaller and much slower in Python.
    There are 256, so that growing one is no pause: a set of a million keys would be
    moved at once for tens of ms, one of four thousand for a fraction of one.

    Attributes:
        stored: How many keys were stored when this process began.

    """

    complete = True
    """Whether every stored key is in. Until then no key is known to be new."""

    def __init__(self, keys: Iterable[int] = ()) -> None:
        self._base: array[int] = array("q")
        self.stored = 0
        self._sets: list[set[int]] = [set() for _ in range(_SHARDS)]
        for key in keys:
            self.add(key)

    def restore(self, keys: "array[int]") -> None:
        """Use the sorted *keys* as they are: 8 bytes and no time for each."""
        self._base, self.stored, self.complete = keys, len(keys), True

    def __len__(self) -> int:
        return len(self._base) + sum(map(len, self._sets))

    def __contains__(self, key: int) -> bool:
        return key in self._sets[key & 255] or self._has_base(key)

    def add(self, key: int) -> bool:
        """Add *key*; return whether it is new."""
        shard = self._sets[key & 255]
        if key in shard or (self._base and self._has_base(key)):
            return False

        shard.add(key)
        return True

    @property
    def size_bytes(self) -> int:
        """Return how much memory the keys take."""
        sets = sum(sys.getsizeof(each) + len(each) * _INT_BYTES for each in self._sets)
        return sets + len(self._base) * self._base.itemsize

    def _has_base(self, key: int) -> bool:
        base = self._base
        if not base:
            return False

        at = bisect_left(base, key)
        return at < len(base) and base[at] == key


@dataclass(slots=True)
class RowCache(Generic[R]):
    """The rows of one kind, by the agent's own names for them.

    *window* stored rows are kept, and all that are not stored yet.

    Attributes:
        is_mixed: The rows to store cannot be separated by sessions: a row is made of
            copies in several, or was of another one before.

    """

    known: KeySet
    kind: str
    window: int
    _rows: dict[Name, R] = field(default_factory=dict)
    # As counted before the changes since: what totals have to subtract.
    _before: dict[Name, R | None] = field(default_factory=dict)
    _dirty: dict[Name, R] = field(default_factory=dict)
    _contested: dict[Name, R] = field(default_factory=dict)
    _contested_in_flight: dict[int, Name] = field(default_factory=dict)
    _former: list[tuple[int, R]] = field(default_factory=list)
    is_mixed: bool = False

    def find(self, name: Name) -> R | None:
        """Return the counted row *name*, if it is in memory."""
        return self._rows.get(name)

    def key_of(self, name: Name) -> int:
        """Return the key of *name*, computed again only if its row is not in memory."""
        row = self._rows.get(name)
        return key_of(name[0], self.kind, name[1]) if row is None else row.key

    def put(self, name: Name, copy: R, *, former: str = "") -> None:
        """Merge one *copy* of the thing *name*.

        *former* is its name in older parsers: a row that may be stored under it is
        replaced by the store, and until then the copy is contested.
        """
        row, known = self._rows.get(name), self.known
        may_be_stored = known.stored or not known.complete
        if row is not None:
            self.change(name, row, merged(row, copy), by=copy.session_id)
        elif name in self._contested:
            self._contested[name] = merged(self._contested[name], copy)
        elif former and may_be_stored and self._note_former(former, copy):
            known.add(copy.key)
            self._contested[name] = copy
            self.is_mixed = True
        elif known.add(copy.key) and known.complete:
            self._before[name] = None
            self._rows[name] = self._dirty[name] = copy
        else:
            self._contested[name] = copy
            self.is_mixed = True

    def _note_former(self, former: str, copy: R) -> bool:
        """Whether a row may be stored under the name *former* of older parsers."""
        key = key_of(copy.agent, self.kind, former)
        if self.known.complete and key not in self.known:
            return False

        self._former.append((key, copy))
        return True

    def take_former(self) -> list[tuple[int, R]]:
        """Return keys under which older parsers may have stored rows, and the rows."""
        former, self._former = self._former, []
        return former

    def change(self, name: Name, old: R, new: R, *, by: SessionId) -> None:
        """Replace the row *old* by *new*, which has more fields.

        *by* is the session of the line that added them.
        """
        if by != old.session_id:
            self.is_mixed = True

        if new != old:
            self._before.setdefault(name, old)
            self._rows[name] = self._dirty[name] = new

    def changes(self) -> Iterator[tuple[R | None, R]]:
        """Yield each changed row as it was counted, and as it is to be counted, once."""
        before, self._before = self._before, {}
        for name, old in before.items():
            yield old, self._rows[name]

    @property
    def unsaved(self) -> int:
        """Return how many rows wait to be stored."""
        return len(self._dirty) + len(self._contested)

    def take_of(self, sessions: Container[SessionKey]) -> tuple[R, ...]:
        """Return the rows of *sessions* to store; call it only if nothing is mixed."""
        taken = {
            name: row
            for name, row in self._dirty.items()
            if (row.agent, row.session_id) in sessions
        }
        for name in taken:
            del self._dirty[name]

        return tuple(taken.values())

    def take(self) -> tuple[tuple[R, ...], frozenset[int]]:
        """Return the rows to store, and which of their keys are contested."""
        rows = list(self._dirty.values())
        rows.extend(self._contested.values())
        self._contested_in_flight = {
            row.key: name for name, row in self._contested.items()
        }
        self._dirty, self._contested, self.is_mixed = {}, {}, False
        return tuple(rows), frozenset(self._contested_in_flight)

    def put_back(self, rows: tuple[R, ...]) -> None:
        """Put back *rows* that were taken and not stored."""
        self.is_mixed = True
        names = {row.key: name for name, row in self._rows.items()}
        for row in rows:
            name = self._contested_in_flight.get(row.key)
            if name is None:
                name = names[row.key]
                self._dirty.setdefault(name, self._rows[name])
            else:
                newer = self._contested.get(name)
                self._contested[name] = row if newer is None else merged(row, newer)

        self._contested_in_flight = {}

    def settled(self, row: R) -> None:
        """Keep the contested *row* in memory, as it is stored and counted now."""
        name = self._contested_in_flight.pop(row.key, None)
        if name is None:
            return

        self._rows[name] = row
        newer = self._contested.pop(name, None)
        if newer is not None:
            self.change(name, row, merged(row, newer), by=newer.session_id)

    def forget(self) -> None:
        """Drop the oldest stored rows from memory."""
        self._contested_in_flight = {}
        excess = max(0, len(self._rows) - self.window)
        for name in list(islice(self._rows, excess)):
            if name in self._dirty or name in self._before:
                return

            del self._rows[name]


@dataclass(slots=True)
class RowCaches:
    """The rows at hand, and the newest word on each limit."""

    responses: RowCache[ResponseRow]
    calls: RowCache[CallRow]
    marks: RowCache[MarkRow]
    limits: dict[tuple[str, str], LimitRow] = field(default_factory=dict)
    samples: dict[tuple[str, str], tuple[Samples, ...]] = field(default_factory=dict)

    @classmethod
    def empty(cls, known: KeySet, window: int) -> "RowCaches":
        """Return caches with nothing on them, to keep *window* rows of each kind."""
        return cls(
            RowCache(known, "response", window),
            RowCache(known, "call", window),
            RowCache(known, "mark", window),
        )

    def all(self) -> tuple[RowCache[ResponseRow], RowCache[CallRow], RowCache[MarkRow]]:
        """Return all three."""
        return self.responses, self.calls, self.marks

    def put_limits(self, agent: str, event: LimitsReported, at_ms: int) -> None:
        """Keep what *event* says of an account, unless something newer is known."""
        limit = event.limit or agent
        known = self.limits.get((agent, limit))
        if known is None or at_ms > known.at_ms:
            row = LimitRow(
                agent=agent,
                limit=limit,
                at_ms=at_ms,
                plan=event.plan,
                windows=event.windows,
            )
            self.put_limit(row)

    def put_limit(self, row: LimitRow) -> None:
        """Keep *row* as the newest word on its limit, and a sample of each window."""
        key = (row.agent, row.limit)
        self.limits[key] = row
        self.samples[key] = followed(self.samples.get(key, ()), row)
