"""Pages are read again only where they may be others."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from jarvisd.core.sources.sqlite.kept_pages import MAX_BYTES, KeptPages
from tests.sources.sqlite.database_rig import asking, consuming, truth, writing

PAGE = b"x" * 4096


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "agent.db"


@contextmanager
def counting(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Record how much is read from files."""
    read: list[int] = []
    real = os.pread

    def pread(descriptor: int, size: int, offset: int) -> bytes:
        data = real(descriptor, size, offset)
        read.append(len(data))
        return data

    monkeypatch.setattr(os, "pread", pread)
    yield read


def test_a_change_costs_the_pages_that_changed(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with writing(path) as agent, consuming(path) as consumer:
        sessions = [agent("session") for _ in range(80)]
        messages = [agent("message", each) for each in sessions]
        for message in messages:
            for _ in range(5):
                agent("part", message)

        agent("checkpoint", "passive")
        for message in messages[:2]:
            agent("part", message)
            consumer.drain()

        with counting(monkeypatch) as read:
            agent("part", messages[0])
            consumer.drain()

        assert sum(read) < 64 * 1024
        assert consumer.streams == truth(path, tmp_path / "copy")


@pytest.mark.parametrize("mode", ["passive", "full", "restart", "truncate"])
def test_checkpoints_between_changes_leave_no_old_page(path: Path, mode: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as owner:
        owner.execute("pragma journal_mode = wal")
        owner.execute("pragma wal_autocheckpoint = 0")
        owner.execute("create table t(a integer primary key, b text)")
        owner.executemany(
            "insert into t values(?, ?)", [(n, "-" * 900) for n in range(200)]
        )
        with asking(path) as reader:
            for round_ in range(12):
                owner.execute(
                    "update t set b = ? where a % 7 = ?", (str(round_), round_ % 7)
                )
                if round_ % 3 == 1:
                    owner.execute(f"pragma wal_checkpoint({mode})")

                expected = owner.execute("select a, b from t").fetchall()
                assert (
                    reader.ask(lambda now: list(now.rows("select a, b from t")))
                    == expected
                )


def test_a_database_that_leaves_the_log_and_comes_back(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as owner:
        owner.execute("create table t(a)")
        with asking(path) as reader:
            for number, mode in enumerate(("wal", "delete", "wal", "truncate", "wal")):
                owner.execute(f"pragma journal_mode = {mode}")
                owner.execute("insert into t values(?)", (number,))
                owner.execute("insert into t values(?)", (number,))

                found = reader.ask(lambda now: list(now.rows("select count(*) from t")))

                assert found == [(2 * number + 2,)]


def test_what_was_read_of_a_torn_state_is_not_kept() -> None:
    kept = KeptPages()
    kept.begin("log", 3)
    kept.add((False, 1), PAGE)
    kept.settle(is_whole=False)

    assert kept.get((False, 1)) is None


@pytest.mark.parametrize(
    ("generation", "frames", "is_kept"),
    [
        ("log", 3, True),
        ("log", 9, True),
        ("log", 2, False),
        ("next", 9, False),
        (None, 3, False),
    ],
)
def test_pages_are_those_of_one_generation(
    generation: str | None, frames: int, is_kept: bool
) -> None:
    kept = KeptPages()
    kept.begin("log", 3)
    kept.add((True, 2), PAGE)
    kept.settle(is_whole=True)
    kept.begin(generation, frames)

    assert (kept.get((True, 2)) == PAGE) is is_kept


def test_no_more_is_kept_than_two_megabytes() -> None:
    kept = KeptPages()
    kept.begin("log", 1)
    for number in range(2 * MAX_BYTES // len(PAGE)):
        kept.add((False, number), PAGE)

    kept.settle(is_whole=True)

    found = [kept.get((False, number)) for number in range(2 * MAX_BYTES // len(PAGE))]
    assert sum(each is not None for each in found) == MAX_BYTES // len(PAGE)
    assert found[-1] == PAGE
