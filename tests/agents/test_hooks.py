"""What agents tell their hooks becomes a signal, and content does not come along."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvisd.core.signal import HookCalled
from tests.agents.found import AGENTS
from tests.conformance.shared import SHARED, needs_shared

SECRET = "correct horse battery staple"
BASE = {
    "session_id": "5e55",
    "transcript_path": "/home/ada/.claude/projects/-src/5e55.jsonl",
    "cwd": "/src/demo",
    "permission_mode": "default",
}
CALL = {
    "tool_name": "Bash",
    "tool_input": {"command": SECRET},
    "tool_use_id": "toolu_1",
}
FOUND = {"tool": "Bash", "call_id": "toolu_1"}

CLAUDE = {
    "SessionStart": ({"source": "resume", "model": "m"}, {"detail": "resume"}),
    "UserPromptSubmit": ({"prompt": SECRET}, {}),
    "PreToolUse": (CALL, FOUND),
    "PermissionRequest": (CALL, FOUND),
    "PermissionDenied": (CALL | {"reason": SECRET}, FOUND),
    "PostToolUse": (CALL | {"tool_response": {"stdout": SECRET}}, FOUND),
    "PostToolUseFailure": (
        CALL | {"error": SECRET, "is_interrupt": True},
        FOUND | {"detail": "interrupt"},
    ),
    "Notification": (
        {"message": SECRET, "notification_type": "idle_prompt"},
        {"detail": "idle_prompt"},
    ),
    "Stop": ({"stop_hook_active": False, "last_assistant_message": SECRET}, {}),
    "StopFailure": (
        {"error": "rate_limit", "error_details": SECRET},
        {"detail": "rate_limit"},
    ),
    "SubagentStart": (
        {"agent_id": "a1", "agent_type": "Explore"},
        {"session_id": "5e55/agent-a1", "agent_id": "a1"},
    ),
    "SubagentStop": (
        {"agent_id": "a1", "last_assistant_message": SECRET},
        {"session_id": "5e55/agent-a1", "agent_id": "a1"},
    ),
    "PreCompact": (
        {"trigger": "auto", "custom_instructions": SECRET},
        {"detail": "auto"},
    ),
    "PostCompact": (
        {"trigger": "manual", "compact_summary": SECRET},
        {"detail": "manual"},
    ),
    "SessionEnd": ({"reason": "prompt_input_exit"}, {"detail": "prompt_input_exit"}),
}
"""By event, what it has beyond the base, and what of that is kept."""

CODEX = {
    event: CLAUDE[event]
    for event in (
        *("SessionStart", "UserPromptSubmit", "PreToolUse", "PermissionRequest"),
        *("PostToolUse", "Stop", "PreCompact", "PostCompact", "SessionEnd"),
    )
} | {
    "SubagentStart": (
        {"agent_id": "0199-child", "turn_id": "t1"},
        {"session_id": "0199-child", "agent_id": "0199-child"},
    ),
    "SubagentStop": (
        {"agent_id": "0199-child", "last_assistant_message": None},
        {"session_id": "0199-child", "agent_id": "0199-child"},
    ),
}

EVENTS = [
    pytest.param(agent, event, more, found, id=f"{agent} {event}")
    for agent, table in (("claude", CLAUDE), ("codex", CODEX))
    for event, (more, found) in table.items()
]


def told(agent: str, **fields: Any) -> HookCalled | None:
    return AGENTS[agent].hooks(json.dumps(fields).encode(), at_ms=7)


@pytest.mark.parametrize(("agent", "event", "more", "found"), EVENTS)
def test_every_event_is_understood(
    agent: str, event: str, more: dict[str, Any], found: dict[str, Any]
) -> None:
    signal = told(agent, **BASE, **more, hook_event_name=event)

    expected = {
        "session_id": "5e55",
        "cwd": "/src/demo",
        "mode": "default",
        "transcript": BASE["transcript_path"],
    } | found
    assert signal == HookCalled(agent=agent, event=event, at_ms=7, **expected)


@pytest.mark.parametrize(("agent", "event", "more", "found"), EVENTS)
def test_no_content_comes_along(
    agent: str, event: str, more: dict[str, Any], found: dict[str, Any]
) -> None:
    signal = told(agent, **BASE, **more, hook_event_name=event)

    assert SECRET not in msgspec.json.encode(signal).decode()


@pytest.mark.parametrize("agent_id", ["a1", "agent-a1"])
def test_a_call_of_a_subagent_is_of_the_subagent(agent_id: str) -> None:
    signal = told(
        "claude", **BASE, **CALL, hook_event_name="PreToolUse", agent_id=agent_id
    )

    assert signal is not None
    assert signal.session_id == "5e55/agent-a1"


def test_an_event_that_is_not_known_yet_is_passed_on() -> None:
    signal = told("claude", **BASE, hook_event_name="Elicitation", error=SECRET)

    assert signal is not None
    assert (signal.event, signal.detail) == ("Elicitation", None)


@pytest.mark.parametrize("agent", AGENTS.names)
@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"[]", id="an array"),
        pytest.param(b'{"session_id":"s"', id="torn"),
        pytest.param(b'{"session_id":"s"}', id="no event"),
        pytest.param(b'{"hook_event_name":"Stop"}', id="no session"),
        pytest.param(b'{"session_id":"","hook_event_name":"Stop"}', id="empty id"),
        pytest.param(b'{"session_id":7,"hook_event_name":"Stop"}', id="a number"),
        pytest.param(b'{"session_id":"s","hook_event_name":""}', id="empty event"),
        pytest.param(b'{"a":' * 100_000, id="deep"),
    ],
)
def test_what_is_no_payload_says_nothing(agent: str, payload: bytes) -> None:
    assert AGENTS[agent].hooks(payload, at_ms=7) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("tool_name", 7), ("tool_name", "x" * 201), ("cwd", "/" * 5000), ("cwd", [])],
)
def test_a_strange_field_costs_only_itself(name: str, value: object) -> None:
    signal = told("claude", **{**BASE, name: value}, hook_event_name="Stop")

    assert signal is not None
    assert signal.tool is None
    assert (signal.cwd is None) == (name == "cwd")


@given(payload=st.binary(max_size=200))
def test_no_bytes_are_too_strange(payload: bytes) -> None:
    for agent in AGENTS:
        assert agent.hooks(payload, at_ms=7) is None


@pytest.mark.conformance
@needs_shared("replay")
@pytest.mark.parametrize(
    ("folder", "agent"), [("claudecode", "claude"), ("codex",) * 2]
)
def test_the_events_of_real_sessions_are_known_here(folder: str, agent: str) -> None:
    names = set()
    for path in (SHARED / "replay" / folder).rglob("events.jsonl"):
        for line in path.read_bytes().splitlines():
            names.add(msgspec.json.decode(line).get("hook_name"))

    assert names - {None}
    assert names - {None} <= set(CLAUDE if agent == "claude" else CODEX)
