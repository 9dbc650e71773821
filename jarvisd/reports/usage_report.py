"""Reports of usage: days added up by period, session, project, model or agent.

The week begins on Monday. Distinct counts are exact: they are of sets, not sums.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from jarvisd.core.origin import SessionId
from jarvisd.reports.calendar import day_name, month_name, week_name
from jarvisd.reports.days import Days
from jarvisd.reports.groups import Group
from jarvisd.reports.model import Grouping, UsageRow
from jarvisd.reports.slices import COST, Models, UsageSlice, tokens_of

_PERIODS: dict[Grouping, Callable[[int], str]] = {
    "day": day_name,
    "week": week_name,
    "month": month_name,
}


class SessionFacts(NamedTuple):
    """Facts about one session.

    *root* is the session that a person started and of which this one is a subagent, at
    any depth; of a session without a parent, itself. *project* is a folder.
    """

    root: SessionId
    project: str | None = None
    title: str | None = None
    started_ms: int | None = None
    last_ms: int | None = None


FactsOf = Callable[[str, SessionId], SessionFacts]
"""(agent, session) -> its facts."""

Keep = Callable[[UsageSlice], bool]
"""Whether a report is about a slice."""


@dataclass(frozen=True, slots=True)
class UsageReport:
    """A report; rows are made on request, as there may be thousands."""

    _found: list[Group] | list[UsageRow]
    total: UsageRow
    _facts: FactsOf

    def __len__(self) -> int:
        return len(self._found)

    def rows(self, start: int = 0, stop: int | None = None) -> list[UsageRow]:
        """Return the rows from *start* to *stop*, which is not included."""
        return [self._row(each) for each in self._found[start:stop]]

    def _row(self, found: Group | UsageRow) -> UsageRow:
        return found if isinstance(found, UsageRow) else self._row_of(found)

    def _row_of(self, group: Group) -> UsageRow:
        row = group.row()
        if group.agent is None or group.key is None:
            return row

        own = self._facts(group.agent, SessionId(group.key))
        parts = [own, *(self._facts(*each) for each in group.sessions)]
        row.project, row.title = own.project, own.title
        row.started_ms = min(_known(each.started_ms for each in parts), default=None)
        row.last_activity_ms = max(_known(each.last_ms for each in parts), default=None)
        return row


def _known(times: Iterable[int | None]) -> list[int]:
    return [each for each in times if each is not None]


def usage(
    days: Days,
    by: Grouping,
    facts: FactsOf,
    *,
    first: int | None = None,
    last: int | None = None,
    agent: str | None = None,
    project: Callable[[str | None], bool] | None = None,
) -> UsageReport:
    """Return usage from day *first* to *last*, grouped *by* something.

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

    """
    coarse = project is None and (by in _PERIODS or by == "agent")
    slices = days.by_agent(first, last) if coarse else days.by_session(first, last)
    if agent is not None:
        slices = [each for each in slices if each.agent == agent]

    if project is not None:
        slices = [each for each in slices if project(_facts_of(each, facts).project)]

    total = _total(slices)
    if coarse and by == "day" and agent is None:
        return UsageReport(sorted(days.rows(first, last), key=_by_period), total, facts)

    groups = list(_grouped(slices, by, facts).values())
    groups.sort(key=_by_period if by in _PERIODS else _by_cost)
    return UsageReport(groups, total, facts)


def _grouped(
    slices: list[UsageSlice], by: Grouping, facts: FactsOf
) -> dict[tuple[str | None, str | None], Group]:
    groups: dict[tuple[str | None, str | None], Group] = {}
    for part in slices:
        for key, models in _split(part, by, facts):
            group = groups.get(key)
            if group is None:
                group = groups[key] = Group(*key)

            group.add(part, models)
    return groups


def _split(
    part: UsageSlice, by: Grouping, facts: FactsOf
) -> Iterable[tuple[tuple[str | None, str | None], Models]]:
    """Return the groups of *part*, and the models of each."""
    match by:
        case "day" | "week" | "month":
            name = None if part.day is None else _PERIODS[by](part.day)
            return [((name, None), part.models)]
        case "session":
            return [((_facts_of(part, facts).root, part.agent), part.models)]
        case "project":
            return [((_facts_of(part, facts).project, None), part.models)]
        case "agent":
            return [((part.agent, None), part.models)]
        case "model":
            return [
                ((model, None), {model: each}) for model, each in part.models.items()
            ]


def _facts_of(part: UsageSlice, facts: FactsOf) -> SessionFacts:
    (session,) = part.sessions
    return facts(*session)


def _total(slices: list[UsageSlice]) -> UsageRow:
    group = Group(None)
    for part in slices:
        group.add(part)

    return group.row()


def _by_period(found: Group | UsageRow) -> str:
    return found.key or ""


def _by_cost(group: Group) -> tuple[int, int, str, str]:
    """Return a unique sort key, so that paging returns each row once."""
    names = group.key or "", group.agent or ""
    return -group.sum[COST], -tokens_of(group.sum).total, *names
