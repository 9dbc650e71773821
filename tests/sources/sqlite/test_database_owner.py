"""The owner of a database never waits for us, and never finds anything of ours."""

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest

from jarvisd.core.sources.sqlite.lock_free_vfs import Snapshot
from tests.sources.sqlite.database_rig import (
    Writer,
    asking,
    consuming,
    listing,
    writing,
)
from tests.sources.sqlite.opencode_like import BALANCE

MOST_S = 0.05
"""For how long an owner may wait for us. What it does here takes a tenth of it; its
busy timeout is two seconds."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "agent.db"


def fill(agent: Writer) -> list[str]:
    message = agent("message", agent("session"))
    return [agent("part", message, 2000) for _ in range(50)]


def locks_of(path: Path, pid: int) -> list[str]:
    """Return the locks of a process on a database, its log and its index."""
    inodes = {str(file.stat().st_ino) for file in path.parent.glob(f"{path.name}*")}
    return [
        line
        for line in Path("/proc/locks").read_text().splitlines()
        if line.split()[4] == str(pid) and line.split()[5].split(":")[2] in inodes
    ]


@pytest.mark.parametrize("mode", ["wal", "delete", "persist"])
def test_whatever_the_owner_does_while_we_read_it_does_not_wait(
    tmp_path: Path, mode: str
) -> None:
    # On a busy machine it may wait for a processor; for us it would wait each time.
    assert any(
        max(waits_while_we_read(tmp_path / f"{attempt}.db", mode)) < MOST_S
        for attempt in range(5)
    )


def waits_while_we_read(path: Path, mode: str) -> list[float]:
    """Return how long each thing took that the owner did in the middle of our query."""

    def ask(snapshot: Snapshot) -> object:
        rows = snapshot.rows("select id, data from part")
        next(rows)
        if not waits:
            # We have read half a table.
            for part in parts[:5]:
                agent("update", "part", part)
            waits.append(agent("longest"))
            waits.extend(agent("checkpoint", "truncate") for _ in range(2))
            waits.append(agent("timed", "vacuum"))
            waits.append(agent("timed", "alter table part add column another"))
            assert agent("journal_mode", "wal" if mode != "wal" else "delete")
            waits.append(agent("timed", "pragma user_version=7"))
        list(rows)
        return snapshot.row(BALANCE)

    waits: list[float] = []
    with writing(path, mode) as agent, asking(path) as reader:
        parts = fill(agent)
        row = reader.ask(ask)

    assert isinstance(row, tuple)
    assert row[:2] == row[2:]
    return waits


def test_a_reader_with_the_locks_of_sqlite_would_make_it_wait(path: Path) -> None:
    """The test above can fail: this is what it would look like."""
    with writing(path) as agent:
        fill(agent)
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as reader:
            rows = reader.execute("select id from part")
            rows.fetchone()

            agent("session")
            assert agent("checkpoint", "truncate") > 1.0


@pytest.mark.parametrize("mode", ["wal", "delete", "truncate"])
def test_we_hold_no_lock_and_leave_no_file(path: Path, mode: str) -> None:
    with writing(path, mode) as agent, consuming(path) as consumer:
        fill(agent)
        before = listing(path.parent)

        def ask(snapshot: Snapshot) -> list[str]:
            rows = snapshot.rows("select id, data from part")
            next(rows)
            return locks_of(path, own)

        own = os.getpid()
        with asking(path) as reader:
            assert reader.ask(ask) == []
        consumer.drain()

        assert locks_of(path, own) == []
        assert listing(path.parent) == before


def test_a_database_that_was_closed_stays_as_it_was_left(path: Path) -> None:
    with writing(path) as agent:
        fill(agent)
        agent("close")
    before = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    times = path.stat().st_mtime_ns

    with consuming(path) as consumer:
        assert len(consumer.read().items) == 51

    assert before == {file.name: file.read_bytes() for file in path.parent.iterdir()}
    assert path.stat().st_mtime_ns == times


@pytest.mark.parametrize("missing", ["-shm", "-wal -shm", ""])
def test_what_a_killed_owner_left_stays_as_it_is(path: Path, missing: str) -> None:
    with writing(path) as agent:
        fill(agent)
    for suffix in missing.split():
        Path(f"{path}{suffix}").unlink()
    before = {file.name: file.read_bytes() for file in path.parent.iterdir()}

    with consuming(path) as consumer:
        consumer.drain()

    assert before == {file.name: file.read_bytes() for file in path.parent.iterdir()}


def test_all_that_is_open_while_we_read_is_open_for_reading_only(path: Path) -> None:
    def ask(snapshot: Snapshot) -> dict[str, int]:
        next(snapshot.rows("select id, data from part"))
        flags: dict[str, int] = {}
        for link in Path("/proc/self/fd").iterdir():
            with suppress(OSError):
                facts = Path(f"/proc/self/fdinfo/{link.name}").read_text()
                flags[str(link.readlink())] = int(facts.split()[3], 8)
        return flags

    with writing(path) as agent, asking(path) as reader:
        fill(agent)
        flags = reader.ask(ask)

    mine = {name: each for name, each in flags.items() if name.startswith(str(path))}
    assert set(mine) == {str(path), f"{path}-wal", f"{path}-shm"}
    assert {each & os.O_ACCMODE for each in mine.values()} == {os.O_RDONLY}
    assert all(each & os.O_CLOEXEC for each in mine.values())
