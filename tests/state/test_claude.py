"""Claude Code's states by its transcript alone, by the cases of its format (CC)."""

from typing import Any

import pytest

from jarvisd.base.session_words import Activity, Confidence, State
from jarvisd.state.model import Tier
from tests.ledger.books import line
from tests.state.rig import (
    Desk,
    call,
    mode,
    ms,
    prompt,
    reply,
    result,
    stamp,
    state_of,
    system,
    turn_end,
)

ASK = "AskUserQuestion"
LIMIT_S = 1_796_000_000
LEGACY_LIMIT = f"Claude AI usage limit reached|{LIMIT_S}"


def failure(second: float, text: str, error: str = "rate_limit") -> bytes:
    return line(
        type="assistant",
        timestamp=stamp(second),
        isApiErrorMessage=True,
        error=error,
        message={
            "model": "<synthetic>",
            "stop_reason": "stop_sequence",
            "content": [{"type": "text", "text": text}],
        },
    )


def boundary(second: float, trigger: str) -> bytes:
    return system(second, "compact_boundary", compactMetadata={"trigger": trigger})


def notice(second: float, task: str) -> bytes:
    text = f"<task-notification><task-id>{task}</task-id><status>completed</status>"
    return prompt(second, text, promptSource="system")


THINKING = {"type": "thinking", "thinking": "x"}
DONE = (prompt(0), reply(1, "Done."), turn_end(2))
ASKED = (prompt(0), call(1, tool=ASK))

CASES = [
    pytest.param([reply(1, "Hi.")], State.IDLE, id="CC-089 the end of a turn"),
    pytest.param([reply(1, "Hi", stop=None)], State.WORKING, id="CC-089 a stream"),
    pytest.param(
        [*DONE, boundary(3, "manual")], State.IDLE, id="CC-090 a boundary at the end"
    ),
    pytest.param(
        [prompt(0), boundary(3, "auto")], State.WORKING, id="CC-090 in mid-turn"
    ),
    pytest.param(ASKED, State.WAITING_ANSWER, id="CC-092 a question"),
    pytest.param(
        [*ASKED, turn_end(2)], State.WAITING_ANSWER, id="CC-092 behind the turn"
    ),
    pytest.param([*ASKED, result(2)], State.WORKING, id="CC-092 it is answered"),
    pytest.param(
        [*ASKED, turn_end(2), result(3)],
        State.WORKING,
        id="CC-092 it is answered behind the turn",
    ),
    pytest.param(
        [prompt(0), call(1), call(1, tool="Bash"), result(2), reply(3, "Ok.")],
        State.IDLE,
        id="CC-095 one call written twice",
    ),
    pytest.param(
        [prompt(0), call(1), result(2, "t9")], State.WORKING, id="CC-096 an orphan"
    ),
    pytest.param(
        [prompt(0), turn_end(1, pendingBackgroundAgentCount=2), turn_end(2)],
        State.IDLE,
        id="CC-098 no count is none",
    ),
    pytest.param(
        [
            prompt(0),
            turn_end(1, pendingBackgroundAgentCount=2),
            system(2, "stop_hook_summary"),
        ],
        State.WORKING,
        id="CC-098 no count of a summary is not known",
    ),
    pytest.param(
        [prompt(0), turn_end(1, pendingBackgroundAgentCount=2)],
        State.WORKING,
        id="CC-099 agents in the background",
    ),
    *(
        pytest.param([*DONE, line(timestamp=stamp(9), **each)], State.IDLE, id=name)
        for name, each in {
            "CC-101 last-prompt": {"type": "last-prompt", "lastPrompt": "Go"},
            "CC-101 ai-title": {"type": "ai-title", "aiTitle": "Go"},
            "CC-101 snapshot": {"type": "file-history-snapshot"},
            "CC-101 unknown": {"type": "foo-bar"},
            "CC-101 mode": {"type": "permission-mode", "permissionMode": "plan"},
            "CC-101 queue": {"type": "queue-operation", "operation": "enqueue"},
        }.items()
    ),
    pytest.param(
        [prompt(0), system(1, "api_error", error={"status": 429}, retryAttempt=1)],
        State.WORKING,
        id="CC-102 the provider is asked again",
    ),
    pytest.param(
        [prompt(0), failure(1, "API Error: 500", error="unknown")],
        State.WAITING_ANSWER,
        id="an error that is final",
    ),
    pytest.param(
        [prompt(0), failure(1, LEGACY_LIMIT)], State.LIMITED, id="CC-104 legacy limit"
    ),
    pytest.param(
        [prompt(0), failure(1, "You've hit your session limit · resets 3:20pm")],
        State.LIMITED,
        id="a limit in newer words",
    ),
    pytest.param(
        [prompt(0), failure(1, LEGACY_LIMIT), prompt(2), reply(3, "Ok.")],
        State.IDLE,
        id="a limit that is over",
    ),
    pytest.param(
        [mode("default"), prompt(0), call(1, tool="Edit"), result(2)],
        State.WORKING,
        id="CC-110 an edit that came back",
    ),
    pytest.param(
        [prompt(0), reply(1, "PR is ready. Let me know if it needs tweaks")],
        State.WAITING_ANSWER,
        id="CC-114 a cue",
    ),
    pytest.param(
        [prompt(0), reply(1, "Done. The tests pass.")], State.IDLE, id="CC-114 no cue"
    ),
    pytest.param(
        [prompt(0), reply(1, "**What now?**")],
        State.WAITING_ANSWER,
        id="CC-116 a question in bold",
    ),
    pytest.param(
        [prompt(0), reply(1, "I'll wait for its completion notification")],
        State.IDLE,
        id="CC-117 it waits for another",
    ),
    pytest.param(
        [prompt(0), prompt(2, "[Request interrupted by user]")],
        State.IDLE,
        id="an interrupt",
    ),
    pytest.param(
        [prompt(0), call(1), prompt(2, "[Request interrupted by user for tool use]")],
        State.IDLE,
        id="an interrupt of a tool",
    ),
    pytest.param(
        [*DONE, prompt(3, "<command-name>/model</command-name>")],
        State.IDLE,
        id="a local command",
    ),
    pytest.param(
        [
            *DONE,
            prompt(3, "<command-name>/review</command-name>"),
            prompt(3, "Review it.", isMeta=True),
        ],
        State.WORKING,
        id="a command with a body",
    ),
    pytest.param(
        [*DONE, prompt(3, "Continue from where you left off.", isMeta=True)],
        State.IDLE,
        id="a resume",
    ),
    pytest.param(
        [
            prompt(0),
            reply(1, "Done."),
            prompt(2, "Stop hook feedback:\nnot yet", isMeta=True),
            system(2, "stop_hook_summary"),
        ],
        State.WORKING,
        id="a hook sends the agent on",
    ),
    pytest.param(
        [prompt(0), reply(1, THINKING)], State.WORKING, id="thoughts before words"
    ),
    pytest.param([], State.UNKNOWN, id="nothing was said"),
    pytest.param([mode("default")], State.UNKNOWN, id="only bookkeeping"),
]


@pytest.mark.parametrize(("lines", "expected"), CASES)
def test_what_a_transcript_tells(lines: list[bytes], expected: State) -> None:
    desk = Desk().read(*lines)
    view = desk.at(60)

    if expected is State.UNKNOWN:
        assert list(desk.states.sessions()) == []
    else:
        assert view.state is expected


def test_a_leaked_call_ends_with_its_turn_and_an_agent_does_not() -> None:
    """CC-093."""
    desk = Desk().read(
        prompt(0), call(1, "a", "Agent"), call(1, "b"), turn_end(2), prompt(3)
    )

    assert [each.tool for each in desk.stream().ledger.memory.open_tools.values()] == [
        "Agent"
    ]


def test_agents_in_the_background_are_work_until_the_last_one_ends() -> None:
    launched = {"status": "async_launched", "agentId": "a1"}
    lines = (
        prompt(0),
        call(1, tool="Agent"),
        result(2, noted=launched),
        reply(3, "Launched."),
        turn_end(4, pendingBackgroundAgentCount=1),
    )
    view = state_of(lines)
    assert (view.state, view.activity) == (State.WORKING, Activity.BACKGROUND)

    after = (*lines, notice(9, "a1"), reply(10, "All done."), turn_end(11))
    assert state_of(after).state is State.IDLE


def test_a_workflow_is_work_though_the_agent_does_not_count_it() -> None:
    launched = {"status": "async_launched", "taskId": "w1"}
    lines = (
        prompt(0),
        call(1, tool="Workflow"),
        result(2, noted=launched),
        reply(3, "Launched."),
        turn_end(4),
    )
    assert state_of(lines).state is State.WORKING
    assert state_of((*lines, notice(9, "w1"), reply(10, "Ok."))).state is State.IDLE


def test_a_command_in_the_background_leaves_the_session_idle() -> None:
    lines = (
        prompt(0),
        call(1),
        result(2, noted={"backgroundTaskId": "b1"}),
        reply(3, "It runs."),
        turn_end(4),
    )
    view = state_of(lines)

    assert (view.state, view.activity) == (State.IDLE, Activity.BACKGROUND)


def test_a_question_of_a_turn_that_is_gone_is_asked_no_more() -> None:
    """A session that was killed over its question, and resumed."""
    assert state_of([*ASKED, prompt(9)]).state is State.WORKING
    assert state_of([*ASKED, prompt(9), reply(10, "Ok.")]).state is State.IDLE
    cut = prompt(9, "[Request interrupted by user]")
    assert state_of([*ASKED, cut]).state is State.IDLE


def test_of_two_questions_the_other_one_is_still_open() -> None:
    lines = [prompt(0), call(1, "a", ASK), call(1, "b", ASK), turn_end(2)]

    assert state_of([*lines, result(3, "a")]).state is State.WAITING_ANSWER


def test_a_limit_without_an_end_is_believed_for_the_shortest_window() -> None:
    words = "You've hit your session limit"
    desk = Desk().read(prompt(0), failure(1, words))

    assert desk.at(4 * 3600).state is State.LIMITED
    assert desk.at(6 * 3600).state is State.IDLE


def test_a_retry_is_told_as_such() -> None:
    """CC-102."""
    view = state_of([prompt(0), system(1, "api_error", retryAttempt=1)])

    assert view.activity is Activity.RETRYING


def test_a_limit_is_over_when_it_starts_anew() -> None:
    """CC-104."""
    desk = Desk().read(prompt(0), failure(1, LEGACY_LIMIT))

    view = desk.at(60)
    assert (view.state, view.until_ms) == (State.LIMITED, LIMIT_S * 1000)
    desk.transitions += desk.states.judge(LIMIT_S * 1000)
    assert desk.told()[:2] == [State.LIMITED, State.ENDED]  # by then it is days old


@pytest.mark.parametrize("modes", [[], [mode("default")], [mode("plan")]])
def test_an_edit_that_takes_long_may_wait_for_leave(modes: list[bytes]) -> None:
    """CC-110."""
    desk = Desk().read(*modes, prompt(0), call(1, tool="Edit"))

    assert desk.at(30.9).state is State.WORKING
    view = desk.at(31)
    assert (view.state, view.tool) == (State.WAITING_APPROVAL, "Edit")
    assert (view.confidence, view.tier) == (Confidence.LOW, Tier.TRANSCRIPT)
    assert view.hint is not None
    assert "hooks install" in view.hint

    desk.read(result(40))
    assert desk.at(40).state is State.WORKING


@pytest.mark.parametrize(
    "given", ["bypassPermissions", "auto", "dontAsk", "acceptEdits"]
)
def test_an_edit_needs_no_leave_in_a_mode_that_does_not_ask(given: str) -> None:
    desk = Desk().read(mode(given), prompt(0), call(1, tool="Write"))

    assert desk.at(300).state is State.WORKING


@pytest.mark.parametrize("tool", ["Bash", "WebFetch", "Task", "mcp__x__edit"])
def test_a_tool_that_takes_long_is_work(tool: str) -> None:
    """CC-111."""
    view = Desk().read(mode("default"), prompt(0), call(1, tool=tool)).at(601)

    assert (view.state, view.activity) == (State.WORKING, Activity.TOOL)
    assert view.confidence is Confidence.MEDIUM  # it looks the same as a dialog


def test_a_question_in_prose_is_of_low_confidence_and_a_tool_is_not() -> None:
    assert state_of([reply(1, "Which one?")]).confidence is Confidence.LOW
    view = state_of(ASKED)
    assert (view.confidence, view.tool) == (Confidence.HIGH, ASK)
    assert view.since_ms == ms(1)


def test_a_turn_in_silence_stalls_where_no_process_is_known() -> None:
    desk = Desk().read(prompt(0))

    assert desk.at(599).state is State.WORKING
    assert desk.at(601).state is State.STALLED
    desk.read(reply(700, "Sorry."))
    assert desk.at(701).state is State.IDLE


def test_a_call_without_a_process_stalls_later() -> None:
    desk = Desk().read(mode("auto"), prompt(0), call(1))

    assert desk.at(1790).state is State.WORKING
    assert desk.at(1801).state is State.STALLED


def test_what_was_silent_for_half_a_day_counts_as_over() -> None:
    desk = Desk().read(*DONE)
    assert desk.at(60).state is State.IDLE

    view = desk.at(13 * 3600)
    assert (view.state, view.confidence) == (State.ENDED, Confidence.LOW)


def test_lines_of_a_subagent_in_its_parents_transcript_are_not_the_parents() -> None:
    fields: dict[str, Any] = {"isSidechain": True, "agentId": "a1"}
    child = line(
        type="assistant",
        timestamp=stamp(5),
        message={"id": "m", "model": "x", "stop_reason": "end_turn", "content": []},
        **fields,
    )

    assert state_of([prompt(0), call(1, tool="Task"), child]).state is State.WORKING
