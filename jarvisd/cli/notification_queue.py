"""Transitions that are due to be notified, and those that were: pure, each once.

A transition is due when it has lasted long enough; the next one of its session takes it
back. The memory says from which number on to ask the daemon again, and which of those
numbers were notified nevertheless: so neither a restart of ours nor one of the daemon loses
or doubles a notification.
"""

from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import msgspec

from jarvisd.base.session_words import State
from jarvisd.state.model import Transition

MINUTE_MS = 60_000
QUIET_LOOK_MS = 30_000
"""During quiet hours the clock is looked at this often, if there is something to notify of."""


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """State across restarts: all up to *after* are settled, *notified* lists later ones that were shown.

    *warned* is the number of the last warning of a budget that was shown.
    """

    after: int
    notified: tuple[int, ...] = msgspec.field(default=(), name="told")
    warned: int | None = None


@dataclass(slots=True)
class Pending:
    """Transitions that may have to be notified.

    Attributes:
        states: Those that are notified.
        after_ms: For how long it must have been so.
        is_quiet: Whether a moment lies in quiet hours.
        last: The greatest number received.

    """

    states: Collection[State]
    after_ms: float
    is_quiet: Callable[[int], bool]
    last: int
    _notified: set[int] = field(default_factory=set)
    _waiting: dict[tuple[str, str], Transition] = field(default_factory=dict)

    def remember(self, memory: Memory) -> None:
        """Continue where an earlier run ended."""
        self.last = memory.after
        self._notified = set(memory.notified)

    def take(self, each: Transition) -> None:
        """Apply a transition of a session."""
        if each.number <= self.last:
            return

        self.last = each.number
        key = (each.agent, each.session_id)
        before = self._waiting.get(key)
        if before is not None and _is_same(before, each):
            return

        self._waiting.pop(key, None)
        if each.state in self.states and each.number not in self._notified:
            self._waiting[key] = each

    def due(self, now_ms: int) -> list[Transition]:
        """Return the transitions to notify of now, in the order in which they began."""
        if not self._waiting or self.is_quiet(now_ms):
            return []

        ripe = [
            each
            for each in self._waiting.values()
            if each.at_ms + self.after_ms <= now_ms
        ]
        return sorted(ripe, key=lambda each: each.number)

    def next_ms(self, now_ms: int) -> float | None:
        """Return when something may be due; None if only news can change that."""
        if not self._waiting:
            return None

        if self.is_quiet(now_ms):
            return now_ms + QUIET_LOOK_MS

        return min(each.at_ms for each in self._waiting.values()) + self.after_ms

    def settle(self, transitions: Collection[Transition]) -> None:
        """Record that *transitions* are settled: notified, or not to be."""
        for each in transitions:
            self._waiting.pop((each.agent, each.session_id), None)
            self._notified.add(each.number)

    def memory(self) -> Memory:
        """Return the state that a later run goes on from."""
        after = min(
            (each.number - 1 for each in self._waiting.values()), default=self.last
        )
        self._notified = {number for number in self._notified if number > after}
        return Memory(after=after, notified=tuple(sorted(self._notified)))


@dataclass(slots=True)
class Allowance:
    """So many notifications a minute."""

    per_minute: int
    _spent: deque[int] = field(default_factory=deque)

    def left(self, now_ms: int) -> int:
        """Return how many may be shown now."""
        while self._spent and self._spent[0] <= now_ms - MINUTE_MS:
            self._spent.popleft()

        return self.per_minute - len(self._spent)

    def spend(self, now_ms: int) -> None:
        """Record that one was shown."""
        self._spent.append(now_ms)

    def next_ms(self) -> int:
        """Return when there is one more, after there was none."""
        return self._spent[0] + MINUTE_MS


def quiet_hours(text: str, minute_of: Callable[[int], int]) -> Callable[[int], bool]:
    """Return whether a moment lies in the hours *text*, such as `22:00-07:00`.

    *minute_of* gives the minute of the local day of a moment. Empty text is never.
    """
    if not text:
        return lambda _now_ms: False

    start, end = (int(each[:2]) * 60 + int(each[3:]) for each in text.split("-"))

    def is_quiet(now_ms: int) -> bool:
        minute = minute_of(now_ms)
        if start <= end:
            return start <= minute < end

        return minute >= start or minute < end

    return is_quiet


def _is_same(before: Transition, each: Transition) -> bool:
    """Whether *each* only repeats *before* with more confidence."""
    return (each.before, each.state, each.tool) == (
        before.state,
        before.state,
        before.tool,
    )
