"""The journal: transitions that wait to be stored, and the newest ones for followers.

A transition is announced once it is stored, so that what followers were sent and what
the history shows afterwards is one past, whatever kills the daemon. While nothing can be
stored it is announced at once, as not stored: a full disk silences no approval.
"""

from collections import deque
from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

from msgspec.structs import replace

from jarvisd.base.session_words import NEEDS, OVER
from jarvisd.core.feature import Feature, FlushOutcome, Receipt, Scope, SessionKey
from jarvisd.core.publisher import Publish, ignore
from jarvisd.state.model import Transition

MAX_KEPT = 4_096
"""The newest ones, at 200 bytes each; older ones are asked of the store."""

MAX_WAITING = 65_536
"""While the disk is full. Beyond it the history loses the oldest, which followers
were sent."""

OLD_MS = 5_000
"""What a session came to longer ago than this is not stored before all else."""


class TransitionMade(NamedTuple):
    """A session has another state.

    *urgent*: to be stored before all else. What is found out long after it happened, as
    in history, waits for others, unless somebody is needed or the session is over.
    """

    transition: Transition
    urgent: bool


class TransitionReported(NamedTuple):
    """A transition is stored, or cannot be and is announced all the same."""

    transition: Transition


class Journal(Feature):
    """Numbers transitions, keeps them until they are stored, and announces them then.

    Attributes:
        last_number: The greatest number given.
        reported_number: That of the newest transition that followers were notified of.

    """

    def __init__(self, last_number: int = 0, *, publish: Publish = ignore) -> None:
        self._publish = publish
        self.last_number = self.reported_number = self._began = last_number
        self._waiting: dict[int, Transition] = {}
        self._newest: deque[Transition] = deque(maxlen=MAX_KEPT)
        self._is_degraded = False

    def add(self, transitions: Iterable[Transition], now_ms: int) -> None:
        """Record the transitions that were just made.

        A number is the time in ms, or one more than the last. So it is not used again
        even for what was reported and not stored when the daemon was killed.
        """
        for each in transitions:
            self.last_number = max(self.last_number + 1, now_ms)
            numbered = replace(each, number=self.last_number)
            self._wait(numbered)
            is_calm = each.state not in NEEDS and each.state not in OVER
            is_old = is_calm and now_ms - each.at_ms > OLD_MS
            self._publish(TransitionMade(numbered, urgent=not is_old))

        if self._is_degraded:
            self._report_unstored()

    def waiting(self) -> tuple[Transition, ...]:
        """Return the transitions that are not stored yet, oldest first."""
        return tuple(self._waiting.values())

    def unstored(self) -> list[Transition]:
        """Return transitions that were reported and are not stored yet, oldest first."""
        return [
            replace(each, stored=False)
            for each in self._waiting.values()
            if each.number <= self.reported_number
        ]

    def urgent_sessions(self) -> set[SessionKey]:
        """Return the sessions with transitions that are not stored yet."""
        return {(each.agent, each.session_id) for each in self._waiting.values()}

    @property
    def has_waiting(self) -> bool:
        """Whether something is not stored yet."""
        return bool(self._waiting)

    def take(self, scope: Scope) -> tuple[Transition, ...] | None:
        """Return all transitions that are not stored."""
        del scope
        return self.waiting() or None

    def settled(
        self, outcome: FlushOutcome, change: Iterable[Transition], receipt: Receipt
    ) -> None:
        """Announce the transitions of *change* once they are stored.

        They are all that waited when they were taken, so they are reported in order.
        """
        del receipt
        if outcome is FlushOutcome.COMMITTED:
            for each in change:
                self._waiting.pop(each.number, None)
                self._report(each)

            self._is_degraded = False

    def delayed(self) -> None:
        """Announce all that waits at once, and what follows, until something is stored."""
        self._is_degraded = True
        self._report_unstored()

    def after(self, number: int) -> list[Transition]:
        """Return those at hand that were reported after *number*, oldest first."""
        newer = 0
        for each in reversed(self._newest):
            if each.number <= number:
                break

            newer += 1
        return list(islice(self._newest, len(self._newest) - newer, None))

    @property
    def floor(self) -> int:
        """Return the number after which all are at hand."""
        if len(self._newest) == MAX_KEPT:
            return self._newest[0].number

        return self._began

    def _report_unstored(self) -> None:
        for each in self.waiting():
            self._report(replace(each, stored=False))

    def _report(self, transition: Transition) -> None:
        if transition.number <= self.reported_number:
            return  # it was reported when it could not be stored

        self.reported_number = transition.number
        self._newest.append(transition)
        self._publish(TransitionReported(transition))

    def _wait(self, transition: Transition) -> None:
        self._waiting[transition.number] = transition
        if len(self._waiting) > MAX_WAITING:
            del self._waiting[next(iter(self._waiting))]
