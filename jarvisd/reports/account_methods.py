"""Windows, rates and limits of accounts, from memory and the store.

Past windows are summed from quarters of an hour, which fit because they begin with an
hour. The last hour and a half, and the window whose end the provider reported, are
summed from single responses, which are in the store.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import anyio.lowlevel
from msgspec.structs import astuple, replace

from jarvisd.base.paging import Place
from jarvisd.base.work_in_turns import PAUSE, InTurns, at_once
from jarvisd.core.storage.readable_store import ReadableStore
from jarvisd.ledger.engine import Ledger
from jarvisd.ledger.model import QUARTER_MS, LimitRow, ResponseRow
from jarvisd.reports import calendar, pace, windows
from jarvisd.reports.limits import limit_views, official
from jarvisd.reports.model import LimitView, Rate, WindowRow
from jarvisd.reports.pace import Spending
from jarvisd.reports.past_windows import PastWindows
from jarvisd.reports.report_params import days_of, zone_of
from jarvisd.reports.store import edges, responses_since
from jarvisd.reports.turn_taking import finish
from jarvisd.reports.windows import Bounds, WindowEntry
from jarvisd.reports.wire import ReportWindows

LATE_MS = 86_400_000
"""A window that ended longer ago is summed from quarters, as single responses since then
would be too many to read."""


RESPONSES = 64
"""Responses to price in one step."""


class AccountsView(NamedTuple):
    """Windows, rates and limits of the accounts that were asked for."""

    windows: list[WindowRow]
    rates: list[Rate]
    limits: list[LimitView]


class _Spent(NamedTuple):
    """What was spent on one response of *agent*."""

    agent: str
    entry: WindowEntry
    spending: Spending


class Accounts:
    """Reports on the accounts of all agents."""

    def __init__(self, ledger: Ledger, store: ReadableStore) -> None:
        self._ledger = ledger
        self._store = store
        self._past = PastWindows(ledger.rollup)
        self._stored = ledger.rollup.changes

    def flushed(self) -> None:
        """Record how many changes of the rollup are stored, right after a flush."""
        if not self._ledger.unsaved:
            self._stored = self._ledger.rollup.changes

    async def view(self, asked: ReportWindows, now_ms: int) -> AccountsView:
        """Return the windows, rates and limits that *asked* selects, as of *now_ms*."""
        chosen = _chooser(asked)
        limits, samples = list(self._ledger.limits()), self._ledger.samples()
        placed = _placed(limits, now_ms)
        since_ms = _first_moment(placed, now_ms)
        recent = await self._store.read(partial(responses_since, since_ms=since_ms))
        await self.sum_up(since_ms)
        spent = await finish(self._priced(recent, asked.agent))
        rates = []
        for minutes in pace.MEMORIES:
            spending = [each.spending for each in spent]
            rates.append(pace.rate(spending, minutes=minutes, now_ms=now_ms))
            await anyio.lowlevel.checkpoint()

        rows = [
            row
            for row in self._rows(since_ms, spent, placed, now_ms)
            if asked.agent in {None, row.agent} and chosen.has(row)
        ]
        return AccountsView(
            await self._with_edges(rows),
            rates,
            limit_views(limits, now_ms=now_ms, agent=asked.agent, samples=samples),
        )

    async def sum_up_past(self, now_ms: int) -> None:
        """Sum up what no question at *now_ms* sums from single responses."""
        placed = _placed(self._ledger.limits(), now_ms)
        await self.sum_up(_first_moment(placed, now_ms))

    async def sum_up(self, until_ms: int) -> None:
        """Sum up the windows that were over by *until_ms*, the start of a quarter."""
        if self._past.rollup is not self._ledger.rollup:  # the database was replaced
            self._past = PastWindows(self._ledger.rollup)

        await finish(self._past.sum_up(until_ms))

    def _rows(
        self,
        since_ms: int,
        spent: Sequence[_Spent],
        placed: dict[str, Bounds],
        now_ms: int,
    ) -> Iterator[WindowRow]:
        """Yield all windows: of quarters before *since_ms*, of single responses after it."""
        at_once(self._past.sum_up(since_ms))  # what has changed since `sum_up`
        yield from self._past.rows()
        found = self._past.entries(since_ms)
        for each in spent:
            found.setdefault(each.agent, []).append(each.entry)

        for agent, entries in found.items():
            yield from windows.windows(
                entries,
                agent=agent,
                now_ms=now_ms,
                official=placed.get(agent),
                spending=(each.spending for each in spent if each.agent == agent),
            )

    def _priced(
        self, recent: Sequence[ResponseRow], agent: str | None
    ) -> InTurns[list[_Spent]]:
        """Return tokens and cost of each of the *recent* responses of *agent*, in turns."""
        found: list[_Spent] = []
        for row in recent:
            if agent not in {None, row.agent}:
                continue

            cost, tokens, at_ms = (
                self._ledger.cost_micros(row),
                row.tokens,
                row.at_ms or 0,
            )
            unpriced = int(cost is None)
            numbers = (*astuple(tokens), cost or 0, unpriced, 1, row.web_searches)
            entry = WindowEntry(at_ms, at_ms, row.model, numbers)
            spending = Spending(at_ms, tokens, cost or 0)
            found.append(_Spent(row.agent, entry, spending))
            if len(found) % RESPONSES == 0:
                yield PAUSE

        return found

    async def _with_edges(self, rows: list[WindowRow]) -> list[WindowRow]:
        """Return *rows* with the times of their first and last responses."""
        stored, unknown = self._stored, self._past.without_edges(rows)
        spans = [(row.agent, row.start_ms, row.end_ms) for row in unknown]
        found = await self._store.read(partial(edges, windows=spans)) if spans else []
        known = {(row.agent, row.start_ms): row for row in rows}
        for row, edge in zip(unknown, found, strict=True):
            if edge is not None:
                self._past.keep_edge(row, edge, stored)
                key = row.agent, row.start_ms
                known[key] = replace(row, first_ms=edge[0], last_ms=edge[1])

        return sorted(known.values(), key=window_place)


def window_place(row: WindowRow) -> Place:
    """Return the place of *row* among all."""
    return row.start_ms, row.agent


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
