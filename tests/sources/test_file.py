import gzip
import os
from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace

from jarvisd.base.errors import SourceError
from jarvisd.core.sources.jsonlines.handles import Handles
from jarvisd.core.sources.jsonlines.identity import FilePosition
from jarvisd.core.sources.jsonlines.stream import LONG_STEP_BYTES, SLICE_BYTES, Stream
from jarvisd.core.sources.jsonlines.tailed_file import TailedFile
from tests.sources.reading import Reading, append


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.jsonl"
    path.write_text("one\ntwo\n")
    return path


def test_only_new_lines_are_given(path: Path) -> None:
    reading = Reading(path)
    assert reading.drain() == ["one", "two"]

    append(path, "three\n")

    assert reading.drain() == ["three"]
    assert reading.drain() == []


def test_a_restart_goes_on_where_the_position_says(path: Path) -> None:
    position = Reading(path)
    position.drain()
    append(path, "three\n")

    assert Reading(path, position.position).drain() == ["three"]


def test_an_unfinished_line_is_given_once_also_over_a_restart(path: Path) -> None:
    append(path, "thr")
    first = Reading(path)
    assert first.drain() == ["one", "two"]
    assert first.partial_bytes == 3

    append(path, "ee\n")

    assert Reading(path, first.position).drain() == ["three"]
    assert first.drain() == ["three"]


def test_a_removed_file_is_read_to_its_end_and_let_go(path: Path) -> None:
    reading = Reading(path)
    reading.drain()
    append(path, "three\nfour")
    path.unlink()

    assert reading.drain() == ["three", "four"]
    assert reading.gone
    assert len(reading.handles) == 0


def test_a_removed_file_that_was_not_open_is_gone(path: Path) -> None:
    reading = Reading(path)
    reading.drain()
    reading.handles.close()
    path.unlink()

    assert reading.drain() == []
    assert reading.gone


def test_a_file_made_anew_is_another_generation(path: Path) -> None:
    reading = Reading(path)
    reading.drain()
    path.unlink()
    reading.drain()

    path.write_text("anew\n")

    assert reading.drain() == ["anew"]
    assert reading.position.generation == 1


def test_an_append_costs_its_own_bytes_and_not_the_file(tmp_path: Path) -> None:
    path = tmp_path / "large.jsonl"
    path.write_bytes(b"x" * 999 + b"\n" + b"y" * 2_000_000 + b"\n")
    reading = Reading(path)
    reading.drain()
    reading.read_bytes = 0

    append(path, "z" * 50 + "\n")

    assert reading.drain() == ["z" * 50]
    assert reading.read_bytes == 51


def test_of_a_line_without_end_only_so_much_is_read_at_once(tmp_path: Path) -> None:
    path = tmp_path / "long.jsonl"
    path.write_bytes(b"a\n" + b"x" * 200_000 + b"\nb\n" + b"y" * 100_000)
    tail, handles, position = TailedFile(str(path)), Handles(), FilePosition()
    tail.slice_bytes = 256 * 1024
    steps, more = [], True
    while more:
        part = tail.read(position, handles, 0.0)
        steps.append(part.partial_bytes)
        position, more = part.position, part.more

    handles.close()
    begun = [0, *steps]
    gains = [after - before for before, after in pairwise(begun) if after > before]
    assert max(gains) <= LONG_STEP_BYTES
    assert steps[-1] == 100_000


def test_slices_are_bounded_in_bytes_and_in_lines(tmp_path: Path) -> None:
    path = tmp_path / "short.jsonl"
    path.write_bytes(b"a\n" * 200_000)
    reading = Reading(path)
    sizes = []
    while True:
        part = reading.tail.read(reading.position, reading.handles, 0)
        reading.position = part.position
        sizes.append(len(part.lines))
        if not part.more:
            break

    assert sum(sizes) == 200_000
    assert sizes[0] == SLICE_BYTES // 2
    assert max(sizes[2:]) <= 2048 + 1


@pytest.mark.parametrize("kind", ["fifo", "link", "folder"])
def test_what_is_no_regular_file_is_not_opened(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.jsonl"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to("/etc/hostname")
    else:
        path.mkdir()

    with pytest.raises(SourceError):
        Reading(path).drain()


def test_more_files_than_descriptors_can_be_read_in_turns(tmp_path: Path) -> None:
    handles = Handles(limit=4)
    tails = []
    for number in range(20):
        path = tmp_path / f"{number}.jsonl"
        path.write_text("a\n")
        tails.append((TailedFile(str(path)), FilePosition()))

    for tail, position in tails * 2:
        tail.read(position, handles, 0)

    assert len(handles) == 4
    handles.close()


@pytest.mark.parametrize("unread", ["", "thr", "three\n"])
def test_what_was_read_to_its_end_is_no_news_after_a_restart(
    path: Path, unread: str
) -> None:
    first = Reading(path)
    first.drain()
    tail = TailedFile(str(path))
    append(path, unread)
    seen = path.stat()
    position = replace(first.position, size=seen.st_size, mtime_ns=seen.st_mtime_ns)

    tail.assume_unchanged(position)

    assert tail.changed(seen) == bool(unread)


def test_what_comes_behind_a_look_waits_for_the_next(path: Path) -> None:
    path.write_text("")
    with path.open("rb") as file:
        seen = os.fstat(file.fileno())
        append(path, "one\n")

        part = Stream(FilePosition()).next(FilePosition(), seen, file.fileno())

    assert part.read_bytes == 0
    assert part.lines == []


@pytest.mark.parametrize("begun", [0, 1])
def test_what_begins_like_text_is_refused_once_it_shows_what_it_is(
    path: Path, begun: int
) -> None:
    packed = gzip.compress(b"{}\n" * 99)
    reading = Reading(path)
    path.write_bytes(packed[:begun])
    reading.drain()

    path.write_bytes(packed)

    with pytest.raises(SourceError, match="gzip"):
        reading.drain()
