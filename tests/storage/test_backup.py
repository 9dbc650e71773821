"""A sound copy a day, the newest three, and none that is half a copy."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from jarvisd.app.feature_order import open_store
from jarvisd.base.errors import StoreError
from jarvisd.core.storage.backup import BACKUP_EVERY_MS, backup_folder, backups, is_due
from jarvisd.core.storage.migrate import shipped_scripts
from tests.storage.building import ask, batch, block_id, lines_by_id, saved
from tests.support import EPOCH_MS, FakeClock, stored_blocks

DAY = BACKUP_EVERY_MS


@pytest.mark.parametrize(
    ("last_ms", "due"),
    [
        pytest.param(None, True, id="never made one"),
        pytest.param(EPOCH_MS, False, id="just made one"),
        pytest.param(EPOCH_MS - DAY + 1, False, id="not quite a day ago"),
        pytest.param(EPOCH_MS - DAY, True, id="a day ago"),
        pytest.param(
            EPOCH_MS + 1, True, id="made in the future, so the clock was wrong"
        ),
    ],
)
def test_a_backup_is_due_once_a_day(last_ms: int | None, due: bool) -> None:
    assert is_due(last_ms, EPOCH_MS) is due


async def test_a_backup_holds_all_that_was_saved(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    async with open_store(path, clock=FakeClock()) as store:
        await store.save(batch(saved(1, lines=3), saved(2, lines=4)))

        assert await store.backup()
        assert store.last_backup_ms == EPOCH_MS

    [backup] = backups(path)
    assert ask(backup, "SELECT sum(line_count), count(*) FROM block") == [(7, 2)]
    assert ask(backup, "PRAGMA user_version") == [(len(shipped_scripts()),)]
    assert ask(backup, "PRAGMA integrity_check") == [("ok",)]


async def test_a_second_backup_on_the_same_day_is_not_made(tmp_path: Path) -> None:
    path, clock = tmp_path / "s.db", FakeClock()
    async with open_store(path, clock=clock) as store:
        assert await store.backup()
        clock.step_wall(DAY - 1)
        assert not await store.backup()

    async with open_store(path, clock=clock) as store:
        assert store.last_backup_ms == EPOCH_MS
        assert not await store.backup()
        clock.step_wall(1)
        assert await store.backup()


async def test_the_newest_three_are_kept_and_nothing_else_is_touched(
    tmp_path: Path,
) -> None:
    path, clock = tmp_path / "s.db", FakeClock()
    async with open_store(path, clock=clock) as store:
        backup_folder(path).mkdir()
        mine = backup_folder(path) / "before-my-trip.db"
        mine.touch()
        made = []
        for _ in range(5):
            await store.backup()
            made.append(backups(path)[0])
            clock.step_wall(DAY)

        assert backups(path) == made[:-4:-1]
        assert mine.exists()


async def test_a_backup_that_fails_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.db"
    async with open_store(path, clock=FakeClock()) as store:
        monkeypatch.setattr(
            "jarvisd.core.storage.backup.quick_check", lambda _: "page 3 is bad"
        )
        with pytest.raises(StoreError, match="did not pass its check: page 3 is bad"):
            await store.backup()

        assert list(backup_folder(path).iterdir()) == []
        assert store.last_backup_ms is None


async def test_what_a_killed_backup_left_behind_is_removed_by_the_next(
    tmp_path: Path,
) -> None:
    path = tmp_path / "s.db"
    async with open_store(path, clock=FakeClock()) as store:
        backup_folder(path).mkdir()
        (backup_folder(path) / "s-20250101T000000Z.db.tmp").write_text("half a copy")

        await store.backup()

        assert list(backup_folder(path).iterdir()) == backups(path)


async def test_a_backup_is_restored_by_copying_it(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    async with open_store(path, clock=FakeClock()) as store:
        await store.save(batch(saved(1, lines=3)))
        await store.backup()
        await store.save(batch(saved(1, lines=4)))
    backups(path)[0].rename(path)

    async with open_store(path, clock=FakeClock()) as store:
        assert await lines_by_id(store) == {block_id(1): 3}
        assert (await store.save(batch(saved(1, lines=4)))).revision == 2


async def test_damage_found_by_the_backup_is_repaired_at_once(tmp_path: Path) -> None:
    path, clock = tmp_path / "s.db", FakeClock()
    async with open_store(path, clock=clock) as store:
        await store.save(batch(*(saved(each) for each in range(300))))
        await store.backup()
        clock.step_wall(DAY)
        break_a_page(path)

        assert not await store.backup()

        assert store.generation == 1
        assert store.repaired is not None
        assert len(await stored_blocks(store)) == 300
        assert await store.check() == []


def break_a_page(path: Path) -> None:
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.seek(6 * 4096)
        file.write(b"\xff" * 4 * 4096)
