"""What budgets have spent and when they warn, from cells at given moments."""

from collections.abc import Iterable
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from jarvisd.budgets.engine import BudgetEngine, Known
from jarvisd.budgets.model import BudgetView, BudgetWarning
from jarvisd.config.budget_settings import BudgetSettings
from jarvisd.core.origin import SessionId
from jarvisd.ledger.engine import Ledger
from jarvisd.ledger.model import QUARTER_MS, Cell
from jarvisd.ledger.session_totals import Session
from jarvisd.overview.sessions import no_price
from tests.reports.cells import cell, ms

DOLLAR = 1_000_000
BERLIN = "Europe/Berlin"


class Run:
    """An engine over some cells, whose sessions are known as far as named."""

    def __init__(
        self,
        cells: Iterable[Cell],
        *sessions: Session,
        zone: str = "UTC",
        projects: dict[str, str] | None = None,
    ) -> None:
        self.ledger = Ledger(no_price)
        self.ledger.restore((each.row().state for each in sessions), cells=cells)
        self.projects = projects or {}
        self.engine = BudgetEngine(
            self.ledger,
            lambda session: self.projects.get(session.session_id),
            ZoneInfo(zone),
        )
        self.given: list[BudgetWarning] = []

    def use(self, *budgets: BudgetSettings) -> "Run":
        self.engine.use(budgets)
        return self

    def views(self, at: str) -> list[BudgetView]:
        for _ in self.engine.refresh(ms(at)):
            pass

        return self.engine.views(ms(at))

    def warned(self, at: str) -> list[tuple[str, int | None]]:
        """Return the budgets and shares of new warnings, which count as given then."""
        self.views(at)
        known: set[Known] = {
            (each.budget.name, each.scope, each.budget.limit_micros, each.share)
            for each in self.given
        }
        due = self.engine.due(known, ms(at), ms(at))
        self.given += due
        return [(each.budget.name, each.share) for each in due]


def budget(**fields: Any) -> BudgetSettings:
    usual: dict[str, Any] = {"name": "all", "limit": 10.0, "forecast": False}
    return BudgetSettings(**usual | fields)


def spent(at: str, dollars: float, **fields: Any) -> Cell:
    return cell(at, cost=round(dollars * DOLLAR), **fields)


DATED = [
    spent("2026-10-31 23:30", 1),
    spent("2026-11-01 00:00", 2),
    spent("2026-11-29 23:45", 4),
    spent("2026-11-30 08:00", 8),
]


@pytest.mark.parametrize(
    ("period", "zone", "dollars"),
    [
        ("month", "UTC", 14),
        ("month", BERLIN, 15),  # 23:30 in UTC is half past midnight there
        ("week", "UTC", 8),  # the 30th is a Monday
        ("week", BERLIN, 12),
        ("day", "UTC", 8),
        ("day", BERLIN, 12),
    ],
)
def test_a_period_is_one_of_the_local_time(
    period: str, zone: str, dollars: int
) -> None:
    [view] = Run(DATED, zone=zone).use(budget(period=period)).views("2026-11-30 12:00")

    assert view.spent_micros == dollars * DOLLAR


@pytest.mark.parametrize(
    ("filters", "dollars"),
    [
        ({}, 31),
        ({"agent": "codex"}, 2),
        ({"branch": "main"}, 4),
        ({"account": "work"}, 8),
        ({"project": "shop"}, 17),
        ({"session": "root"}, 17),
        ({"session": "nobody"}, 0),
        ({"agent": "claude", "branch": "main", "account": "work"}, 0),
    ],
)
def test_a_budget_counts_what_matches_all_of_its_filters(
    filters: dict[str, str], dollars: int
) -> None:
    at = "2026-11-30 08:00"
    cells = [
        spent(at, 1, session="root"),
        spent(at, 16, session="child"),
        spent(at, 2, session="s2", agent="codex"),
        spent(at, 4, session="s3", branch="main"),
        spent(at, 8, session="s4", account="work"),
    ]
    child = Session(session_id=SessionId("child"), agent="claude")
    child.parent_session_id = SessionId("root")
    root = Session(session_id=SessionId("root"), agent="claude")
    run = Run(cells, root, child, projects={"root": "/src/shop", "child": "/tmp/x"})

    [view] = run.use(budget(**filters)).views("2026-11-30 12:00")

    assert view.spent_micros == dollars * DOLLAR
    assert view.has_matched == bool(dollars)


def test_each_session_has_a_budget_of_its_own_with_its_subagents() -> None:
    cells = [
        spent("2026-11-30 08:00", 6, session="a"),
        spent("2026-11-30 09:00", 3, session="child"),
        spent("2026-11-30 09:00", 1, session="b"),
        spent("2026-11-01 09:00", 90, session="old"),
    ]
    sessions = []
    for name in ("a", "child", "b", "old"):
        each = Session(session_id=SessionId(name), agent="claude")
        day = "01" if name == "old" else "30"
        each.spans.add(ms(f"2026-11-{day} 09:00"))
        sessions.append(each)

    sessions[1].parent_session_id = SessionId("a")
    run = Run(cells, *sessions).use(budget(period="session", warn_at=(80,)))

    views = run.views("2026-11-30 12:00")

    assert [(each.session_id, each.spent_micros) for each in views] == [
        ("a", 9 * DOLLAR),
        ("b", 1 * DOLLAR),
    ]
    assert run.warned("2026-11-30 12:00") == [("all", 80)]
    assert run.warned("2026-11-30 12:01") == []


def test_each_share_is_warned_of_once_and_the_greatest_of_those_reached_at_once() -> (
    None
):
    run = Run([spent("2026-11-30 08:00", 7.9)]).use(budget(warn_at=(50, 80, 100)))

    assert run.warned("2026-11-30 09:00") == [("all", 50)]
    assert run.warned("2026-11-30 09:01") == []

    run.ledger.rollup.restore([spent("2026-11-30 09:00", 20)])
    assert run.warned("2026-11-30 09:02") == [("all", 100)]
    assert run.warned("2026-11-30 23:59") == []

    run.ledger.rollup.restore([spent("2026-12-01 00:00", 8)])
    assert run.warned("2026-12-01 00:01") == [("all", 80)]


def test_a_clock_that_jumps_back_over_the_end_of_a_month_warns_of_nothing_twice() -> (
    None
):
    cells = [spent("2026-11-30 08:00", 9), spent("2026-12-01 00:00", 9)]
    run = Run(cells).use(budget())

    assert run.warned("2026-11-30 23:59") == [("all", 80)]
    assert run.warned("2026-12-01 00:01") == [("all", 80)]
    assert run.warned("2026-11-30 23:58") == []
    assert run.warned("2026-12-01 00:02") == []


def test_another_limit_is_another_budget() -> None:
    run = Run([spent("2026-11-30 08:00", 9)]).use(budget())
    assert run.warned("2026-11-30 09:00") == [("all", 80)]

    run.use(budget(limit=11.0))
    assert run.warned("2026-11-30 09:01") == [("all", 80)]


def test_a_pace_that_reaches_the_limit_is_forecast_once() -> None:
    cells = [spent("2026-11-30 12:15", 4), spent("2026-11-30 12:30", 0.01)]
    run = Run(cells).use(budget(period="day", forecast=True))

    [view] = run.views("2026-11-30 12:45")
    # 4.01 dollars in the last hour, and 5.99 are left.
    assert view.full_at_ms is not None
    assert abs(view.full_at_ms - ms("2026-11-30 14:14")) < 60_000
    assert run.warned("2026-11-30 12:45") == [("all", None)]
    assert run.warned("2026-11-30 12:46") == []

    run.ledger.rollup.restore([spent("2026-11-30 12:45", 5)])
    assert run.warned("2026-11-30 12:50") == [("all", 80)]


@pytest.mark.parametrize(
    ("paid_at", "dollars", "now"),
    [
        pytest.param("23:00", 4, "23:40", id="the period ends before"),
        pytest.param("12:00", 1, "12:45", id="little is spent so far"),
        pytest.param("12:00", 4, "16:00", id="nothing was spent of late"),
        pytest.param("00:00", 4, "00:10", id="the period has just begun"),
    ],
)
def test_no_limit_is_forecast_where(paid_at: str, dollars: float, now: str) -> None:
    run = Run([spent(f"2026-11-30 {paid_at}", dollars)])

    [view] = run.use(budget(period="day", forecast=True)).views(f"2026-11-30 {now}")

    assert view.full_at_ms is None


def test_a_project_that_is_known_later_counts_with_the_next_quarter() -> None:
    session = Session(session_id=SessionId("s1"), agent="claude")
    run = Run([spent("2026-11-30 08:00", 5)], session).use(budget(project="shop"))
    assert run.views("2026-11-30 08:10")[0].spent_micros == 0

    run.projects["s1"] = "/src/shop"

    assert run.views("2026-11-30 08:15")[0].spent_micros == 5 * DOLLAR


def test_what_has_no_price_is_counted() -> None:
    run = Run([spent("2026-11-30 08:00", 5, unpriced=3)]).use(budget())

    assert run.views("2026-11-30 09:00")[0].unpriced == 3


def many_quarters() -> list[Cell]:
    """Return 2,000 quarters of an hour, in each of which a millionth was spent."""
    start = ms("2026-11-01 00:00") // QUARTER_MS
    return [
        Cell(
            quarter=start + number,
            agent="claude",
            session_id=SessionId("s1"),
            model="opus",
            cost_micros=1,
            responses=1,
        )
        for number in range(2_000)
    ]


def test_all_quarters_are_summed_though_in_chunks() -> None:
    [view] = Run(many_quarters()).use(budget()).views("2026-11-30 12:00")

    assert view.spent_micros == 2_000


def test_budgets_that_are_replaced_while_others_are_summed_count_at_once() -> None:
    run, now_ms = Run(many_quarters()).use(budget()), ms("2026-11-30 12:00")
    summing = run.engine.refresh(now_ms)
    next(summing)
    run.use(budget(name="other"))

    assert list(summing)
    [view] = run.engine.views(now_ms)

    assert (view.name, view.spent_micros) == ("other", 2_000)


def test_many_budgets_are_summed_in_turns_and_ask_for_a_project_once() -> None:
    asked: list[str] = []

    class Projects(dict[str, str]):
        """Projects that remember what was asked for."""

        def get(self, session_id: str, default: Any = None) -> Any:
            asked.append(session_id)
            return super().get(session_id, default)

    run = Run(
        many_quarters(),
        Session(session_id=SessionId("s1"), agent="claude"),
        projects=Projects(s1="/home/me/shop"),
    ).use(*(budget(name=f"b{n}", project=f"{n}", warn_at=(n,)) for n in range(1, 51)))

    turns = len(list(run.engine.refresh(ms("2026-11-30 12:00"))))

    assert asked == ["s1"]
    assert turns >= 2_000 * 50 // 4_000
