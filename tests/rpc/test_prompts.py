"""The first words of a session, found in the beginning of its file."""

import json
from typing import Any

import pytest

from jarvisd.overview.prompts import HEAD_BYTES, MAX_CHARS, MAX_LINES, first_words
from tests.agents.found import AGENTS


def head(*lines: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in lines)


def claude(content: Any, kind: str = "user", **fields: Any) -> dict[str, Any]:
    message = {"role": kind, "content": content}
    return {"type": kind, "uuid": "u", "sessionId": "s", "message": message, **fields}


def codex(text: str) -> dict[str, Any]:
    content = [{"type": "Text", "text": text}]
    item = {"type": "UserMessage", "id": "i", "content": content}
    payload = {"type": "item_completed", "item": item}
    return {
        "timestamp": "2026-11-21T02:26:50.513Z",
        "type": "event_msg",
        "payload": payload,
    }


FIRST = claude("Fix the cart.\n\n  And the price.")
RESULT = claude([{"type": "tool_result", "tool_use_id": "t", "content": "x"}])


@pytest.mark.parametrize(
    ("agent", "lines", "words"),
    [
        pytest.param("claude", [FIRST], "Fix the cart. And the price.", id="one line"),
        pytest.param(
            "claude",
            [FIRST, claude("Later.")],
            "Fix the cart. And the price.",
            id="the first",
        ),
        pytest.param(
            "claude",
            [
                {"type": "mode", "mode": "x"},
                claude("x", isMeta=True),
                RESULT,
                claude("/clear "),
                FIRST,
            ],
            "Fix the cart. And the price.",
            id="behind what nobody said",
        ),
        pytest.param(
            "claude",
            [claude("Hello.", "assistant"), FIRST],
            "Fix the cart. And the price.",
            id="not the agent's",
        ),
        pytest.param(
            "claude", [claude("x" * 500)], "x" * MAX_CHARS, id="a long one is cut"
        ),
        pytest.param("codex", [codex("Fix it.")], "Fix it.", id="Codex"),
        pytest.param("claude", [], None, id="an empty file"),
        pytest.param(
            "claude",
            [RESULT] * (MAX_LINES + 1) + [FIRST],
            None,
            id="not in the beginning",
        ),
        pytest.param("text", [FIRST], None, id="of an agent that is not known"),
    ],
)
def test_first_words(
    agent: str, lines: list[dict[str, Any]], words: str | None
) -> None:
    assert first_words(AGENTS[agent], head(*lines)) == words


def test_half_a_line_is_none() -> None:
    assert first_words(AGENTS["claude"], head(FIRST)[:-1]) is None
    assert first_words(AGENTS["claude"], b"x" * HEAD_BYTES) is None
    assert first_words(AGENTS["claude"], b"\xff\x00\n{\n" + head(FIRST)) is not None
