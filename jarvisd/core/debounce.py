"""When a changed block is due to be stored: arithmetic on deadlines, no timer.

A block is written at most once a second, its first line within 0.1 s, and its last
change is never left unwritten: there is always a next deadline while it is dirty.

Blocks change at their own moments, but one transaction should serve all of them. So
every due time lies on a common tick of the monotonic clock: the next half second for a
block that was quiet, else a full one, or the half second before it where the change
would wait for longer than 1.5 s. Whatever their phases, steady blocks meet on the full
seconds after two flushes, and stay there, even if some lines come just behind a tick.
"""

import math
from collections.abc import Hashable, Iterable, Iterator
from typing import Generic, TypeVar

FIRST_S = 0.05
"""First lines are stored on ticks of this length, after settling for as long."""

INTERVAL_S = 1.0
"""The commissioned limit: one write per block and second."""

QUIET_S = 2.0
"""A block that was not stored for so long does not change every second."""

LONGEST_S = 1.5
"""No change waits longer for the store."""


K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


def due_at(*, dirty_since: float, flushed_at: float) -> float:
    """Return when a block is to be stored, in seconds of the monotonic clock.

    Args:
        dirty_since: When the first change came that is not stored yet.
        flushed_at: When the block was last stored; -inf for never.

    """
    if math.isinf(flushed_at):
        return _tick(dirty_since + FIRST_S, FIRST_S)

    # A flush begins a little after its tick, and must not miss the next one for that.
    began = math.floor(flushed_at / FIRST_S) * FIRST_S
    earliest = max(dirty_since, began + INTERVAL_S)
    full, half = _tick(earliest, INTERVAL_S), INTERVAL_S / 2
    if dirty_since - began >= QUIET_S:
        return _tick(dirty_since, half)

    return full if full - dirty_since <= LONGEST_S else full - half


def _tick(at: float, length: float) -> float:
    return math.ceil(at / length) * length


class Agenda(Generic[K, T]):
    """What is to be stored, and when each is due; the rule of this module, applied.

    Attributes:
        next_due: When the first is due; infinity while nothing waits.

    """

    def __init__(self) -> None:
        self._waiting: dict[K, tuple[T, float]] = {}
        self._stored_at: dict[K, float] = {}
        self.next_due = math.inf

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, key: object) -> bool:
        return key in self._waiting

    def __iter__(self) -> Iterator[T]:
        return (each for each, _ in self._waiting.values())

    def add(self, key: K, thing: T, now: float, *, urgent: bool = True) -> bool:
        """Enqueue *thing*; return True if it is due before all others that wait.

        What is not *urgent* is treated as if it had been stored just now.
        """
        if key in self._waiting:
            return False

        if not urgent:
            self._stored_at.setdefault(key, now)

        stored_at = self._stored_at.get(key, -math.inf)
        due = due_at(dirty_since=now, flushed_at=stored_at)
        self._waiting[key] = (thing, due)
        if due >= self.next_due:
            return False

        self.next_due = due
        return True

    def take(self, now: float = math.inf) -> list[T]:
        """Remove and return the entries that are due at *now*; without *now*, all of them."""
        return self.take_only(
            [k for k, (_, due) in self._waiting.items() if due <= now]
        )

    def take_only(self, keys: Iterable[K]) -> list[T]:
        """Return those of *keys* that wait; they wait no more."""
        return [self._waiting.pop(key)[0] for key in keys if key in self._waiting]

    def begun(self, keys: Iterable[K], now: float) -> None:
        """Record that *keys* are being stored as they are, so that none of them waits.

        What changes from now on is due later.
        """
        for key in keys:
            self._waiting.pop(key, None)
            self._stored_at[key] = now

    def put_back(self, key: K, thing: T, now: float) -> None:
        """Enqueue *thing* again, which could not be stored, unless it waits already."""
        self._waiting.setdefault(key, (thing, now))

    def plan(self) -> None:
        """Update the time of the first one that is due, after some were removed."""
        dues = [due for _, due in self._waiting.values()]
        self.next_due = min(dues, default=math.inf)
