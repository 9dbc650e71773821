"""Replays of Claude Code in the order of time: what only its hooks and dialogs show."""

import pytest

from jarvisd.base.session_words import State
from tests.conformance.replay import Player, entries, ms_of, name_of, recordings
from tests.conformance.shared import needs_shared

pytestmark = [pytest.mark.conformance, needs_shared("replay")]


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
