"""The decision table of `sources.identity`, row by row, on real files."""

import os
from pathlib import Path

import pytest

from jarvisd.core.sources.jsonlines.identity import (
    HEAD_BYTES,
    MARK_BYTES,
    FilePosition,
    advanced,
)
from tests.sources.reading import Reading, append


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.jsonl"
    path.write_text("one\ntwo\n")
    return path


def rewrite_in_place(path: Path, text: str) -> None:
    with path.open("r+") as file:
        file.truncate(0)
        file.write(text)
    os.utime(path, ns=(1, 1))


def replace(path: Path, text: str) -> None:
    aside = path.with_suffix(".tmp")
    aside.write_text(text)
    aside.rename(path)


@pytest.mark.parametrize(
    "rewrite",
    [
        pytest.param("1\n", id="shorter"),
        pytest.param("eno\nowt\n", id="same length"),
        pytest.param("one\nTWO\nthree\n", id="longer with the same first line"),
        pytest.param("ONE\ntwo\nthree\n", id="longer with the same end"),
    ],
)
def test_a_file_rewritten_in_place_is_read_from_its_start(
    path: Path, rewrite: str
) -> None:
    reading = Reading(path)
    reading.drain()

    rewrite_in_place(path, rewrite)

    assert reading.drain() == rewrite.split()
    assert reading.position.generation == 1


def test_an_unfinished_line_that_is_cut_off_is_forgotten(path: Path) -> None:
    reading = Reading(path)
    append(path, "torn")
    reading.drain()

    os.truncate(path, len("one\ntwo\n"))
    reading.drain()
    append(path, "three\n")

    assert reading.drain() == ["three"]


def test_an_atomic_rewrite_with_the_same_beginning_goes_on(path: Path) -> None:
    reading = Reading(path)
    reading.drain()

    replace(path, "one\ntwo\nthree\n")

    assert reading.drain() == ["three"]
    assert reading.position.generation == 0


def test_a_time_that_changes_again_and_again_is_an_edit_once_a_minute(
    path: Path,
) -> None:
    reading = Reading(path)
    reading.drain()
    generations = []
    for second in range(125):
        reading.now = second
        os.utime(path, ns=(0, second * 1_000_000_000))
        reading.drain()
        generations.append(reading.position.generation)

    assert [generations[second] for second in (0, 59, 60, 119, 120)] == [1, 1, 2, 2, 3]


def test_an_edit_that_comes_too_soon_is_found_with_the_next_change(path: Path) -> None:
    reading = Reading(path)
    reading.drain()
    for second in (1, 2):
        reading.now = second
        os.utime(path, ns=(0, second * 1_000_000_000))
        reading.drain()

    append(path, "three\n")
    assert (reading.drain(), reading.position.generation) == (["three"], 1)

    reading.now = 70
    append(path, "four\n")
    assert (reading.drain(), reading.position.generation) == (["four"], 2)


@pytest.mark.parametrize(
    ("place", "lines", "generation"),
    [
        pytest.param(0, 1, 1, id="in the head"),
        pytest.param(1_200, 1, 0, id="between head and mark"),
        pytest.param(1_990, 201, 1, id="in the mark"),
    ],
)
def test_a_change_before_the_offset_is_seen_in_the_head_and_in_the_mark(
    path: Path, place: int, lines: int, generation: int
) -> None:
    path.write_text("".join(f"line {number:04}\n" for number in range(200)))
    reading = Reading(path)
    reading.drain()

    with path.open("r+b") as file:
        file.seek(place)
        file.write(b"L")
    append(path, "end\n")

    # Only the first 1,024 bytes and the last 512 are known of a file nobody follows.
    # Where the latter stand as they did, lines were edited and none is new.
    assert len(reading.drain()) == lines
    assert reading.position.generation == generation


def test_an_emptied_file_is_waited_for_and_goes_on_if_it_comes_back(path: Path) -> None:
    content = path.read_text()
    reading = Reading(path)
    reading.drain()
    path.write_text("")

    assert reading.drain() == []
    assert reading.position.offset == len(content)

    path.write_text(content + "three\n")
    assert reading.drain() == ["three"]


@pytest.mark.parametrize(
    ("is_followed", "is_edited", "generation"),
    [(False, False, 1), (False, True, 1), (True, False, 0), (True, True, 1)],
)
def test_an_emptied_file_that_is_filled_again_may_be_edited(
    path: Path, *, is_followed: bool, is_edited: bool, generation: int
) -> None:
    lines = [f"line {number:04}\n" for number in range(200)]
    path.write_text("".join(lines))
    reading = Reading(path)
    if is_followed:
        reading.tail.remember(reading.position)
    reading.drain()
    path.write_text("")
    reading.drain()
    reading.drain()  # nobody knows how often it is looked at

    if is_edited:
        lines[110] = "LINE 0110\n"
    path.write_text("".join([*lines, "end\n"]))

    assert reading.drain() == ["end"]
    assert reading.position.generation == generation


def test_an_emptied_file_with_other_lines_is_read_from_its_start(path: Path) -> None:
    reading = Reading(path)
    reading.drain()
    path.write_text("")
    reading.drain()

    append(path, "1\n")

    assert reading.drain() == ["1"]
    assert reading.position.generation == 1


def test_an_unfinished_line_that_was_replaced_is_read_anew(path: Path) -> None:
    append(path, "unfinished")
    reading = Reading(path)
    reading.drain()

    os.truncate(path, len("one\ntwo\n"))
    append(path, "quite another line, and longer\n")

    assert reading.drain() == ["quite another line, and longer"]


def test_a_first_unfinished_line_that_was_replaced_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("unfinished")
    reading = Reading(path)
    assert reading.drain() == []

    path.write_text("quite another line\n")

    assert reading.drain() == ["quite another line"]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(rewrite_in_place, id="in place"),
        pytest.param(replace, id="written aside and renamed"),
    ],
)
class TestFollowed:
    """Single lines of followed files are remembered."""

    @pytest.fixture
    def reading(self, path: Path) -> Reading:
        reading = Reading(path)
        reading.tail.remember(reading.position)
        assert reading.drain() == ["one", "two"]
        append(path, "three\nfour\nfi")
        assert reading.drain() == ["three", "four"]
        return reading

    def test_lines_left_by_a_cut_are_not_read_again(
        self, reading: Reading, path: Path, change: object
    ) -> None:
        assert callable(change)
        change(path, "one\ntwo\n")

        assert reading.drain() == []
        assert (reading.position.offset, reading.position.generation) == (8, 1)

        append(path, "5\n")
        assert reading.drain() == ["5"]

    def test_only_lines_after_the_common_ones_are_read(
        self, reading: Reading, path: Path, change: object
    ) -> None:
        assert callable(change)
        change(path, "one\ntwo\nthree\n4\n5\n6\n7\n")

        assert reading.drain() == ["4", "5", "6", "7"]

    def test_a_cut_in_the_middle_of_a_line_keeps_the_lines_before_it(
        self, reading: Reading, path: Path, change: object
    ) -> None:
        assert callable(change)
        change(path, "one\ntwo\nth")

        assert reading.drain() == []

        append(path, "reefold\n")
        assert reading.drain() == ["threefold"]

    def test_one_cut_after_another_is_followed(
        self, reading: Reading, path: Path, change: object
    ) -> None:
        assert callable(change)
        change(path, "one\ntwo\nthree\n")
        assert reading.drain() == []
        change(path, "one\n")
        assert reading.drain() == []
        change(path, "one\n2\n")
        assert reading.drain() == ["2"]


def test_a_full_memory_forgets_its_older_half(path: Path) -> None:
    reading = Reading(path)
    reading.tail.remember(reading.position)
    lines = [f"line {number}\n" for number in range(30_000)]
    path.write_text("".join(lines))
    assert len(reading.drain()) == 30_000

    path.write_text("".join(lines[:-2000]))
    assert reading.drain() == []

    path.write_text("".join(lines[:2000]))
    assert len(reading.drain()) == 2000


@pytest.mark.parametrize("offset", [1, MARK_BYTES, HEAD_BYTES, HEAD_BYTES + 1, 4000])
@pytest.mark.parametrize("start", [0, 1, 700, 3000])
@pytest.mark.parametrize("end", [10, 3500, 4000])
def test_a_position_is_the_same_whether_read_again_or_not(
    tmp_path: Path, offset: int, start: int, end: int
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(bytes(number % 251 for number in range(4000)))
    with path.open("rb") as file:
        fd, seen = file.fileno(), path.stat()
        read = os.pread(fd, max(0, end - start), start)
        was_read = advanced(FilePosition(), seen, fd, offset, data=read, start=start)

        assert was_read == advanced(FilePosition(), seen, fd, offset)
