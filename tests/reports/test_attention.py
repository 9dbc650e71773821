"""Attention as arithmetic: what waited, what worked, and when somebody was awake."""

import sys
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from types import FrameType
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from jarvisd.base.session_words import State
from jarvisd.reports.attention import (
    AttentionSpan,
    AttentionTotals,
    Change,
    Span,
    attention,
    latency,
)
from jarvisd.reports.attention_model import Latency
from jarvisd.reports.calendar import day_number, hours_of

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
START = int(datetime(2026, 11, 21, tzinfo=UTC).timestamp()) * 1000
NUMBERS = dict(enumerate(State, start=100))
NUMBER_OF = {state: number for number, state in NUMBERS.items()}
W, A, Q, I = (  # noqa: E741 - as short as a table needs
    State.WORKING,
    State.WAITING_APPROVAL,
    State.WAITING_ANSWER,
    State.IDLE,
)

Told = tuple[int, int, State]
Tracer = Callable[[FrameType, str, Any], Any]


def report(
    *told: Told,
    awake: Sequence[Span] = ((0, DAY),),
    lasting: Collection[tuple[int, State]] = (),
    zone: str = "UTC",
) -> AttentionTotals:
    """Return the report on *told*; all times count from the start of the day."""
    changes: list[Change] = [
        (session, START + at, START + at, NUMBER_OF[state])
        for session, at, state in told
    ]
    return folded(changes, awake=awake, lasting=lasting, zone=zone)


def folded(
    changes: list[Change],
    *,
    awake: Sequence[Span] = ((0, DAY),),
    lasting: Collection[tuple[int, State]] = (),
    zone: str = "UTC",
) -> AttentionTotals:
    return attention(
        changes,
        NUMBERS,
        awake=[(START + start, START + end) for start, end in awake],
        lasting=lasting,
        asked=AttentionSpan(0, START + 30 * DAY, ZoneInfo(zone)),
    )


def test_a_state_lasts_until_the_next_one() -> None:
    made = report((1, 0, W), (1, HOUR, A), (1, HOUR + MINUTE, W), (1, 2 * HOUR, I))

    assert made.states == {W: 2 * HOUR - MINUTE, A: MINUTE, I: 22 * HOUR}
    assert made.usage.waiting_ms == MINUTE
    assert made.usage.working_ms == 2 * HOUR - MINUTE
    assert made.approvals == Latency(count=1, p50_ms=MINUTE, p95_ms=MINUTE)


def test_a_wait_that_nothing_tells_the_end_of_was_decided_by_nobody() -> None:
    made = report((1, 0, A), (1, HOUR, State.UNKNOWN), (1, 2 * HOUR, W))

    assert made.usage.waiting_ms == HOUR
    assert made.approvals.count == 0


def test_numbers_of_one_state_count_together() -> None:
    numbers = {0: State.UNKNOWN, 1: State.UNKNOWN, 2: W}
    changes = [(1, START, START, 0), (1, START + HOUR, START + HOUR, 1)]
    made = attention(
        [*changes, (1, START + 2 * HOUR, START + 2 * HOUR, 2)],
        numbers,
        awake=[(START, START + 3 * HOUR)],
        lasting={(1, W)},
        asked=AttentionSpan(0, START + DAY, ZoneInfo("UTC")),
    )

    assert made.states == {State.UNKNOWN: 2 * HOUR, W: HOUR}


def test_two_at_once_wait_twice_and_work_once() -> None:
    made = report((1, 0, W), (2, HOUR, W), (1, 2 * HOUR, A), (2, 2 * HOUR, A))

    assert made.usage.working_ms == 2 * HOUR
    assert made.usage.utilisation == pytest.approx(2 / 24, abs=1e-4)
    assert made.usage.concurrency == pytest.approx(3 / 24, abs=1e-4)
    assert made.usage.most == 2
    assert made.usage.waiting_ms == 2 * 22 * HOUR


def test_one_that_begins_as_another_ends_is_not_at_once() -> None:
    made = report((1, 0, W), (1, HOUR, I), (2, HOUR, W), (2, 2 * HOUR, I))

    assert made.usage.most == 1


def test_what_nobody_was_awake_to_see_is_no_waiting() -> None:
    lid_closed = [(0, HOUR), (9 * HOUR, 10 * HOUR)]

    made = report((1, 30 * MINUTE, A), (1, 9 * HOUR + 5 * MINUTE, W), awake=lid_closed)

    assert made.usage.awake_ms == 2 * HOUR
    assert made.usage.waiting_ms == 35 * MINUTE
    assert made.approvals.p50_ms == 35 * MINUTE


def test_overlapping_times_awake_count_once() -> None:
    made = report((1, 0, W), awake=[(HOUR, 3 * HOUR), (0, 2 * HOUR)])

    assert made.usage.awake_ms == 3 * HOUR


@pytest.mark.parametrize(
    ("lasting", "waited_ms"),
    [
        pytest.param({(1, A)}, 90 * MINUTE, id="still so, so until now"),
        pytest.param(
            {(1, W)}, 30 * MINUTE, id="not so any more: as long as it was seen"
        ),
        pytest.param((), 30 * MINUTE, id="nothing is known of it any more"),
    ],
)
def test_what_is_not_over(
    lasting: Collection[tuple[int, State]], waited_ms: int
) -> None:
    made = report(
        (1, 30 * MINUTE, A),
        awake=[(0, HOUR), (2 * HOUR, 3 * HOUR)],
        lasting=lasting,
    )

    assert made.usage.waiting_ms == waited_ms
    assert made.approvals.count == 0


def test_a_wait_that_a_crash_ended_is_no_answer() -> None:
    made = report((1, 0, A), (1, HOUR, State.CRASHED), (2, 0, Q), (2, MINUTE, W))

    assert made.usage.waiting_ms == HOUR + MINUTE
    assert made.approvals.count == 0
    assert made.answers == Latency(count=1, p50_ms=MINUTE, p95_ms=MINUTE)


def test_a_turn_that_goes_on_after_an_approval_began_before_it() -> None:
    made = folded(
        [
            (1, START, START, NUMBER_OF[W]),
            (1, START + HOUR, START + HOUR, NUMBER_OF[A]),
            (1, START, START + HOUR + MINUTE, NUMBER_OF[W]),
        ]
    )

    assert made.states == {W: DAY - MINUTE, A: MINUTE}
    assert made.approvals.p50_ms == MINUTE


def test_time_that_goes_back_makes_nothing_negative() -> None:
    made = report((1, HOUR, W), (1, 0, A), (1, 2 * HOUR, I))

    assert made.states == {A: HOUR, I: 22 * HOUR}


def test_days_and_hours_are_those_of_the_zone() -> None:
    made = report(
        (1, 22 * HOUR, W),
        (1, 23 * HOUR + 30 * MINUTE, I),
        awake=[(22 * HOUR, 25 * HOUR)],
        zone="Europe/Berlin",
    )

    assert [each.day for each in made.days] == ["2026-11-21", "2026-11-22"]
    assert [each.usage.working_ms for each in made.days] == [HOUR, 30 * MINUTE]
    busy = {each.hour: each.usage.utilisation for each in made.hours}
    assert (busy[23], busy[0], busy[1], busy[2]) == (1.0, 0.5, 0.0, None)


def test_an_approval_is_of_the_day_on_which_it_was_given() -> None:
    made = report((1, 23 * HOUR, A), (1, 25 * HOUR, W), awake=[(0, 2 * DAY)])

    assert [each.approvals.count for each in made.days] == [0, 1]
    assert [each.usage.waiting_ms for each in made.days] == [HOUR, HOUR]


def test_sums_of_days_and_hours_are_the_whole() -> None:
    told = [
        (number % 7, number * 13 * MINUTE, (W, A, W, Q, I)[number % 5])
        for number in range(300)
    ]
    made = report(*told, awake=[(0, 20 * HOUR), (30 * HOUR, 60 * HOUR)])

    for parts in (
        [each.usage for each in made.days],
        [each.usage for each in made.hours],
    ):
        assert sum(each.waiting_ms for each in parts) == made.usage.waiting_ms
        assert sum(each.working_ms for each in parts) == made.usage.working_ms
        assert sum(each.awake_ms for each in parts) == made.usage.awake_ms

    assert made.usage.waiting_ms == made.states[A] + made.states[Q]
    assert sum(each.waiting_ms for each in made.sessions.values()) == (
        made.usage.waiting_ms
    )


def test_of_nothing_there_is_nothing() -> None:
    made = report(awake=())

    assert (made.days, made.hours, made.states) == ([], [], {})
    assert made.usage.utilisation is None


def test_quantiles_are_times_that_somebody_took() -> None:
    assert latency(range(1, 101)) == Latency(count=100, p50_ms=50, p95_ms=95)
    assert latency([]) == Latency(count=0, p50_ms=None, p95_ms=None)


@pytest.mark.parametrize(
    ("day", "hours"),
    [
        pytest.param("2026-11-21", [*range(24)], id="usual"),
        pytest.param("2026-03-29", [0, 1, *range(3, 24)], id="clocks go forward"),
        pytest.param("2026-10-25", [0, 1, 2, *range(2, 24)], id="clocks go back"),
    ],
)
def test_hours_of_a_day(day: str, hours: list[int]) -> None:
    found = hours_of(day_number(day), ZoneInfo("Europe/Berlin"))

    assert [hour for _, hour in found] == hours


def test_what_changes_twice_as_often_costs_twice_as_much() -> None:
    once, twice = lines_run(some_days(4)), lines_run(some_days(8))

    assert 1.9 * once < twice < 2.1 * once


def some_days(days: int) -> Callable[[], object]:
    """Return a report on eight sessions at work, to be made."""
    changes = [
        (day * 8 + session, at_ms, at_ms, NUMBER_OF[(W, A, W, I)[step % 4]])
        for day in range(days)
        for step in range(139)
        for session in range(8)
        for at_ms in [START + day * DAY + step * 5 * MINUTE + session]
    ]
    awake = [(day * DAY, day * DAY + 16 * HOUR) for day in range(days)]
    return lambda: folded(changes, awake=awake)


def lines_run(act: Callable[[], object]) -> int:
    """Return how many lines of Python *act* runs: a cost without a clock."""
    lines, before = 0, sys.gettrace()

    def trace(_frame: FrameType, event: str, _arg: object) -> Tracer:
        nonlocal lines
        lines += event == "line"
        return trace

    sys.settrace(trace)
    try:
        act()
    finally:
        sys.settrace(before)

    return lines
