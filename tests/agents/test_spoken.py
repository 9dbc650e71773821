"""Which words of a line are said, and by whom; everything else is nobody's words."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvisd.core.message import Role, Said
from tests.agents.found import AGENTS

AT = "2026-11-21T02:26:50.513Z"
AT_MS = 1_795_228_010_513


def claude(kind: str, content: Any, **fields: Any) -> dict[str, Any]:
    message = {"role": kind, "content": content, **fields.pop("message", {})}
    return {"type": kind, "message": message, "uuid": "u1", "timestamp": AT, **fields}


def codex(**payload: Any) -> dict[str, Any]:
    return {"type": "event_msg", "timestamp": AT, "payload": payload}


def item(kind: str, *texts: str) -> dict[str, Any]:
    content = [{"type": "Text", "text": each} for each in texts]
    made = {"type": kind, "id": "i1", "content": content}
    return codex(type="item_completed", item=made)


def said(role: Role, content: str, key: str | None) -> Said:
    return Said(role=role, content=content, at_ms=AT_MS, key=key)


TEXT = {"type": "text", "text": "Done."}
TOOL = {"type": "tool_use", "id": "t", "name": "Bash", "input": {}}
REMINDER = "<system-reminder>secret</system-reminder>"


@pytest.mark.parametrize(
    ("agent", "line", "expected"),
    [
        pytest.param(
            "claude",
            claude("user", "Say hello."),
            said(Role.USER, "Say hello.", "u1"),
            id="a prompt",
        ),
        pytest.param(
            "claude",
            claude("user", [{"type": "text", "text": f"{REMINDER}Go on."}]),
            said(Role.USER, "Go on.", "u1"),
            id="a prompt without what was injected before it",
        ),
        pytest.param(
            "claude",
            claude("assistant", [TEXT, TOOL, TEXT]),
            said(Role.ASSISTANT, "Done.\n\nDone.", "u1"),
            id="an answer without its tool calls",
        ),
        pytest.param(
            "claude",
            claude("user", "Go.", forkedFrom={"messageUuid": "u0"}),
            said(Role.USER, "Go.", "u0"),
            id="a prompt that a fork copied",
        ),
        pytest.param("claude", claude("assistant", [TOOL]), None, id="a tool call"),
        pytest.param(
            "claude",
            claude("user", [{"type": "tool_result", "content": "x"}]),
            None,
            id="a tool's result",
        ),
        pytest.param("claude", claude("user", REMINDER), None, id="a reminder"),
        pytest.param("claude", claude("user", "/compact "), None, id="a command"),
        pytest.param(
            "claude", claude("user", "x", isMeta=True), None, id="an injected line"
        ),
        pytest.param(
            "claude", claude("assistant", "x", isSidechain=True), None, id="a subagent"
        ),
        pytest.param(
            "claude",
            claude("user", "x", isCompactSummary=True),
            None,
            id="a summary of the context",
        ),
        pytest.param(
            "claude",
            claude("assistant", "x", message={"model": "<synthetic>"}),
            None,
            id="what the agent puts in the model's mouth",
        ),
        pytest.param(
            "codex",
            codex(type="user_message", message="Say hello."),
            said(Role.USER, "Say hello.", None),
            id="an older prompt",
        ),
        pytest.param(
            "codex",
            codex(type="agent_message", message="Hello!"),
            said(Role.ASSISTANT, "Hello!", None),
            id="an older answer",
        ),
        pytest.param(
            "codex",
            item("UserMessage", "Say hello."),
            said(Role.USER, "Say hello.", "i1"),
            id="a newer prompt",
        ),
        pytest.param(
            "codex",
            item("AgentMessage", "Hello!", "Again."),
            said(Role.ASSISTANT, "Hello!\n\nAgain.", "i1"),
            id="a newer answer",
        ),
        pytest.param("codex", item("Reasoning", "Hm."), None, id="reasoning"),
        pytest.param(
            "codex",
            codex(
                type="user_message",
                message="<environment_context>x</environment_context>",
            ),
            None,
            id="what codex puts in the user's mouth",
        ),
        pytest.param(
            "codex",
            {
                "type": "response_item",
                "timestamp": AT,
                "payload": {"type": "message", "role": "user", "content": "x"},
            },
            None,
            id="the twin of a message",
        ),
        pytest.param("text", claude("user", "x"), None, id="output of no known form"),
    ],
)
def test_what_is_said(agent: str, line: dict[str, Any], expected: Said | None) -> None:
    assert AGENTS[agent].messages(json.dumps(line).encode()) == expected


@pytest.mark.parametrize("agent", AGENTS.names)
@given(
    text=st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["type", "message", "content", "payload", "item", "text"]
                ),
                inner
                | st.sampled_from(["user", "assistant", "event_msg", "AgentMessage"]),
                max_size=4,
            )
        ),
        max_leaves=12,
    ).map(lambda value: json.dumps(value).encode())
)
def test_no_bytes_make_it_raise(agent: str, text: bytes) -> None:
    AGENTS[agent].messages(text)
