"""Folders of files that are written once each."""

import json
import os
from pathlib import Path

import pytest

from jarvisd.core.source import Budget, ItemRef
from jarvisd.core.sources.document.document_source import HALF_WRITTEN
from jarvisd.core.sources.document.event_folder import EventFolder
from tests.sources.document.counting import Counted, SteppedClock, drain
from tests.sources.document.kinds import OPENHANDS_EVENTS


class Rig:
    """A folder of events, its source and what was counted of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = SteppedClock()
        self.counted = Counted()
        self.source = EventFolder(str(folder), OPENHANDS_EVENTS, self.clock)

    def restart(self) -> None:
        self.source = EventFolder(
            str(self.folder), OPENHANDS_EVENTS, self.clock, self.source.cursor()
        )

    def write(self, number: int, text: str | None = None) -> Path:
        path = self.folder / f"event-{number:05}-abc.json"
        path.write_text(json.dumps({"id": number}) if text is None else text)
        now_ns = self.clock.unix_ms() * 1_000_000
        os.utime(path, ns=(now_ns, now_ns))
        os.utime(self.folder, ns=(now_ns, now_ns))
        return path

    def read(self, after_s: float = 10.0, budget: Budget | None = None) -> list[int]:
        """Return the numbers of the events that have been counted, in order."""
        drain(self.source, self.counted)
        self.clock.now += after_s
        drain(self.source, self.counted, budget)
        return [json.loads(self.counted.last[key])["id"] for key in self.counted.order]


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def test_each_file_is_an_item_in_the_order_of_names(rig: Rig) -> None:
    for number in (2, 0, 1):
        rig.write(number)

    (rig.folder / ".eventlog.lock").touch()
    assert rig.read() == [0, 1, 2]
    rig.write(3)
    assert rig.read() == [0, 1, 2, 3]
    rig.restart()
    rig.write(4)
    assert rig.read() == [0, 1, 2, 3, 4]
    assert rig.counted.last["element:event-00004-abc.json"] == b'{"id": 4}'
    assert rig.counted.chars == 5 * len('{"id": 4}')


def test_an_unfinished_file_holds_back_those_after_it(rig: Rig) -> None:
    rig.write(0)
    half = rig.write(1, '{"id":')
    rig.write(2)
    assert rig.read(after_s=1) == [0]
    assert rig.counted.fault is None
    half.write_text('{"id": 1}')
    assert rig.read(after_s=1) == [0, 1, 2]


def test_a_file_that_stays_half_is_told_and_passed_over(rig: Rig) -> None:
    rig.write(0)
    half = rig.write(1, "")
    rig.write(2)
    for _ in range(12):
        numbers = rig.read(after_s=1)

    assert numbers == [0, 2]
    fault = rig.counted.fault
    assert fault is not None
    assert (fault.path, fault.reason) == (str(half), HALF_WRITTEN)

    half.write_text('{"id": 1}')
    assert rig.read() == [0, 2, 1]
    assert rig.counted.fault is None


def test_removed_files_stay_counted_and_do_not_count_again(rig: Rig) -> None:
    paths = [rig.write(number) for number in range(4)]
    rig.read()
    text = paths[1].read_text()
    for each in paths[1:3]:
        each.unlink()

    rig.read()
    assert rig.counted.removed == 2
    rig.write(1, text)
    rig.write(4)
    assert rig.read() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("applied", range(5))
def test_a_daemon_that_ends_between_batches_counts_each_file_once(
    rig: Rig, applied: int
) -> None:
    for number in range(4):
        rig.write(number)

    drain(rig.source, rig.counted)
    rig.clock.now += 1
    for _ in range(applied):
        batch = rig.source.read(Budget(items=1))
        rig.counted.apply(batch)
        rig.source.applied(batch)

    rig.source.read(Budget(items=1))
    rig.restart()
    assert rig.read() == [0, 1, 2, 3]


def test_a_folder_that_goes_and_comes_back_counts_nothing_again(rig: Rig) -> None:
    rig.write(0)
    rig.read()
    aside = rig.folder.with_name("aside")
    rig.folder.rename(aside)
    rig.read()
    assert rig.counted.gone
    aside.rename(rig.folder)
    rig.write(1)
    assert rig.read() == [0, 1]
    assert not rig.counted.gone


def test_links_and_foreign_files_are_not_read(rig: Rig) -> None:
    (rig.folder / "event-00000-abc.json").symlink_to("/etc/passwd")
    (rig.folder / "notes.txt").write_text("no event")
    rig.write(1)
    for _ in range(12):
        numbers = rig.read(after_s=1)

    assert numbers == [1]
    assert rig.counted.fault is not None
    assert "symbolic link" in rig.counted.fault.reason


def test_an_unchanged_folder_is_not_listed_again(rig: Rig) -> None:
    rig.write(0)
    rig.read()
    rig.read()
    rig.folder.joinpath("event-00000-abc.json").write_text('{"id": 7}')
    assert rig.read() == [0]  # a file is written once


def test_files_are_found_by_their_names(rig: Rig) -> None:
    rig.write(0)
    key = "element:event-00000-abc.json"
    assert rig.source.locate(ItemRef(key)) == b'{"id": 0}'
    assert rig.source.locate(ItemRef("element:../../etc/passwd")) is None
    assert rig.source.locate(ItemRef("element:event-00009-abc.json")) is None
