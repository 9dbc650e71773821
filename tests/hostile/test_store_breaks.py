"""The store is damaged, cut, swapped or of another version: told, mended, or left alone."""

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import anyio
import pytest

from jarvisd.base.errors import EXIT_STORE_TOO_NEW
from jarvisd.overview.health_wire import HealthResult
from tests.e2e.home import Home, append, record
from tests.e2e.rig import Daemon, running_daemon
from tests.support import eventually

BLOCKS = 40
DOCUMENT = Path(__file__).parents[2] / "docs" / "internals" / "store.md"


def database(home: Home) -> Path:
    """Return the database."""
    return home.state / "jarvisd.db"


def damaged(path: Path) -> None:
    """Overwrite the middle of the file, where the rows are."""
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (path.stat().st_size - 4096))


def cut(path: Path) -> None:
    """Leave the first half of the file."""
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def emptied(path: Path) -> None:
    """Leave nothing of the file."""
    path.write_bytes(b"")


def noise(path: Path) -> None:
    """Put something else in its place."""
    path.write_bytes(b"not a database " * 1000)


def swapped(path: Path) -> None:
    """Put an older copy in its place, as somebody who restores one while it runs."""
    copied(path, path.with_name("other.db")).replace(path)


def copied(path: Path, target: Path) -> Path:
    """Copy what the database holds now, as a backup does; return the copy."""
    target.parent.mkdir(mode=0o700, exist_ok=True)
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("VACUUM INTO ?", [str(target)])
    return target


def of_the_future(path: Path) -> None:
    """Say that a newer version wrote it."""
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA user_version = 9999")


def of_another_program(path: Path) -> None:
    """Say that it belongs to somebody else."""
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA application_id = 17")


async def written(daemon: Daemon) -> list[Path]:
    """Return files that the daemon has counted and stored, a line each."""
    paths = [daemon.home.transcript() for _ in range(BLOCKS)]
    for path in paths:
        append(path, record())

    await daemon.sync()
    return paths


async def problems(daemon: Daemon) -> list[str]:
    """Return what the daemon says is not as it should be."""
    health = await daemon.ask("health", HealthResult)
    return [each.kind for each in health.problems]


@pytest.mark.parametrize("break_", [damaged, cut, emptied, noise, swapped])
async def test_a_store_that_breaks_in_use_is_mended_and_told(
    home: Home, break_: Callable[[Path], None]
) -> None:
    async with running_daemon(home) as daemon:
        paths = await written(daemon)

        break_(database(home))
        for path in paths:
            append(path, record())
        await daemon.sync()

        # Not all damage lies where a flush looks; a start looks everywhere.
        await daemon.restart()
        found = [await daemon.block_at(path) for path in paths]
        assert [each.line_count for each in found] == [2] * BLOCKS
        assert (await daemon.ask("health", HealthResult)).status == "ok"
        with closing(sqlite3.connect(database(home))) as raw:
            assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("break_", [damaged, cut, noise])
async def test_a_store_that_is_broken_at_the_start_is_put_aside(
    home: Home, break_: Callable[[Path], None]
) -> None:
    async with running_daemon(home) as daemon:
        paths = await written(daemon)
        await daemon.terminate()
        break_(database(home))

        await daemon.start()
        found = [await daemon.block_at(path) for path in paths]

        assert [each.line_count for each in found] == [1] * BLOCKS
        assert await problems(daemon) == ["store_repaired"]
        assert list(home.state.glob("jarvisd.db.corrupt-*"))


@pytest.mark.parametrize("of", [of_the_future, of_another_program])
async def test_a_store_that_is_not_for_us_is_refused_and_untouched(
    home: Home, of: Callable[[Path], None]
) -> None:
    daemon = Daemon(home)
    try:
        await daemon.start()
        await written(daemon)
        await daemon.terminate()
        of(database(home))
        before = database(home).read_bytes()

        daemon.spawn()

        assert await daemon.ended() == EXIT_STORE_TOO_NEW
        assert database(home).read_bytes() == before
        assert str(database(home)) in daemon.log()
    finally:
        daemon.destroy()


async def test_a_newer_store_put_in_place_while_running_is_told_and_untouched(
    home: Home,
) -> None:
    async with running_daemon(home) as daemon:
        paths = await written(daemon)
        newer = copied(database(home), home.state / "newer.db")
        of_the_future(newer)
        before = newer.read_bytes()
        newer.replace(database(home))

        append(paths[0], record())

        async def is_told() -> bool:
            return "store_degraded" in await problems(daemon)

        await eventually(is_told)
        health = await daemon.ask("health", HealthResult)
        assert "9999" in (health.store.error or "")
        assert database(home).read_bytes() == before


async def test_a_backup_is_restored_by_the_commands_of_the_document(home: Home) -> None:
    backup = home.state / "backups" / "jarvisd-20260921T141320Z.db"
    commands = re.search(r"\$ (cd .* cp backups/.*)", DOCUMENT.read_text())
    assert commands
    async with running_daemon(home) as daemon:
        paths = await written(daemon)
        copied(database(home), backup)
        append(paths[0], record())
        await daemon.sync()
        paths[1].unlink()  # only the backup knows of it
        await daemon.terminate()
        noise(database(home))

        shell = ["sh", "-ec", commands[1]]
        await anyio.run_process(shell, env=home.environ())
        await daemon.start()

        assert (await daemon.block_at(paths[0])).line_count == 2
        assert (await daemon.block_at(paths[1])).line_count == 1
        assert await problems(daemon) == []
