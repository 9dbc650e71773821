"""Compressed text, read in bounded memory whatever the file."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvisd.base.errors import SourceError
from jarvisd.core.sources.zstd import (
    DAMAGED,
    FREE_BYTES,
    TOO_LARGE,
    WINDOW_TOO_LARGE,
    ZstdReader,
    decompress_value,
)
from tests.conftest import REPOSITORY
from tests.zstd_library import zstd

TEXT = b"".join(b'{"line": %d, "text": "some more"}\n' % n for n in range(20_000))
CHECKED = zstd.compress(TEXT, options={zstd.CompressionParameter.checksum_flag: True})


def read(path: Path, limit: int = 10_000) -> tuple[bytes, ZstdReader]:
    """Return all of the text, read in pieces of *limit* bytes."""
    fd = os.open(path, os.O_RDONLY)
    try:
        reader, text = ZstdReader(), b""
        while not reader.ended:
            piece = reader.read(fd, str(path), limit)
            assert len(piece) <= limit
            text += piece
            assert reader.offset == len(text)

        return text, reader
    finally:
        os.close(fd)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rollout.jsonl.zst"


@pytest.mark.parametrize("limit", [1000, 65_536, 10_000_000])
@pytest.mark.parametrize("level", [-5, 3, 12])
def test_the_text_comes_in_pieces(path: Path, level: int, limit: int) -> None:
    path.write_bytes(zstd.compress(TEXT, level))
    text, reader = read(path, limit)
    assert text == TEXT
    assert not reader.is_cut


def test_frames_follow_each_other(path: Path) -> None:
    skippable = b"\x50\x2a\x4d\x18\x04\0\0\0skip"
    frames = [TEXT[:7], b"", TEXT[7:99], b"", b"", TEXT[99:]]
    parts = [zstd.compress(each) for each in frames]
    path.write_bytes(skippable + parts[0] + skippable + b"".join(parts[1:]) + skippable)
    text, reader = read(path)
    assert text == TEXT
    assert not reader.is_cut


def test_a_cut_file_gives_what_it_has_and_goes_on_when_it_grows(path: Path) -> None:
    whole = zstd.compress(os.urandom(400_000).hex().encode() + TEXT)
    path.write_bytes(whole[: len(whole) // 2])
    fd = os.open(path, os.O_RDONLY)
    reader, text = ZstdReader(), b""
    while not reader.ended:
        text += reader.read(fd, str(path), 100_000)

    assert reader.is_cut
    assert 0 < len(text) < 800_000
    path.write_bytes(whole)
    text += reader.read(fd, str(path), 100_000)
    while not reader.ended:
        text += reader.read(fd, str(path), 100_000)

    os.close(fd)
    assert text == zstd.decompress(whole)
    assert not reader.is_cut


def test_an_empty_file_has_no_text(path: Path) -> None:
    path.write_bytes(b"")
    text, reader = read(path)
    assert (text, reader.is_cut, reader.ended) == (b"", False, True)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"no zstd at all, but text", id="text"),
        pytest.param(zstd.compress(TEXT) + b"and more", id="rubbish behind"),
        pytest.param(CHECKED[:-3] + b"\0\0\0", id="a checksum that is wrong"),
    ],
)
def test_damage_is_told(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    with pytest.raises(SourceError, match=DAMAGED):
        read(path)


def test_a_window_beyond_the_limit_is_refused(path: Path) -> None:
    options = {int(zstd.CompressionParameter.window_log): 27}
    with zstd.open(path, "wb", options=options) as file:
        file.write(TEXT)
        file.flush()
        file.write(TEXT)

    with pytest.raises(SourceError, match=WINDOW_TOO_LARGE):
        read(path)


BOMB = """
import os, resource, sys
from jarvisd.core.sources.zstd import ZstdReader, SourceError
reader, fd = ZstdReader(), os.open(sys.argv[1], os.O_RDONLY)
reader.read(fd, "bomb", 65536)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    while not reader.ended:
        reader.read(fd, "bomb", 65536)
except SourceError as error:
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(error.reason, reader.offset, after - before, sep="|")
"""


def test_a_bomb_costs_bounded_memory_and_time(path: Path) -> None:
    zeros = bytes(1 << 20)
    with zstd.open(path, "wb", level=9) as file:
        for _ in range(2048):
            file.write(zeros)

    done = subprocess.run(
        [sys.executable, "-c", BOMB, str(path)],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
        timeout=60,
    )
    reason, offset, grew_kb = done.stdout.decode().strip().split("|")
    assert reason == TOO_LARGE
    assert int(offset) <= FREE_BYTES + 65536
    assert int(grew_kb) < 20_000


def test_thousands_of_empty_frames_give_way_to_others(path: Path) -> None:
    path.write_bytes(zstd.compress(b"") * 10_000 + zstd.compress(TEXT))
    fd = os.open(path, os.O_RDONLY)
    reader, text, turns = ZstdReader(), b"", 0
    while not reader.ended:
        text += reader.read(fd, str(path), len(TEXT))
        turns += 1

    os.close(fd)
    assert text == TEXT
    assert turns > 100


def test_a_value_is_one_whole_frame_of_limited_size() -> None:
    packed = zstd.compress(TEXT)
    assert decompress_value(packed, len(TEXT)) == TEXT
    assert decompress_value(zstd.compress(b""), 0) == b""
    for data, reason in (
        (packed[:-1], DAMAGED),
        (packed + packed, DAMAGED),
        (packed + b"x", DAMAGED),
        (b"", DAMAGED),
        (b"text", DAMAGED),
        (zstd.compress(bytes(1 << 24)), TOO_LARGE),
    ):
        with pytest.raises(ValueError, match=reason):
            decompress_value(data, len(TEXT))

    with pytest.raises(ValueError, match=TOO_LARGE):
        decompress_value(packed, len(TEXT) - 1)


FRAMES = [zstd.compress(TEXT[:size], 3) for size in (0, 100, 5000, 300_000)]


@given(st.data())
def test_whatever_stands_in_a_file_it_is_text_or_damage(data: st.DataObject) -> None:
    whole = b"".join(data.draw(st.lists(st.sampled_from(FRAMES), max_size=3)))
    noise = data.draw(st.binary(max_size=40))
    at = data.draw(st.integers(0, len(whole)))
    limit = data.draw(st.sampled_from([1000, 70_000]))
    with TemporaryFile(buffering=0) as file:
        file.write(whole[:at] + noise + whole[at + data.draw(st.integers(0, 40)) :])
        reader, size = ZstdReader(), 0
        with suppress(SourceError):
            while not reader.ended:
                piece = reader.read(file.fileno(), "file", limit)
                assert len(piece) <= limit
                size += len(piece)

        assert size <= 4 * len(TEXT)
