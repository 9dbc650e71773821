"""Whatever lies at the path: ours, another's, a newer one, a broken one, or nothing."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from jarvisd.app.feature_order import open_store
from jarvisd.base.errors import StoreForeignError, StoreTooNewError
from jarvisd.core.storage.backup import backup_folder
from jarvisd.core.storage.files import format_stamp
from jarvisd.core.storage.migrate import APPLICATION_ID, shipped_scripts
from tests.storage.building import (
    ask,
    batch,
    block_id,
    corrupt_files,
    fill,
    lines_by_id,
    saved,
)
from tests.support import EPOCH_MS, FakeClock, stored_blocks

PAGE = 4096
STAMP = format_stamp(EPOCH_MS)


def garbage_header(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(os.urandom(200))


def flipped_page(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(3 * PAGE)
        file.write(b"\xff" * PAGE)


def flipped_schema(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 500)


def truncated(path: Path) -> None:
    os.truncate(path, 5 * PAGE + 17)


def text_file(path: Path) -> None:
    path.write_text("not a database at all\n")


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def cut(path: Path, *, less: int) -> None:
    os.truncate(path, path.stat().st_size - less)


DAMAGES = [
    pytest.param(each, id=each.__name__.replace("_", " "))
    for each in (garbage_header, flipped_page, flipped_schema, truncated, text_file)
]


async def test_folders_and_files_are_for_their_owner_alone_by_any_umask(
    tmp_path: Path,
) -> None:
    path = tmp_path / "state" / "jarvisd" / "s.db"
    previous = os.umask(0)
    try:
        async with open_store(path, clock=FakeClock()) as store:
            await store.save(batch(saved()))
            await store.backup()

            found = {
                each: each.stat().st_mode & 0o777 for each in path.parent.rglob("*")
            }
    finally:
        os.umask(previous)

    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert found.pop(backup_folder(path)) == 0o700
    assert len(found) == 4  # the database, -wal, -shm, a backup
    assert set(found.values()) == {0o600}


async def test_a_database_that_others_could_read_is_made_private(
    tmp_path: Path,
) -> None:
    path = tmp_path / "s.db"
    await fill(path, blocks=1)
    path.chmod(0o644)

    async with open_store(path, clock=FakeClock()):
        assert path.stat().st_mode & 0o777 == 0o600


async def test_a_closed_database_is_one_file(tmp_path: Path) -> None:
    await fill(tmp_path / "s.db")

    assert names(tmp_path) == ["s.db"]


async def test_the_file_says_whose_it_is(tmp_path: Path) -> None:
    await fill(tmp_path / "s.db", blocks=1)

    assert ask(tmp_path / "s.db", "PRAGMA application_id") == [(APPLICATION_ID,)]
    assert ask(tmp_path / "s.db", "PRAGMA user_version") == [(len(shipped_scripts()),)]
    assert ask(tmp_path / "s.db", "PRAGMA journal_mode") == [("wal",)]


async def test_a_link_to_a_database_elsewhere_is_followed(tmp_path: Path) -> None:
    real, link = tmp_path / "real.db", tmp_path / "link.db"
    link.symlink_to(real)
    await fill(link, blocks=1)

    assert link.is_symlink()
    assert real.is_file()


async def test_a_newer_database_is_refused_and_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    await fill(path)
    ask(path, "PRAGMA user_version = 99")
    before = path.read_bytes()

    with pytest.raises(
        StoreTooNewError,
        match=f"version 99; this jarvisd knows up to {len(shipped_scripts())}",
    ):
        async with open_store(path, clock=FakeClock()):
            pass

    assert path.read_bytes() == before
    assert names(tmp_path) == ["s.db"]
    assert StoreTooNewError.exit_status == 78


async def test_a_newer_database_is_known_by_what_is_only_in_its_log(
    tmp_path: Path,
) -> None:
    path, copy = tmp_path / "s.db", tmp_path / "copy.db"
    async with open_store(path, clock=FakeClock()):
        ask(path, "PRAGMA user_version = 99")
        shutil.copy(path, copy)
        shutil.copy(f"{path}-wal", f"{copy}-wal")

    with pytest.raises(StoreTooNewError):
        async with open_store(copy, clock=FakeClock()):
            pass


@pytest.mark.parametrize("application_id", [0, 0x12345678])
async def test_a_database_of_another_program_is_refused_and_not_touched(
    tmp_path: Path, application_id: int
) -> None:
    path = tmp_path / "s.db"
    ask(path, f"PRAGMA application_id = {application_id}")
    ask(path, "CREATE TABLE theirs (a)")

    with pytest.raises(StoreForeignError, match="of another program"):
        async with open_store(path, clock=FakeClock()):
            pass

    assert ask(path, "SELECT name FROM sqlite_schema") == [("theirs",)]
    assert corrupt_files(path) == []


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_damaged_database_is_moved_aside_and_begun_afresh(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    path = tmp_path / "s.db"
    await fill(path)
    damage(path)
    broken = path.read_bytes()

    async with open_store(path, clock=FakeClock()) as store:
        assert await stored_blocks(store) == []
        assert (await store.save(batch(saved()))).revision == 1

        [aside] = corrupt_files(path)
        assert aside.name == f"s.db.corrupt-{STAMP}"
        assert aside.read_bytes() == broken
        assert store.repaired is not None
        assert aside.name in store.repaired
        assert "starts from zero" in store.repaired
        assert store.error is None


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_damaged_database_is_restored_from_the_newest_backup(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    path, clock = tmp_path / "s.db", FakeClock()
    async with open_store(path, clock=clock) as store:
        await store.save(batch(*(saved(each, lines=5) for each in range(300))))
        await store.backup()
        await store.save(batch(saved(1, lines=6)))
    damage(path)

    async with open_store(path, clock=clock) as store:
        lines = await lines_by_id(store)

        assert (len(lines), lines[block_id(1)]) == (300, 5)
        assert store.revision == 1
        assert store.repaired is not None
        assert f"Restored s-{STAMP}.db" in store.repaired
        assert await store.check() == []


async def test_a_damaged_backup_is_passed_over_for_an_older_one(tmp_path: Path) -> None:
    path, clock = tmp_path / "s.db", FakeClock()
    async with open_store(path, clock=clock) as store:
        for lines in (1, 2):
            await store.save(batch(*(saved(each, lines=lines) for each in range(300))))
            assert await store.backup()
            clock.step_wall(25 * 3600 * 1000)
    newest = max(backup_folder(path).iterdir())
    flipped_page(newest)
    garbage_header(path)

    async with open_store(path, clock=clock) as store:
        assert (await lines_by_id(store))[block_id(1)] == 1


async def test_an_empty_file_is_a_new_database(tmp_path: Path) -> None:
    (tmp_path / "s.db").touch()

    async with open_store(tmp_path / "s.db", clock=FakeClock()) as store:
        assert (await store.save(batch(saved()))).revision == 1
        assert store.repaired is None


async def test_an_emptied_file_is_restored_from_its_backup(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    async with open_store(path, clock=FakeClock()) as store:
        await store.save(batch(saved()))
        await store.backup()
    os.truncate(path, 0)

    async with open_store(path, clock=FakeClock()) as store:
        assert len(await stored_blocks(store)) == 1


async def test_a_log_left_behind_by_a_kill_is_taken_in(tmp_path: Path) -> None:
    path, copy = tmp_path / "s.db", tmp_path / "copy.db"
    async with open_store(path, clock=FakeClock()) as store:
        await store.save(batch(saved(1, lines=3)))
        shutil.copy(path, copy)
        shutil.copy(f"{path}-wal", f"{copy}-wal")

    async with open_store(copy, clock=FakeClock()) as store:
        assert await lines_by_id(store) == {block_id(1): 3}
        assert store.repaired is None


async def test_a_log_cut_short_ends_at_its_last_whole_flush(tmp_path: Path) -> None:
    path, copy = tmp_path / "s.db", tmp_path / "copy.db"
    async with open_store(path, clock=FakeClock()) as store:
        await store.save(batch(saved(1, lines=1), saved(2, lines=1)))
        await store.save(batch(saved(1, lines=2), saved(2, lines=2)))
        shutil.copy(path, copy)
        shutil.copy(f"{path}-wal", f"{copy}-wal")
    cut(Path(f"{copy}-wal"), less=10)

    async with open_store(copy, clock=FakeClock()) as store:
        assert await lines_by_id(store) == {block_id(1): 1, block_id(2): 1}
        assert store.revision == 1


async def test_damage_that_only_loading_meets_is_repaired_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jarvisd.core.storage.opening.ALWAYS_CHECK_BYTES", 0)
    path = tmp_path / "s.db"
    async with open_store(path, clock=FakeClock()) as store:
        await store.save(batch(*(saved(each) for each in range(300))))
        await store.backup()
    with path.open("r+b") as file:
        file.seek(48 * PAGE)  # behind the schema, where blocks lie
        file.write(b"\xff" * PAGE * 8)

    async with open_store(path, clock=FakeClock()) as store:
        assert store.repaired is None
        assert len(await stored_blocks(store)) == 300
        assert store.repaired is not None
        assert store.generation == 1


async def test_only_the_largest_damaged_files_are_kept(tmp_path: Path) -> None:
    path, clock = tmp_path / "s.db", FakeClock()
    await fill(path)
    flipped_page(path)
    for _ in range(5):
        async with open_store(path, clock=clock):
            pass
        garbage_header(path)
        clock.step_wall(1_000)

    kept = corrupt_files(path)
    assert len(kept) == 3
    assert kept[0].name == f"s.db.corrupt-{STAMP}"  # the one with content


async def test_damage_twice_in_a_second_keeps_both_files(tmp_path: Path) -> None:
    path, clock = tmp_path / "s.db", FakeClock()
    for content in ("one" * 50, "two" * 50):
        path.write_text(content)
        async with open_store(path, clock=clock):
            pass

    assert [each.read_text()[:3] for each in corrupt_files(path)] == ["one", "two"]


async def test_check_names_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    async with open_store(path, clock=FakeClock()) as store:
        await store.save(batch(saved()))
        sound = await store.check()
        ask(path, "INSERT INTO text VALUES (99, 'unused')")
        ask(path, "UPDATE block SET cwd = 12345")

        assert sound == []
        assert await store.check() == [
            "block refers to a row of text that is not there"
        ]
