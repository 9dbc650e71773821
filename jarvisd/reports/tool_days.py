"""Uses of tools by day of one time zone, kept so that only changed days are read again.

Which days have changed the store tells: each flush writes the sessions whose calls it has
changed with its revision. All of this runs on the thread of the store's reader.
"""

import sqlite3
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from datetime import tzinfo
from typing import Any, Final, NamedTuple

from jarvisd.ledger.model import QUARTER_MS
from jarvisd.reports import calendar
from jarvisd.reports.model import ToolRow

_USES: Final = f"""
SELECT owner.text, name, tool_use.kind, source, ref_id, at_ms / {QUARTER_MS}, session,
    count(*), sum(failed), sum(denied),
    count(duration_ms), coalesce(sum(duration_ms), 0), coalesce(max(duration_ms), 0)
FROM tool_use
CROSS JOIN session AS s ON s.session_key = session
CROSS JOIN text AS owner ON owner.text_key = s.agent
WHERE {{chosen}}
GROUP BY 1, 2, 3, 4, 5, 6, 7
"""  # noqa: S608 - a number of ours
"""CROSS keeps the order of the tables: a session is looked up for each use."""

_ALL: Final = _USES.format(chosen="TRUE")
_TIMED: Final = _USES.format(chosen="at_ms >= ? AND at_ms < ?")
_UNDATED: Final = _USES.format(chosen="at_ms IS NULL")
_CHANGED: Final = "SELECT session_key FROM session WHERE revision > ?"
_TIMES_OF: Final = "SELECT DISTINCT at_ms / {quarter} FROM tool_use WHERE session = ?"
_REVISION: Final = "SELECT revision FROM store"

MAX_KEPT: Final = 64
"""Answers to keep until something changes."""

MANY: Final = 1_000
"""Changed sessions of which so many are looked up; with more, all days are read again."""

Tool = tuple[str, str, str, str, str | None]
"""Agent, name, kind, source, and what that source calls it."""


class _Uses(NamedTuple):
    """The uses of one tool in one day, or in more."""

    calls: int
    errors: int
    denials: int
    timed: int
    duration_ms: int
    longest_ms: int
    sessions: Sequence[int]


class ToolsWanted(NamedTuple):
    """Which uses are asked for: days since 1970-01-01, of one agent, by tool or plugin."""

    first: int | None = None
    last: int | None = None
    daily: bool = False
    agent: str | None = None
    by_plugin: bool = False


class ToolDays:
    """The uses of tools, by day of *zone*; None is the day of what has no time."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._revision = -1
        self._days: dict[int | None, dict[Tool, _Uses]] = {}
        self._rows: dict[ToolsWanted, list[ToolRow]] = {}

    def rows(
        self, raw: sqlite3.Connection, wanted: ToolsWanted, max_days: int
    ) -> list[ToolRow]:
        """Return the rows of *wanted*, day by day, the most used first."""
        self._refresh(raw)
        known = self._rows.get(wanted)
        if known is None:
            if len(self._rows) >= MAX_KEPT:
                self._rows.clear()

            known = self._rows[wanted] = list(self._made(wanted, max_days))

        return known

    def _made(self, wanted: ToolsWanted, max_days: int) -> Iterator[ToolRow]:
        first, last = wanted.first, wanted.last
        days = sorted(
            day
            for day, tools in self._days.items()
            if day is not None
            and tools
            and (first is None or day >= first)
            and (last is None or day <= last)
        )
        if wanted.daily:
            for day in days:
                if day >= days[-1] - max_days:
                    name = calendar.day_name(day)
                    yield from _rows_of([self._days[day]], wanted, name)

            return

        chosen = [self._days[day] for day in days]
        if first is None and last is None and None in self._days:
            chosen.append(self._days[None])

        yield from _rows_of(chosen, wanted, None)

    def _refresh(self, raw: sqlite3.Connection) -> None:
        (revision,) = raw.execute(_REVISION).fetchone()
        if revision == self._revision:
            return

        changed = {key for (key,) in raw.execute(_CHANGED, (self._revision,))}
        if self._revision < 0 or revision < self._revision or len(changed) > MANY:
            self._days = self._read(raw.execute(_ALL))
        elif changed:
            days = dict(self._days)
            for day in self._days_of(raw, changed):
                days[day] = self._read(self._uses_of(raw, day)).get(day, {})

            self._days = days

        self._revision = revision
        self._rows = {}

    def _days_of(self, raw: sqlite3.Connection, changed: set[int]) -> set[int | None]:
        """Return the days in which *changed* sessions use tools, or did so before."""
        found = {
            day
            for day, tools in self._days.items()
            if any(_has_any(uses.sessions, changed) for uses in tools.values())
        }
        query = _TIMES_OF.format(quarter=QUARTER_MS)
        for key in changed:
            quarters = [quarter for (quarter,) in raw.execute(query, (key,))]
            found.update(self._day_of(quarters).values())

        return found

    def _uses_of(self, raw: sqlite3.Connection, day: int | None) -> sqlite3.Cursor:
        if day is None:
            return raw.execute(_UNDATED)

        start_ms = calendar.start_of(day, self._zone)
        end_ms = calendar.start_of(day + 1, self._zone)
        return raw.execute(_TIMED, (start_ms, end_ms))

    def _read(
        self, found: Iterable[tuple[Any, ...]]
    ) -> dict[int | None, dict[Tool, _Uses]]:
        """Return the uses of each day in the rows *found*."""
        parts: dict[tuple[int | None, Tool], list[tuple[Any, ...]]] = {}
        for row in found:
            parts.setdefault((row[5], row[:5]), []).append(row)

        days = self._day_of({quarter for quarter, _ in parts})
        merged: dict[int | None, dict[Tool, list[tuple[Any, ...]]]] = {}
        for (quarter, tool), rows in parts.items():
            merged.setdefault(days[quarter], {}).setdefault(tool, []).extend(rows)

        return {
            day: {tool: _summed(rows) for tool, rows in tools.items()}
            for day, tools in merged.items()
        }

    def _day_of(self, quarters: Iterable[int | None]) -> dict[int | None, int | None]:
        timed = [each for each in quarters if each is not None]
        days = calendar.days_of(timed, self._zone)
        found: dict[int | None, int | None] = dict(days.items())
        found[None] = None
        return found


def _has_any(sessions: Sequence[int], changed: set[int]) -> bool:
    """Whether one of *changed* is among *sessions*, which are sorted."""
    if len(changed) > len(sessions):
        return not changed.isdisjoint(sessions)

    places = ((bisect_left(sessions, key), key) for key in changed)
    return any(at < len(sessions) and sessions[at] == key for at, key in places)


def _summed(rows: list[tuple[Any, ...]]) -> _Uses:
    """Return the uses of one tool in one day, of rows by quarter and session."""
    _, _, _, _, _, _, sessions, *numbers = zip(*rows, strict=True)
    calls, errors, denials, timed, duration_ms, longest_ms = numbers
    return _Uses(
        sum(calls),
        sum(errors),
        sum(denials),
        sum(timed),
        sum(duration_ms),
        max(longest_ms),
        array("q", sorted(set(sessions))),
    )


def _rows_of(
    days: Iterable[dict[Tool, _Uses]], wanted: ToolsWanted, day: str | None
) -> list[ToolRow]:
    """Return a row for each tool or plugin in *days*, the most used first."""
    groups: dict[tuple[str, str, str], list[_Uses]] = {}
    for tools in days:
        for (agent, name, kind, source, ref_id), uses in tools.items():
            if wanted.agent not in {None, agent}:
                continue

            if not wanted.by_plugin:
                groups.setdefault((name, kind, source), []).append(uses)
            elif ref_id is not None:
                groups.setdefault((ref_id, "plugin", source), []).append(uses)

    rows = [_row_of(tool, uses, day) for tool, uses in groups.items()]
    return sorted(rows, key=lambda row: (-row.calls, row.name, row.kind, row.source))


def _row_of(tool: tuple[str, str, str], uses: list[_Uses], day: str | None) -> ToolRow:
    name, kind, source = tool
    calls, errors, denials, timed, duration_ms, longest_ms, sessions = zip(
        *uses, strict=True
    )
    return ToolRow(
        day=day,
        name=name,
        kind=kind,
        source=source,
        calls=sum(calls),
        errors=sum(errors),
        denials=sum(denials),
        sessions=len(set().union(*sessions)),
        timed=sum(timed),
        duration_ms=sum(duration_ms),
        longest_ms=max(longest_ms),
    )
