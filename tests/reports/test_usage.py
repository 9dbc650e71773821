"""Cells in rows: by period, session, project, model and agent."""

import pytest

from jarvisd.core.origin import SessionId
from jarvisd.reports.calendar import day_number
from jarvisd.reports.days import Days
from jarvisd.reports.families import SessionFacts
from jarvisd.reports.model import Grouping
from jarvisd.reports.usage_report import UsageReport
from tests.reports.cells import cell, days, no_facts, rows_of, usage_now

CELLS = (
    cell("2026-11-02 10:00", session="a", cost=1),
    cell("2026-11-02 10:15", session="a", cost=2, model="haiku"),
    cell("2026-11-02 11:00", session="b", cost=4, agent="codex", model="gpt"),
    cell("2026-11-08 23:45", session="a", cost=8),
    cell("2026-12-01 00:00", session="c", cost=16, unpriced=1),
)


def rows(
    by: Grouping, *, of: Days | None = None, **wanted: object
) -> list[tuple[object, ...]]:
    found = made(by, of=of, **wanted)
    return [(row.key, row.cost_micros, row.sessions) for row in rows_of(found)]


def made(by: Grouping, *, of: Days | None = None, **wanted: object) -> UsageReport:
    return usage_now(of or days(*CELLS), by, no_facts, **wanted)


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        pytest.param(
            "day",
            [("2026-11-02", 7, 2), ("2026-11-08", 8, 1), ("2026-12-01", 16, 1)],
            id="day",
        ),
        pytest.param("week", [("2026-11-02", 15, 2), ("2026-11-30", 16, 1)], id="week"),
        pytest.param("month", [("2026-11", 15, 2), ("2026-12", 16, 1)], id="month"),
        pytest.param(
            "session", [("c", 16, 1), ("a", 11, 1), ("b", 4, 1)], id="session"
        ),
        pytest.param("agent", [("claude", 27, 2), ("codex", 4, 1)], id="agent"),
        pytest.param(
            "model", [("opus", 25, 2), ("gpt", 4, 1), ("haiku", 2, 1)], id="model"
        ),
        pytest.param("project", [(None, 31, 3)], id="project"),
    ],
)
def test_rows_are_told_apart(by: Grouping, expected: list[tuple[object, ...]]) -> None:
    assert rows(by) == expected


def test_sessions_of_one_id_and_cost_have_an_order_of_their_own() -> None:
    twins = [
        cell("2026-11-02 10:00", session="a", agent="codex"),
        cell("2026-11-02 10:00", session="a", agent="claude"),
    ]
    for cells in (twins, twins[::-1]):
        found = rows_of(made("session", of=days(*cells)))

        assert [row.agent for row in found] == ["claude", "codex"]


@pytest.mark.parametrize("by", ["day", "week", "month", "session", "model", "agent"])
def test_every_report_adds_up_to_the_same(by: Grouping) -> None:
    found = made(by)

    assert (
        sum(row.cost_micros for row in rows_of(found)) == found.total.cost_micros == 31
    )
    assert sum(row.tokens.output for row in rows_of(found)) == found.total.tokens.output
    assert (found.total.sessions, found.total.unpriced) == (3, 1)


def test_a_day_is_one_of_the_users_zone() -> None:
    assert [each[0] for each in rows("day", of=days(*CELLS, zone="Asia/Tokyo"))] == [
        "2026-11-02",
        "2026-11-09",
        "2026-12-01",
    ]


def test_both_ends_of_a_range_are_in_it() -> None:
    first, last = day_number("20261102"), day_number("2026-11-08")

    assert rows("month", first=first, last=last) == [("2026-11", 15, 2)]
    assert rows("day", first=last, last=last) == [("2026-11-08", 8, 1)]


def test_filters_leave_out_others() -> None:
    assert rows("day", agent="codex") == [("2026-11-02", 4, 1)]
    assert rows("session", agent="nobody") == []


def test_what_has_no_date_comes_first_and_is_in_no_range() -> None:
    of = days(cell(None, cost=5), cell("2026-11-02 10:00", cost=1))

    assert rows("day", of=of) == [(None, 5, 1), ("2026-11-02", 1, 1)]
    assert rows("day", of=of, first=0) == [("2026-11-02", 1, 1)]


def test_a_session_has_its_subagents() -> None:
    def facts(agent: str, session_id: SessionId) -> SessionFacts:
        del agent
        last_ms = {"root": 1, "child": 9}[session_id]
        return SessionFacts(SessionId("root"), "/shop", "Mend it", 0, last_ms)

    of = days(
        cell("2026-11-02 10:00", session="root", cost=1),
        cell("2026-11-02 10:00", session="child", cost=2),
    )
    (row,) = rows_of(usage_now(of, "session", facts))

    assert (row.key, row.cost_micros, row.sessions) == ("root", 3, 2)
    assert (row.project, row.title, row.last_activity_ms) == ("/shop", "Mend it", 9)


def test_a_session_began_with_whatever_of_it_began_first() -> None:
    def facts(agent: str, session_id: SessionId) -> SessionFacts:
        # A fork can be younger than the subagents it was given; a root may be gone.
        started_ms = None if session_id == "root" else 500
        return SessionFacts(SessionId("root"), started_ms=started_ms)

    of = days(
        cell("2026-11-02 10:00", session="root"),
        cell("2026-11-02 10:00", session="child"),
    )

    (row,) = rows_of(usage_now(of, "session", facts))

    assert row.started_ms == 500


def test_only_what_has_changed_is_added_up_again() -> None:
    of = days(*CELLS)
    before = rows("day", of=of)
    of.rollup.restore([cell("2026-11-08 12:00", session="d", cost=100)])

    after = rows("day", of=of)

    assert after[1] == ("2026-11-08", 108, 2)
    assert (after[0], after[2]) == (before[0], before[2])


def test_what_is_taken_away_again_leaves_no_row() -> None:
    gone = cell("2026-11-02 10:00")
    gone.responses = 0

    assert rows("day", of=days(gone)) == []
