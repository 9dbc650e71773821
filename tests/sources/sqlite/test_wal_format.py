"""The formats of the log and its index, against files that SQLite wrote."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvisd.core.sources.sqlite.wal_format import (
    FileHeader,
    FrameHeader,
    IndexHeader,
    LogHeader,
    index_ranges,
    is_next_log,
    stored_page_size,
)
from tests.sources.sqlite.database_rig import writing


@pytest.mark.parametrize("page_size", [512, 4096, 65536])
def test_headers_that_sqlite_wrote_are_read(tmp_path: Path, page_size: int) -> None:
    path = tmp_path / "agent.db"
    with writing(path, "off") as agent:
        agent("run", f"pragma page_size={page_size}")
        agent("run", "vacuum")
        agent("journal_mode", "wal")
        agent("session")
        file = FileHeader.parse(path.read_bytes()[:100])
        log = LogHeader.parse(Path(f"{path}-wal").read_bytes()[:32])
        index = IndexHeader.parse(Path(f"{path}-shm").read_bytes()[:136])
        frames = Path(f"{path}-wal").read_bytes()[32:]

    assert file == FileHeader(page_size)
    assert log is not None
    assert index is not None
    assert log.page_size == index.page_size == page_size
    assert log.salts == index.salts
    assert len(frames) >= index.frames * log.frame_size
    first = FrameHeader.parse(frames)
    last = FrameHeader.parse(frames[(index.frames - 1) * log.frame_size :])
    assert first is not None
    assert last is not None
    whole = frames[: log.frame_size]
    assert first.follows(log.checksum, whole, big_endian=log.big_endian)
    assert not first.follows((1, 2), whole, big_endian=log.big_endian)
    assert last.checksum == index.frame_checksum
    assert last.page_count == index.page_count


@given(st.binary(max_size=200))
def test_other_bytes_are_no_header(data: bytes) -> None:
    assert FileHeader.parse(data) is None
    assert LogHeader.parse(data) is None
    assert IndexHeader.parse(data) is None


def test_the_largest_page_size_is_stored_as_1() -> None:
    assert stored_page_size(1) == 65536
    assert stored_page_size(4096) == 4096


@given(st.integers(0, 20_000), st.integers(0, 20_000))
def test_each_frame_has_one_place_in_the_index(after: int, more: int) -> None:
    ranges = list(index_ranges(after, after + more))

    places = [offset + 4 * k for offset, count in ranges for k in range(count)]
    assert len(places) == len(set(places)) == more
    for place in places:
        block, inner = divmod(place, 32768)
        assert inner >= (136 if block == 0 else 0)
        assert inner + 4 <= (136 + 4062 * 4 if block == 0 else 4096 * 4)


def test_a_log_is_next_if_its_first_salt_is_one_more() -> None:
    assert is_next_log(b"\0\0\0\x01aaaa", b"\0\0\0\x02bbbb")
    assert is_next_log(b"\xff\xff\xff\xffaaaa", b"\0\0\0\0bbbb")
    assert not is_next_log(b"\0\0\0\x01aaaa", b"\0\0\0\x03aaaa")
