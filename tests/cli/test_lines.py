"""Bytes into lines and lines into batches, however the bytes are cut."""

from itertools import zip_longest

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvisd.cli.line_batches import (
    MAX_BATCH_BYTES,
    MAX_LINE_BYTES,
    Cutter,
    Oversize,
    Packer,
)
from jarvisd.cli.output_recorder import LineQueue
from jarvisd.core.wire import MAX_PUSH_LINES

MAX_REQUEST_BYTES = 1024 * 1024


def cut(*pieces: bytes) -> list[str | Oversize]:
    cutter = Cutter()
    lines = [line for piece in pieces for line in cutter.feed(piece)]
    return lines + cutter.finish()


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        pytest.param(b"", [], id="nothing is no line"),
        pytest.param(b"a\nb\n", ["a", "b"], id="a line ends at LF"),
        pytest.param(b"a\nb", ["a", "b"], id="the last one may lack its end"),
        pytest.param(b"a\r\r\n", ["a\r"], id="one CR belongs to the end"),
        pytest.param(b"\n\n", ["", ""], id="empty lines are lines"),
        pytest.param(b"a\x0b\x0c\xe2\x80\xa8b\n", ["a\x0b\x0c\u2028b"], id="only LF"),
        pytest.param(b"\xff\xfe\n", ["\ufffd\ufffd"], id="not UTF-8 is replaced"),
        pytest.param(b"a\0b\n", ["a\0b"], id="NUL is content"),
    ],
)
def test_lines(data: bytes, lines: list[str]) -> None:
    assert cut(data) == lines


@given(st.lists(st.binary(max_size=20)), st.sampled_from([b"\n", b"\r\n", b"\xc3\xa9"]))
def test_lines_do_not_depend_on_where_pieces_break(
    pieces: list[bytes], glue: bytes
) -> None:
    data = glue.join(pieces)
    singly = [data[at : at + 1] for at in range(len(data))]

    assert cut(*singly) == cut(data)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
def test_a_line_too_long_to_send_becomes_its_length(end: bytes) -> None:
    # Two bytes each, and pieces that break in the middle of one.
    data = "é".encode() * MAX_LINE_BYTES + end
    pieces = [data[at : at + 65_537] for at in range(0, len(data), 65_537)]

    assert cut(b"before\n", *pieces, b"" if not end else b"after")[:2] == [
        "before",
        MAX_LINE_BYTES,
    ]


def test_a_line_is_too_long_when_json_makes_it_so() -> None:
    line = b"\x01" * (MAX_LINE_BYTES // 6 + 1)

    assert cut(line + b"\nx") == [len(line), "x"]


def batches(lines: list[str | Oversize]) -> list[list[str]]:
    packer = Packer()
    return [each.lines for each in [*packer.pack(lines), *packer.rest()]]


def test_batches_keep_every_line_in_order() -> None:
    lines: list[str | Oversize] = [str(n) * 50 for n in range(25_000)]

    packed = batches(lines)

    assert [line for batch in packed for line in batch] == lines
    assert max(map(len, packed)) <= MAX_PUSH_LINES


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(["x" * (MAX_LINE_BYTES - 3)] * 3, id="the longest lines"),
        pytest.param(["\x1b[0m" * 1000] * 1000, id="what JSON makes longer"),
        pytest.param([""] * 30_000, id="the shortest lines"),
    ],
)
def test_a_batch_fits_into_a_request(lines: list[str | Oversize]) -> None:
    for batch in batches(lines):
        size = len(msgspec.json.encode(batch))
        assert size <= MAX_BATCH_BYTES or len(batch) == 1
        assert size < MAX_REQUEST_BYTES - 1024


def receive(queue: LineQueue, cutter: Cutter) -> list[str | Oversize]:
    lines: list[str | Oversize] = []
    for piece in queue.get():
        if piece is None:
            cutter.forget()
        else:
            lines += cutter.feed(piece)

    return lines


@given(
    st.lists(st.binary(min_size=1, max_size=12).map(lambda b: b.replace(b"\r", b"\n"))),
    st.lists(st.booleans()),
)
def test_an_overflowing_queue_leaves_out_whole_lines_and_counts_them(
    chunks: list[bytes], takes: list[bool]
) -> None:
    queue, lines, cutter = LineQueue(most_bytes=16), list[str | Oversize](), Cutter()
    for chunk, take in zip_longest([*chunks, b"\n"], takes):
        queue.put(chunk or b"")
        if take:
            lines += receive(queue, cutter)

    while queue:
        lines += receive(queue, cutter)

    every = cut(b"".join(chunks) + b"\n")
    assert len(lines) + queue.dropped_lines == len(every)
    rest = iter(every)
    assert all(line in rest for line in lines)  # a subsequence: none is torn
