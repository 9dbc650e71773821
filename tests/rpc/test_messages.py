"""Whatever a line holds, it becomes a call or a refusal; the specification's examples first."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvisd.base.errors import protocol_error
from jarvisd.base.json_guard import encode_safe
from jarvisd.overview.wire import BlocksGet, Line, Status
from jarvisd.rpc import messages
from jarvisd.rpc.client_wire import Subscribe
from jarvisd.rpc.wire import METHODS


def call(line: bytes) -> messages.Call:
    request = messages.decode(line)
    assert isinstance(request, messages.Call), request
    return request


def refused(line: bytes) -> messages.Refused:
    request = messages.decode(line)
    assert isinstance(request, messages.Refused), request
    return request


def asking(method: str, params: str = "{}", id_: str = "1") -> bytes:
    text = f'{{"jsonrpc":"2.0","method":"{method}","params":{params},"id":{id_}}}'
    return text.encode()


@pytest.mark.parametrize(
    ("line", "number", "id_"),
    [
        pytest.param(
            b'{"jsonrpc": "2.0", "method": "foobar", "id": "1"}',
            -32601,
            b'"1"',
            id="specification: call of a method that does not exist",
        ),
        pytest.param(
            b'{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]',
            -32700,
            b"null",
            id="specification: invalid JSON",
        ),
        pytest.param(
            b'{"jsonrpc": "2.0", "method": 1, "params": "bar"}',
            -32600,
            b"null",
            id="specification: invalid request object",
        ),
        pytest.param(
            b'[{"jsonrpc": "2.0", "method": "sum", "id": "1"},{"jsonrpc": "2.0", "met',
            -32700,
            b"null",
            id="specification: batch of invalid JSON",
        ),
        pytest.param(
            b'{"method":1,"id":2}{"id":3}', -32700, b"null", id="two in one line"
        ),
        pytest.param(b"[]", -32600, b"null", id="specification: empty batch"),
        pytest.param(b"1", -32600, b"null", id="a number"),
        pytest.param(b'"status"', -32600, b"null", id="a string"),
        pytest.param(b"null", -32600, b"null", id="null"),
        pytest.param(b"{}", -32600, b"null", id="nothing in it"),
        pytest.param(b'{"method":"status","id":4}', -32600, b"4", id="no version"),
        pytest.param(
            b'{"jsonrpc":"1.0","method":"status","id":4}', -32600, b"4", id="version 1"
        ),
        pytest.param(
            b'{"jsonrpc":2.0,"method":"status","id":4}',
            -32600,
            b"4",
            id="version as a number",
        ),
        pytest.param(b'{"jsonrpc":"2.0","id":5}', -32600, b"5", id="no method"),
        pytest.param(asking("status", id_="{}"), -32600, b"null", id="object as id"),
        pytest.param(asking("status", id_="true"), -32600, b"null", id="true as id"),
        pytest.param(asking("status", "7"), -32600, b"1", id="number as params"),
        pytest.param(asking("status", "null"), -32600, b"1", id="null as params"),
        pytest.param(asking("line", '{"":1}'), -32602, b"1", id="a name of nothing"),
        pytest.param(asking("line", "[1]"), -32602, b"1", id="params by position"),
        pytest.param(asking("line", '{"width":NaN}'), -32700, b"null", id="NaN"),
        pytest.param(asking("line", '{"width":1e999}'), -32602, b"1", id="infinite"),
        pytest.param(asking("no"), -32601, b"1", id="unknown method"),
        pytest.param(asking("sta\xfftus"), -32601, b"1", id="unknown, not ASCII"),
        pytest.param(b'{"a":"\xff"}', -32700, b"null", id="not UTF-8"),
        pytest.param(
            b'{"jsonrpc":"2.0","method":"sta\x00tus","id":1}',
            -32700,
            b"null",
            id="NUL in a string",
        ),
        pytest.param(
            b'\xef\xbb\xbf{"jsonrpc":"2.0","method":"status","id":1}',
            -32700,
            b"null",
            id="byte order mark",
        ),
        pytest.param(
            asking("blocks.get", '{"block_id":"\\ud800"}'),
            -32700,
            b"1",
            id="lone surrogate in a parameter",
        ),
        pytest.param(
            b'{"jsonrpc":"2.0","method":"\\ud800","id":"a"}',
            -32700,
            b'"a"',
            id="lone surrogate in the method",
        ),
        pytest.param(
            b'{"\\udc00":1,"jsonrpc":"2.0","method":"status","id":2}',
            -32700,
            b"2",
            id="lone surrogate in a key",
        ),
        pytest.param(asking("status") + b" x", -32700, b"null", id="two in a line"),
        pytest.param(b"[" * 100_000, -32700, b"null", id="deep and unfinished"),
        pytest.param(
            b'{"a":' * 100_000 + b"1" + b"}" * 100_000, -32700, b"null", id="deep"
        ),
        pytest.param(
            b"x" * (messages.MAX_REQUEST_BYTES + 1), -32006, b"null", id="long"
        ),
        pytest.param(b"[" + b"1," * 99 + b"1]", -32600, b"null", id="long batch"),
    ],
)
def test_a_wrong_request_is_refused(line: bytes, number: int, id_: bytes) -> None:
    refusal = refused(line)

    assert (refusal.error.number, refusal.id) == (number, id_)


@pytest.mark.parametrize(
    ("method", "params", "field"),
    [
        pytest.param("line", '{"wdth":1}', "wdth", id="unknown"),
        pytest.param("line", '{"width":"1"}', "width", id="wrong type"),
        pytest.param("line", '{"width":true}', "width", id="bool for a number"),
        pytest.param("line", '{"width":-1}', "width", id="too small"),
        pytest.param("line", '{"width":1%s}' % ("0" * 30), "width", id="huge"),
        pytest.param("line", '{"format":"html"}', "format", id="unknown word"),
        pytest.param("blocks.get", "{}", "block_id", id="missing"),
        pytest.param("subscribe", '{"topics":["x"]}', "topics[0]", id="in a list"),
        pytest.param("subscribe", '{"topics":[]}', "topics", id="empty list"),
        pytest.param(
            "subscribe",
            '{"topics":["blocks"],"filter":{"agnet":"claude"}}',
            "filter.agnet",
            id="within an object",
        ),
        pytest.param("push.open", '{"block_id":"xyz"}', "block_id", id="pattern"),
        pytest.param(
            "push.open",
            '{"block_id":"00000000000000aa","kind":"transcript"}',
            "kind",
            id="word that is not for clients",
        ),
    ],
)
def test_wrong_parameters_are_refused_by_name(
    method: str, params: str, field: str
) -> None:
    error = refused(asking(method, params)).error

    assert (error.number, error.kind) == (-32602, "invalid_params")
    assert error.data["field"] == field


@pytest.mark.parametrize(
    "params", ["", ',"params":{}', ',"params":[]', ',"params":[ ]', ',"params": { }']
)
def test_no_parameters_may_be_said_in_several_ways(params: str) -> None:
    line = b'{"jsonrpc":"2.0","id":1,"method":"status"%b}' % params.encode()

    assert call(line) == messages.Call(b"1", "status", Status())


@pytest.mark.parametrize(
    "id_",
    ["1", "-7", "1.50", "1e2", "null", '""', '"a\\u0041"', "9" * 400, '"\\ud800"'],
)
def test_an_id_is_echoed_as_it_was_written(id_: str) -> None:
    request = messages.decode(asking("status", id_=id_))

    assert isinstance(request, messages.Call | messages.Refused)
    expected = "null" if "ud800" in id_ else id_
    assert request.id == expected.encode()


def test_a_notification_has_an_empty_id() -> None:
    assert call(b'{"jsonrpc":"2.0","method":"status"}').id == b""
    assert refused(b'{"jsonrpc":"2.0","method":"status","params":{"a":1}}').id == b""
    assert refused(b'{"jsonrpc":"2.0","method":"nothing"}').id == b""


@pytest.mark.parametrize("line", [b"", b" ", b"\r", b"\t \r\n"])
def test_a_blank_line_asks_nothing(line: bytes) -> None:
    assert messages.decode(line) is None


def test_a_carriage_return_before_the_line_end_is_tolerated() -> None:
    assert call(asking("status") + b"\r").method == "status"


def test_parameters_are_typed() -> None:
    line = asking("line", '{"format":"tmux","width":40}')
    assert call(line).params == Line(format="tmux", width=40)

    wanted = call(asking("subscribe", '{"topics":["blocks"],"interval_ms":5}')).params
    assert isinstance(wanted, Subscribe)
    assert wanted.interval_ms == 5

    got = call(asking("blocks.get", '{"block_id":"ab\\u0063"}')).params
    assert isinstance(got, BlocksGet)
    assert got.block_id == "abc"


def test_a_batch_keeps_good_and_bad_apart() -> None:
    line = b'[{"jsonrpc":"2.0","method":"status","id":1},1,{"foo":"boo"}]'
    batch = messages.decode(line)

    assert isinstance(batch, messages.RequestBatch)
    assert [type(item) for item in batch.items] == [
        messages.Call,
        messages.Refused,
        messages.Refused,
    ]
    assert [item.id for item in batch.items] == [b"1", b"null", b"null"]


def test_a_batch_may_have_as_many_requests_as_we_say() -> None:
    full = b"[" + b",".join([asking("status")] * messages.MAX_BATCH) + b"]"
    batch = messages.decode(full)

    assert isinstance(batch, messages.RequestBatch)
    assert len(batch.items) == messages.MAX_BATCH
    assert refused(full[:-1] + b"," + asking("status") + b"]").error.kind == (
        "batch_too_large"
    )


def test_brackets_in_strings_are_not_depth() -> None:
    deep = "[" * 1000 + '\\"' + "{" * 1000
    line = asking("push.lines", f'{{"block_id":"a","seq":0,"lines":["{deep}"]}}')

    assert call(line).method == "push.lines"


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param(b'"' + b'\\"' * 500_000, id="a string that never ends"),
        pytest.param(b"[" * 65 + b"[]" * 500_000, id="wide behind deep"),
        pytest.param(b"]" * 1_000_000 + b"[" * 40, id="closes what was never open"),
        pytest.param(b'"\\' * 500_000 + b"[" * 65, id="quotes and backslashes"),
        pytest.param(b"[" + b"1," * 500_000 + b"1]", id="half a million requests"),
    ],
)
@pytest.mark.timeout(5)
def test_hostile_input_costs_no_more_than_its_length(hostile: bytes) -> None:
    assert isinstance(
        messages.decode(hostile[: messages.MAX_REQUEST_BYTES]), messages.Refused
    )


@given(st.binary(max_size=300))
def test_any_bytes_become_a_request_or_a_refusal(line: bytes) -> None:
    messages.decode(line)


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["2.0", *METHODS]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["jsonrpc", "id", "method", "params", "block_id", "x"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(_JSON)
def test_any_json_becomes_a_request_or_a_refusal_that_can_be_sent(
    value: object,
) -> None:
    match messages.decode(json.dumps(value).encode()):
        case messages.Refused() as refusal if refusal.id:
            json.loads(messages.encode_error(refusal.id, refusal.error))
        case _:
            pass


@given(st.sampled_from(list(METHODS)), _JSON, st.integers() | st.text())
def test_the_id_survives_whatever_the_parameters(
    method: str, params: object, id_: int | str
) -> None:
    document = {"jsonrpc": "2.0", "method": method, "params": params, "id": id_}
    request = messages.decode(json.dumps(document).encode())

    assert isinstance(request, messages.Call | messages.Refused)
    if request.id != b"null":
        assert json.loads(request.id) == id_


def test_answers_are_one_line_of_json() -> None:
    assert json.loads(messages.encode_result(b'"a"', b'{"ok":true}')) == {
        "jsonrpc": "2.0",
        "id": "a",
        "result": {"ok": True},
    }
    error = protocol_error("busy", "too\nmany", limit=3)
    line = messages.encode_error(b"7", error)
    assert line.count(b"\n") == 1
    assert json.loads(line)["error"] == {
        "code": -32001,
        "message": "too\nmany",
        "data": {"kind": "busy", "limit": 3},
    }


def test_a_batch_of_notifications_has_no_answer() -> None:
    assert messages.encode_batch([]) == b""
    assert json.loads(messages.encode_batch([b'{"a":1}\n', b'{"b":2}\n'])) == [
        {"a": 1},
        {"b": 2},
    ]


@given(st.text())
def test_what_could_steer_a_terminal_is_escaped_and_not_lost(text: str) -> None:
    try:
        raw = encode_safe({"text": text})
    except UnicodeEncodeError:  # a lone surrogate, which no reader lets in
        return

    assert msgspec.json.decode(raw) == {"text": text}
    shown = raw.decode()
    assert not any(0x80 <= ord(c) < 0xA0 or c < " " for c in shown)
    assert not set(shown) & set("\u202e\u2066\u200b\ufeff\u2028\u061c")


def test_an_event_is_put_together_from_what_is_encoded_already() -> None:
    line = messages.encode_event("s1", "blocks", "i:4", b'{"block_id":"b"}')

    assert json.loads(line) == {
        "jsonrpc": "2.0",
        "method": "event",
        "params": {
            "subscription": "s1",
            "topic": "blocks",
            "cursor": "i:4",
            "data": {"block_id": "b"},
        },
    }
