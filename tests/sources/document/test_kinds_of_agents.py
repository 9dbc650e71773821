"""The documents of real agents, in short, as the contract describes them."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from jarvisd.core.sources.document.description import DocumentKind
from jarvisd.core.sources.document.document_source import DocumentSource
from tests.sources.document.counting import Counted, SteppedClock, drain
from tests.sources.document.kinds import (
    AMP,
    CLINE,
    CONTINUE,
    CONTINUE_INDEX,
    GEMINI,
    MINI,
    OPENHANDS,
)


def states_of(folder: Path, kind: DocumentKind, *states: Any) -> list[Counted]:
    """Return the counts after each of *states* of one document."""
    path, clock, counted = folder / "document.json", SteppedClock(), Counted()
    source, found = DocumentSource(str(path), kind, clock), []
    for state in states:
        path.write_text(json.dumps(state, ensure_ascii=False, indent=2))
        clock.now += 3600
        drain(source, counted)
        found.append(deepcopy(counted))

    return found


def told(counted: Counted) -> list[str]:
    return [each.removeprefix("element:") for each in counted.order]


def test_cline_rewrites_its_messages_with_their_ids(tmp_path: Path) -> None:
    first = {"id": "e1f0", "role": "user", "content": []}
    answer = {"id": "msg_DZ", "role": "assistant", "metrics": {"inputTokens": 7}}
    documents = [
        {"version": 1, "updated_at": when, "messages": messages}
        for when, messages in (("1", [first]), ("2", [first, answer]))
    ]
    _, after = states_of(tmp_path, CLINE, *documents)
    assert told(after) == ["message/e1f0", "message/msg_DZ"]


def test_continue_updates_items_that_have_no_ids(tmp_path: Path) -> None:
    def item(content: str, **fields: Any) -> dict[str, Any]:
        return {"message": {"role": "assistant", "content": content}, **fields}

    waiting, done = (
        item("look", toolCallStates=[{"status": status}])
        for status in ("generated", "done")
    )
    documents = [
        {"history": [item("hi"), waiting], "usage": {"promptTokens": 1}},
        {"history": [item("hi"), done, item("there")], "usage": {"promptTokens": 5}},
        {"history": [item("hi"), item("edited")], "usage": {"promptTokens": 9}},
    ]
    before, after, edited = states_of(tmp_path, CONTINUE, *documents)
    assert len(before.order) == 3  # two items, and what the session has used
    assert sorted(map(len, after.bodies.values())) == [1, 1, 2, 2]
    assert len(edited.bodies) == 5  # an item that took another's index is another
    assert edited.order[-1] == "element:total/usage"


def test_the_index_of_continue_begins_empty(tmp_path: Path) -> None:
    _, after = states_of(
        tmp_path, CONTINUE_INDEX, [], [{"sessionId": "ea25", "title": "Untitled"}]
    )
    assert told(after) == ["session/ea25"]


def test_mini_names_answers_by_their_responses(tmp_path: Path) -> None:
    def run(prefix: str, count: int) -> dict[str, Any]:
        answers = [
            {"extra": {"response": {"id": f"{prefix}{n}"}}} for n in range(count)
        ]
        return {"messages": [{"role": "system"}, *answers]}

    *_, after = states_of(tmp_path, MINI, run("a", 3), run("b", 1), run("b", 2))
    named = [each for each in told(after) if "0:" not in each]
    assert named == [f"message/{each}" for each in ("a0", "a1", "a2", "b0", "b1")]
    assert len(after.bodies) == 6  # the same system prompt


def test_openhands_has_usage_by_response_in_its_state(tmp_path: Path) -> None:
    def state(status: str, *responses: str) -> dict[str, Any]:
        usages = [{"response_id": each, "prompt_tokens": 5} for each in responses]
        metrics = {"model_name": "m", "token_usages": usages}
        stats = {"usage_to_metrics": {"agent": metrics}} if responses else {}
        return {"id": "8c75", "execution_status": status, "stats": stats}

    before, after = states_of(
        tmp_path, OPENHANDS, state("running"), state("finished", "c1", "c2")
    )
    assert told(before) == ["state/status"]
    assert told(after)[1:] == ["usage/agent/c1", "usage/agent/c2", "state/status"]


def test_older_gemini_chats_are_documents(tmp_path: Path) -> None:
    messages = [{"id": f"m{n}", "type": "gemini", "tokens": {}} for n in range(3)]
    before, after = states_of(
        tmp_path,
        GEMINI,
        {"sessionId": "s", "messages": messages[:2]},
        {"sessionId": "s", "messages": messages, "lastUpdated": "now"},
    )
    assert told(after) == [*told(before), "message/m2"]


def test_amp_has_a_ledger_beside_its_messages(tmp_path: Path) -> None:
    thread = {
        "messages": [{"messageId": 0, "role": "user"}, {"messageId": 1}],
        "usageLedger": {"events": [{"id": "01HX", "credits": 0.5}]},
    }
    (after,) = states_of(tmp_path, AMP, thread)
    assert told(after) == ["ledger/01HX", "message/0", "message/1"]


@pytest.mark.parametrize("kind", [CLINE, CONTINUE, MINI, OPENHANDS, GEMINI, AMP])
def test_an_empty_object_is_a_state_of_each(tmp_path: Path, kind: DocumentKind) -> None:
    (after,) = states_of(tmp_path, kind, {})
    assert all(each.startswith("state/") for each in told(after))
