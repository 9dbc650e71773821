"""Codex's states by its rollout alone, by the cases of its format (CX)."""

from typing import Any

import pytest

from jarvisd.base.session_words import Activity, Confidence, State
from jarvisd.core.signal import CommandSeen
from tests.ledger.books import line
from tests.state.rig import (
    MAIN,
    PID,
    Desk,
    codex_call,
    codex_result,
    found,
    hook,
    ms,
    rollout,
    state_of,
    told,
)

PLAN = "Here it is.\n<proposed_plan>\n1. Do it.\n</proposed_plan>"
START = told(0, "task_started", turn_id="a")
ESCALATED = {"cmd": "rm x", "sandbox_permissions": "require_escalated"}


def end(second: float, words: str | None = "Done.", **more: Any) -> bytes:
    return told(second, "task_complete", last_agent_message=words, **more)


def context(policy: str = "on-request", **more: Any) -> bytes:
    return rollout(0, "turn_context", turn_id="a", approval_policy=policy, **more)


LIMIT = {"message": "x", "codex_error_info": "usage_limit_exceeded"}
FULL = {"used_percent": 100.0, "window_minutes": 300, "resets_at": ms(900) // 1000}

CASES = [
    pytest.param([START], State.WORKING, id="a turn"),
    pytest.param([START, end(2)], State.IDLE, id="a turn that is over"),
    pytest.param(
        [START, told(2, "turn_aborted", reason="interrupted")],
        State.IDLE,
        id="CX-058 an interrupt",
    ),
    pytest.param(
        [
            START,
            told(2, "turn_aborted", reason="interrupted"),
            told(3, "task_started", turn_id="b"),
            told(3, "user_message", message="Go"),
        ],
        State.WORKING,
        id="CX-058 a prompt behind it",
    ),
    pytest.param([START, end(2, PLAN)], State.WAITING_ANSWER, id="CX-059 a plan"),
    pytest.param(
        [START, end(2, PLAN[:-5])], State.IDLE, id="CX-059 a plan without its end"
    ),
    pytest.param(
        [START, told(1, "item_completed", item={"type": "Plan"}), end(2, None)],
        State.WAITING_ANSWER,
        id="a plan as an item",
    ),
    pytest.param(
        [START, codex_call(1), codex_result(2, "Process running with session ID 7")],
        State.WORKING,
        id="CX-061 a command goes on",
    ),
    pytest.param(
        [
            START,
            codex_call(1),
            codex_result(2, "Process running with session ID 7"),
            codex_call(3, "c2", "write_stdin"),
            codex_result(4, "Process exited with code 0", "c2"),
            end(5),
        ],
        State.IDLE,
        id="CX-061 a command that is done",
    ),
    pytest.param(
        [START, told(1, "agent_message", message="What is it?")],
        State.WORKING,
        id="words before a tool",
    ),
    pytest.param(
        [START, end(2, "Which one?")], State.WAITING_ANSWER, id="a question in prose"
    ),
    pytest.param(
        [START, codex_call(1, name="request_user_input")],
        State.WAITING_ANSWER,
        id="a question",
    ),
    pytest.param(
        [
            START,
            end(2),
            rollout(3, "response_item", type="message", role="user", content=[]),
        ],
        State.IDLE,
        id="CX-064 no prompt",
    ),
    pytest.param([START, end(2, error=LIMIT)], State.LIMITED, id="a limit"),
    pytest.param(
        [START, told(1, "error", **LIMIT), end(2, None)], State.LIMITED, id="its event"
    ),
    pytest.param(
        [rollout(0, "session_meta", id="s1", source="exec"), START, end(2)],
        State.ENDED,
        id="CX-055 exec is over with its turn",
    ),
    pytest.param(
        [
            START,
            end(2),
            told(3, "token_count", info=None),
            told(3, "thread_settings_applied", thread_settings={"model": "x"}),
            rollout(4, "world_state"),
        ],
        State.IDLE,
        id="bookkeeping",
    ),
]


@pytest.mark.parametrize(("lines", "expected"), CASES)
def test_what_a_rollout_tells(lines: list[bytes], expected: State) -> None:
    assert state_of(lines, agent="codex").state is expected


def test_a_call_that_asks_for_more_permission_is_work_with_a_remedy() -> None:
    """CX-065: a command that runs and a dialog leave the same records."""
    desk = Desk("codex").read(START, context(), codex_call(1, **ESCALATED))

    for second in (1, 4, 600):
        view = desk.at(second)
        assert (view.state, view.tool) == (State.WORKING, "exec_command")
        assert view.confidence is Confidence.MEDIUM
        assert view.hint == "install hooks: jarvisctl hooks install"

    desk.read(codex_result(700, "ok"))
    assert desk.at(700).state is State.WORKING
    assert desk.told() == ["working"]


@pytest.mark.parametrize(
    "setting",
    [
        pytest.param(context(approvals_reviewer="auto_review"), id="a reviewer"),
        pytest.param(context("never"), id="nobody is asked"),
    ],
)
def test_a_call_that_asks_no_person_is_work(setting: bytes) -> None:
    """CX-065."""
    desk = Desk("codex").read(START, setting, codex_call(1, **ESCALATED))

    view = desk.at(60)
    assert (view.state, view.confidence) == (State.WORKING, Confidence.HIGH)
    assert view.hint is None


ASK = {"agent": "codex", "tool": "Bash"}


def ran(since: float, ended: float | None = None) -> CommandSeen:
    return CommandSeen(
        agent="codex",
        session_id=MAIN,
        pid=PID,
        since_ms=ms(since),
        ended_ms=None if ended is None else ms(ended),
    )


def test_an_approved_command_is_work_from_its_start() -> None:
    desk = Desk("codex").read(START, context(), codex_call(1, **ESCALATED))
    desk.signal(hook(2, "PermissionRequest", **ASK))
    assert desk.at(60).state is State.WAITING_APPROVAL

    view = desk.signal(ran(60)).at(60)
    assert (view.state, view.since_ms) == (State.WORKING, ms(60))
    assert desk.at(600).state is State.WORKING
    assert desk.states.asking() == [("codex", MAIN)], "its end is looked for"

    desk.signal(ran(60, 601)).at(601)
    desk.signal(hook(601.2, "PostToolUse", **ASK)).at(601.2)
    desk.at(700)
    assert desk.states.asking() == []
    assert desk.told() == ["waiting_approval", "working"]


def test_what_ends_without_its_hook_was_no_approved_command() -> None:
    desk = Desk("codex").read(START, context(), codex_call(1, **ESCALATED))
    desk.signal(hook(2, "PermissionRequest", **ASK)).at(2)
    desk.signal(ran(2.1)).at(2.1)
    desk.signal(ran(2.1, 2.5)).at(2.5)
    assert desk.at(3).state is State.WORKING

    assert desk.at(3.6).state is State.WAITING_APPROVAL


def test_a_command_of_before_does_not_answer_the_next_dialog() -> None:
    desk = Desk("codex").read(START, context(), codex_call(1, **ESCALATED))
    desk.signal(hook(2, "PermissionRequest", **ASK), ran(5)).at(5)
    desk.signal(hook(8, "PermissionRequest", **ASK))

    assert desk.at(9).state is State.WAITING_APPROVAL


def test_a_subagent_ends_with_its_parent() -> None:
    desk = Desk("codex")
    desk.read(rollout(0, "session_meta", id="s1", source="exec"), START)
    desk.read(START, end(2, "Shall I?"), session="s2", parent="s1")
    assert desk.at(3, "s2").state is State.IDLE, "it asks its parent, and nobody else"
    assert desk.at(3).state is State.WORKING

    desk.read(end(4))
    assert desk.at(5).state is State.ENDED
    view = desk.at(5, "s2")
    assert (view.state, view.since_ms) == (State.ENDED, ms(4))
    assert desk.told("s2") == ["idle", "ended"]


def test_a_subagent_at_rest_is_idle_while_its_parent_lives() -> None:
    desk = Desk("codex").read(START)
    desk.read(START, end(2), session="s2", parent="s1")
    desk.at(3)
    desk.read(end(4))

    assert desk.at(5, "s2").state is State.IDLE


def test_what_exec_prints_is_over_with_its_turn() -> None:
    desk = Desk("codex").read(
        line(type="thread.started", thread_id="s1"), line(type="turn.started")
    )
    desk.at(1)
    desk.read(line(type="turn.completed"))

    assert desk.at(2).state is State.ENDED


def test_a_session_starts_with_its_prompt_and_does_not_rest_then() -> None:
    """The hook SessionStart of Codex runs behind the record of the first turn."""
    desk = Desk("codex").signal(found(agent="codex"))
    desk.at(1)
    desk.read(told(2, "task_started", turn_id="a"))
    desk.at(2)
    desk.signal(hook(2.03, "SessionStart", agent="codex", detail="startup"))
    desk.at(2.03)
    desk.signal(hook(2.04, "UserPromptSubmit", agent="codex"))
    desk.at(3)

    assert desk.told() == ["idle", "working"]


def test_a_limit_lasts_until_the_window_that_is_full_starts_anew() -> None:
    limits = told(1, "token_count", info=None, rate_limits={"primary": FULL})
    desk = Desk("codex").read(START, limits, end(2, None, error=LIMIT))

    view = desk.at(60)
    assert (view.state, view.until_ms) == (State.LIMITED, ms(900) // 1000 * 1000)
    assert desk.at(901).state is State.IDLE


def test_a_long_command_never_stalls_while_its_process_lives() -> None:
    desk = Desk("codex").read(START, codex_call(1)).signal(found(agent="codex"))

    view = desk.at(7200)
    assert (view.state, view.activity) == (State.WORKING, Activity.TOOL)


def test_silence_without_a_tool_stalls_though_the_process_lives() -> None:
    desk = Desk("codex").read(START).signal(found(agent="codex"))

    assert desk.at(601).state is State.STALLED
