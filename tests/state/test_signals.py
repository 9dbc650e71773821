"""What hooks, registry and processes tell beside the transcript."""

import json
from typing import Any

import pytest

from jarvisd.base.session_words import Activity, Confidence, State
from jarvisd.core.signal import HookCalled, ToolRuns
from jarvisd.state.model import Tier
from tests.ledger.books import line
from tests.state.rig import (
    MAIN,
    PID,
    Desk,
    call,
    codex_call,
    found,
    gone,
    hook,
    mode,
    ms,
    prompt,
    registry,
    reply,
    result,
    state_of,
    told,
    turn_end,
)

TURN = (mode("default"), prompt(0), call(1))


def desk(*lines: bytes) -> Desk:
    return Desk().read(*lines)


def asking(second: float = 2, **more: Any) -> HookCalled:
    given = {"tool": "Bash", "call_id": "t1", **more}
    return hook(second, "PermissionRequest", **given)


# The registry


@pytest.mark.parametrize(
    ("status", "expected", "activity"),
    [
        pytest.param("busy", State.WORKING, Activity.TOOL, id="busy"),
        pytest.param("idle", State.IDLE, None, id="idle"),
        pytest.param("waiting", State.WAITING_APPROVAL, None, id="waiting"),
        pytest.param("shell", State.IDLE, Activity.BACKGROUND, id="shell"),
        pytest.param(None, State.WORKING, Activity.TOOL, id="it does not say"),
        pytest.param("frying", State.WORKING, Activity.TOOL, id="a word of tomorrow"),
    ],
)
def test_the_registry_is_believed(
    status: str | None, expected: State, activity: Activity | None
) -> None:
    """CC-105, but for "input needed"."""
    view = desk(*TURN).signal(registry(2, status)).at(3)

    assert (view.state, view.activity, view.pid) == (expected, activity, PID)


def test_a_dialog_in_the_registry_is_seen_at_once_and_gone_when_it_is_answered() -> (
    None
):
    sut = desk(*TURN).signal(registry(2, "waiting", "permission prompt"))
    view = sut.at(2)
    assert (view.state, view.tool, view.tier) == (
        State.WAITING_APPROVAL,
        "Bash",
        Tier.REGISTRY,
    )
    assert (view.confidence, view.since_ms) == (Confidence.HIGH, ms(2))

    sut.signal(registry(30, "busy"))
    assert sut.at(30).state is State.WORKING


@pytest.mark.parametrize(
    ("word", "expected", "confidence"),
    [
        ("permission prompt", State.WAITING_APPROVAL, Confidence.HIGH),
        ("sandbox request", State.WAITING_APPROVAL, Confidence.HIGH),
        ("worker request", State.WAITING_APPROVAL, Confidence.HIGH),
        ("approve plan", State.WAITING_APPROVAL, Confidence.HIGH),
        ("goal proposal", State.WAITING_APPROVAL, Confidence.HIGH),
        (None, State.WAITING_APPROVAL, Confidence.HIGH),
        ("input needed", State.WAITING_ANSWER, Confidence.HIGH),
        ("dialog open", State.WAITING_ANSWER, Confidence.HIGH),
        ("a word of tomorrow", State.WAITING_ANSWER, Confidence.LOW),
    ],
)
def test_the_registry_says_what_kind_of_dialog_is_open(
    word: str | None, expected: State, confidence: Confidence
) -> None:
    view = desk(*TURN).signal(registry(2, "waiting", word)).at(3)

    assert (view.state, view.confidence) == (expected, confidence)
    assert view.evidence == f"registry: {word or 'waiting'}"


def test_a_dialog_over_a_question_is_the_question() -> None:
    sut = desk(prompt(0), call(1, tool="ExitPlanMode"))

    view = sut.signal(registry(2, "waiting", "permission prompt")).at(3)
    assert (view.state, view.tool) == (State.WAITING_ANSWER, "ExitPlanMode")


@pytest.mark.parametrize(
    ("event", "tool", "expected"),
    [
        ("PreToolUse", "ExitPlanMode", State.WAITING_ANSWER),
        ("PermissionRequest", "Bash", State.WAITING_APPROVAL),
    ],
)
def test_a_dialog_is_about_what_a_hook_named_before_the_call_is_written(
    event: str, tool: str, expected: State
) -> None:
    sut = desk(mode("plan"), prompt(0)).signal(hook(1, event, tool=tool, call_id="t1"))
    sut.at(1)

    view = sut.signal(registry(1.2, "waiting", "permission prompt")).at(1.2)
    assert (view.state, view.tool) == (expected, tool)
    assert sut.told() == [expected]


def test_a_menu_that_the_person_opened_is_no_wait() -> None:
    sut = desk(prompt(0), reply(1, "Done."), turn_end(2))

    assert sut.signal(registry(3, "waiting", "dialog open")).at(4).state is State.IDLE


def test_records_newer_than_an_idle_registry_are_work() -> None:
    sut = desk().signal(registry(0, "idle")).read(prompt(5))

    assert sut.at(5).state is State.WORKING


def test_a_busy_registry_goes_on_behind_an_end_that_was_only_concluded() -> None:
    sut = desk(prompt(0), reply(3, "Done.")).signal(registry(1, "busy"))
    assert sut.at(4).state is State.WORKING  # a hook of the user may send it on

    sut.read(turn_end(5))
    assert sut.at(5).state is State.IDLE


def test_a_session_that_its_process_gave_up_is_over() -> None:
    """`/clear`: the process lives on in another session."""
    sut = desk(prompt(0), reply(1, "Done."), turn_end(2)).signal(registry(2, "idle"))
    assert sut.at(3).state is State.IDLE

    sut.signal(gone(9, tidy=True), registry(9, "idle", session_id="s2"))
    assert sut.at(9).state is State.ENDED
    assert sut.at(9, "s2").state is State.IDLE


def test_a_session_behind_a_cleared_one_begins_when_that_ends() -> None:
    """As real clients do it: the status of the old session is written for both."""
    sut = desk(prompt(0), reply(1, "Done."), turn_end(2))
    sut.signal(found(), registry(2, "idle"))
    assert sut.at(3).state is State.IDLE

    sut.signal(hook(9.1, "SessionEnd", detail="clear"), registry(9, "busy"))
    assert sut.at(9.1).state is State.ENDED

    new = found(0, session_id="s2", took_up_ms=ms(9.3))
    sut.signal(gone(9.3, tidy=True), new, registry(9, "busy", session_id="s2"))
    view = sut.at(9.3, "s2")
    assert (view.state, view.since_ms) == (State.IDLE, ms(9.3))

    sut.signal(registry(12, "busy", session_id="s2"))
    assert sut.at(12, "s2").state is State.WORKING
    assert sut.told() == ["idle", "ended"]
    assert sut.told("s2") == ["idle", "working"]


def test_a_registry_that_goes_on_behind_a_goodbye_is_a_new_life() -> None:
    sut = desk(prompt(0), reply(1, "Done.")).signal(hook(9, "SessionEnd"))
    assert sut.at(9).state is State.ENDED

    assert sut.signal(registry(60, "idle")).at(60).state is State.IDLE


@pytest.mark.parametrize("agent", ["claude", "codex"])
def test_a_process_that_ends_with_its_turn_works_from_its_start(agent: str) -> None:
    sut = Desk(agent).signal(found(agent=agent, headless=True))
    assert sut.at(0).state is State.WORKING

    for second, event in ((1, "SessionStart"), (2, "UserPromptSubmit"), (9, "Stop")):
        sut.signal(hook(second, event, agent=agent))
        sut.at(second)

    sut.signal(gone(9.5, agent=agent)).at(9.5)
    assert sut.told() == ["working", "ended"]


# Hooks


def test_a_request_for_leave_is_a_wait_until_the_tool_is_done() -> None:
    sut = desk(*TURN).signal(asking())
    view = sut.at(2)
    assert (view.state, view.tier, view.tool) == (
        State.WAITING_APPROVAL,
        Tier.HOOK,
        "Bash",
    )
    assert view.evidence == "PermissionRequest Bash"
    assert view.evidence_ms == ms(2)

    sut.signal(hook(9, "PostToolUse", tool="Bash", call_id="t1"))
    assert sut.at(9).state is State.WORKING


@pytest.mark.parametrize(
    "answer",
    [
        hook(9, "PostToolUseFailure", tool="Bash", call_id="t1"),
        hook(9, "PermissionDenied", tool="Bash", call_id="t1"),
        hook(9, "Stop"),
        hook(9, "UserPromptSubmit"),
    ],
    ids=lambda each: each.event,
)
def test_a_wait_ends_with_every_answer(answer: HookCalled) -> None:
    sut = desk(*TURN).signal(asking())
    assert sut.at(2).state is State.WAITING_APPROVAL

    assert sut.signal(answer).at(9).state in {State.WORKING, State.IDLE}


@pytest.mark.parametrize("status", ["busy", "idle", "shell"])
def test_a_request_ends_when_the_registry_leaves_the_dialog(status: str) -> None:
    sut = desk(*TURN).signal(registry(1, "busy"), asking())
    assert sut.at(2).state is State.WAITING_APPROVAL

    sut.signal(registry(2.2, "waiting", "permission prompt"))
    assert sut.at(3).state is State.WAITING_APPROVAL

    view = sut.signal(registry(9, status)).at(9)
    assert view.state in {State.WORKING, State.IDLE}
    assert view.since_ms == ms(9)


def test_the_request_of_a_subagent_ends_with_the_dialog_of_its_parent() -> None:
    child = "s1/agent-a1"
    sut = desk(*TURN).signal(found(), registry(1, "busy"))
    sut.signal(hook(2, "PermissionRequest", child, tool="Bash"))
    assert (sut.at(2).state, sut.at(2, child).state) == (State.WAITING_APPROVAL,) * 2

    sut.signal(registry(9, "busy"))
    assert (sut.at(9).state, sut.at(9, child).state) == (State.WORKING,) * 2


def runs(second: float, call_id: str | None) -> ToolRuns:
    return ToolRuns(agent="codex", session_id=MAIN, call_id=call_id, at_ms=ms(second))


def calling(second: float, call_id: str, event: str = "PreToolUse") -> HookCalled:
    return hook(second, event, agent="codex", tool="Bash", call_id=call_id)


def wanting(second: float) -> HookCalled:
    """Return a request of Codex, which does not name its call."""
    return hook(second, "PermissionRequest", agent="codex", tool="Bash")


def test_a_request_ends_when_its_call_runs() -> None:
    sut = Desk("codex").signal(calling(1, "c1"), calling(2, "c1", "PostToolUse"))
    sut.signal(calling(3, "c2"), wanting(4))
    assert sut.at(4).state is State.WAITING_APPROVAL

    view = sut.signal(runs(9, "c2")).at(9)
    assert (view.state, view.since_ms) == (State.WORKING, ms(9))


@pytest.mark.parametrize("call_id", ["c1", None])
def test_another_call_that_runs_ends_no_request(call_id: str | None) -> None:
    sut = Desk("codex").signal(calling(1, "c2"), wanting(2), runs(9, call_id))

    assert sut.at(9).state is State.WAITING_APPROVAL


def test_a_call_that_runs_ends_no_request_of_which_it_is_not_sure() -> None:
    sut = Desk("codex").signal(calling(1, "c1"), calling(1, "c2"), wanting(2))

    assert sut.signal(runs(9, "c2")).at(9).state is State.WAITING_APPROVAL


def test_behind_a_restart_the_only_open_call_is_what_was_asked_for() -> None:
    sut = Desk("codex").read(told(0, "task_started", turn_id="t1"), codex_call(1, "c1"))
    sut.signal(calling(1, "c1"), wanting(2))
    assert sut.at(2).state is State.WAITING_APPROVAL

    sut.restart()
    assert sut.at(5).state is State.WAITING_APPROVAL
    assert sut.signal(runs(9, "c1")).at(9).state is State.WORKING
    assert sut.told() == ["waiting_approval", "working"]


def test_dialogs_are_told_of_with_the_process_that_shows_them() -> None:
    sut = Desk("codex").signal(found(agent="codex"), wanting(2))
    sut.at(2)
    (dialog,) = sut.states.dialogs()
    assert (dialog.agent, dialog.session_id, dialog.pid) == ("codex", MAIN, PID)

    sut.signal(hook(9, "Stop", agent="codex")).at(9)
    assert sut.states.dialogs() == []


def test_work_behind_a_dialog_began_when_the_dialog_ended() -> None:
    sut = desk(*TURN).signal(asking())
    assert sut.at(2).since_ms == ms(2)

    sut.signal(hook(9, "PostToolUse", tool="Bash", call_id="t1"))
    assert sut.at(20).since_ms == ms(9)
    assert sut.transitions[-1].at_ms == ms(9)


def test_a_subagent_works_from_its_start_on() -> None:
    child = "s1/agent-a1"
    sut = desk(*TURN).signal(found(), hook(2, "SubagentStart", child))
    assert sut.at(2, child).state is State.WORKING

    sut.signal(hook(9, "SubagentStop", child))
    assert sut.at(9, child).state is State.ENDED
    assert sut.told(child) == ["working", "ended"]


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([result(9)], id="its result"),
        pytest.param([prompt(9, "[Request interrupted by user]")], id="an interrupt"),
        pytest.param([turn_end(9)], id="the turn's end"),
        pytest.param([prompt(9)], id="the next prompt"),
    ],
)
def test_a_wait_ends_with_records_though_no_hook_tells(lines: list[bytes]) -> None:
    sut = desk(*TURN).signal(asking())
    assert sut.at(2).state is State.WAITING_APPROVAL

    assert sut.read(*lines).at(9).state in {State.WORKING, State.IDLE}


def test_another_tool_that_is_done_does_not_end_a_wait() -> None:
    sut = desk(*TURN, call(1, "t2", "Read")).signal(asking())
    sut.signal(hook(3, "PostToolUse", tool="Read", call_id="t2")).read(result(3, "t2"))

    assert sut.at(4).state is State.WAITING_APPROVAL


def test_a_request_may_be_heard_before_its_call_is_written() -> None:
    sut = desk(mode("default"), prompt(0)).signal(asking(1.1))
    assert sut.at(1.1).state is State.WAITING_APPROVAL

    sut.read(call(1))
    assert sut.at(1.2).state is State.WAITING_APPROVAL


def test_a_request_in_a_mode_that_answers_itself_must_stand_for_a_second() -> None:
    sut = desk(mode("auto"), prompt(0), call(1)).signal(asking())
    assert sut.at(2.9).state is State.WORKING
    view = sut.at(3)
    assert (view.state, view.confidence) == (State.WAITING_APPROVAL, Confidence.MEDIUM)


@pytest.mark.parametrize("name", ["bypassPermissions", "dontAsk"])
def test_a_request_where_nobody_is_asked_is_none(name: str) -> None:
    sut = desk(mode(name), prompt(0), call(1)).signal(asking())

    assert sut.at(60).state is State.WORKING


def test_the_mode_of_a_hook_is_newer_than_that_of_the_transcript() -> None:
    sut = desk(*TURN).signal(asking(mode="bypassPermissions"))

    assert sut.at(60).state is State.WORKING


@pytest.mark.parametrize("tool", ["ExitPlanMode", "AskUserQuestion"])
def test_a_question_is_heard_before_it_is_written(tool: str) -> None:
    sut = desk(prompt(0)).signal(hook(1, "PreToolUse", tool=tool, call_id="t1"))
    sut.signal(hook(1.1, "PermissionRequest", tool=tool, call_id="t1"))

    view = sut.at(1.1)
    assert (view.state, view.tool) == (State.WAITING_ANSWER, tool)


def test_a_notification_tells_of_a_dialog_where_no_request_did() -> None:
    note = hook(8, "Notification", detail="permission_prompt")
    sut = desk(*TURN).signal(note)

    assert sut.at(8).state is State.WAITING_APPROVAL


def test_a_notification_of_idleness_is_no_wait() -> None:
    """It comes a minute late, and to every session that is left alone."""
    sut = desk(prompt(0), reply(1, "Done."), turn_end(2))
    sut.signal(hook(62, "Notification", detail="idle_prompt"))

    assert sut.at(62).state is State.IDLE


def test_a_form_that_a_server_shows_waits_for_an_answer() -> None:
    sut = desk(*TURN).signal(hook(2, "Notification", detail="elicitation_dialog"))

    assert sut.at(2).state is State.WAITING_ANSWER


def test_a_dialog_is_not_believed_for_ever() -> None:
    sut = desk(*TURN).signal(found(), asking())

    assert sut.at(11 * 3600).state is State.WAITING_APPROVAL
    assert sut.at(13 * 3600).state is not State.WAITING_APPROVAL


def test_with_hooks_a_slow_edit_is_work() -> None:
    sut = desk(mode("default"), prompt(0), call(1, tool="Edit"))
    sut.signal(hook(1, "PreToolUse", tool="Edit", call_id="t1"))

    view = sut.at(60)
    assert (view.state, view.confidence) == (State.WORKING, Confidence.HIGH)
    assert view.hint is None


def test_a_compaction_lasts_until_its_end_or_five_minutes() -> None:
    sut = desk(prompt(0)).signal(hook(1, "PreCompact", detail="auto"))
    assert sut.at(2).state is State.COMPACTING
    assert sut.signal(hook(9, "PostCompact")).at(9).state is State.WORKING

    sut.signal(hook(10, "PreCompact", detail="auto"))
    assert sut.at(309).state is State.COMPACTING
    assert sut.at(311).state is State.WORKING


def test_hooks_alone_tell_of_a_turn() -> None:
    sut = Desk().signal(hook(0, "UserPromptSubmit"))
    assert sut.at(0).state is State.WORKING
    sut.signal(hook(1, "PreToolUse", tool="Bash"))
    assert sut.at(1).tool == "Bash"
    sut.signal(hook(5, "Stop"))
    assert sut.at(5).state is State.IDLE
    sut.signal(hook(9, "SessionEnd", detail="clear"))
    view = sut.at(9)
    assert (view.state, view.evidence) == (State.ENDED, "SessionEnd clear")


def test_a_hook_of_an_interrupt_ends_the_turn() -> None:
    """Esc while thinking may leave nothing in the transcript."""
    sut = desk(*TURN).signal(hook(5, "PostToolUseFailure", detail="interrupt"))

    assert sut.at(5).state is State.IDLE


# Processes


@pytest.mark.parametrize(
    ("tidy", "lines", "expected"),
    [
        pytest.param(False, TURN, State.CRASHED, id="killed at work"),
        pytest.param(None, TURN, State.CRASHED, id="gone at work, nobody knows how"),
        pytest.param(True, TURN, State.ENDED, id="it said goodbye"),
        pytest.param(
            False, [prompt(0), reply(1, "Done.")], State.ENDED, id="killed at rest"
        ),
        pytest.param(
            False, [prompt(0), call(1, tool="ExitPlanMode")], State.CRASHED, id="asked"
        ),
    ],
)
def test_the_death_of_the_process_wins(
    tidy: bool | None, lines: list[bytes], expected: State
) -> None:
    """CC-107."""
    sut = desk(*lines).signal(found(), registry(1, "waiting"), asking(), gone(9, tidy))

    view = sut.at(9)
    assert (view.state, view.since_ms, view.pid) == (expected, ms(9), None)
    assert view.tier is Tier.PROCESS


@pytest.mark.parametrize("tidy", [None, False])
def test_who_wrote_the_closing_lines_did_not_crash(tidy: bool | None) -> None:
    sut = desk(*TURN, line(type="cost-state")).signal(found(), gone(9, tidy))
    assert sut.at(9).state is State.ENDED


def test_closing_lines_of_an_earlier_run_mean_nothing_to_the_next() -> None:
    sut = desk(*TURN, line(type="cost-state"), prompt(3)).signal(found(), gone(9))

    assert sut.at(9).state is State.CRASHED


@pytest.mark.parametrize(
    "last",
    [
        pytest.param((reply(8.9, "Done."), turn_end(9)), id="of the turn"),
        pytest.param((line(type="cost-state"),), id="of the session"),
    ],
)
def test_the_last_lines_may_be_read_behind_the_end_of_the_process(
    last: tuple[bytes, ...],
) -> None:
    sut = desk(*TURN).signal(found())
    assert sut.at(8).state is State.WORKING
    sut.signal(gone(9, tidy=False))
    assert sut.at(9.1).state is State.WORKING

    assert sut.read(*last).at(9.2).state is State.ENDED
    assert sut.at(60).state is State.ENDED
    assert sut.told() == ["working", "ended"]


def test_where_no_more_lines_come_a_crash_is_told_a_second_later() -> None:
    sut = desk(*TURN).signal(found())
    sut.at(8)

    sut.signal(gone(9, tidy=False)).at(9.1)

    view = sut.at(10)
    assert (view.state, view.since_ms) == (State.CRASHED, ms(9))


def test_the_death_of_a_process_that_was_guessed_ends_nothing() -> None:
    sut = desk(*TURN).signal(found(is_sure=False), gone(9))

    assert sut.at(10).state is State.WORKING


def test_a_session_goes_on_in_another_process() -> None:
    sut = desk(*TURN).signal(found(), gone(9))
    assert sut.at(9).state is State.CRASHED

    sut.signal(found(20))
    view = sut.at(20)
    assert (view.state, view.evidence) == (State.IDLE, "a new process")


def test_what_a_killed_process_left_open_is_not_its_successors() -> None:
    launched = {"status": "async_launched", "taskId": "w1"}
    sut = desk(*TURN, call(1, "q", "AskUserQuestion"), result(2, noted=launched))
    sut.read(reply(2, "x", stop="tool_use"), session="s1/agent-a1", parent="s1")
    sut.signal(found(), gone(9, tidy=False))
    assert sut.at(9, "s1/agent-a1").state is State.CRASHED

    sut.signal(found(60))
    assert sut.at(61, "s1/agent-a1").state is State.ENDED
    assert sut.at(61).state is State.IDLE


def test_records_behind_the_end_of_a_process_are_of_another_one() -> None:
    sut = desk(prompt(0), reply(1, "Done.")).signal(found(), gone(9))
    assert sut.at(9).state is State.ENDED

    assert sut.read(prompt(60)).at(60).state is State.WORKING


def test_the_last_lines_of_a_process_do_not_bring_it_back() -> None:
    sut = desk(*TURN).signal(found(), gone(9))
    assert sut.at(9).state is State.CRASHED

    assert sut.read(result(9.5)).at(9.6).state is State.CRASHED


def test_a_process_without_a_prompt_waits_for_its_first() -> None:
    view = Desk().signal(found()).at(1)

    assert (view.state, view.tier) == (State.IDLE, Tier.PROCESS)


def test_only_missing_evidence_gives_a_hint() -> None:
    assert state_of(TURN).hint == "install hooks: jarvisctl hooks install"
    assert desk(*TURN).signal(registry(1, "busy")).at(2).hint is None
    assert desk(*TURN).signal(hook(1, "UserPromptSubmit")).at(2).hint is None


def test_an_agent_without_hooks_gets_no_hint_to_install_some() -> None:
    lines = [
        {"type": "message", "id": "e1", "message": {"role": "user", "content": "Go."}},
        {
            "type": "message",
            "id": "e2",
            "message": {
                "role": "assistant",
                "content": [{"type": "toolCall", "id": "c1", "name": "bash"}],
                "stopReason": "toolUse",
            },
        },
    ]
    at = {"timestamp": ms(0)}

    view = state_of((json.dumps(each | at).encode() for each in lines), 60, "pi")

    assert (view.state, view.tool) == (State.WORKING, "bash")
    assert (view.hint, view.confidence) == (None, Confidence.MEDIUM)


def test_an_idle_notice_ends_a_turn_that_nothing_else_ended() -> None:
    """Esc before the first output leaves no line and runs no other hook."""
    told = desk().signal(hook(1, "UserPromptSubmit"))
    assert told.at(2).state is State.WORKING

    view = told.signal(hook(62, "Notification", detail="idle_prompt")).at(62)

    assert (view.state, view.tier) == (State.IDLE, Tier.HOOK)
    assert (view.evidence, view.confidence) == (
        "Notification idle_prompt",
        Confidence.HIGH,
    )
    assert told.read(prompt(70)).at(70).state is State.WORKING


def test_a_headless_process_that_is_at_rest_before_its_turn_has_not_ended() -> None:
    """So does the registry of `claude -p` for a moment, with hooks and without."""
    told = Desk().signal(found(headless=True), registry(0.1, "idle"))
    assert told.at(0.1).state is State.WORKING
    told.signal(hook(0.2, "SessionStart", detail="startup")).at(0.2)
    told.signal(registry(0.3, "idle")).at(0.3)
    told.signal(registry(0.4, "busy")).at(0.4)
    told.read(prompt(0.5), reply(9, "Done."), turn_end(9)).at(9)

    assert told.told() == ["working", "ended"]
