"""Days that are added up ahead of time."""

import pytest

from jarvisd.base.usage import Tokens
from jarvisd.base.work_in_turns import at_once
from jarvisd.core.origin import SessionId
from jarvisd.ledger.model import ResponseRow
from jarvisd.reports.days import Days
from tests.reports.cells import cell, days, ms

NOW = "2026-11-21 10:00"


def costs(found: Days) -> dict[int | None, int]:
    return {each.day: each.models["opus"][6] for each in found.by_agent(None, None)}


@pytest.mark.parametrize(
    ("zone", "over"), [("UTC", 2), ("Pacific/Auckland", 1)], ids=["UTC", "ahead of it"]
)
def test_all_days_are_added_up_but_the_one_that_lasts(zone: str, over: int) -> None:
    times = ("2026-11-19 23:00", "2026-11-20 11:00", "2026-11-20 22:00", NOW)
    cells = [cell(each, session=each) for each in times]
    found, plain = days(*cells, zone=zone), days(*cells, zone=zone)

    assert at_once(found.add_up(ms(NOW))) == over
    assert costs(found) == costs(plain)


def test_what_changes_later_is_added_up_again() -> None:
    found = days(cell("2026-11-19 10:00", cost=1), cell(None, cost=5))
    assert at_once(found.add_up(ms(NOW))) == 1
    assert at_once(found.add_up(ms(NOW))) == 0

    row = ResponseRow(
        key=1,
        agent="claude",
        session_id=SessionId("s1"),
        model="opus",
        rank=0,
        start_ms=0,
        at_ms=ms("2026-11-19 10:01"),
    )
    found.rollup.count(row, Tokens(output=1), 7)

    assert at_once(found.add_up(ms(NOW))) == 1
    assert sorted(costs(found).values()) == [5, 8]
