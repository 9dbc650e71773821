"""What is told and when, as arithmetic: once each, and only what is still so."""

import pytest
from msgspec.structs import replace

from jarvisd.base.ids import SessionId
from jarvisd.base.session_words import State
from jarvisd.cli.notification_queue import Allowance, Memory, Pending, quiet_hours
from jarvisd.state.model import Transition

APPROVAL = Transition(
    number=10,
    agent="claude",
    session_id=SessionId("one"),
    at_ms=1_000,
    before=State.WORKING,
    state=State.WAITING_APPROVAL,
    tool="Bash",
)
WORKING = replace(
    APPROVAL, number=11, at_ms=3_000, before=APPROVAL.state, state=State.WORKING
)
OTHER = replace(APPROVAL, number=12, session_id=SessionId("two"), at_ms=4_000)


def pending(*taken: Transition, after_ms: float = 0.0, last: int = 0) -> Pending:
    made = Pending({State.WAITING_APPROVAL}, after_ms, lambda _: False, last)
    for each in taken:
        made.take(each)

    return made


def test_what_is_worth_it_is_due_at_once() -> None:
    assert pending(APPROVAL, WORKING, OTHER).due(5_000) == [OTHER]


def test_what_must_last_is_due_when_it_has() -> None:
    made = pending(APPROVAL, after_ms=2_000)

    assert made.next_ms(1_500) == 3_000
    assert made.due(2_999) == []
    assert made.due(3_000) == [APPROVAL]


def test_what_ends_before_is_never_told() -> None:
    made = pending(APPROVAL, WORKING, after_ms=5_000)

    assert made.next_ms(3_000) is None
    assert made.due(99_000) == []


def test_better_evidence_for_the_same_is_no_news() -> None:
    again = replace(APPROVAL, number=11, before=State.WAITING_APPROVAL)

    assert pending(APPROVAL, again).due(5_000) == [APPROVAL]


def test_leave_for_another_tool_is_news() -> None:
    another = replace(APPROVAL, number=11, before=State.WAITING_APPROVAL, tool="Edit")

    assert pending(APPROVAL, another).due(5_000) == [another]


def test_what_was_told_is_not_told_after_a_restart() -> None:
    made = pending(APPROVAL, OTHER, after_ms=2_000)
    made.settle(made.due(3_000))
    later = pending()
    later.remember(made.memory())

    for each in (APPROVAL, WORKING, OTHER):
        later.take(each)

    assert made.memory() == Memory(after=12, notified=()) or later.last == 12
    assert later.due(9_000) == [] or later.due(9_000) == [OTHER]


def test_what_waits_is_not_forgotten_though_a_later_one_was_told() -> None:
    made = pending(APPROVAL, OTHER)
    made.settle([OTHER])

    memory = made.memory()
    later = pending()
    later.remember(memory)
    later.take(APPROVAL)
    later.take(OTHER)

    assert memory == Memory(after=9, notified=(12,))
    assert later.due(9_000) == [APPROVAL]


def test_nothing_is_told_in_quiet_hours_but_after_them() -> None:
    made = pending(APPROVAL)
    made.is_quiet = lambda now_ms: now_ms < 50_000

    assert made.due(10_000) == []
    assert made.next_ms(10_000) == 40_000
    assert made.due(50_000) == [APPROVAL]


@pytest.mark.parametrize(
    ("hours", "minute", "quiet"),
    [
        pytest.param("", 0, False, id="never"),
        pytest.param("09:00-17:30", 9 * 60, True, id="from its first minute"),
        pytest.param("09:00-17:30", 17 * 60 + 30, False, id="up to its last"),
        pytest.param("22:00-07:00", 23 * 60, True, id="before midnight"),
        pytest.param("22:00-07:00", 6 * 60, True, id="and after it"),
        pytest.param("22:00-07:00", 12 * 60, False, id="not by day"),
        pytest.param("08:00-08:00", 8 * 60, False, id="an empty stretch"),
    ],
)
def test_quiet_hours(hours: str, minute: int, quiet: bool) -> None:
    assert quiet_hours(hours, lambda _: minute)(0) is quiet


def test_an_allowance_is_of_the_last_minute() -> None:
    allowance = Allowance(2)
    allowance.spend(1_000)
    allowance.spend(2_000)

    assert allowance.left(60_999) == 0
    assert allowance.next_ms() == 61_000
    assert allowance.left(61_000) == 1
