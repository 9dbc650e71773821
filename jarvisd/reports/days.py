"""The rollup by day of one time zone, kept so that only changed days are added up again.

A report adds up days; a day adds up quarters of an hour. Of thousands of quarters a few
change in a minute, and nobody wants the others added up again.
"""

from collections.abc import Iterable, Iterator
from datetime import tzinfo

from jarvisd.core.feature import SessionKey
from jarvisd.ledger.model import QUARTER_MS, UNDATED, Cell
from jarvisd.ledger.rollup import Rollup
from jarvisd.reports.calendar import day_name, days_of
from jarvisd.reports.groups import Group
from jarvisd.reports.model import UsageRow
from jarvisd.reports.slices import (
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
        self._stale: set[int | None] = set()
        self._days: dict[int | None, _Day] = {}

    def by_agent(self, first: int | None, last: int | None) -> list[UsageSlice]:
        """Return a slice for each day and agent, from *first* to *last*, inclusive."""
        return [each for day in self._between(first, last) for each in day.by_agent]

    def by_session(self, first: int | None, last: int | None) -> list[UsageSlice]:
        """Return a slice for each day and session, from *first* to *last*, inclusive."""
        return [each for day in self._between(first, last) for each in day.by_session]

    def rows(self, first: int | None, last: int | None) -> list[UsageRow]:
        """Return the row of each day, from *first* to *last*, inclusive; do not change it."""
        found = self._between(first, last)
        return [day.row for day in found if day.row is not None]

    def add_up_one(self, before_ms: int) -> bool:
        """Add up a day that has changed and was over by *before_ms*, if there is one.

        Return whether there was one, so that a caller can do this ahead of time.
        """
        self._note_changes()
        quarter = before_ms // QUARTER_MS
        today = days_of([quarter], self._zone)[quarter]
        over = (day for day in self._stale if day is not None and day < today)
        day = next(over, None)
        if day is not None:
            self._add_up(day)

        return day is not None

    def _between(self, first: int | None, last: int | None) -> Iterator["_Day"]:
        self._note_changes()
        for day in list(self._stale):
            self._add_up(day)

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
            self._stale.add(None)

        new = [each for each in changed if each not in self._day_of]
        self._day_of |= days_of(new, self._zone)
        for quarter in new:
            self._quarters.setdefault(self._day_of[quarter], []).append(quarter)

        self._stale |= {self._day_of[each] for each in changed}

    def _add_up(self, day: int | None) -> None:
        self._stale.discard(day)
        names = [UNDATED] if day is None else self._quarters[day]
        quarters = map(self.rollup.quarter, names)
        self._days[day] = _Day(day, (cell for each in quarters for cell in each))


class _Day:
    """One day in slices, by session and by agent, and as a row of a report by day.

    Whoever wants all days wants many rows of which few have changed: a row is made with
    its day. It is None where nothing is left of the day.
    """

    __slots__ = ("by_agent", "by_session", "row")

    def __init__(self, day: int | None, cells: Iterable[Cell]) -> None:
        sessions: dict[SessionKey, dict[str | None, list[Numbers]]] = {}
        for cell in cells:
            if cell.responses:
                models = sessions.setdefault((cell.agent, cell.session_id), {})
                models.setdefault(cell.model, []).append(numbers_of(cell))

        self.by_session = [
            UsageSlice(
                day,
                key[0],
                (key,),
                {model: added(numbers) for model, numbers in models.items()},
            )
            for key, models in sessions.items()
        ]
        self.by_agent = [
            joined([each for each in self.by_session if each.agent == agent])
            for agent in sorted({each.agent for each in self.by_session})
        ]
        self.row = _row_of(day, self.by_agent) if self.by_agent else None


def _row_of(day: int | None, slices: list[UsageSlice]) -> UsageRow:
    group = Group(None if day is None else day_name(day))
    for each in slices:
        group.add(each)

    return group.row()
