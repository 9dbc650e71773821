"""What becomes of the open file when its name leads elsewhere, row by row."""

from pathlib import Path

import pytest

from jarvisd.base.errors import SourceError
from jarvisd.core.sources.jsonlines.leaving import OPEN_SILENT_S, SILENT_S
from tests.sources.reading import Reading, append


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.jsonl"
    path.write_text("one\ntwo\n")
    return path


@pytest.fixture
def reading(path: Path) -> Reading:
    reading = Reading(path)
    assert reading.drain() == ["one", "two"]
    return reading


def test_a_rotated_file_is_read_besides_the_new_one(
    reading: Reading, path: Path
) -> None:
    append(path, "three\nfo")
    rotated = path.rename(path.with_suffix(".1"))
    path.write_text("new\n")
    assert reading.drain() == ["three", "new"]

    append(rotated, "ur\nfive\n")
    append(path, "newer\n")

    assert reading.drain() == ["four", "five", "newer"]
    assert reading.position.generation == 1
    assert reading.position.offset == path.stat().st_size


def test_a_rotated_file_is_let_go_once_it_is_silent(
    reading: Reading, path: Path
) -> None:
    rotated = path.rename(path.with_suffix(".1"))
    path.write_text("new\n")
    reading.drain()
    reading.now = SILENT_S - 1
    append(rotated, "late\n")
    assert reading.drain() == ["late"]
    reading.now = SILENT_S + 1
    append(rotated, "later\n")
    assert reading.drain() == ["later"]

    reading.now += SILENT_S
    reading.drain()
    append(rotated, "too late\n")

    assert reading.drain() == []
    assert len(reading.handles) == 1
    assert not reading.tail.leaving


@pytest.mark.parametrize("is_replaced", [True, False], ids=["replaced", "moved away"])
def test_a_renamed_file_is_read_on_as_long_as_its_writer_has_it_open(
    reading: Reading, path: Path, *, is_replaced: bool
) -> None:
    with path.open("a") as writer:
        path.rename(path.with_suffix(".1"))
        if is_replaced:
            path.write_text("new\n")

        reading.drain()
        for number in range(3):
            reading.now += OPEN_SILENT_S - 1
            assert reading.drain() == []
            print(number, file=writer, flush=True)
            assert reading.drain() == [str(number)]

    reading.now += SILENT_S
    reading.drain()

    assert not reading.tail.leaving
    assert reading.gone is not is_replaced
    assert len(reading.handles) == int(is_replaced)


def test_a_writer_that_has_forgotten_its_renamed_file_is_not_waited_for(
    reading: Reading, path: Path
) -> None:
    with path.open("a") as writer:
        path.rename(path.with_suffix(".1"))
        path.write_text("new\n")
        reading.drain()
        reading.now += OPEN_SILENT_S
        reading.drain()
        print("too late", file=writer, flush=True)

        assert reading.drain() == []
        assert not reading.tail.leaving


def test_three_rotations_with_a_writer_on_each_give_all_lines(
    reading: Reading, path: Path
) -> None:
    first = path.rename(path.with_suffix(".1"))
    path.write_text("second\n")
    assert reading.drain() == ["second"]
    first = first.rename(path.with_suffix(".2"))
    second = path.rename(path.with_suffix(".1"))
    path.write_text("third\n")
    for each in (first, second, path):
        append(each, f"last of {each.suffix}\n")

    assert sorted(reading.drain()) == [
        "last of .1",
        "last of .2",
        "last of .jsonl",
        "third",
    ]


def test_a_replaced_file_without_a_name_gives_its_last_line(
    reading: Reading, path: Path
) -> None:
    append(path, "three\nfour")
    aside = path.with_suffix(".tmp")
    aside.write_text("new\n")
    aside.rename(path)

    assert reading.drain() == ["three", "four", "new"]
    assert len(reading.handles) == 1


def test_a_file_moved_away_is_read_on_until_it_is_silent(
    reading: Reading, path: Path
) -> None:
    moved = path.rename(path.with_suffix(".bak"))
    append(moved, "three\nfo")
    assert reading.drain() == ["three"]
    assert not reading.gone

    reading.now = SILENT_S
    assert reading.drain() == []
    assert reading.gone
    assert len(reading.handles) == 0


def test_a_file_moved_away_is_read_in_as_many_slices_as_it_takes(
    reading: Reading, path: Path
) -> None:
    moved = path.rename(path.with_suffix(".bak"))
    append(moved, "x\n" * 500_000)

    assert len(reading.drain()) == 500_000


def test_a_rotated_file_gives_up_its_descriptor_where_others_need_it(
    reading: Reading, path: Path
) -> None:
    rotated = path.rename(path.with_suffix(".1"))
    path.write_text("new\n")
    reading.drain()
    reading.handles.close()
    append(rotated, "late\n")

    assert reading.drain() == []
    assert not reading.tail.leaving


def test_a_file_moved_away_and_back_goes_on(reading: Reading, path: Path) -> None:
    moved = path.rename(path.with_suffix(".bak"))
    append(moved, "thr")
    reading.drain()
    moved.rename(path)
    append(path, "ee\n")

    assert reading.drain() == ["three"]
    assert reading.position.generation == 0


def test_a_name_given_to_an_empty_file_waits_for_what_is_written(
    reading: Reading, path: Path
) -> None:
    content = path.read_text()
    path.unlink()
    path.write_text("")
    assert reading.drain() == []
    assert not reading.gone

    path.write_text(content + "three\n")

    assert reading.drain() == ["three"]


def test_a_file_that_was_not_open_is_found_under_its_new_name(
    reading: Reading, path: Path
) -> None:
    append(path, "three\n")
    reading.handles.close()
    rotated = path.rename(path.with_suffix(".1"))
    path.write_text("new\n")

    reading.tail.moved_to = str(rotated)

    assert reading.drain() == ["three", "new"]


def test_another_file_under_the_new_name_is_not_taken_for_ours(
    reading: Reading, path: Path
) -> None:
    reading.handles.close()
    path.unlink()
    other = path.with_suffix(".1")
    other.write_text("something quite different\n")
    path.write_text("new\n")

    reading.tail.moved_to = str(other)

    assert reading.drain() == ["new"]


def test_a_name_that_becomes_a_link_is_refused_after_the_rest(
    reading: Reading, path: Path
) -> None:
    append(path, "three\n")
    path.unlink()
    path.symlink_to("/etc/hostname")

    assert reading.drain() == ["three"]
    with pytest.raises(SourceError, match="symbolic link"):
        reading.drain()


def test_a_file_that_is_let_go_is_known_under_its_other_name(
    reading: Reading, path: Path
) -> None:
    rotated = path.rename(path.with_suffix(".1"))
    path.write_text("new\n")
    reading.drain()
    (leaving,) = reading.tail.leaving

    assert leaving.is_same_file(rotated.stat(), reading.handles)
    assert not leaving.is_same_file(path.stat(), reading.handles)
    assert not leaving.is_same_file(None, reading.handles)
    leaving.end(reading.handles)
    assert not leaving.is_same_file(rotated.stat(), reading.handles)
