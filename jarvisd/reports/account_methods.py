"""Windows, rates and limits of accounts, from memory and the store.

Past windows are summed from quarters of an hour, which fit because they begin with an
hour. The last hour and a half, and the window whose end the provider reported, are
summed from single responses, which are in the store.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import NamedTuple

from msgspec.structs import astuple, replace

from jarvisd.core.storage.readable_store import ReadableStore
from jarvisd.ledger.engine import Ledger
from jarvisd.ledger.model import QUARTER_MS, Cell, LimitRow, ResponseRow
from jarvisd.reports import calendar, pace, slices, windows
from jarvisd.reports.limits import limit_views, official
from jarvisd.reports.model import LimitView, Rate, WindowRow
from jarvisd.reports.pace import Spending
from jarvisd.reports.report_params import days_of, zone_of
from jarvisd.reports.store import edges, responses_since
from jarvisd.reports.windows import Bounds, WindowEntry
from jarvisd.reports.wire import ReportWindows

LATE_MS = 86_400_000
"""A window that ended longer ago is summed from quarters, as single responses since then
would be too many to read."""


class AccountsView(NamedTuple):
    """Windows, rates and limits of the accounts that were asked for."""

    windows: list[WindowRow]
    rates: list[Rate]
    limits: list[LimitView]


class Accounts:
    """Reports on the accounts of all agents."""

    def __init__(self, ledger: Ledger, store: ReadableStore) -> None:
        self._ledger = ledger
        self._store = store

    async def view(self, asked: ReportWindows, now_ms: int) -> AccountsView:
        """Return the windows, rates and limits that *asked* selects, as of *now_ms*."""
        chosen = _chooser(asked)
        limits, samples = list(self._ledger.limits()), self._ledger.samples()
        placed = _placed(limits, now_ms)
        since_ms = _first_moment(placed, now_ms)
        recent = await self._store.read(partial(responses_since, since_ms=since_ms))
        recent = [each for each in recent if asked.agent in {None, each.agent}]
        rows = [
            row
            for agent, entries in self._entries(since_ms, recent).items()
            if asked.agent in {None, agent}
            for row in windows.windows(
                entries,
                agent=agent,
                now_ms=now_ms,
                official=placed.get(agent),
                spending=self._spending(each for each in recent if each.agent == agent),
            )
        ]
        return AccountsView(
            await self._edged([row for row in rows if chosen.has(row)]),
            pace.rates(self._spending(recent), now_ms=now_ms),
            limit_views(limits, now_ms=now_ms, agent=asked.agent, samples=samples),
        )

    def _entries(
        self, since_ms: int, recent: Sequence[ResponseRow]
    ) -> dict[str, list[WindowEntry]]:
        """Return usage by agent: quarters before *since_ms*, single responses after it."""
        found: dict[str, list[WindowEntry]] = {}
        for cell in self._ledger.rollup.cells(until_ms=since_ms):
            if cell.responses and cell.quarter:
                found.setdefault(cell.agent, []).append(_coarse(cell))

        for row in recent:
            found.setdefault(row.agent, []).append(self._fine(row))

        return found

    def _fine(self, row: ResponseRow) -> WindowEntry:
        cost, tokens, at_ms = self._ledger.cost_micros(row), row.tokens, row.at_ms or 0
        numbers = (
            *astuple(tokens),
            cost or 0,
            int(cost is None),
            1,
            row.web_searches,
        )
        return WindowEntry(at_ms, at_ms, row.model, numbers)

    def _spending(self, recent: Iterable[ResponseRow]) -> list[Spending]:
        return [
            Spending(row.at_ms or 0, row.tokens, self._ledger.cost_micros(row) or 0)
            for row in recent
        ]

    async def _edged(self, rows: list[WindowRow]) -> list[WindowRow]:
        """Return *rows* with the times of their first and last responses."""
        rows.sort(key=lambda row: (row.start_ms, row.agent))
        spans = [(row.agent, row.start_ms, row.end_ms) for row in rows]
        found = await self._store.read(partial(edges, windows=spans))
        return [
            row if edge is None else replace(row, first_ms=edge[0], last_ms=edge[1])
            for row, edge in zip(rows, found, strict=True)
        ]


class _Chosen(NamedTuple):
    """The requested time, in Unix ms; None for no limit."""

    start_ms: int | None
    end_ms: int | None

    def has(self, row: WindowRow) -> bool:
        after = self.start_ms is None or row.end_ms > self.start_ms
        return after and (self.end_ms is None or row.start_ms < self.end_ms)


def _chooser(asked: ReportWindows) -> _Chosen:
    first, last = days_of(asked)
    zone = zone_of(asked.tz)
    return _Chosen(
        None if first is None else calendar.start_of(first, zone),
        None if last is None else calendar.start_of(last + 1, zone),
    )


def _placed(limits: Iterable[LimitRow], now_ms: int) -> dict[str, Bounds]:
    """Return by agent the window whose end the provider reported, if it is recent."""
    rows = list(limits)
    found = {row.agent: official(rows, agent=row.agent) for row in rows}
    return {
        agent: bounds
        for agent, bounds in found.items()
        if bounds is not None and bounds.end_ms > now_ms - LATE_MS
    }


def _first_moment(placed: dict[str, Bounds], now_ms: int) -> int:
    """Return the time from which single responses are needed: the start of a quarter."""
    starts = [bounds.start_ms for bounds in placed.values()]
    since_ms = min([now_ms - pace.HORIZON_MS, *starts])
    return since_ms - since_ms % QUARTER_MS


def _coarse(cell: Cell) -> WindowEntry:
    return WindowEntry(
        cell.start_ms, cell.start_ms, cell.model, slices.numbers_of(cell)
    )
