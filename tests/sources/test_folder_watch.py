"""New files anywhere below a root are told of, whatever becomes of the folders."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from jarvisd.core.discovery.inotify_folders import BATCH, FolderWatch
from jarvisd.core.discovery.watchfiles_folders import TreeWatch
from tests.support import eventually


class Told:
    """What a watch of one root has told."""

    def __init__(self, kind: type[FolderWatch | TreeWatch], root: Path) -> None:
        self.root = root
        self.paths: set[str] = set()
        self.lost = 0
        self.watch = kind(self.paths.add, self._lose)

    def _lose(self) -> None:
        self.lost += 1

    async def tells(self, path: Path) -> None:
        """Write to *path* until that is told: a watch may just be about to begin."""
        self.paths.clear()

        def is_told() -> bool:
            path.touch()
            return str(path) in self.paths

        await eventually(is_told)


@asynccontextmanager
async def running(
    root: Path, kind: type[FolderWatch | TreeWatch] = FolderWatch
) -> AsyncIterator[Told]:
    told = Told(kind, root)
    async with anyio.create_task_group() as group:
        group.start_soon(told.watch.run, lambda: [str(root)])
        await told.tells(root / "first")
        yield told
        group.cancel_scope.cancel()


@pytest.mark.parametrize("kind", [FolderWatch, TreeWatch])
async def test_files_in_old_and_new_folders_are_told_of(
    tmp_path: Path, kind: type[FolderWatch | TreeWatch]
) -> None:
    (tmp_path / "old/inner").mkdir(parents=True)
    async with running(tmp_path, kind) as told:
        await told.tells(tmp_path / "old/inner/file")
        (tmp_path / "new/inner").mkdir(parents=True)
        await told.tells(tmp_path / "new/inner/file")

        assert told.watch.error is None
        assert not told.watch.has_unwatched([str(tmp_path)])


async def test_a_tree_that_is_moved_in_is_watched(tmp_path: Path) -> None:
    root, aside = tmp_path / "root", tmp_path / "aside"
    folders = [f"{number}/inner" for number in range(2 * BATCH)]
    for folder in folders:
        (aside / folder).mkdir(parents=True)

    root.mkdir()
    async with running(root) as told:
        aside.rename(root / "moved")
        for folder in folders:
            await told.tells(root / "moved" / folder / "file")


async def test_a_folder_that_is_moved_is_known_by_its_new_name(tmp_path: Path) -> None:
    (tmp_path / "a/inner").mkdir(parents=True)
    async with running(tmp_path) as told:
        (tmp_path / "a").rename(tmp_path / "b")
        await told.tells(tmp_path / "b/inner/file")
        assert not any("/a/" in each for each in told.paths)
        (tmp_path / "a/inner").mkdir(parents=True)
        await told.tells(tmp_path / "a/inner/file")
        await told.tells(tmp_path / "b/inner/file")


async def test_a_linked_folder_is_watched_once(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "real").mkdir(parents=True)
    outside.mkdir()
    (root / "real/loop").symlink_to(root)
    (root / "again").symlink_to(root / "real")
    (root / "link").symlink_to(outside)
    async with running(root) as told:
        await told.tells(root / "real/file")
        await told.tells(root / "link/file")

        assert not any("again/" in each or "loop/" in each for each in told.paths)


async def test_a_root_that_is_made_again_is_missed_until_a_restart(
    tmp_path: Path,
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    async with running(root) as told:
        (root / "first").unlink()
        root.rmdir()
        await eventually(lambda: told.watch.has_unwatched([str(root)]))
        root.mkdir()
        lost = told.lost
        told.watch.restart()
        await told.tells(root / "file")

        assert told.lost > lost


async def test_names_that_are_not_utf8_are_passed_over(tmp_path: Path) -> None:
    odd = os.fsdecode(b"caf\xe9")
    (tmp_path / odd).mkdir()
    async with running(tmp_path) as told:
        (tmp_path / f"{odd}.jsonl").touch()
        (tmp_path / odd / "file").touch()
        (tmp_path / f"new-{odd}").mkdir()
        await told.tells(tmp_path / "file")

        assert not any("caf" in each for each in told.paths)
        assert told.watch.error is None
