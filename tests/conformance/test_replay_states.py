"""RecordedMessage sessions in the order of time: every phase that the recording can show.

The phases were written for another program; `UNSUPPORTED` names those that the recorded
data cannot tell, or that we call otherwise, with the reason.
"""

from pathlib import Path
from typing import Any

import pytest

from jarvisd.base.session_words import State
from tests.conformance.phases import Search, phases_of
from tests.conformance.replay import Player, entries, ms_of, recordings
from tests.conformance.shared import needs_shared

pytestmark = [pytest.mark.conformance, needs_shared("replay")]

_ONE_TURN = "the recording has one turn; its watcher took bookkeeping for a second"
_NO_RECORDS = "the recording has no transcript of the second session"
UNSUPPORTED: dict[tuple[str, str], dict[str, str]] = {
    ("claudecode/1-5_session-reset", "2026-05-15-12-58-24"): {
        "old_session_ended": "an entry of the watcher's log, which is not there"
    },
    ("claudecode/2-14_turn-aborted-by-error", "2026-05-22-15-49-22"): {
        "turn_end_error": "they call it ready; we say that somebody has to see to it"
    },
    ("claudecode/2-20_user-esc-interrupt", "2026-05-18-00-27-50"): {
        "interrupt_to_ready": "Esc while thinking left no trace, and no hook was heard"
    },
    ("claudecode/2-7_autonomous-loop", "2026-05-18-22-47-11"): {
        "iter2_turn_start": _ONE_TURN,
        "iter2_turn_end": _ONE_TURN,
    },
    ("claudecode/2-8_autonomous-loop-iteration-limit", "2026-05-18-22-56-34"): {
        "iter2_turn_start": _ONE_TURN,
        "iter2_turn_end": _ONE_TURN,
    },
    ("claudecode/3-2_background-subagent", "2026-05-29-19-49-08"): {
        "child_drain": "the transcripts of the children are not in the recording",
        "parent_turn_end": "the children's end begins a turn, which is killed in 0.4 s",
    },
    ("codex/1-4_session-resume", "2026-05-23-20-30-54"): {
        "v2_resume_rebind": "the process was bound behind the first line of its turn"
    },
    ("codex/1-5_session-reset", "2026-05-23-19-21-40"): {
        "v2_session_birth": _NO_RECORDS,
        "v2_turn_start": _NO_RECORDS,
        "v2_turn_end": _NO_RECORDS,
    },
    ("codex/2-20_interrupted-turn", "2026-05-16-22-56-57"): {
        "turn_2_end": "the provider took 113 s to answer, and 30 are allowed"
    },
}

APPROVALS = {
    ("claudecode/2-19_tool-gate-permission-prompt", "2026-05-18-00-27-09"),
    ("codex/2-19_tool-gate-permission-prompt", "2026-08-18-00-40-25"),
}
"""The recordings in which somebody was asked for leave."""


def name_of(folder: Path) -> tuple[str, str]:
    scenario = folder.parents[1]
    return f"{scenario.parent.name}/{scenario.name}", folder.name


def all_recordings() -> list[Any]:
    return [pytest.param(path, id="-".join(name_of(path))) for path in recordings()]


@pytest.mark.parametrize("folder", all_recordings())
def test_a_recording_goes_through_its_phases(folder: Path) -> None:
    if not (folder.parents[1] / "expected.jsonl").exists():
        pytest.skip("nobody wrote down the phases of this one")

    without = UNSUPPORTED.get(name_of(folder), {})
    seen = Player(folder).play()

    assert Search(seen).missing(phases_of(folder.parents[1]), without) == {}


@pytest.mark.parametrize("folder", all_recordings())
def test_nobody_is_said_to_be_asked_who_is_not(folder: Path) -> None:
    seen = Player(folder).play()

    asked = [each for each in seen if each.state is State.WAITING_APPROVAL]
    assert bool(asked) is (name_of(folder) in APPROVALS)


@pytest.mark.parametrize("folder", all_recordings())
def test_transitions_tell_all_that_views_show(folder: Path) -> None:
    player = Player(folder)
    player.play()

    for key in list(player.states.sessions()):
        told = [each for each in player.transitions if each.session_id == key[1]]
        assert [each.before for each in told] == [
            None,
            *(each.state for each in told),
        ][: len(told)]
        if told:
            assert told[-1].state is player.states.view(*key).state


def test_a_plan_is_seen_while_it_waits_and_gone_when_it_is_answered() -> None:
    (folder,) = (
        path
        for path in recordings()
        if name_of(path)[0] == "claudecode/5-4_architect-editor-pair"
    )
    hooks = [each for each in entries(folder) if each["kind"] == "hook_received"]
    asked_ms = next(
        ms_of(each["ts"]) for each in hooks if each["hook_name"] == "PreToolUse"
    )
    answered_ms = next(
        at_ms
        for each in hooks
        if each["hook_name"] == "PostToolUse"
        and (at_ms := ms_of(each["ts"])) > asked_ms
    )
    states = [
        (each.state, each.at_ms)
        for each in Player(folder).play()
        if each.at_ms >= asked_ms and each.state
    ]

    assert states[0] == (State.WAITING_ANSWER, asked_ms)
    assert states[1] == (State.WORKING, answered_ms)
