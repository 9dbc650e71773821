"""The features as the flusher asks them: one that fails costs itself.

Every call of a feature in a flush is here, in a bulkhead. The flusher is the only task
that stores anything, so an error that reached it would keep everything from being stored.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter, methodcaller
from typing import Any, NamedTuple

import structlog

from jarvisd.base.clock import Clock
from jarvisd.base.refusals import Refusals
from jarvisd.core.feature import Change, Feature, FlushOutcome, Scope, SessionKey
from jarvisd.core.saved import FlushBatch, Saved

log = structlog.get_logger()


class Taken(NamedTuple):
    """What features have to store: their changes, and which of them failed."""

    changes: Mapping[str, Change]
    failed: frozenset[str]


class GuardedFeatures:
    """*by_name* in their order; one that fails is reported, and taken for one at rest.

    Attributes:
        refused: The rows that are not stored and will not be, and the errors.
        is_partial: A feature failed in the flush under way, while others were stored.
        lacks_cursors: The last flush stored changes without the cursors of its streams.

    """

    def __init__(self, by_name: Mapping[str, Feature], clock: Clock) -> None:
        self.by_name = by_name
        self.refused = Refusals()
        self.is_partial = False
        self.lacks_cursors = False
        self._clock = clock
        # Asked with each change of a stream, so only those that can be pressing.
        self._can_press = {
            name: each
            for name, each in by_name.items()
            if type(each).is_pressing is not Feature.is_pressing
        }
        self._failing: set[tuple[str, str]] = set()

    @property
    def is_pressing(self) -> bool:
        """Whether what waits is to be stored at once."""
        return any(self._ask("is_pressing", attrgetter("is_pressing"), self._can_press))

    @property
    def has_waiting(self) -> bool:
        """Whether there is something to store that no changed stream brings along."""
        return any(self._ask("has_waiting", attrgetter("has_waiting")))

    @property
    def unsaved(self) -> int:
        """Return how many rows wait to be stored."""
        return sum(self._ask("unsaved", attrgetter("unsaved")))

    @property
    def is_mixed(self) -> bool:
        """Whether what they have cannot be parted by sessions now; so it is if one fails."""
        parted = list(self._ask("is_mixed", attrgetter("is_mixed")))
        return any(parted) or len(parted) < len(self.by_name)

    def urgent_sessions(self) -> set[SessionKey]:
        """Return the sessions of which something is to be stored before all else."""
        asked = self._ask("urgent_sessions", methodcaller("urgent_sessions"))
        return {session for each in asked for session in each}

    def delayed(self) -> None:
        """Notify all features that nothing can be stored for now."""
        for _ in self._ask("delayed", methodcaller("delayed")):
            pass

    def take(self, scope: Scope) -> Taken:
        """Return the changes of *scope* that all features have to store now."""
        changes: dict[str, Change] = {}
        failed = set()
        self.lacks_cursors = False
        for name, feature in self.by_name.items():
            try:
                change = feature.take(scope)
            except Exception as exc:
                self.failed(name, exc)
                self._postpone(feature)
                failed.add(name)
            else:
                if change is not None:
                    changes[name] = change

        for refused in self._ask("take_refused", methodcaller("take_refused")):
            self.put_aside(refused)

        return Taken(changes, frozenset(failed))

    def settle(
        self, batch: FlushBatch, outcome: FlushOutcome, saved: Saved | None = None
    ) -> None:
        """Notify each feature whose change is in *saved* that it is committed.

        All others receive *outcome*.
        """
        for name, change in batch.changes.items():
            feature = self.by_name[name]
            try:
                if saved is not None and name in saved.receipts:
                    receipt = saved.receipts[name]
                    feature.settled(FlushOutcome.COMMITTED, change, receipt)
                else:
                    if saved is not None and outcome is FlushOutcome.REFUSED:
                        self._postpone(feature)

                    feature.settled(outcome, change, None)
            except Exception as exc:
                self.failed(name, exc)
                self.is_partial = True

    def failed(self, name: str, exc: Exception) -> None:
        """Report that the feature *name* has failed; all others go on."""
        log.error("feature.crashed", feature=name, exc_info=exc)
        self.put_aside([f"{name}: {type(exc).__name__}"])

    def put_aside(self, refused: Sequence[str]) -> None:
        """Report that the rows named by *refused* are not stored and will not be."""
        if refused:
            self.refused.add(len(refused), refused[-1], self._clock.unix_ms())
            log.error("rows.refused", rows=len(refused), last=refused[-1])

    def _postpone(self, feature: Feature) -> None:
        """Try the change of *feature* again after a pause; others are stored."""
        self.is_partial = True
        self.lacks_cursors |= feature.has_cursors

    def _ask(
        self,
        what: str,
        ask: Callable[[Feature], Any],
        features: Mapping[str, Feature] | None = None,
    ) -> Iterable[Any]:
        """Yield the answer of each feature that gives one to *ask*.

        An error is reported once: these questions come with each line.
        """
        for name, feature in (self.by_name if features is None else features).items():
            try:
                answer = ask(feature)
            except Exception as exc:
                if (name, what) not in self._failing:
                    self._failing.add((name, what))
                    self.failed(name, exc)
            else:
                yield answer
