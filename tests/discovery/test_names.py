"""Names and inodes that come apart and together again."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.sources.disk import Disk
from tests.sources.looker import Looker


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


@pytest.fixture
def looker(disk: Disk) -> Iterator[Looker]:
    looker = Looker(disk.root)
    yield looker
    looker.close()


def test_a_name_that_comes_back_is_read_though_its_old_inode_has_another_name(
    disk: Disk, looker: Looker
) -> None:
    first, second = disk.path("p/1"), disk.path("p/2")
    first.touch()
    disk.append(first, 1)
    looker.look()
    first.unlink()
    looker.look()
    first.touch()
    first.rename(second)

    disk.append(second, 2)
    looker.look()
    first.touch()
    disk.append(first, 1)
    looker.look()

    assert looker.counted.keys() >= disk.events()


def test_a_second_name_stays_one_after_a_restart_whoever_had_the_inode_before(
    disk: Disk, looker: Looker
) -> None:
    first, moved, linked = disk.path("q/1"), disk.path("p/1"), disk.path("p/2")
    first.touch()
    moved.touch()
    disk.tear(first)
    disk.tear(moved)
    looker.look()
    disk.tear(first)
    first.rename(moved)
    looker.look()
    linked.hardlink_to(moved)

    looker.store()
    looker.start()
    looker.look()

    assert set(looker.counted.values()) == {1}


def test_a_file_whose_stored_cursor_cannot_be_read_is_read_from_its_start(
    disk: Disk, looker: Looker
) -> None:
    damaged, other = disk.path("p/1"), disk.path("p/2")
    for path in (damaged, other):
        path.touch()
        disk.append(path, 1)

    looker.look()
    looker.store()
    looker._saved = [
        msgspec.structs.replace(each, cursor=b"[1, 2")
        if each.origin.path == str(damaged)
        else each
        for each in looker._saved
    ]
    looker.start()
    looker.look()

    assert looker.counted == {0: 2, 1: 1}
    assert looker.generation(damaged) == 1


def test_a_hard_link_in_place_of_a_copy_that_was_shorter_is_not_read(
    disk: Disk, looker: Looker
) -> None:
    short, long = disk.path("p/1"), disk.path("p/2")
    short.touch()
    disk.append(short, 1)
    disk.copy(short, long)
    looker.look()
    disk.append(long, 1)
    looker.look()

    short.unlink()
    short.hardlink_to(long)
    looker.look()
    disk.append(long, 1)
    looker.look()

    assert looker.counted[1] == looker.counted[2] == 1
    long.unlink()
    disk.append(short, 1)
    looker.look()
    assert looker.counted[3] == 1
