import itertools

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jarvisd.agents._shared.long_lines import Head
from jarvisd.core.sources.jsonlines.lines import (
    MAX_MARKS,
    MAX_WHOLE_BYTES,
    SHORT_BYTES,
    LineSplitter,
    Oversize,
    TextLine,
)


def split(*chunks: bytes, max_line_bytes: int = 1000) -> list[TextLine | Oversize]:
    splitter = LineSplitter(max_line_bytes=max_line_bytes)
    return [line for chunk in chunks for line in splitter.feed(chunk)]


def texts(*chunks: bytes) -> list[bytes]:
    return [line.text for line in split(*chunks) if isinstance(line, TextLine)]


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        pytest.param([b"a\nb\n"], [b"a", b"b"], id="two lines in one piece"),
        pytest.param([b"a", b"b\n"], [b"ab"], id="one line in two pieces"),
        pytest.param([b"a\r\nb\r", b"\n"], [b"a", b"b"], id="CRLF over the edge"),
        pytest.param([b"a\rb\n"], [b"a\rb"], id="a lone CR is content"),
        pytest.param([b"a\r\r\n"], [b"a\r"], id="one CR belongs to the end"),
        pytest.param([b"\n\n"], [b"", b""], id="blank lines"),
        pytest.param([b"a\nb"], [b"a"], id="the unfinished line is held"),
        pytest.param(
            ["a\u2028b\u0085c\x0b\x0cd\n".encode()],
            ["a\u2028b\u0085c\x0b\x0cd".encode()],
            id="other separators are content",
        ),
        pytest.param([b"\0\0\0a\n"], [b"a"], id="a hole at the start"),
        pytest.param([b"\0\0", b"\0\0", b"a\n"], [b"a"], id="a hole in pieces"),
        pytest.param([b"a\0b\n"], [b"a\0b"], id="a NUL inside is content"),
        pytest.param(
            [b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n"], [b"a", b"\xef\xbb\xbfb"], id="BOM"
        ),
    ],
)
def test_a_line_ends_at_a_newline_only(
    chunks: list[bytes], expected: list[bytes]
) -> None:
    assert texts(*chunks) == expected


def test_the_offset_never_passes_the_unfinished_line() -> None:
    splitter = LineSplitter(offset=100)

    lines = splitter.feed(b"abc\nde")

    assert lines == [TextLine(100, b"abc")]
    assert splitter.offset == 104
    assert splitter.partial_bytes == 2
    assert splitter.next_offset == 106


def test_a_source_that_ends_gives_its_last_line() -> None:
    splitter = LineSplitter()
    splitter.feed(b"a\nbc")

    assert splitter.finish() == TextLine(2, b"bc")
    assert splitter.offset == 4
    assert splitter.finish() is None


def test_a_hole_of_nuls_holds_nothing_and_moves_the_offset() -> None:
    splitter = LineSplitter()

    for _ in range(100):
        assert splitter.feed(b"\0" * 1000) == []

    assert splitter.partial_bytes == 0
    assert splitter.feed(b"x\n") == [TextLine(100_000, b"x")]


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param([b"x" * 30 + b"\nok\n"], id="in one piece"),
        pytest.param([b"x" * 9, b"x" * 9, b"x" * 12, b"\nok\n"], id="in several"),
        pytest.param([b"x" * 30, b"\nok\n"], id="the end alone"),
    ],
)
def test_a_line_beyond_the_limit_is_counted_and_passed_by(chunks: list[bytes]) -> None:
    assert split(*chunks, max_line_bytes=10) == [Oversize(0, 30), TextLine(31, b"ok")]


def test_an_oversize_line_is_not_kept_in_memory() -> None:
    splitter = LineSplitter(max_line_bytes=10)
    for _ in range(1000):
        splitter.feed("é".encode() * 50)

    assert splitter._pieces == []
    assert splitter.feed(b"\n") == [Oversize(0, 50_000)]


PIECES = (
    b"\n",
    b"\n",
    b"\r\n",
    b"\r",
    b"\0",
    b"x",
    b"a line",
    b"x" * 41,
    "\u2028é".encode(),
)


@example(data=b"x\n\0\n", cuts=[3])
@example(data=b"\0" * 50 + b"x\n", cuts=[20])
@given(
    data=st.lists(st.sampled_from(PIECES) | st.binary(), max_size=60).map(b"".join),
    cuts=st.lists(st.integers(0, 300)),
)
def test_lines_do_not_depend_on_where_chunks_break(
    data: bytes, cuts: list[int]
) -> None:
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    chunks = [data[a:b] for a, b in itertools.pairwise(edges)]
    if data[:3] == b"\xef\xbb\xbf" and 0 < len(chunks[0]) < 3:
        return  # a byte order mark cut in two is content; files are read in large pieces

    whole, pieces, again = (LineSplitter(max_line_bytes=40) for _ in range(3))
    expected = whole.feed(data)
    actual = [line for chunk in chunks for line in pieces.feed(chunk)]
    ends = itertools.pairwise(edges)

    assert actual == expected
    assert [line for a, b in ends for line in again.feed(data[:b], a)] == expected
    assert pieces.offset == again.offset == whole.offset
    assert pieces.finish() == again.finish() == whole.finish()


class Joined:
    """Condenses a line to what it is, so that it can be seen what it was given."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def feed(self, piece: bytes) -> None:
        self._pieces.append(piece)

    def finish(self) -> bytes:
        return b"condensed " + b"".join(self._pieces)


LONG = (
    b"\n",
    b"\r\n",
    b"x",
    b"a line",
    b"x" * (SHORT_BYTES - 1),
    b"{}," * (MAX_MARKS // 3),
    b"[" * (MAX_MARKS // 2),
    b"\xff",
    "é".encode() * SHORT_BYTES,
    b"y" * (MAX_WHOLE_BYTES - SHORT_BYTES),
)


@given(
    data=st.lists(st.sampled_from(LONG), max_size=12).map(b"".join),
    cuts=st.lists(st.integers(0, 3 * MAX_WHOLE_BYTES), max_size=12),
)
@settings(max_examples=60, deadline=None)
def test_which_lines_are_condensed_does_not_depend_on_where_chunks_break(
    data: bytes, cuts: list[int]
) -> None:
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    whole, pieces = (LineSplitter(condense=Joined) for _ in range(2))

    expected = [*whole.feed(data), whole.finish()]
    actual = [
        each for a, b in itertools.pairwise(edges) for each in pieces.feed(data[a:b])
    ]

    assert [*actual, pieces.finish()] == expected


@pytest.mark.parametrize(
    ("text", "condensed"),
    [
        pytest.param(b"," * SHORT_BYTES, False, id="short"),
        pytest.param(b"x" * MAX_WHOLE_BYTES, False, id="few marks"),
        pytest.param(b"x" * (MAX_WHOLE_BYTES + 1), True, id="long"),
        pytest.param(b"{},x" * (SHORT_BYTES // 4) + b"x", True, id="many marks"),
        pytest.param(b"x" * SHORT_BYTES + b"\xff", True, id="no UTF-8"),
    ],
)
def test_a_line_that_would_take_long_to_parse_is_condensed(
    text: bytes, condensed: bool
) -> None:
    splitter = LineSplitter(condense=Joined)

    (line,) = splitter.feed(text + b"\n")

    assert isinstance(line, TextLine)
    prefix = b"condensed " if condensed else b""
    assert line.text == prefix + text
    assert line.length == len(text)


def test_of_a_condensed_line_all_characters_are_counted() -> None:
    splitter = LineSplitter(condense=Head)

    (line,) = splitter.feed("é".encode() * MAX_WHOLE_BYTES + b"\n")

    assert isinstance(line, TextLine)
    assert len(line.text.decode()) + line.omitted == MAX_WHOLE_BYTES
