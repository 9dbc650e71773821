"""The engine: what is reported when, how needs roll up, and what is forgotten."""

import gc
from typing import Any

import msgspec
import pytest

from jarvisd.base.session_words import Activity, State
from jarvisd.config.alarm_settings import DEFAULT_ALARMS, AlarmSettings
from jarvisd.core.origin import SessionId
from jarvisd.state import session_registry
from jarvisd.state.engine import StateEngine
from jarvisd.state.model import Reason, Transition
from jarvisd.state.session_state import SessionState
from tests.agents.found import traits_of
from tests.ledger.books import line
from tests.state.rig import (
    MAIN,
    Desk,
    call,
    found,
    gone,
    hook,
    mode,
    ms,
    prompt,
    registry,
    reply,
    result,
    turn_end,
)

CHILD = "s1/agent-a1"


# Hysteresis


def test_a_wait_is_told_at_once_and_a_flicker_behind_it_is_not() -> None:
    """CC-113: the dialog is lost from sight for two seconds."""
    desk = Desk().read(mode("default"), prompt(0), call(1, tool="Edit"))
    assert desk.at(40).state is State.WAITING_APPROVAL
    desk.states.record_signal(hook(1, "PreToolUse", tool="Edit", call_id="t1"))
    assert desk.at(41).state is State.WAITING_APPROVAL
    assert desk.states.next_ms == ms(44)
    assert desk.at(44).state is State.WORKING


@pytest.mark.parametrize(
    "lines", [[result(45)], [turn_end(45)], [prompt(45)]], ids=["result", "end", "next"]
)
def test_a_wait_that_was_answered_is_over_at_once(lines: list[bytes]) -> None:
    desk = Desk().read(mode("default"), prompt(0), call(1, tool="Edit"))
    assert desk.at(40).state is State.WAITING_APPROVAL

    assert desk.read(*lines).at(45).state is not State.WAITING_APPROVAL


def test_the_end_of_a_turn_that_is_only_concluded_waits_for_more_lines() -> None:
    desk = Desk().read(prompt(0))
    assert desk.at(1).state is State.WORKING

    desk.read(reply(2, "Let me see."))
    assert desk.at(2).state is State.WORKING
    desk.read(call(2.1))
    assert desk.at(3).state is State.WORKING
    assert desk.told() == ["working"]


def test_the_end_of_a_turn_that_is_announced_is_told_at_once() -> None:
    desk = Desk().read(prompt(0))
    assert desk.at(1).state is State.WORKING

    assert desk.read(reply(2, "Ok."), turn_end(2)).at(2).state is State.IDLE


def test_a_death_is_told_at_once() -> None:
    desk = Desk().read(prompt(0)).signal(found())
    assert desk.at(1).state is State.WORKING

    assert desk.signal(gone(2, tidy=True)).at(2).state is State.ENDED


def test_transitions_hang_together() -> None:
    desk = Desk().read(mode("default"), prompt(0), call(1)).signal(found())
    desk.at(1)
    desk.signal(hook(2, "PermissionRequest", tool="Bash", call_id="t1")).at(2)
    desk.read(result(5)).at(5)
    desk.read(reply(6, "Ok."), turn_end(6)).at(6)
    desk.signal(gone(7)).at(7)

    assert [(each.before, each.state) for each in desk.transitions] == [
        (None, State.WORKING),
        (State.WORKING, State.WAITING_APPROVAL),
        (State.WAITING_APPROVAL, State.WORKING),
        (State.WORKING, State.IDLE),
        (State.IDLE, State.ENDED),
    ]
    wait = desk.transitions[1]
    assert (wait.at_ms, wait.tool) == (ms(2), "Bash")
    assert wait.evidence == "PermissionRequest Bash"


def test_no_state_begins_before_the_one_before_it() -> None:
    desk = Desk().read(prompt(0))
    desk.at(1_000)  # silent in a turn for so long that it is stalled
    desk.signal(hook(1_001, "UserPromptSubmit")).at(1_001)

    times = [each.at_ms for each in desk.transitions]
    assert len(times) == 2
    assert times == sorted(times)
    assert desk.at(1_001).since_ms == times[-1]


def test_no_state_begins_in_the_future_whatever_the_agents_clock_says() -> None:
    desk = Desk().read(prompt(500))

    assert desk.at(10).since_ms == ms(10)
    assert desk.transitions[0].at_ms == ms(10)


# Subagents


def parent_with_child() -> Desk:
    desk = Desk().read(mode("default"), prompt(0), call(1, tool="Agent"))
    return desk.read(reply(2, "x", stop="tool_use"), session=CHILD, parent=MAIN)


def test_a_subagent_has_a_state_of_its_own() -> None:
    desk = parent_with_child()
    assert desk.at(3, CHILD).state is State.WORKING

    desk.read(reply(4, "Found it."), session=CHILD)
    assert desk.at(5, CHILD).state is State.ENDED
    assert desk.at(5).state is State.WORKING


def test_a_parent_works_while_its_child_does() -> None:
    desk = parent_with_child().read(turn_end(3))
    view = desk.at(4)
    assert (view.state, view.activity) == (State.WORKING, Activity.BACKGROUND)

    desk.read(reply(5, "Found it."), session=CHILD)
    assert desk.at(6).state is State.IDLE


def test_what_a_child_needs_its_parent_needs() -> None:
    desk = parent_with_child().read(call(3, "c1", "Bash"), session=CHILD, parent=MAIN)
    desk.signal(
        hook(4, "PermissionRequest", CHILD, tool="Bash", call_id="c1", agent_id="a1")
    )

    view = desk.at(4)
    assert (view.state, view.tool) == (State.WAITING_APPROVAL, "Bash")
    assert view.evidence == "subagent: PermissionRequest Bash"
    assert desk.at(4, CHILD).state is State.WAITING_APPROVAL

    desk.read(result(9, "c1"), session=CHILD)
    assert desk.at(9).state is State.WORKING


def test_a_child_dies_with_its_parents_process() -> None:
    desk = parent_with_child().signal(found())
    assert desk.at(3, CHILD).state is State.WORKING

    desk.signal(gone(5, tidy=False))
    assert desk.at(6, CHILD).state is State.CRASHED
    assert desk.at(6).state is State.CRASHED


def test_roots_are_sessions_that_nobody_started() -> None:
    desk = parent_with_child()
    desk.at(3)

    assert set(desk.states.sessions()) == {("claude", MAIN), ("claude", CHILD)}
    assert list(desk.states.roots()) == [("claude", MAIN)]


def test_sessions_that_start_each_other_are_judged_all_the_same() -> None:
    desk = Desk().read(prompt(0), session="a", parent="b")
    desk.read(prompt(0), session="b", parent="a")

    assert desk.at(1, "a").state is State.WORKING
    assert desk.at(1, "b").state is State.WORKING


# History


def test_history_gives_a_state_and_no_transitions_on_the_way() -> None:
    desk = Desk()
    for second in range(5):
        desk.read(prompt(second), reply(second + 0.5, "Ok."), live=False)
        desk.at(5)

    assert desk.told() == []
    assert desk.at(7).state is State.IDLE
    assert desk.told() == ["idle"]


def test_a_hook_is_not_held_back_by_history() -> None:
    desk = Desk().read(prompt(0), live=False)
    desk.at(1)
    desk.signal(hook(1, "PermissionRequest", tool="Bash", call_id="t1"))

    assert desk.at(1).state is State.WAITING_APPROVAL


def test_old_history_gives_neither_seats_nor_transitions() -> None:
    desk = Desk()
    for number in range(200):
        desk.read(prompt(0), session=f"old-{number}", live=False)

    view = desk.at(14 * 86_400, "old-7")
    assert list(desk.states.sessions()) == []
    assert desk.transitions == []
    assert view.state is State.ENDED


def test_a_session_that_is_over_is_forgotten_after_a_day() -> None:
    desk = Desk().read(prompt(0)).signal(found(), gone(9, tidy=True))
    assert desk.at(10).state is State.ENDED
    assert any(
        isinstance(each, SessionState) for each in gc.get_referrers(desk.stream())
    )

    desk.at(25 * 3600)
    assert list(desk.states.sessions()) == []
    assert not any(
        isinstance(each, SessionState) for each in gc.get_referrers(desk.stream())
    )


def test_an_idle_session_stays_as_long_as_its_process_lives() -> None:
    desk = Desk().read(prompt(0), reply(1, "Ok.")).signal(found())

    assert desk.at(30 * 86_400).state is State.IDLE


def test_nothing_is_due_for_a_session_that_can_only_be_prompted() -> None:
    desk = Desk().read(prompt(0), reply(1, "Ok."), turn_end(1)).signal(found())
    desk.at(2)

    assert desk.states.next_ms is None


def test_a_busy_session_is_due_once() -> None:
    desk = Desk().read(prompt(0))
    for number in range(300):
        desk.read(call(number, f"t{number}"), result(number, f"t{number}"))
        desk.at(number)

    assert len(desk.states._reminders) <= 2
    assert desk.states.next_ms is not None
    assert desk.at(299 + 599).state is State.WORKING
    assert desk.at(299 + 601).state is State.STALLED


def test_too_many_sessions_push_out_the_oldest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session_registry, "MAX_SESSIONS", 3)
    desk = Desk().signal(found(session_id="alive"))
    for number in range(5):
        desk.signal(hook(number, "UserPromptSubmit", f"s{number}"))

    assert [session for _, session in desk.states.sessions()] == ["alive", "s3", "s4"]


def test_what_is_printed_without_times_has_those_at_which_it_came() -> None:
    desk = Desk("codex").read(line(type="turn.started"))
    view = desk.at(5)
    assert (view.state, view.since_ms) == (State.WORKING, ms(5))

    desk.read(line(type="turn.completed"))
    assert desk.at(9).state is State.IDLE


def test_a_restart_is_no_transition() -> None:
    desk = Desk().read(mode("default"), prompt(0), call(1, tool="Edit"))
    assert desk.at(40).state is State.WAITING_APPROVAL
    before = list(desk.transitions)

    desk.restart()
    assert desk.at(50).state is State.WAITING_APPROVAL
    assert desk.transitions == before


def test_what_was_over_is_so_after_a_restart_until_it_goes_on() -> None:
    desk = Desk().read(prompt(0), reply(1, "Ok."), turn_end(1)).signal(found())
    assert desk.at(1).state is State.IDLE
    ended = desk.signal(gone(2)).at(3)
    assert ended.state is State.ENDED
    before = list(desk.transitions)

    desk.restart()
    assert desk.at(50) == ended
    assert desk.transitions == before

    desk.signal(found())
    assert desk.at(60).state is State.IDLE


def test_what_changed_while_nobody_looked_is_a_transition() -> None:
    desk = Desk().read(prompt(0))
    assert desk.at(1).state is State.WORKING

    desk.restart()
    desk.read(reply(5, "Ok."), turn_end(5), live=False)
    desk.at(20)
    assert desk.at(21).state is State.IDLE
    assert desk.told() == ["working", "idle"]


def test_an_agent_of_unknown_form_has_no_state() -> None:
    view = StateEngine(traits_of=traits_of).view("text", SessionId("x"))

    assert view.state is State.UNKNOWN


# Attention


def reasons(desk: Desk, second: float) -> list[Reason]:
    return [each.reason for each in desk.at(second).attention]


def test_the_same_call_again_and_again_wants_attention() -> None:
    desk = Desk().read(prompt(0))
    for number in range(DEFAULT_ALARMS.loop_calls):
        assert reasons(desk, number) == []
        given = {"command": "make"}
        desk.read(call(number, f"t{number}", given=given), result(number, f"t{number}"))

    view = desk.at(10)
    assert [each.reason for each in view.attention] == [Reason.LOOP]
    assert view.attention[0].message == "Bash was called 5 times alike"
    assert view.attention[0].since_ms == ms(0)

    desk.read(call(11, "other", "Zsh", given={"command": "make"}))
    assert reasons(desk, 11) == []


def test_other_inputs_are_other_calls() -> None:
    desk = Desk().read(prompt(0))
    for number in range(DEFAULT_ALARMS.loop_calls * 2):
        desk.read(call(number, f"t{number}", given={"command": f"make {number}"}))

    assert reasons(desk, 10) == []


def test_calls_that_poll_are_alike_by_design() -> None:
    desk = Desk().read(prompt(0))
    for number in range(DEFAULT_ALARMS.loop_calls * 2):
        desk.read(call(number, f"t{number}", "TaskOutput"))

    assert reasons(desk, 30) == []


def with_alarms(**fields: Any) -> Desk:
    desk = Desk()
    desk.states.alarms = AlarmSettings(**fields)
    return desk


def test_two_calls_that_alternate_want_attention_if_that_is_asked_for() -> None:
    def alternate(desk: Desk, calls: int) -> list[Reason]:
        desk.read(prompt(0))
        for number in range(calls):
            given = {"command": ("make", "make test")[number % 2]}
            desk.read(call(number, f"t{number}", given=given))

        return reasons(desk, calls)

    assert alternate(with_alarms(alternating_calls=6), 5) == []
    assert alternate(with_alarms(), 50) == []

    desk = with_alarms(alternating_calls=6)
    assert alternate(desk, 7) == [Reason.LOOP]
    [attention] = desk.at(8).attention
    assert attention.message == "7 calls of Bash alternated"
    assert attention.since_ms == ms(0)

    desk.read(call(9, "other", given={"command": "ls"}))
    assert reasons(desk, 9) == []


def test_thresholds_are_as_configured_and_zero_is_off() -> None:
    alike = {"command": "make"}
    desk = with_alarms(loop_calls=2, silence_s=30).read(prompt(0))
    desk.read(call(1, "a", given=alike), call(2, "b", given=alike))
    assert reasons(desk, 2) == [Reason.LOOP]
    assert reasons(desk, 32) == [Reason.LOOP, Reason.SILENCE]

    quiet = with_alarms(loop_calls=0, silence_s=0).read(prompt(0))
    for number in range(60):
        quiet.read(call(number, f"t{number}", given=alike))

    assert reasons(quiet, 5_000) == []


def test_silence_in_a_turn_wants_attention() -> None:
    desk = Desk().read(prompt(0), call(1)).signal(registry(1, "busy"))
    assert reasons(desk, 600) == []

    assert desk.states.next_ms == ms(601)
    assert reasons(desk, 601) == [Reason.SILENCE]
    assert desk.at(601).state is State.WORKING


def test_a_session_that_burns_money_wants_attention() -> None:
    spent = {MAIN: 0}
    desk = Desk(
        states=StateEngine(
            traits_of=traits_of, cost=lambda _agent, session: spent[session]
        )
    )
    desk.read(prompt(0))
    assert reasons(desk, 1) == []

    spent[MAIN] = 21_000_000
    desk.read(call(60))
    view = desk.at(60)
    assert [each.message for each in view.attention] == ["$21.00 within 15 min"]


def test_money_spent_slowly_is_unremarked() -> None:
    spent = {MAIN: 0}
    desk = Desk(
        states=StateEngine(
            traits_of=traits_of, cost=lambda _agent, session: spent[session]
        )
    )
    for minute in range(0, 120, 5):
        spent[MAIN] += 3_000_000
        desk.read(call(minute * 60, f"t{minute}", given={"n": minute}))
        assert reasons(desk, minute * 60) == []


def test_recalled_states_of_sessions_that_never_come_back_cost_little() -> None:
    states = StateEngine(traits_of=traits_of)
    states.recall(
        Transition(
            agent="claude",
            session_id=SessionId("gone"),
            at_ms=0,
            before=None,
            state=State.IDLE,
        )
        for _ in range(3)
    )

    assert states.judge(ms(0)) == []
    assert list(states.sessions()) == []


def test_the_last_sign_of_work_keeps_its_stored_name() -> None:
    """Stores of earlier versions have it as `heard_ms`, and facts are stored by name."""
    stream = Desk().read(prompt(3)).stream()

    assert stream.facts.active_ms == ms(3)
    assert msgspec.msgpack.decode(stream.memory())["heard_ms"] == ms(3)
