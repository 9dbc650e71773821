"""Days of any zone, and the two nights a year in which clocks are changed."""

from zoneinfo import ZoneInfo

import pytest

from jarvisd.ledger.model import QUARTER_MS
from jarvisd.reports import calendar
from tests.reports.cells import ms


def day_of(at: str, name: str) -> str:
    quarter = ms(at) // QUARTER_MS
    return calendar.day_name(calendar.days_of([quarter], ZoneInfo(name))[quarter])


@pytest.mark.parametrize(
    ("at", "name", "day"),
    [
        pytest.param("2026-11-20 23:59", "UTC", "2026-11-20", id="end of a day"),
        pytest.param("2026-11-21 00:00", "UTC", "2026-11-21", id="begin of a day"),
        pytest.param("2026-11-20 23:00", "Europe/Berlin", "2026-11-21", id="east"),
        pytest.param("2026-11-21 04:45", "America/New_York", "2026-11-20", id="west"),
        pytest.param("2026-11-20 18:15", "Asia/Kathmandu", "2026-11-21", id="+5:45"),
        pytest.param(
            "2026-11-20 18:00", "Asia/Kathmandu", "2026-11-20", id="-1 quarter"
        ),
        pytest.param(
            "2026-03-28 22:45", "Europe/Berlin", "2026-03-28", id="before DST"
        ),
        pytest.param(
            "2026-03-28 23:00", "Europe/Berlin", "2026-03-29", id="DST begins"
        ),
        pytest.param("2026-03-29 21:45", "Europe/Berlin", "2026-03-29", id="23 hours"),
        pytest.param("2026-03-29 22:00", "Europe/Berlin", "2026-03-30", id="then next"),
        pytest.param("2026-10-25 22:45", "Europe/Berlin", "2026-10-25", id="25 hours"),
        pytest.param(
            "2026-10-25 23:00", "Europe/Berlin", "2026-10-26", id="DST is over"
        ),
    ],
)
def test_a_quarter_is_in_the_day_that_clocks_show(at: str, name: str, day: str) -> None:
    assert day_of(at, name) == day
    assert calendar.day_name(calendar.day_of(ms(at), ZoneInfo(name))) == day


@pytest.mark.parametrize(
    "name", ["UTC", "Europe/Berlin", "Asia/Kathmandu", "Asia/Beirut"]
)
def test_a_day_begins_with_its_first_quarter(name: str) -> None:
    here = ZoneInfo(name)
    for day in range(
        calendar.day_number("2026-03-20"), calendar.day_number("2026-04-05")
    ):
        start_ms = calendar.start_of(day, here)

        assert calendar.day_of(start_ms, here) == day
        assert calendar.day_of(start_ms - 1, here) == day - 1


@pytest.mark.parametrize(
    ("day", "week"),
    [
        pytest.param("2026-11-16", "2026-11-16", id="Monday"),
        pytest.param("2026-11-22", "2026-11-16", id="Sunday"),
        pytest.param("2027-01-01", "2026-12-28", id="over New Year"),
    ],
)
def test_a_week_begins_on_monday(day: str, week: str) -> None:
    assert calendar.week_name(calendar.day_number(day)) == week


@pytest.mark.parametrize("quarter", [-(10**12), -1, 0, 10**12])
def test_absurd_times_have_some_day(quarter: int) -> None:
    (day,) = calendar.days_of([quarter], ZoneInfo("Asia/Tokyo")).values()

    assert len(calendar.day_name(day)) == 10
