"""Reports of usage: days added up by period, session, project, model or agent.

The week begins on Monday. Distinct counts are exact: they are of sets, not sums.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from jarvisd.base.paging import Place
from jarvisd.base.work_in_turns import PAUSE, InTurns, sorted_runs
from jarvisd.ledger.model import Cell
from jarvisd.reports.calendar import day_name, month_name, week_name
from jarvisd.reports.days import Days
from jarvisd.reports.families import (
    FactsOf,
    Families,
    by_cost,
    facts_of,
)
from jarvisd.reports.groups import Group
from jarvisd.reports.model import Grouping, UsageRow
from jarvisd.reports.slices import Models, UsageSlice

PERIODS: dict[Grouping, Callable[[int], str]] = {
    "day": day_name,
    "week": week_name,
    "month": month_name,
}
SLICES = 64
"""Slices of one session each to look at in one step."""

GROUPS = 16
"""Slices or groups of many sessions and models to add up in one step."""

Placed = tuple[Place, UsageRow]
"""A row, and its place among all."""

Names = tuple[str | None, str | None, str | None]
"""Key, agent and project of a group, as far as its rows are of one each."""

Groups = dict[Names, Group]
NO_ACCOUNTS: Mapping[str, str] = {}
PLACES: frozenset[Grouping] = frozenset({"branch", "account"})
"""What only cells know."""


@dataclass(frozen=True, slots=True)
class UsageReport:
    """A report; rows are made on request, as there may be thousands."""

    total: UsageRow
    _found: Sequence[tuple[Place, Any]]
    _row_of: Callable[[Any], UsageRow]

    def __len__(self) -> int:
        return len(self._found)

    def rows(self, after: Place | None = None) -> Iterator[Placed | None]:
        """Yield the rows behind the place *after*, in order. None is a turn for others."""
        for run in sorted_runs(self._found, itemgetter(0)):
            for place, found in run:
                if after is None or place > after:
                    yield place, self._row_of(found)

            yield None


def usage(
    days: Days,
    by: Grouping,
    facts: FactsOf,
    *,
    first: int | None = None,
    last: int | None = None,
    agent: str | None = None,
    project: Callable[[str | None], bool] | None = None,
    cell: Callable[[Cell], bool] | None = None,
    accounts: Mapping[str, str] = NO_ACCOUNTS,
) -> InTurns[UsageReport]:
    """Return usage from day *first* to *last*, grouped *by* something; in turns.

    Periods come oldest first, after usage without a date; other groups come by cost,
    the most expensive first, and those without a price by tokens.

    Args:
        days: The rollup in the days of the user's zone.
        by: How rows are grouped.
        facts: Returns the facts of a session.
        first: The first day that counts, since 1970-01-01; None for no limit.
        last: The last one.
        agent: The only agent that counts; None for all.
        project: Whether a project counts; None for all.
        cell: Whether a cell counts, by its branch and account; None for all.
        accounts: The configuration folder of each account, by its key.

    """
    yield from days.add_up()
    placed = cell is not None or by in PLACES
    coarse = not placed and project is None and (by in PERIODS or by == "agent")
    if placed:
        slices = yield from days.by_place(first, last, cell or _any, accounts)
    else:
        slices = days.by_agent(first, last) if coarse else days.by_session(first, last)

    parts = [each for each in slices if agent is None or each.agent == agent]
    if project is not None:
        parts = yield from _in_project(parts, project, facts)

    # Slices of a day and agent are the same sums; of sessions there are thousands.
    sums = parts
    if project is None and not coarse and not placed:
        sums = [
            each for each in days.by_agent(first, last) if agent in {None, each.agent}
        ]

    total = yield from _total(sums)
    if coarse and by == "day" and agent is None:
        rows = days.rows(first, last)
        return UsageReport(total, [((row.key or "",), row) for row in rows], _same)

    if by == "session":
        families = Families(facts)
        yield from families.add(parts)
        rows_of = yield from families.placed()
        return UsageReport(total, rows_of, families.row)

    groups: Groups = {}
    for index, part in enumerate(parts):
        _add(groups, part, by, facts)
        if index % (GROUPS if coarse else SLICES) == 0:
            yield PAUSE

    found = yield from _placed(groups, by)
    return UsageReport(total, found, Group.row)


def _placed(groups: Groups, by: Grouping) -> InTurns[list[tuple[Place, Group]]]:
    """Return the groups, each with its place among all."""
    found: list[tuple[Place, Group]] = []
    for group in groups.values():
        names = group.key or "", group.agent or group.project or ""
        place = names[:1] if by in PERIODS else by_cost(group.sum, names)
        found.append((place, group))
        if len(found) % GROUPS == 0:
            yield PAUSE

    return found


def _in_project(
    parts: list[UsageSlice], project: Callable[[str | None], bool], facts: FactsOf
) -> InTurns[list[UsageSlice]]:
    found = []
    for index, part in enumerate(parts):
        if project(facts_of(part, facts).project):
            found.append(part)

        if index % SLICES == 0:
            yield PAUSE

    return found


def _total(parts: list[UsageSlice]) -> InTurns[UsageRow]:
    total = Group(None)
    for index, part in enumerate(parts):
        total.add(part)
        if index % GROUPS == 0:
            yield PAUSE

    return total.row()


def _any(_: Cell) -> bool:
    return True


def _same(row: UsageRow) -> UsageRow:
    return row


def _add(groups: Groups, part: UsageSlice, by: Grouping, facts: FactsOf) -> None:
    """Add *part* to the groups that it is of."""
    for key, models in _split(part, by, facts):
        group = groups.get(key)
        if group is None:
            group = groups[key] = Group(*key)

        group.add(part, models)


def _split(
    part: UsageSlice, by: Grouping, facts: FactsOf
) -> Iterable[tuple[Names, Models]]:
    """Return the groups of *part*, and the models of each."""
    match by:
        case "day" | "week" | "month":
            name = None if part.day is None else PERIODS[by](part.day)
            return [((name, None, None), part.models)]
        case "project":
            return [((facts_of(part, facts).project, None, None), part.models)]
        case "agent":
            return [((part.agent, None, None), part.models)]
        case "branch":  # of its project: every one has a `main`
            project = facts_of(part, facts).project
            return [((part.branch, None, project), part.models)]
        case "account":
            return [((part.account, part.agent, None), part.models)]
        case _:
            return [
                ((model, None, None), {model: each})
                for model, each in part.models.items()
            ]
