"""What lines say for the state of a session, beside what the ledger wants of them."""

from typing import Any

import pytest

from jarvisd.core.event import (
    ApiFailed,
    Asked,
    Cue,
    Event,
    Instructed,
    LimitReached,
    MessageWritten,
    ModeChanged,
    SessionOpened,
    TaskKind,
    TaskStarted,
    ToolCalled,
    Trouble,
    TurnEnded,
)
from tests.agents.found import read_alone
from tests.ledger.books import line
from tests.state.rig import (
    call,
    codex_call,
    prompt,
    reply,
    result,
    rollout,
    told,
)

FAILED = Trouble.API_ERROR
THOUGHT = {"type": "thinking", "thinking": "Which one?"}


def claude(text: bytes) -> tuple[Event, ...]:
    record = read_alone("claude", text, offset=0)
    assert record is not None
    return record.events


def codex(text: bytes) -> tuple[Event, ...]:
    record = read_alone("codex", text, offset=0)
    assert record is not None
    return record.events


def digest_of(events: tuple[Event, ...]) -> int:
    (called,) = (each for each in events if isinstance(each, ToolCalled))
    return called.digest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(reply(1, "Which one?"), True, id="the end of a turn"),
        pytest.param(
            reply(1, "Which one?", stop="tool_use"), False, id="before a tool"
        ),
        pytest.param(reply(1, "Which one?", stop=None), False, id="a stream"),
        pytest.param(reply(1, THOUGHT), False, id="thoughts"),
        pytest.param(reply(1, "Done."), False, id="no question"),
    ],
)
def test_only_the_last_words_of_a_turn_can_ask(text: bytes, expected: bool) -> None:
    assert (Asked(cue=Cue.QUESTION) in claude(text)) is expected


def test_thoughts_alone_do_not_end_a_turn() -> None:
    assert MessageWritten(message_id="m1") in claude(reply(1, THOUGHT))
    assert MessageWritten(message_id="m1", stop_reason="end_turn") in claude(
        reply(1, THOUGHT, "Done.")
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Review it.", (Instructed(),), id="the body of a command"),
        pytest.param(
            "Stop hook feedback:\nno", (Instructed(by_hook=True),), id="a hook"
        ),
        pytest.param("Caveat: The messages below", (), id="a caveat"),
        pytest.param("<local-command-caveat>x", (), id="a newer caveat"),
    ],
)
def test_words_put_before_the_agent(text: str, expected: tuple[Event, ...]) -> None:
    assert claude(prompt(1, text, isMeta=True)) == expected


@pytest.mark.parametrize(
    ("noted", "expected"),
    [
        pytest.param(
            {"status": "async_launched", "agentId": "a1"},
            TaskStarted(task_id="a1", kind=TaskKind.AGENT),
            id="an agent",
        ),
        pytest.param(
            {"status": "async_launched", "taskId": "w1"},
            TaskStarted(task_id="w1", kind=TaskKind.WORKFLOW),
            id="a workflow",
        ),
        pytest.param(
            {"backgroundTaskId": "b1"}, TaskStarted(task_id="b1"), id="a command"
        ),
    ],
)
def test_what_goes_on_in_the_background(noted: Any, expected: TaskStarted) -> None:
    assert expected in claude(result(1, noted=noted))


def test_an_agent_that_came_back_is_not_in_the_background() -> None:
    events = claude(result(1, noted={"status": "completed", "agentId": "a1"}))

    assert not any(isinstance(each, TaskStarted) for each in events)


def test_calls_are_alike_if_their_input_is() -> None:
    same = digest_of(claude(call(1, "a", given={"command": "make"})))
    assert same == digest_of(claude(call(9, "b", given={"command": "make"})))
    assert same != digest_of(claude(call(1, "a", given={"command": "make test"})))
    assert digest_of(codex(codex_call(1, cmd="ls"))) != 0


def test_the_end_of_a_printed_run_is_the_end_of_a_turn() -> None:
    assert claude(line(type="result", subtype="success")) == (TurnEnded(),)


def test_a_rollout_says_who_answers_and_whether_anybody_can() -> None:
    reviewed = codex(
        rollout(
            1, "turn_context", approval_policy="on-request", approvals_reviewer="auto"
        )
    )
    assert ModeChanged(mode="on-request", reviewed=True) in reviewed
    opened = codex(rollout(1, "session_meta", id="t1", source="exec"))
    assert SessionOpened(headless=True) in opened


def test_a_limit_is_said_by_an_error_or_by_the_turns_end() -> None:
    error = {"codex_error_info": "usage_limit_exceeded"}

    assert codex(told(1, "error", **error)) == (LimitReached(),)
    assert LimitReached() in codex(told(1, "task_complete", error=error))


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        pytest.param("other", ApiFailed(error="other", trouble=FAILED), id="a word"),
        pytest.param(
            {"http_connection_failed": {}}, ApiFailed(trouble=FAILED), id="an object"
        ),
        pytest.param(
            "unauthorized",
            ApiFailed(error="unauthorized", trouble=Trouble.LOGGED_OUT),
            id="logged out",
        ),
    ],
)
def test_a_fatal_error_is_said_like_that(info: Any, expected: ApiFailed) -> None:
    error = {"codex_error_info": info}

    assert codex(told(1, "error", **error)) == (expected,)
    assert codex(told(1, "task_complete", error=error)) == (expected, TurnEnded())
    assert codex(told(1, "task_complete", error=None)) == (TurnEnded(),)


def test_a_plan_is_marked_as_one() -> None:
    plan = "<proposed_plan>\nx\n</proposed_plan>"
    assert codex(told(1, "task_complete", last_agent_message=plan)) == (
        Asked(cue=Cue.PLAN),
        TurnEnded(),
    )
    assert codex(told(1, "item_completed", item={"type": "Plan"})) == (
        Asked(cue=Cue.PLAN),
    )
