"""What every agent's parser promises, whatever the agent.

A new agent is added to AGENTS and to SAMPLES, and must pass as it is.
"""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jarvisd.core.record import Record
from tests.agents.found import AGENTS, read_alone

CLAUDE_REPLY = {
    "parentUuid": "9f1c",
    "isSidechain": False,
    "message": {
        "id": "msg_1",
        "role": "assistant",
        "model": "claude-opus-4-7",
        "content": [
            {"type": "text", "text": "Looking."},
            {"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {"a": 1}},
        ],
        "stop_reason": "tool_use",
        "usage": {
            "input_tokens": 3,
            "cache_creation_input_tokens": 20,
            "cache_read_input_tokens": 100,
            "output_tokens": 7,
            "cache_creation": {"ephemeral_5m_input_tokens": 20},
            "iterations": [],
        },
    },
    "requestId": "req_1",
    "type": "assistant",
    "uuid": "a1",
    "timestamp": "2026-11-21T02:51:24.939Z",
    "cwd": "/home/dev/demo",
    "sessionId": "s1",
}
CLAUDE_RESULT = {
    "type": "user",
    "message": {
        "role": "user",
        "content": [
            {
                "tool_use_id": "toolu_1",
                "type": "tool_result",
                "content": "Exit code 3",
                "is_error": True,
            }
        ],
    },
    "uuid": "u1",
    "timestamp": "2026-11-21T02:51:25.305Z",
    "toolUseResult": {"stdout": "", "durationMs": 12},
    "sessionId": "s1",
}
CODEX_COUNT = {
    "timestamp": "2026-11-21T02:26:53.890Z",
    "ordinal": 17,
    "type": "event_msg",
    "payload": {
        "type": "token_count",
        "info": {
            "total_token_usage": {"input_tokens": 9, "output_tokens": 1},
            "last_token_usage": {"input_tokens": 9, "output_tokens": 1},
            "model_context_window": 258400,
        },
        "rate_limits": {"primary": {"used_percent": 1.5, "window_minutes": 300}},
    },
}
CODEX_CALL = {
    "timestamp": "2026-11-21T02:26:53.708Z",
    "type": "response_item",
    "payload": {
        "type": "function_call",
        "name": "exec_command",
        "arguments": '{"cmd": "ls"}',
        "call_id": "call_1",
    },
}
SAMPLES = {
    "claude": (CLAUDE_REPLY, CLAUDE_RESULT),
    "codex": (CODEX_COUNT, CODEX_CALL),
    "text": ({"any": "thing"},),
}

HOSTILE = [
    pytest.param(b"", id="nothing"),
    pytest.param(b"{", id="half an object"),
    pytest.param(b"null", id="null"),
    pytest.param(b"[]", id="an array"),
    pytest.param(b"3", id="a number"),
    pytest.param(b'"text"', id="a string"),
    pytest.param(b"not json", id="prose"),
    pytest.param(b"\x00" * 4096, id="NUL padding"),
    pytest.param(b"\xff\xfe\x00{", id="other encodings"),
    pytest.param(b'{"type":"assistant"', id="torn"),
    pytest.param(b"[" * 100_000, id="deep arrays"),
    pytest.param(b'{"payload":' * 100_000, id="deep objects"),
    pytest.param(b'{"type":NaN}', id="NaN"),
    pytest.param(b'{"type":"user","message":"hello"}', id="a message that is text"),
    pytest.param(b'{"type":"user","message":{"content":[1,null,[]]}}', id="odd items"),
    pytest.param(b'{"type":["user"]}', id="a type that is a list"),
    pytest.param(b'{"timestamp":' + b"9" * 1_000_000 + b"}", id="a huge number"),
    pytest.param(b'{"type":"event_msg","payload":[]}', id="a payload that is a list"),
    pytest.param(b'{"cwd":"\\ud800","type":"user"}', id="half a surrogate pair"),
]

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["2026-11-21T02:51:25.305Z", "user", "assistant", "toolu_1"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


def parse(agent: str, text: bytes) -> Record | None:
    return read_alone(agent, text, offset=7)


def encoded(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def paths_in(
    value: object, path: tuple[str | int, ...] = ()
) -> list[tuple[str | int, ...]]:
    items: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))

    below = [found for key, each in items for found in paths_in(each, (*path, key))]
    return [path, *below]


def replaced(value: object, path: tuple[str | int, ...], by: object) -> object:
    if not path:
        return by

    key, *rest = path
    copy: dict[str | int, object] | list[object]
    if isinstance(value, dict):
        copy = {**value, key: replaced(value[key], tuple(rest), by)}
    else:
        assert isinstance(value, list)
        assert isinstance(key, int)
        copy = [*value]
        copy[key] = replaced(value[key], tuple(rest), by)

    return copy


agents = pytest.mark.parametrize("agent", AGENTS.names)


@agents
@pytest.mark.parametrize("text", HOSTILE)
def test_no_line_makes_a_parser_raise(agent: str, text: bytes) -> None:
    parse(agent, text)


@agents
@pytest.mark.parametrize("text", HOSTILE)
def test_no_line_is_slow(agent: str, text: bytes) -> None:
    started = time.process_time()
    parse(agent, text)

    assert time.process_time() - started < 0.5


@pytest.mark.parametrize("agent", [each for each in AGENTS.names if each != "text"])
@pytest.mark.parametrize("text", HOSTILE[:11])
def test_what_is_no_object_is_malformed(agent: str, text: bytes) -> None:
    assert parse(agent, text) is None


@pytest.mark.parametrize("agent", [each for each in AGENTS.names if each != "text"])
@given(
    text=st.binary(max_size=40) | st.sampled_from([each.values[0] for each in HOSTILE])
)
@settings(max_examples=150, deadline=None)
def test_the_outline_finds_the_same_lines_malformed(agent: str, text: bytes) -> None:
    outlined = AGENTS[agent].outline

    outline = outlined([b"{}", text])

    assert (outline.others == {1}) == (parse(agent, text) is None)


@agents
@pytest.mark.parametrize("text", [b"", b"  \t", b"\r"])
def test_a_blank_line_is_no_record(agent: str, text: bytes) -> None:
    assert parse(agent, text) is None


@agents
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_a_strange_value_costs_no_more_than_itself(
    agent: str, data: st.DataObject
) -> None:
    sample = data.draw(st.sampled_from(SAMPLES[agent]))
    path = data.draw(st.sampled_from(paths_in(sample)[1:]))
    text = encoded(replaced(sample, path, data.draw(json_values)))

    record = parse(agent, text)

    assert record is not None
    assert record == parse(agent, text)


@agents
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_damaged_bytes_never_raise(agent: str, data: st.DataObject) -> None:
    text = bytearray(encoded(data.draw(st.sampled_from(SAMPLES[agent]))))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(text) - 1))
        text[place : place + data.draw(st.integers(0, 3))] = data.draw(
            st.binary(max_size=3)
        )
        if not text:
            break

    first, second = parse(agent, bytes(text)), parse(agent, bytes(text))

    assert first == second


@agents
def test_bytes_that_are_no_utf8_are_replaced(agent: str) -> None:
    text = encoded(SAMPLES[agent][0])

    for place in range(0, len(text) - 1, 7):
        parse(agent, text[:place] + b"\xff" + text[place + 1 :])


@agents
def test_a_byte_order_mark_is_no_damage(agent: str) -> None:
    text = encoded(SAMPLES[agent][0])

    assert parse(agent, b"\xef\xbb\xbf" + text) == parse(agent, text)


@agents
def test_a_record_says_where_its_line_starts(agent: str) -> None:
    record = parse(agent, encoded(SAMPLES[agent][0]))

    assert record is not None
    assert record.offset == 7


def test_every_agent_is_held_to_the_contract() -> None:
    assert set(SAMPLES) == set(AGENTS.names)
