"""Verdicts depend on what was said, not on when reading stopped or who was heard first."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from jarvisd.base.session_words import State
from jarvisd.core.signal import HookCalled
from jarvisd.state.model import StateView
from tests.state import test_codex as codex
from tests.state.rig import (
    Desk,
    call,
    codex_call,
    codex_result,
    found,
    gone,
    hook,
    mode,
    ms,
    prompt,
    registry,
    reply,
    result,
    system,
    told,
    turn_end,
)

Make = Any

CLAUDE_LINES: list[Make] = [
    lambda _: mode("default"),
    lambda _: mode("auto"),
    prompt,
    lambda at: prompt(at, "[Request interrupted by user]"),
    lambda at: prompt(at, "<command-name>/x</command-name>"),
    lambda at: prompt(at, "Body.", isMeta=True),
    lambda at: prompt(at, "Stop hook feedback: no", isMeta=True),
    lambda at: reply(at, "Ok."),
    lambda at: reply(at, "Which one?"),
    lambda at: reply(at, "x", stop=None),
    lambda at: call(at, "t1"),
    lambda at: call(at, "t2", "Edit"),
    lambda at: call(at, "t3", "AskUserQuestion"),
    lambda at: call(at, "t4", "Agent"),
    lambda at: result(at, "t1"),
    lambda at: result(at, "t2"),
    lambda at: result(at, "t3"),
    lambda at: result(at, "t4", noted={"status": "async_launched", "agentId": "a"}),
    lambda at: result(at, "t1", noted={"backgroundTaskId": "b"}),
    turn_end,
    lambda at: turn_end(at, pendingBackgroundAgentCount=2),
    lambda at: system(at, "api_error", retryAttempt=3),
    lambda at: system(at, "compact_boundary", compactMetadata={"trigger": "manual"}),
]
CODEX_LINES: list[Make] = [
    lambda at: told(at, "task_started", turn_id=f"{at}"),
    lambda at: told(at, "user_message", message="Go"),
    lambda at: told(at, "turn_aborted", reason="interrupted"),
    lambda _: codex.context(),
    lambda _: codex.context("never"),
    lambda at: codex_call(at, "c1", **codex.ESCALATED),
    lambda at: codex_call(at, "c2", "request_user_input"),
    lambda at: codex_result(at, "ok", "c1"),
    lambda at: codex_result(at, "ok", "c2"),
    lambda at: codex.end(at, codex.PLAN),
    lambda at: codex.end(at, None, error=codex.LIMIT),
    codex.end,
]
HOOKS = (
    "SessionStart",
    "UserPromptSubmit",
    "PreToolUse",
    "PermissionRequest",
    "PostToolUse",
    "Stop",
    "SessionEnd",
    "PreCompact",
    "PostCompact",
)


def lines_of(makers: list[Make]) -> st.SearchStrategy[list[bytes]]:
    """Return strategies for lines, five seconds apart."""
    picks = st.lists(st.sampled_from(makers), min_size=1, max_size=12)
    return picks.map(lambda made: [make(5.0 * at) for at, make in enumerate(made)])


STORIES = st.one_of(
    st.tuples(st.just("claude"), lines_of(CLAUDE_LINES)),
    st.tuples(st.just("codex"), lines_of(CODEX_LINES)),
)


def read(agent: str, lines: Sequence[bytes], stops: set[int]) -> StateView:
    """Read *lines*, in a new process behind each line in *stops*."""
    desk = Desk(agent)
    for index, text in enumerate(lines):
        desk.read(text)
        if index in stops:
            desk.restart()

    return desk.at(100)


@settings(max_examples=150, deadline=None)
@given(story=STORIES, stops=st.sets(st.integers(0, 11)))
def test_a_restart_behind_any_line_changes_nothing(
    story: tuple[str, list[bytes]], stops: set[int]
) -> None:
    agent, lines = story

    assert read(agent, lines, stops) == read(agent, lines, set())


@settings(max_examples=100, deadline=None)
@given(story=STORIES, judged=st.sets(st.integers(0, 11)))
def test_how_often_it_is_judged_changes_nothing_once_all_is_quiet(
    story: tuple[str, list[bytes]], judged: set[int]
) -> None:
    agent, lines = story
    desk = Desk(agent)
    for index, text in enumerate(lines):
        desk.read(text)
        if index in judged:
            desk.at(5.0 * index)

    desk.at(100)
    assert desk.at(110).state is read_until(agent, lines, 110).state


def read_until(agent: str, lines: Sequence[bytes], second: float) -> StateView:
    desk = Desk(agent).read(*lines)
    desk.at(second - 10)
    return desk.at(second)


SIGNALS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(HOOKS), st.integers(0, 60)).map(
            lambda each: hook(each[1], each[0], tool="Bash")
        ),
        st.tuples(
            st.sampled_from(["busy", "idle", "waiting", "shell", None]),
            st.integers(0, 60),
        ).map(lambda each: registry(each[1], each[0])),
        st.integers(0, 60).map(found),
        st.integers(0, 60).map(gone),
    ),
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(story=lines_of(CLAUDE_LINES), signals=SIGNALS)
def test_whatever_is_heard_there_is_a_verdict_and_transitions_hang_together(
    story: list[bytes], signals: list[Any]
) -> None:
    desk = Desk()
    for index, text in enumerate(story):
        desk.read(text)
        desk.signal(*signals[index : index + 1])
        desk.at(5.0 * index)

    for second in (200, 700, 2_000, 40_000, 90_000, 200_000):
        desk.at(second)
        due_ms = desk.states.next_ms
        assert due_ms is None or due_ms > ms(second)

    assert [each.before for each in desk.transitions[1:]] == [
        each.state for each in desk.transitions[:-1]
    ]
    assert all(each.before is not each.state for each in desk.transitions)


@settings(max_examples=100, deadline=None)
@given(
    order=st.permutations(
        [
            hook(1, "PreToolUse", tool="Bash", call_id="t1"),
            hook(1.1, "PermissionRequest", tool="Bash", call_id="t1"),
            registry(1.2, "waiting", "permission prompt"),
            found(),
        ]
    )
)
def test_witnesses_of_one_dialog_may_come_in_any_order(order: list[Any]) -> None:
    desk = Desk().read(mode("default"), prompt(0), call(1)).signal(*order)

    assert desk.at(2).state is State.WAITING_APPROVAL


@settings(max_examples=50, deadline=None)
@given(
    order=st.permutations(
        [
            hook(1.1, "PermissionRequest", tool="Bash", call_id="t1"),
            hook(9, "PostToolUse", tool="Bash", call_id="t1"),
        ]
    )
)
def test_an_answer_that_overtakes_its_question_is_still_one(
    order: list[HookCalled],
) -> None:
    desk = Desk().read(mode("default"), prompt(0), call(1)).signal(*order)

    assert desk.at(10).state is State.WORKING
