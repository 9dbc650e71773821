"""Queries beside the writer: read-only, of one moment, and never for long."""

import sqlite3
import threading
from pathlib import Path

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread
import pytest

from jarvisd.app.feature_order import open_store
from jarvisd.base.errors import StoreError
from tests.storage.building import batch, saved
from tests.support import FakeClock

FOR_EVER = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n
"""


def total_lines(raw: sqlite3.Connection) -> int:
    row: tuple[int] = raw.execute("SELECT sum(line_count) FROM block").fetchone()
    return row[0]


def never_ending(raw: sqlite3.Connection) -> None:
    raw.execute(FOR_EVER).fetchone()


async def test_a_query_sees_what_was_saved(tmp_path: Path) -> None:
    async with open_store(tmp_path / "s.db", clock=FakeClock()) as store:
        await store.save(batch(saved(1, lines=3), saved(2, lines=4)))

        assert await store.read(total_lines) == 7


async def test_a_query_cannot_write(tmp_path: Path) -> None:
    async with open_store(tmp_path / "s.db", clock=FakeClock()) as store:
        with pytest.raises(StoreError, match="read-only"):
            await store.read(lambda raw: raw.execute("DELETE FROM block").fetchall())


async def test_two_queries_at_once_are_both_answered(tmp_path: Path) -> None:
    sums: list[int] = []
    async with open_store(tmp_path / "s.db", clock=FakeClock()) as store:
        await store.save(batch(saved(1, lines=3)))

        async def ask() -> None:
            sums.append(await store.read(total_lines))

        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            group.start_soon(ask)

    assert sums == [3, 3]


async def test_a_query_sees_one_moment_while_a_flush_is_committed(
    tmp_path: Path,
) -> None:
    begun, go_on = anyio.Event(), threading.Event()
    sums: list[tuple[int, int]] = []

    async with open_store(tmp_path / "s.db", clock=FakeClock()) as store:
        await store.save(batch(saved(1, lines=1)))

        def twice(raw: sqlite3.Connection) -> tuple[int, int]:
            first = total_lines(raw)
            anyio.from_thread.run_sync(begun.set, token=token)
            assert go_on.wait(5)
            return first, total_lines(raw)

        async def ask() -> None:
            sums.append(await store.read(twice))

        token = anyio.lowlevel.current_token()
        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            await begun.wait()
            await store.save(batch(saved(1, lines=2)))
            go_on.set()

        assert sums == [(1, 1)]
        assert await store.read(total_lines) == 2


async def test_a_query_that_does_not_end_is_ended_and_the_next_one_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jarvisd.core.storage.read_connections.READ_TIMEOUT_S", 0.05)
    async with open_store(tmp_path / "s.db", clock=FakeClock()) as store:
        await store.save(batch(saved(1, lines=3)))
        with pytest.raises(StoreError, match="takes too long"):
            await store.read(never_ending)

        monkeypatch.setattr("jarvisd.core.storage.read_connections.READ_TIMEOUT_S", 5)
        assert await store.read(total_lines) == 3


async def test_a_cancelled_query_is_ended(tmp_path: Path) -> None:
    async with open_store(tmp_path / "s.db", clock=FakeClock()) as store:
        await store.save(batch(saved(1, lines=3)))
        with anyio.move_on_after(0.02) as scope:
            await store.read(never_ending)

        assert scope.cancelled_caught
        assert await store.read(total_lines) == 3


async def test_a_wrong_query_is_an_error_of_the_store(tmp_path: Path) -> None:
    async with open_store(tmp_path / "s.db", clock=FakeClock()) as store:
        with pytest.raises(StoreError, match="no such table: missing"):
            await store.read(
                lambda raw: raw.execute("SELECT * FROM missing").fetchall()
            )
