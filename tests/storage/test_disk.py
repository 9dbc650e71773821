"""The disk is full, read-only, or replaces the file: counting goes on, and all is saved.

Real file systems of 1 MB; they need the right to mount, and are skipped without it.
"""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jarvisd.app.feature_order import open_store
from jarvisd.base.errors import StoreError
from tests.storage.building import ask, batch, block_id, fill, lines_by_id, many, saved
from tests.support import FakeClock, stored_blocks


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Mount an empty file system of 1 MB at *folder*."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "jarvisd-test", str(folder)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount a file system")

    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def remount(folder: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(folder)], check=True)


def fill_up(folder: Path) -> Path:
    """Leave no room below *folder*; return the file to delete to make some."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    return ballast


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk") as folder:
        yield folder


async def test_a_full_disk_is_told_and_ends_without_a_restart(disk: Path) -> None:
    async with open_store(disk / "s.db", clock=FakeClock()) as store:
        await store.save(batch(saved(1)))
        ballast = fill_up(disk)
        with pytest.raises(StoreError, match="the disk is full"):
            await store.save(many(lines=2))

        assert store.error is not None
        assert "Counting goes on in memory" in store.error
        assert await lines_by_id(store) == {block_id(1): 1}

        ballast.unlink()
        revision = (await store.save(many(lines=2))).revision

        assert [store.error, store.generation, revision] == [None, 0, 2]
        assert len(await stored_blocks(store)) == 1_000


async def test_a_store_begun_on_a_full_disk_is_degraded_until_there_is_room(
    disk: Path,
) -> None:
    ballast = fill_up(disk)
    async with open_store(disk / "s.db", clock=FakeClock()) as store:
        assert store.error is not None
        assert await stored_blocks(store) == []
        with pytest.raises(StoreError, match="full"):
            await store.save(batch(saved()))

        ballast.unlink()
        assert (await store.save(batch(saved()))).revision == 1
        assert [store.error, store.generation] == [None, 1]


async def test_history_is_read_from_a_full_disk_and_saved_again_after(
    disk: Path,
) -> None:
    path = disk / "s.db"
    await fill(path, blocks=10, lines=3)
    ballast = fill_up(disk)

    async with open_store(path, clock=FakeClock()) as store:
        assert len(await stored_blocks(store)) == 10
        ballast.unlink()
        await store.save(batch(saved(1, lines=4)))

        assert (await lines_by_id(store))[block_id(1)] == 4
        assert store.revision == 2


async def test_history_is_read_from_a_read_only_disk(disk: Path) -> None:
    path = disk / "s.db"
    await fill(path, blocks=10)
    remount(disk, "ro")

    async with open_store(path, clock=FakeClock()) as store:
        assert store.error is not None
        assert "Make the file and its folder writable" in store.error
        assert len(await stored_blocks(store)) == 10
        with pytest.raises(StoreError):
            await store.save(batch(saved()))

        remount(disk, "rw")
        assert (await store.save(batch(saved()))).revision == 2


async def test_no_backup_is_made_that_would_fill_the_disk(disk: Path) -> None:
    async with open_store(disk / "s.db", clock=FakeClock()) as store:
        await store.save(many(lines=1))
        fill_up(disk)

        with pytest.raises(StoreError, match="Free some space"):
            await store.backup()

        assert store.last_backup_ms is None


async def test_a_folder_that_cannot_be_made_degrades_the_store(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")

    async with open_store(tmp_path / "state" / "s.db", clock=FakeClock()) as store:
        assert store.error is not None
        assert await stored_blocks(store) == []

        (tmp_path / "state").unlink()
        assert (await store.save(batch(saved()))).revision == 1


async def test_a_deleted_database_is_begun_anew_and_told(tmp_path: Path) -> None:
    path = tmp_path / "state" / "s.db"
    async with open_store(path, clock=FakeClock()) as store:
        await store.save(batch(saved(1), saved(2)))
        await store.save(batch(saved(1), saved(2)))
        shutil.rmtree(path.parent)

        revision = (await store.save(batch(saved(1, lines=2)))).revision

        assert revision == 3  # the cursor of clients never goes back
        assert store.generation == 1
        assert store.repaired is not None
        assert "deleted or replaced" in store.repaired
        assert await lines_by_id(store) == {block_id(1): 2}
        assert ask(path, "SELECT line_count FROM block") == [(2,)]


async def test_a_replaced_database_is_taken_up_with_what_it_holds(
    tmp_path: Path,
) -> None:
    path, other = tmp_path / "s.db", tmp_path / "other.db"
    await fill(other, blocks=3)
    async with open_store(path, clock=FakeClock()) as store:
        await store.save(batch(saved(99)))
        await store.read(len_of_blocks)
        other.replace(path)

        await store.save(batch(saved(1, lines=5)))

        assert store.generation == 1
        assert sorted((await lines_by_id(store)).values()) == [1, 1, 5]
        assert await store.read(len_of_blocks) == 3


async def test_a_database_damaged_while_open_is_restored(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    async with open_store(path, clock=FakeClock()) as store:
        await store.save(many(lines=1))
        await store.backup()
        overwrite(path)

        await store.save(many(lines=2))

        assert store.generation == 1
        assert store.repaired is not None
        assert set((await lines_by_id(store)).values()) == {2}
        assert await store.check() == []


def overwrite(path: Path) -> None:
    """Write noise over all of the database; the commit before empties page caches."""
    ask(path, "PRAGMA user_version = 1")
    ask(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.write(os.urandom(path.stat().st_size))


def len_of_blocks(raw: sqlite3.Connection) -> int:
    row: tuple[int] = raw.execute("SELECT count(*) FROM block").fetchone()
    return row[0]
