"""Noise for all that is pure and meets strangers: lines, parsers, protocol, inbox, names.

`make fuzz` runs the same with hundreds of thousands of examples each; what fails is
shrunk, printed and kept in .hypothesis for the next run.
"""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvisd.base.json_guard import encode_safe
from jarvisd.base.sanitize import sanitize
from jarvisd.cli.output.text import cut, safe, width
from jarvisd.core.record import Record
from jarvisd.core.sources.jsonlines.lines import LineSplitter, Oversize, TextLine
from jarvisd.rpc import messages
from jarvisd.rpc.messages import LineFramer
from jarvisd.rpc.wire import METHODS
from tests.agents.found import AGENTS, read_alone

MAX_LINE_BYTES = 64
STEERING = {"Cc", "Cf", "Cs", "Zl", "Zp"}

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
)
words = st.sampled_from(
    [
        "type",
        "message",
        "content",
        "usage",
        "timestamp",
        "payload",
        "id",
        "sessionId",
        "user",
        "assistant",
        "event_msg",
        "response_item",
        "token_count",
        "cwd",
        "input_tokens",
        "output_tokens",
        "tool_use",
        "tool_result",
        "role",
        "info",
    ]
)
values = st.recursive(
    scalars | words,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(words | st.text(), inner)
    ),
    max_leaves=20,
)
records = values.map(lambda value: json.dumps(value).encode())
"""JSON of any shape, with the words that parsers look for in places where none does."""

chunks = st.lists(st.binary(max_size=40) | st.sampled_from([b"\n", b"\r\n", b"\0"]))


@given(chunks)
def test_every_byte_of_a_source_is_in_one_line_or_unfinished(data: list[bytes]) -> None:
    splitter = LineSplitter(max_line_bytes=MAX_LINE_BYTES)
    lines = [line for chunk in data for line in splitter.feed(chunk)]

    whole = b"".join(data)
    assert splitter.next_offset == len(whole)
    assert len(lines) == whole.count(b"\n")
    assert [each.offset for each in lines] == sorted({each.offset for each in lines})
    for line in lines:
        match line:
            case TextLine(text=text):
                assert len(text) <= MAX_LINE_BYTES
                assert text in whole
            case Oversize(chars=chars):
                assert chars <= len(whole)


@pytest.mark.parametrize("agent", AGENTS.names)
@given(line=st.binary(max_size=200) | records | st.text().map(str.encode))
def test_a_parser_takes_any_line(agent: str, line: bytes) -> None:
    record = read_alone(agent, line, offset=0)

    assert record is None or isinstance(record, Record)


@given(st.binary(max_size=300) | records)
def test_a_request_of_any_bytes_is_a_call_or_refused(line: bytes) -> None:
    request = messages.decode(line)

    assert request is None or isinstance(request, messages.Request)
    if isinstance(request, messages.Refused) and request.id:
        answer = json.loads(messages.encode_error(request.id, request.error))
        assert answer["error"]["code"] == request.error.number


@given(method=st.sampled_from(sorted(METHODS)), params=values)
def test_parameters_of_any_shape_are_taken_or_refused(
    method: str, params: object
) -> None:
    request = {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}

    decoded = messages.decode(json.dumps(request).encode())

    assert isinstance(decoded, messages.Call | messages.Refused)
    assert decoded.id == b"7"


@given(chunks)
def test_an_inbox_holds_no_more_than_a_line(data: list[bytes]) -> None:
    inbox, given_lines = LineFramer(max_line_bytes=MAX_LINE_BYTES), []
    for chunk in data:
        inbox.feed(chunk)
        while (line := inbox.next_line()) is not None:
            given_lines.append(line)
            assert len(line) <= MAX_LINE_BYTES + 1

        assert not inbox.has_line

    assert len(given_lines) <= b"".join(data).count(b"\n") + 1


@given(st.text(), st.integers(min_value=1, max_value=80))
def test_any_text_is_made_fit_for_a_terminal(text: str, columns: int) -> None:
    shown = safe(text)

    assert shown.isprintable()
    assert not {unicodedata.category(each) for each in sanitize(text)} & STEERING
    assert safe(shown) == shown
    assert width(cut(shown, columns)) <= columns


@given(values)
def test_what_is_sent_is_json_without_what_steers(value: object) -> None:
    encoded = encode_safe(value)

    text = encoded.decode()
    assert json.loads(text) == json.loads(json.dumps(value))
    assert not set(text) & set("\x1b\x07\x08\x9b\u202e\u2066\u200b\ufeff")
