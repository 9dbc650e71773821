"""Sessions that no process can be at work on: nobody is needed there."""

import pytest

from jarvisd.base.session_words import Confidence, State
from jarvisd.core.origin import SessionId
from jarvisd.core.signal import ProcessesChecked
from jarvisd.state.engine import StateEngine
from jarvisd.state.model import Tier
from tests.agents.found import traits_of
from tests.ledger.books import line
from tests.state.rig import (
    MAIN,
    Desk,
    call,
    found,
    gone,
    hook,
    ms,
    prompt,
    reply,
    stamp,
    turn_end,
)

ASKING = (prompt(0), call(1, tool="AskUserQuestion"))
LIMIT = line(
    type="assistant",
    timestamp=stamp(1),
    isApiErrorMessage=True,
    message={"model": "<synthetic>", "content": "You've hit your session limit"},
)
HOUR_S = 3_600.0


def checked(
    second: float, *, can_own: bool = False, session: str = MAIN
) -> ProcessesChecked:
    return ProcessesChecked(
        agent="claude", session_id=SessionId(session), at_ms=ms(second), can_own=can_own
    )


def desk(*lines: bytes, live: bool = False) -> Desk:
    return Desk(states=StateEngine(traits_of=traits_of, checks_processes=True)).read(
        *lines, live=live
    )


def test_a_session_of_history_that_is_over_is_shown_though_no_transition_is_made() -> (
    None
):
    told = desk(*ASKING)
    shown = []
    for second in (20_000, 20_001, 20_002):
        told.signal(checked(second))
        assert told.states.judge(ms(second)) == []
        shown += told.states.take_attended()

    assert told.at(20_002).state is State.ENDED
    assert shown == [("claude", MAIN)]


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(ASKING, id="a question"),
        pytest.param((prompt(0), call(1)), id="in the midst of a turn"),
        pytest.param((prompt(0), reply(1, "Shall I?")), id="a guess"),
        pytest.param((prompt(0), LIMIT), id="a limit"),
    ],
)
def test_what_was_left_hours_ago_is_over(lines: tuple[bytes, ...]) -> None:
    told = desk(*lines)
    assert told.at(HOUR_S).state is State.UNKNOWN

    view = told.signal(checked(HOUR_S + 2)).at(HOUR_S + 2)

    assert (view.state, view.tier) == (State.ENDED, Tier.PROCESS)
    assert view.confidence is Confidence.MEDIUM
    assert told.transitions == []
    assert told.states.counts().need == 0


def test_a_session_at_rest_stays_at_rest() -> None:
    told = desk(prompt(0), reply(1, "Done."), turn_end(1))
    told.at(HOUR_S)  # history is judged a second after its last line

    assert told.signal(checked(HOUR_S + 2)).at(HOUR_S + 2).state is State.IDLE


def test_what_may_have_a_process_needs_somebody_as_ever() -> None:
    told = desk(*ASKING)
    told.at(HOUR_S)

    view = told.signal(checked(HOUR_S + 2, can_own=True)).at(HOUR_S + 2)

    assert view.state is State.WAITING_ANSWER
    assert told.signal(checked(HOUR_S + 9)).at(HOUR_S + 9).state is State.ENDED


def test_nobody_waits_for_a_check_that_does_not_come() -> None:
    told = desk(*ASKING)
    told.at(HOUR_S)

    assert told.at(HOUR_S + 20).state is State.WAITING_ANSWER


def test_what_was_heard_just_now_is_told_at_once_and_over_later() -> None:
    told = desk(*ASKING)
    told.at(30)
    assert told.at(32).state is State.WAITING_ANSWER

    assert told.signal(checked(33)).at(33).state is State.WAITING_ANSWER
    assert told.at(122).state is State.ENDED


def test_what_is_heard_live_has_a_process_though_we_do_not_see_it() -> None:
    told = desk(*ASKING, live=True)
    told.signal(checked(500))

    assert told.at(500).state is State.WAITING_ANSWER


def test_a_hook_is_heard_live() -> None:
    told = desk(*ASKING).signal(hook(2, "PreToolUse", tool="AskUserQuestion"))

    told.signal(checked(500)).at(500)

    assert told.at(502).state is State.WAITING_ANSWER


def test_a_process_that_was_seen_is_missed() -> None:
    told = desk(*ASKING, live=True).signal(found(is_sure=False))
    assert told.at(2).state is State.WAITING_ANSWER

    told.signal(gone(200)).at(200)

    assert told.signal(checked(201)).at(201).state is State.ENDED


def test_a_session_that_goes_on_is_at_work_again() -> None:
    told = desk(*ASKING)
    told.at(HOUR_S)
    assert told.signal(checked(HOUR_S + 2)).at(HOUR_S + 2).state is State.ENDED

    told.read(prompt(HOUR_S + 60))

    assert told.at(HOUR_S + 60).state is State.WORKING


def test_a_check_does_not_take_back_an_end() -> None:
    told = desk(*ASKING)
    told.at(HOUR_S)
    told.signal(checked(HOUR_S + 2)).at(HOUR_S + 2)

    assert told.signal(checked(HOUR_S + 70)).at(HOUR_S + 70).state is State.ENDED


def test_a_subagent_of_such_a_session_is_over_as_well() -> None:
    child = f"{MAIN}/agent-a1"
    told = desk(prompt(0), call(1, tool="Task"))
    told.read(*ASKING, session=child, parent=MAIN, live=False)
    told.at(HOUR_S)

    assert told.signal(checked(HOUR_S + 2)).at(HOUR_S + 2).state is State.ENDED
    assert told.at(HOUR_S + 2, child).state is State.ENDED
