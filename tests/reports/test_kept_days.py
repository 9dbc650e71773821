"""What is kept of days answers as what is added up from nothing, after any change."""

from itertools import product
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jarvisd.base.usage import Tokens
from jarvisd.base.work_in_turns import at_once
from jarvisd.core.origin import SessionId
from jarvisd.ledger.model import QUARTER_MS, UNDATED, ResponseRow
from jarvisd.ledger.rollup import CellPlace, Rollup
from jarvisd.reports.days import Days
from jarvisd.reports.model import Grouping, UsageRow
from tests.reports.cells import cell, days, ms, no_facts, rows_of, usage_now

ZONES = ("UTC", "Asia/Tokyo", "America/St_Johns")
TIMES = (
    None,
    "2026-11-01 05:00",  # clocks are changed in St. John's
    "2026-11-19 14:00",
    "2026-11-19 15:00",  # in Tokyo the 20th begins
    "2026-11-20 23:45",
    "2026-11-21 09:00",
)
NOW_MS = ms("2026-11-21 10:00")
RANGES: tuple[tuple[int | None, int | None], ...] = ((None, None), (0, 20_777))

responses = st.builds(
    lambda at, session, model, agent: ResponseRow(
        key=1,
        agent=agent,
        session_id=SessionId(session),
        model=model,
        rank=0,
        start_ms=0,
        at_ms=None if at is None else ms(at),
        web_searches=1,
    ),
    st.sampled_from(TIMES),
    st.sampled_from("ab"),
    st.sampled_from(["opus", "gpt", None]),
    st.sampled_from(["claude", "codex"]),
)
costs = st.none() | st.integers(0, 9)


def place_of(row: ResponseRow) -> CellPlace:
    quarter = UNDATED if row.at_ms is None else row.at_ms // QUARTER_MS
    return quarter, (row.agent, row.session_id, row.model, row.branch, row.account)


class Counting:
    """A rollup and what was counted in it, so that it can be taken away again."""

    def __init__(self) -> None:
        self.rollup = Rollup()
        self._counted: list[tuple[ResponseRow, int | None]] = []

    def count(self, row: ResponseRow, cost: int | None) -> None:
        self._counted.append((row, cost))
        self.rollup.count(row, Tokens(3, 1, output=2), cost)

    def take_away(self, which: int) -> None:
        if self._counted:
            row, cost = self._counted.pop(which % len(self._counted))
            self.rollup.count(row, Tokens(3, 1, output=2), cost, -1)

    def price_anew(self, which: int, cost: int) -> None:
        if self._counted:
            row, _ = self._counted[which % len(self._counted)]
            self.rollup.set_cost(place_of(row), (cost, 0))


steps = st.lists(
    st.one_of(
        st.tuples(st.just("count"), responses, costs),
        st.tuples(st.just("take away"), st.integers(0, 99)),
        st.tuples(st.just("price anew"), st.integers(0, 99), st.integers(0, 9)),
        st.tuples(st.just("get ready")),
        st.tuples(st.just("flush")),
        st.tuples(st.just("ask")),
    ),
    max_size=30,
)


def told(found: Days) -> list[tuple[UsageRow, list[UsageRow]]]:
    """Return every report that there is."""
    reports = [
        usage_now(found, by, no_facts, first=first, last=last, agent=agent)
        for by, (first, last), agent in product(
            get_args(Grouping), RANGES, (None, "codex")
        )
    ]
    return [(each.total, rows_of(each)) for each in reports]


@settings(max_examples=150, deadline=None)
@given(steps, st.sampled_from(ZONES))
def test_kept_days_answer_as_new_ones(
    taken: list[tuple[object, ...]], zone: str
) -> None:
    counting = Counting()
    kept = Days(counting.rollup, ZoneInfo(zone))
    for step in [*taken, ("ask",)]:
        match step:
            case ("count", ResponseRow() as row, int() | None as cost):
                counting.count(row, cost)
            case ("take away", int() as which):
                counting.take_away(which)
            case ("price anew", int() as which, int() as cost):
                counting.price_anew(which, cost)
            case ("get ready",):
                at_once(kept.add_up(NOW_MS))
            case ("flush",):
                counting.rollup.take()
            case ("ask",):
                assert told(kept) == told(Days(counting.rollup, ZoneInfo(zone)))


@pytest.mark.parametrize("ahead", [True, False], ids=["ahead of time", "when asked"])
def test_a_new_price_reaches_the_day(*, ahead: bool) -> None:
    found = days(cell("2026-11-19 10:00", cost=1))
    assert usage_now(found, "day", no_facts).total.cost_micros == 1

    (spent,) = found.rollup.cells()
    found.rollup.set_cost((spent.quarter, spent.key), (7, 0))
    if ahead:
        at_once(found.add_up(NOW_MS))

    report = usage_now(found, "day", no_facts)
    assert [each.cost_micros for each in rows_of(report)] == [7]
    assert report.total.cost_micros == 7


def test_the_row_of_a_day_is_made_once_for_all_who_ask() -> None:
    found = days(cell("2026-11-18 10:00"), cell("2026-11-19 10:00"))
    before = rows_of(usage_now(found, "day", no_facts))
    found.rollup.restore([cell("2026-11-19 12:00", session="late")])

    after = rows_of(usage_now(found, "day", no_facts))

    assert after[0] is before[0]
    assert (before[1].sessions, after[1].sessions) == (1, 2)
