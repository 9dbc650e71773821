"""The rollup by day of one time zone, kept so that only changed days are added up again.

A report adds up days; a day adds up quarters of an hour. Of thousands of quarters a few
change in a minute, and nobody wants the others added up again.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import tzinfo
from typing import NamedTuple

from jarvisd.base.work_in_turns import PAUSE, RUN, InTurns, at_once
from jarvisd.core.feature import SessionKey
from jarvisd.core.origin import SessionId
from jarvisd.ledger.model import QUARTER_MS, UNDATED, Cell
from jarvisd.ledger.rollup import Rollup
from jarvisd.reports.calendar import day_name, days_of
from jarvisd.reports.groups import Group
from jarvisd.reports.model import UsageRow
from jarvisd.reports.slices import (
    NOTHING,
    Models,
    Numbers,
    UsageSlice,
    added,
    joined,
    numbers_of,
)


class Days:
    """The rollup, by day of *zone*."""

    def __init__(self, rollup: Rollup, zone: tzinfo) -> None:
        self.rollup = rollup
        self._zone = zone
        self._seen = -1
        self._day_of: dict[int, int] = {}
        self._quarters: dict[int, list[int]] = {}
        self._stale: dict[int | None, int] = {}  # and when they changed
        self._days: dict[int | None, _Day] = {}

    def by_agent(self, first: int | None, last: int | None) -> list[UsageSlice]:
        """Return a slice for each day and agent, from *first* to *last*, inclusive."""
        return [each for day in self._between(first, last) for each in day.by_agent]

    def by_session(self, first: int | None, last: int | None) -> list[UsageSlice]:
        """Return a slice for each day and session, from *first* to *last*, inclusive."""
        return [each for day in self._between(first, last) for each in day.by_session]

    def by_place(
        self,
        first: int | None,
        last: int | None,
        matches: Callable[[Cell], bool],
        accounts: Mapping[str, str],
    ) -> InTurns[list[UsageSlice]]:
        """Return a slice for each day, session, branch and account; in turns.

        They are not kept: only cells know branch and account, and few ask. *accounts*
        has the folders by which people know them.
        """
        self._note_changes()
        found = []
        days = [(None, [UNDATED]), *self._quarters.items()]
        for day, names in days if first is None else days[1:]:
            if day is not None and not (
                (first is None or day >= first) and (last is None or day <= last)
            ):
                continue

            sums: dict[tuple[str, SessionId, str | None, str | None], Models] = {}
            for cell in (cell for name in names for cell in self.rollup.quarter(name)):
                if cell.responses and matches(cell):
                    key = cell.agent, cell.session_id, cell.branch, cell.account
                    models = sums.setdefault(key, {})
                    before = models.get(cell.model, NOTHING)
                    models[cell.model] = added([before, numbers_of(cell)])

            for (agent, session_id, branch, account), models in sums.items():
                keys = ((agent, session_id),)
                shown = accounts.get(account or "", account)
                found.append(UsageSlice(day, agent, keys, models, branch, shown))

            yield PAUSE

        return found

    def rows(self, first: int | None, last: int | None) -> list[UsageRow]:
        """Return the row of each day, from *first* to *last*, inclusive; do not change it."""
        found = self._between(first, last)
        return [day.row for day in found if day.row is not None]

    def add_up(self, before_ms: int | None = None) -> InTurns[int]:
        """Add up the days that have changed, in turns; return how many there were.

        What changes meanwhile is left. With *before_ms* only days that were over then,
        so that it can be done ahead of time.
        """
        self._note_changes()
        today, count = None, 0
        if before_ms is not None:
            quarter = before_ms // QUARTER_MS
            today = days_of([quarter], self._zone)[quarter]

        for day in list(self._stale):
            if today is None or (day is not None and day < today):
                yield from self._add_up(day)
                yield PAUSE
                count += 1

        return count

    def _between(self, first: int | None, last: int | None) -> Iterator["_Day"]:
        self._note_changes()
        for day in list(self._stale):
            at_once(self._add_up(day))

        for day, found in self._days.items():
            if day is None:
                if first is None:
                    yield found
            elif (first is None or day >= first) and (last is None or day <= last):
                yield found

    def _note_changes(self) -> None:
        changed = self.rollup.changed_since(self._seen)
        self._seen = self.rollup.changes
        if UNDATED in changed:
            changed.remove(UNDATED)
            self._stale[None] = self._seen

        new = [each for each in changed if each not in self._day_of]
        self._day_of |= days_of(new, self._zone)
        for quarter in new:
            self._quarters.setdefault(self._day_of[quarter], []).append(quarter)

        self._stale |= dict.fromkeys(
            (self._day_of[each] for each in changed), self._seen
        )

    def _add_up(self, day: int | None) -> InTurns[None]:
        """Add up *day* as it is at the first step; it is stale until the last one."""
        changed = self._stale.get(day)
        if changed is None:  # somebody else has added it up meanwhile
            return

        names = [UNDATED] if day is None else self._quarters[day]
        # Copied at once: between two steps a response may go from one cell to another.
        spent = [
            _Spent((cell.agent, cell.session_id), cell.model, numbers_of(cell))
            for name in names
            for cell in self.rollup.quarter(name)
            if cell.responses
        ]
        added_up = yield from _day_of(day, spent)
        if self._stale.get(day) == changed:
            self._days[day] = added_up
            del self._stale[day]


class _Spent(NamedTuple):
    """The numbers of one cell."""

    session: SessionKey
    model: str | None
    numbers: Numbers


class _Day(NamedTuple):
    """One day in slices, by session and by agent, and as a row of a report by day.

    Whoever wants all days wants many rows of which few have changed: a row is made with
    its day. It is None where nothing is left of the day.
    """

    by_session: Sequence[UsageSlice]
    by_agent: Sequence[UsageSlice]
    row: UsageRow | None


def _day_of(day: int | None, spent: Sequence[_Spent]) -> InTurns[_Day]:
    """Add up what was *spent* on *day*, in turns."""
    sessions: dict[SessionKey, dict[str | None, list[Numbers]]] = {}
    for start in range(0, len(spent), RUN):
        for session, model, numbers in spent[start : start + RUN]:
            sessions.setdefault(session, {}).setdefault(model, []).append(numbers)

        yield PAUSE

    by_session: list[UsageSlice] = []
    for key, models in sessions.items():
        sums = {model: added(numbers) for model, numbers in models.items()}
        by_session.append(UsageSlice(day, key[0], (key,), sums))
        if len(by_session) % RUN == 0:
            yield PAUSE

    by_agent = []
    for agent in sorted({each.agent for each in by_session}):
        yield PAUSE
        by_agent.append(joined([each for each in by_session if each.agent == agent]))

    return _Day(by_session, by_agent, _row_of(day, by_agent) if by_agent else None)


def _row_of(day: int | None, slices: list[UsageSlice]) -> UsageRow:
    group = Group(None if day is None else day_name(day))
    for each in slices:
        group.add(each)

    return group.row()
