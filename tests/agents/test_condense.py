"""A long line that is condensed says what it says as a whole, however it comes in."""

import json
import random
import sys
from collections.abc import Iterator
from types import FrameType

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jarvisd.agents._shared import json_scan
from jarvisd.agents._shared.long_lines import (
    MAX_ITEMS,
    MAX_KEPT_BYTES,
    MAX_VALUE_BYTES,
    Head,
)
from jarvisd.base.usage import Tokens
from jarvisd.core.event import PromptGiven, UsageReported
from jarvisd.core.record import Record
from jarvisd.core.sources.jsonlines.lines import is_blank
from tests.agents.found import AGENTS, read_alone
from tests.agents.test_contract import HOSTILE, SAMPLES, paths_in, replaced

JSON_AGENTS = [each for each in AGENTS.names if each != "text"]
agents = pytest.mark.parametrize("agent", JSON_AGENTS)

NAMES = [
    "type", "message", "content", "usage", "id", "text", "input", "payload", "item",
    "arguments", "output", "result", "toolUseResult", "data", "event", "iterations",
    "name", "uuid", "sessionId", "zzz", "", 'quo"te', "é", "back\\slash",
]  # fmt: skip
WORDS = [
    "user", "assistant", "tool_use", "tool_result", "text", "event_msg", "session_meta",
    "response_item", "2026-11-21T02:51:25.305Z", "Skill", "Task", "a\nb", "\\", '"',
    "é\u2028", "\U0001f600", "[]{},:", "\ud800", "<system-reminder>", "x" * 300,
]  # fmt: skip
MARKS = [b",", b":", b"[", b"]", b"{", b"}", b'"', b"\\", b"1", b" "]
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(WORDS),
    lambda inner: (
        st.lists(inner, max_size=6)
        | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6)
    ),
    max_leaves=30,
)


def condensed(agent: str, text: bytes, pieces: Iterator[int]) -> bytes:
    condenser, at = AGENTS[agent].condense(), 0
    while at < len(text):
        size = next(pieces)
        condenser.feed(text[at : at + size])
        at += size

    return condenser.finish()


def sizes(seed: int, most: int) -> Iterator[int]:
    chance = random.Random(seed)
    while True:
        yield chance.randint(1, most)


def parse(agent: str, text: bytes) -> Record | None:
    return read_alone(agent, text, offset=7)


def written(value: object, chance: random.Random) -> str:
    """Return *value* as JSON, in one of the ways that it may be written."""
    space = chance.choice(["", "", "", " ", "\t", " \r "])
    match value:
        case dict():
            members = [
                f"{written(key, chance)}{space}:{space}{written(each, chance)}"
                for key, each in value.items()
            ]
            if members and not chance.randrange(8):
                members.insert(0, chance.choice(members))
                twice = written(chance.choice(list(value)), chance)
                members.insert(0, f"{twice}:{chance.choice(['[1]', '7', 'null'])}")

            return f"{{{space}{f'{space},{space}'.join(members)}{space}}}"
        case list():
            items = (written(each, chance) for each in value)
            return f"[{space}{f'{space},{space}'.join(items)}{space}]"
        case _:
            ascii_only = chance.choice([True, False])
            return json.dumps(value, ensure_ascii=ascii_only)


@agents
@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_a_condensed_line_says_what_the_whole_one_says(
    agent: str, data: st.DataObject
) -> None:
    line: object = data.draw(st.sampled_from(SAMPLES[agent]))
    for _ in range(data.draw(st.integers(0, 3))):
        path = data.draw(st.sampled_from(paths_in(line)[1:]))
        line = replaced(line, path, data.draw(values))

    assert isinstance(line, dict)
    line = line | data.draw(st.dictionaries(st.sampled_from(NAMES), values, max_size=4))
    seed = data.draw(st.integers(0, 10**9))
    text = written(line, random.Random(seed)).encode(errors="replace")
    if data.draw(st.integers(0, 3)) == 0:  # damage
        place = data.draw(st.integers(0, len(text)))
        damage = data.draw(st.binary(max_size=2) | st.sampled_from(MARKS))
        text = text[:place] + damage + text[place + data.draw(st.integers(0, 3)) :]

    small = condensed(
        agent, text, sizes(seed, data.draw(st.sampled_from([3, 40, 999])))
    )

    assert parse(agent, small) == parse(agent, text)
    assert AGENTS[agent].messages(small) == AGENTS[agent].messages(text)


@agents
@pytest.mark.parametrize(
    "text", [each for each in HOSTILE if "number" not in str(each.id)]
)
@pytest.mark.parametrize("most", [1, 50_000])
def test_a_hostile_line_says_nothing_else_when_it_is_condensed(
    agent: str, text: bytes, most: int
) -> None:
    small = condensed(agent, text, sizes(1, most))

    assert parse(agent, small) == parse(agent, text)


BIG = 8 * MAX_VALUE_BYTES


def claude_line(content: object, **more: object) -> bytes:
    message = {
        "id": "m1",
        "content": content,
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 3, "output_tokens": 7},
    }
    line = {"type": "assistant", "message": message, "uuid": "a1", **more}
    return json.dumps(line).encode()


def test_the_input_of_a_call_is_alike_though_it_is_not_utf8() -> None:
    """Of a line with a field of a wrong type, which only the whole line has."""
    text = claude_line(
        [{"type": "tool_use", "id": "t1", "name": "Bash", "input": "a?b"}]
    )
    text = text.replace(b"a?b", b"a\xffb").replace(b"{", b'{"sessionId":7,', 1)
    text = text.replace(b'"sessionId":7,', b'"sessionId":7,"sessionId":"s",', 1)

    found = parse("claude", condensed("claude", text, sizes(1, 40)))

    assert found is not None
    assert found.events == getattr(parse("claude", text), "events", ())


def usage_of(record: Record | None) -> list[Tokens]:
    assert record is not None
    return [each.tokens for each in record.events if isinstance(each, UsageReported)]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("x" * BIG, id="a text"),
        pytest.param("\n\U0001f600" * BIG, id="a text of escapes"),
        pytest.param([{"type": "text", "text": "x" * BIG}] * 8, id="eight texts"),
        pytest.param([{"type": "text", "text": "x" * 100}] * 20_000, id="short texts"),
        pytest.param([{"type": "tool_use", "id": "t", "input": {}}] * 9000, id="calls"),
        pytest.param([{"type": "tool_use", "input": ["x" * BIG] * 4}], id="an input"),
        pytest.param([{"type": "tool_use", "input": [[[1]]] * BIG}], id="small inputs"),
    ],
)
def test_what_is_left_of_a_line_has_a_limit_and_its_usage(content: object) -> None:
    text = claude_line(content)

    small = condensed("claude", text, sizes(1, 65_536))

    assert len(small) < 2 * MAX_KEPT_BYTES
    record = parse("claude", small)
    assert usage_of(record) == [Tokens(input=3, output=7)]
    assert record is not None
    assert len(record.events) <= MAX_ITEMS + 2


def test_of_a_long_prompt_the_start_is_kept() -> None:
    line = {"type": "user", "uuid": "u", "message": {"content": "\u00e9" * BIG}}
    text = json.dumps(line, ensure_ascii=False).encode()

    record = parse("claude", condensed("claude", text, sizes(1, 65_536)))

    assert record is not None
    assert record.events == (PromptGiven(chars=MAX_VALUE_BYTES // 2, key="u"),)


@agents
@pytest.mark.parametrize("room", range(1, 40))
def test_a_text_is_never_cut_within_a_character(agent: str, room: int) -> None:
    scanner = json_scan.Scanner()
    content = 'a\\n\\\\\\"\\u00e9\\ud83d\\ude00\u00e9\U0001f600 b'
    scanner.take(f'"{content}" '.encode())

    with pytest.raises(StopIteration) as ended:
        next(scanner.string(room))

    cut, whole = json.loads(ended.value.value), json.loads(f'"{content}"')
    assert whole.startswith(cut)


WORST = {
    "objects": b"{},",
    "lists in lists": b"[" * 30 + b"]" * 30 + b",",
    "deep lists": b"[" * 400 + b"]" * 400 + b",",
    "texts": b'"",',
    "objects with a member": b'{"":""},',
    "numbers": b"0,",
}
PIECE_BYTES = 64 * 1024


class Looks:
    """Counts the bytes that the decoder looks at."""

    def __init__(self) -> None:
        self.count = 0
        self._decoder = msgspec.json.Decoder(msgspec.Raw)

    def decode(self, text: bytes) -> msgspec.Raw:
        self.count += len(text)
        return self._decoder.decode(text)


@agents
@pytest.mark.parametrize("unit", WORST.values(), ids=WORST)
@pytest.mark.parametrize(
    ("begin", "before", "end"),
    [
        pytest.param(b'{"type":"user","zzz":[', b"", b"1]}", id="not wanted"),
        pytest.param(b'{"message":{"content":[', b"", b"1]}}", id="a message"),
        pytest.param(b'{"payload":{"arguments":[', b"", b"1]}}", id="arguments"),
        pytest.param(b'{"toolUseResult":[', b"", b"1]}", id="a result"),
        pytest.param(b"{", b'"zzz":', b'"z":1}', id="members not wanted"),
        pytest.param(b"{", b'"type":', b'"z":1}', id="members wanted"),
        pytest.param(
            b'{"payload":{"arguments":{', b'"a":', b'"b":1}}}', id="raw members"
        ),
    ],
)
def test_each_piece_of_a_line_is_taken_in_in_bounded_steps(
    monkeypatch: pytest.MonkeyPatch,
    agent: str,
    unit: bytes,
    begin: bytes,
    before: bytes,
    end: bytes,
) -> None:
    """Neither many calls for one piece, nor many bytes in one call."""
    looks, calls = Looks(), [0]
    monkeypatch.setattr(json_scan, "_ANY", looks)
    text = begin + (before + unit) * (6 * PIECE_BYTES // len(before + unit)) + end
    condenser = AGENTS[agent].condense()

    def count(_frame: FrameType, event: str, _arg: object) -> None:
        calls[0] += event in {"call", "c_call"}

    for at in range(0, len(text), PIECE_BYTES):
        looks.count = calls[0] = 0
        sys.setprofile(count)
        try:
            condenser.feed(text[at : at + PIECE_BYTES])
        finally:
            sys.setprofile(None)

        assert calls[0] < 3 * PIECE_BYTES
        assert looks.count < 8 * (MAX_VALUE_BYTES + PIECE_BYTES)

    assert parse(agent, condenser.finish()) is not None


def test_of_a_long_line_of_text_the_start_is_kept() -> None:
    head = Head()
    for _ in range(100):
        head.feed(b" " * 1000)

    assert is_blank(head.finish())
    for _ in range(100):
        head.feed(b" x" * 1000)

    assert head.finish().startswith(b" x x")
    assert len(head.finish()) <= 4096
