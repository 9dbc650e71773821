"""What every agent's reader promises, whatever the agent.

An agent is found by its folder and held to this by the samples in it.
"""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jarvisd.agents._shared.outline import of_text
from jarvisd.core.agent import ReaderContext
from jarvisd.core.record import Record
from tests.agents.found import (
    ALL_AGENTS,
    agent_folders,
    fresh_reader,
    read_alone,
)
from tests.agents.samples import (
    expected_of,
    items_of,
    read_all,
    samples_of,
    shown,
)

STREAMS = [
    pytest.param(agent, sample, id=f"{agent}-{sample.stem}")
    for agent in ALL_AGENTS.names
    for sample in samples_of(agent)
]
SAMPLES = {
    agent: [
        json.loads(item)
        for sample in samples_of(agent)
        for item in items_of(sample)
        if item.startswith(b"{") and item.endswith(b"}")
    ]
    for agent in ALL_AGENTS.names
}
ITEMS = {
    agent: [item for sample in samples_of(agent) for item in items_of(sample)]
    for agent in ALL_AGENTS.names
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


agents = pytest.mark.parametrize("agent", ALL_AGENTS.names)


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


@pytest.mark.parametrize(
    "agent", [each.name for each in ALL_AGENTS if each.outline is not of_text]
)
@pytest.mark.parametrize("text", HOSTILE[:11])
def test_what_is_no_object_is_malformed(agent: str, text: bytes) -> None:
    assert parse(agent, text) is None


@pytest.mark.parametrize("agent", [each for each in ALL_AGENTS.names if each != "text"])
@given(
    text=st.binary(max_size=40) | st.sampled_from([each.values[0] for each in HOSTILE])
)
@settings(max_examples=150, deadline=None)
def test_the_outline_finds_the_same_lines_malformed(agent: str, text: bytes) -> None:
    outlined = ALL_AGENTS[agent].outline

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
@pytest.mark.parametrize("name", ["", "left_out", "drift", "lacks_tokens", "offset"])
def test_no_name_in_a_line_reaches_what_the_reader_finds_out_itself(
    agent: str, name: str
) -> None:
    for sample in SAMPLES[agent]:
        without = {key: each for key, each in sample.items() if key != name}

        record = parse(agent, encoded({**without, name: 7}))

        assert record == parse(agent, encoded(without))


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


@agents
def test_every_agent_has_samples(agent: str) -> None:
    assert SAMPLES[agent]


@agents
def test_every_agent_says_how_right_its_figures_are(agent: str) -> None:
    about = ALL_AGENTS[agent].about
    page = (agent_folders()[agent] / "README.md").read_text()
    rows = dict(re.findall(r"^\| (\w+) \| (.+) \|$", page, re.MULTILINE))

    assert {"exact", "estimated", "unknowable"} <= rows.keys()
    assert about.exact
    assert about.estimated
    assert about.unknowable
    assert (agent_folders()[agent] / "about.py").is_file()


@pytest.mark.parametrize(("agent", "sample"), STREAMS)
def test_samples_give_the_records_beside_them(agent: str, sample: Path) -> None:
    records = read_all(fresh_reader(agent), items_of(sample))

    assert [shown(each) for each in records] == json.loads(
        expected_of(sample).read_text()
    )


@pytest.mark.parametrize(("agent", "sample"), STREAMS)
def test_a_reader_may_be_replaced_behind_any_item(agent: str, sample: Path) -> None:
    items = items_of(sample)
    whole = read_all(fresh_reader(agent), items)

    assert read_in_pieces(agent, items, set(range(len(items)))) == whole
    for at in range(len(items)):
        assert read_in_pieces(agent, items, {at}) == whole


hostile: list[Any] = [each.values[0] for each in HOSTILE]
noise: st.SearchStrategy[bytes] = st.binary(max_size=30) | st.sampled_from(hostile)


@agents
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_any_stream_gives_the_same_records_in_any_pieces(
    agent: str, data: st.DataObject
) -> None:
    """Items of all samples in any order, with noise between them."""
    items = data.draw(
        st.lists(st.sampled_from(ITEMS[agent]) | noise, min_size=2, max_size=12)
    )
    cuts = data.draw(st.sets(st.integers(0, len(items) - 1)))

    whole = read_all(fresh_reader(agent), items)

    assert read_in_pieces(agent, items, cuts) == whole


@agents
@pytest.mark.parametrize("memory", [b"\xff", b"\xc1\x00", b"\x80", b"\x93\x01\x02\x03"])
def test_a_memory_that_is_damaged_is_none(agent: str, memory: bytes) -> None:
    items = ITEMS[agent][:4]
    reader = ALL_AGENTS[agent].reader(ReaderContext(), memory)

    assert read_all(reader, items) == read_all(fresh_reader(agent), items)


def read_in_pieces(agent: str, items: list[bytes], cuts: set[int]) -> list[Any]:
    """Return the records of *items*, read by another reader behind each of *cuts*."""
    reader, found, offset = fresh_reader(agent), [], 0
    for index, item in enumerate(items):
        found.append(reader.read(item, offset=offset))
        offset += len(item) + 1
        if index in cuts:
            reader = ALL_AGENTS[agent].reader(ReaderContext(), reader.memory())

    return found
