"""When hints are told: at once, or together while nobody waits for them."""

import asyncio
from pathlib import Path

import pytest

from jarvisd.core.discovery import inotify_files
from jarvisd.core.discovery.inotify_files import PAUSE_S, LiveWatch
from tests.support import eventually


class Told:
    """What a watch of one folder has told, and when."""

    def __init__(self, folder: Path) -> None:
        self.paths: list[str] = []
        self.at: list[float] = []
        self.watch = LiveWatch(self._hint, lambda: None)
        self._folder = folder

    def _hint(self, path: str) -> None:
        self.paths.append(Path(path).name)
        self.at.append(asyncio.get_running_loop().time())

    def write(self, *names: str) -> None:
        for name in names:
            with (self._folder / name).open("ab") as file:
                file.write(b"{}\n")

    async def has_told(self, *names: str) -> None:
        await eventually(lambda: self.paths == list(names))


@pytest.fixture
def told(tmp_path: Path) -> Told:
    for name in ("a", "b", "c"):
        (tmp_path / name).touch()

    return Told(tmp_path)


async def test_the_first_hint_comes_at_once_and_later_ones_together(
    told: Told, tmp_path: Path
) -> None:
    told.watch.batch_for(lambda: 0)
    with told.watch.open():
        told.watch.add(str(tmp_path))
        told.write("a")
        await told.has_told("a")

        told.write("b", "c", "b")
        await told.has_told("a", "b", "c", "b")

    assert told.at[1] - told.at[0] >= 0.9 * PAUSE_S


async def test_no_hint_waits_while_somebody_waits_for_it(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inotify_files, "PAUSE_S", 3600.0)
    told.watch.batch_for(lambda: 1)
    with told.watch.open():
        told.watch.add(str(tmp_path))
        for number in range(1, 4):
            told.write("a")
            await told.has_told(*["a"] * number)


async def test_many_hints_for_many_clients_come_together_after_a_short_pause(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inotify_files, "PAUSE_S", 3600.0)
    monkeypatch.setattr(inotify_files, "SHORT_PAUSE_S", 0.2)
    told.watch.batch_for(lambda: 50)
    with told.watch.open():
        told.watch.add(str(tmp_path))
        few = ["a"] * 40
        for number in range(len(few)):
            told.write("a")
            await told.has_told(*few[: number + 1])

        many = ["a", "b"] * 30
        told.write(*many)  # with these there are more than fifty in a second
        await told.has_told(*few, *many)
        told.write("c")
        await told.has_told(*few, *many, "c")

    assert told.at[39] - told.at[0] < 0.2 * 39
    assert told.at[100] - told.at[99] >= 0.9 * 0.2


async def test_more_than_is_read_at_once_is_told_without_a_pause(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inotify_files, "PAUSE_S", 3600.0)
    monkeypatch.setattr(inotify_files, "READ_BYTES", inotify_files.EVENT_BYTES + 32)
    told.watch.batch_for(lambda: 0)
    names = ["a", "b", "c"] * 100
    with told.watch.open():
        told.watch.add(str(tmp_path))
        told.write(*names)
        await told.has_told(*names)
