"""Turns that an error ended: who is needed, for how long, and how it is known."""

import pytest

from jarvisd.base.session_words import Activity, State
from jarvisd.state.model import StateView, Tier
from tests.ledger.books import line
from tests.state.rig import (
    Desk,
    found,
    gone,
    hook,
    ms,
    prompt,
    registry,
    reply,
    stamp,
    system,
    told,
    turn_end,
)


def failure(second: float, words: str, **more: object) -> bytes:
    """Return the message with which Claude Code ends a turn that failed."""
    content = [{"type": "text", "text": words}]
    return line(
        type="assistant",
        timestamp=stamp(second),
        isApiErrorMessage=True,
        message={"model": "<synthetic>", "stop_reason": "stop", "content": content},
        **more,
    )


def shown(view: StateView) -> tuple[State, str, Tier]:
    return view.state, view.evidence, view.tier


FATAL = (prompt(0), failure(1, "API Error: 400 no", apiErrorStatus=400))
NEEDS = (State.WAITING_ANSWER, "API error 400", Tier.TRANSCRIPT)


def test_a_turn_that_an_error_ended_needs_somebody() -> None:
    desk = Desk().read(*FATAL)

    assert shown(desk.at(1)) == NEEDS
    assert shown(desk.read(turn_end(2)).at(3)) == NEEDS
    assert desk.signal(registry(2, "idle")).at(4).evidence == "API error 400"
    assert desk.states.counts().need == 1
    assert desk.read(prompt(9)).at(9).state is State.WORKING
    assert desk.read(reply(10, "Done."), turn_end(10)).at(11).state is State.IDLE


@pytest.mark.parametrize(
    "signal",
    [
        pytest.param(hook(5, "SessionStart", detail="resume"), id="opened anew"),
        pytest.param(found(5), id="in another process"),
    ],
)
def test_a_new_start_takes_the_failure_away(signal: object) -> None:
    assert Desk().read(*FATAL).signal(signal).at(6).state is State.IDLE


def test_a_process_that_ends_with_its_turn_has_ended() -> None:
    desk = Desk().signal(found(headless=True)).read(*FATAL)

    assert desk.at(1.5).state is State.ENDED
    assert desk.signal(gone(2, tidy=True)).at(2).state is State.ENDED
    assert desk.told() == []  # it was over when it was met


def test_retries_are_told_as_such_and_the_end_of_them_as_a_need() -> None:
    again = system(1, "api_error", retryAttempt=1, error={"status": 529})
    desk = Desk().read(prompt(0), again)
    assert desk.at(2).activity is Activity.RETRYING

    desk.read(failure(3, "API Error: 529", apiErrorStatus=529))

    assert desk.at(3).evidence == "API error 529"


def test_requests_that_are_repeated_are_told_as_retries() -> None:
    """The terminal of Claude Code 2.1.332 writes nothing else of them."""
    again = line(type="api-request", timestamp=stamp(2), base="r1", tail=[])
    desk = Desk().read(prompt(0))
    assert desk.at(1).activity is Activity.THINKING

    assert desk.read(again).at(2).activity is Activity.RETRYING
    assert desk.read(reply(9, "Done.")).at(10).state is State.IDLE
    assert desk.read(again).at(11).state is State.IDLE


def test_a_fatal_error_of_codex_needs_somebody() -> None:
    error = {"message": "x", "codex_error_info": "other"}
    desk = Desk("codex").read(
        told(0, "task_started", turn_id="1"),
        told(1, "task_complete", turn_id="1", error=error),
    )

    assert shown(desk.at(2)) == (
        State.WAITING_ANSWER,
        "API error",
        Tier.TRANSCRIPT,
    )


@pytest.mark.parametrize(
    ("error", "state", "evidence"),
    [
        ("authentication_failed", State.WAITING_ANSWER, "not logged in"),
        ("billing_error", State.WAITING_ANSWER, "billing error"),
        ("server_error", State.WAITING_ANSWER, "API error"),
        ("rate_limit", State.LIMITED, "StopFailure rate_limit"),
    ],
)
def test_a_hook_tells_of_a_failure(error: str, state: State, evidence: str) -> None:
    desk = Desk().read(prompt(0)).signal(hook(2, "StopFailure", detail=error))

    assert shown(desk.at(2)) == (state, evidence, Tier.HOOK)
    desk.signal(hook(62, "Notification", detail="idle_prompt"))
    assert desk.at(62).state is state
    desk.signal(hook(70, "UserPromptSubmit"))
    assert desk.at(70).state is State.WORKING
    desk.signal(hook(80, "Stop"))
    assert desk.at(80).state is State.IDLE


def test_the_record_of_a_failure_says_more_than_the_hook() -> None:
    limit = "You've hit your session limit · resets 11:30am (UTC)"
    desk = Desk().read(prompt(0), failure(1, limit, error="rate_limit"))

    view = desk.signal(hook(1.1, "StopFailure", detail="rate_limit")).at(2)

    assert (view.state, view.until_ms) == (State.LIMITED, ms(0) + 1_400_000)
    assert desk.at(1_500).state is State.IDLE


def test_what_cannot_be_served_just_now_is_no_limit_whatever_the_hook_says() -> None:
    words = "Server is temporarily limiting requests (not your usage limit)"
    desk = Desk().read(prompt(0), failure(1, words, error="rate_limit"))

    view = desk.signal(hook(1.1, "StopFailure", detail="rate_limit")).at(2)

    assert (view.state, view.evidence) == (State.WAITING_ANSWER, "API error")


def test_a_limit_that_a_hook_tells_of_is_believed_for_the_shortest_window() -> None:
    desk = Desk().read(prompt(0)).signal(hook(2, "StopFailure", detail="rate_limit"))
    assert desk.at(4 * 3600).state is State.LIMITED

    assert desk.at(6 * 3600).state is State.IDLE


def test_a_subagent_that_failed_is_over() -> None:
    child = "s1/agent-a1"
    desk = Desk().read(prompt(0)).read(*FATAL, session=child, parent="s1")

    assert desk.at(2, child).state is State.ENDED


@pytest.mark.parametrize(
    ("error", "evidence"),
    [("authentication_failed", "not logged in"), ("server_error", "API error")],
)
def test_a_failure_that_a_hook_told_of_is_no_dialog_after_a_restart(
    error: str, evidence: str
) -> None:
    desk = Desk().read(prompt(0)).signal(hook(2, "StopFailure", detail=error))
    desk.at(3)

    desk.restart()

    assert shown(desk.at(5)) == (State.WAITING_ANSWER, evidence, Tier.HOOK)
    assert desk.told() == ["waiting_answer"]
