"""Lines do not depend on how bytes come, and no line can grow without end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvisd.rpc.messages import LineFramer


def lines_of(inbox: LineFramer) -> list[bytes]:
    found = []
    while (line := inbox.next_line()) is not None:
        found.append(line)
    return found


@given(st.lists(st.binary(max_size=12).filter(lambda b: b"\n" not in b)), st.data())
def test_lines_do_not_depend_on_where_chunks_break(
    lines: list[bytes], data: st.DataObject
) -> None:
    stream = b"".join(line + b"\n" for line in lines)
    inbox, found = LineFramer(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        inbox.feed(stream[:size])
        stream = stream[size:]
        assert inbox.has_line is (b"\n" in bytes(inbox._bytes))
        found += lines_of(inbox)

    assert found == lines
    assert not inbox.has_partial


@pytest.mark.parametrize("chunk", [1, 3, 7, 100])
def test_a_line_too_long_is_given_once_and_cut(chunk: int) -> None:
    inbox, found = LineFramer(max_line_bytes=8), []
    stream = b"ok\n" + b"x" * 30 + b"\nfine\n" + b"y" * 8 + b"\n"
    for start in range(0, len(stream), chunk):
        inbox.feed(stream[start : start + chunk])
        found += lines_of(inbox)

    assert found == [b"ok", b"x" * 9, b"fine", b"y" * 8]


def test_the_rest_of_a_line_too_long_is_not_kept() -> None:
    inbox = LineFramer(max_line_bytes=8)
    for _ in range(100):
        inbox.feed(b"x" * 100)
        lines_of(inbox)

    assert len(inbox._bytes) <= 100
    assert inbox.has_partial
