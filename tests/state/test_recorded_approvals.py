"""Dialogs that the agent's own records open and close."""

import pytest

from jarvisd.base.session_words import Confidence, State
from jarvisd.core.event import (
    ApprovalAnswered,
    ApprovalRequested,
    Event,
    Interrupted,
    MessageWritten,
    PromptGiven,
    ToolCalled,
    ToolReturned,
    TurnEnded,
)
from jarvisd.core.record import Record
from tests.state.rig import Desk, found, gone, ms

ASKED = (
    PromptGiven(chars=2),
    ToolCalled(call_id="c1", tool="Bash"),
    ApprovalRequested(call_id="c1"),
)


def told(desk: Desk, second: float, *events: Event) -> Desk:
    stream = desk.stream()
    record = Record(kind="", at_ms=ms(second), events=events)
    desk.ledger.apply(stream, record)
    desk.states.apply(stream, record, live=True)
    desk.ledger.applied()
    return desk


def test_a_dialog_that_is_recorded_is_a_sure_wait_for_its_call() -> None:
    view = told(Desk(), 1, *ASKED).at(2)

    assert (view.state, view.tool) == (State.WAITING_APPROVAL, "Bash")
    assert (view.confidence, view.since_ms) == (Confidence.HIGH, ms(1))


def test_a_dialog_of_a_question_waits_for_words() -> None:
    desk = told(Desk(), 1, ApprovalRequested(tool="AskUserQuestion"))

    assert desk.at(2).state is State.WAITING_ANSWER


@pytest.mark.parametrize(
    ("event", "state"),
    [
        pytest.param(ApprovalAnswered(call_id="c1"), State.WORKING, id="its answer"),
        pytest.param(ApprovalAnswered(), State.WORKING, id="an answer to all"),
        pytest.param(ToolReturned(call_id="c1"), State.WORKING, id="its result"),
        pytest.param(MessageWritten(), State.WORKING, id="a message"),
        pytest.param(PromptGiven(chars=1), State.WORKING, id="a prompt"),
        pytest.param(TurnEnded(), State.IDLE, id="the end of the turn"),
        pytest.param(Interrupted(reason="esc"), State.IDLE, id="an interrupt"),
    ],
)
def test_what_closes_a_dialog(event: Event, state: State) -> None:
    desk = told(Desk(), 1, *ASKED)
    assert desk.at(2).state is State.WAITING_APPROVAL

    assert told(desk, 3, event).at(3.5).state is state


@pytest.mark.parametrize(
    "event",
    [ApprovalAnswered(call_id="c2"), ToolReturned(call_id="c2")],
    ids=["an answer", "a result"],
)
def test_another_call_leaves_a_dialog_open(event: Event) -> None:
    desk = told(Desk(), 1, ToolCalled(call_id="c2", tool="Read"), *ASKED)

    assert told(desk, 3, event).at(9).state is State.WAITING_APPROVAL


def test_a_call_without_a_sign_that_it_runs_waits_after_a_while() -> None:
    """Of agents that write when a call runs, and not when they ask for leave."""
    silent = ApprovalRequested(call_id="c1", after_ms=3_000)
    desk = told(Desk(), 1, *ASKED[:2], silent)

    assert [desk.at(second).state for second in (1.5, 3.9)] == [State.WORKING] * 2
    view = desk.at(4)
    assert (view.state, view.tool) == (State.WAITING_APPROVAL, "Bash")
    assert (view.confidence, view.since_ms) == (Confidence.MEDIUM, ms(1))

    assert told(desk, 5, ApprovalAnswered(call_id="c1")).at(60).state is State.WORKING


def test_the_longest_of_two_silent_calls_is_shown() -> None:
    desk = told(Desk(), 1, *ASKED[:2], ApprovalRequested(call_id="c1", after_ms=9_000))
    other = ToolCalled(call_id="c2", tool="Read")
    told(desk, 2, other, ApprovalRequested(call_id="c2", after_ms=1_000))

    assert desk.at(3).tool == "Read"


def test_an_open_dialog_outlasts_a_restart_of_the_daemon() -> None:
    desk = told(Desk(), 1, *ASKED)
    desk.restart()

    assert desk.at(2).state is State.WAITING_APPROVAL


def test_a_dialog_ends_with_its_process() -> None:
    desk = told(Desk().signal(found(0)), 1, *ASKED)
    assert desk.at(2).state is State.WAITING_APPROVAL

    assert desk.signal(gone(3)).at(30).state is State.CRASHED


def test_a_new_process_does_not_take_over_a_dialog() -> None:
    desk = told(Desk(), 1, *ASKED).signal(found(60))

    assert desk.at(61).state is State.IDLE
