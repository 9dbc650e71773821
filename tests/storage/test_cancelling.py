"""Cancelled, out of time, or with a thread that hangs: whole flushes, and no hanging."""

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
from jarvisd.core.saved import FlushBatch
from jarvisd.core.storage import sqlite_connection as connection_module
from jarvisd.core.storage.database_store import Store
from jarvisd.core.storage.sqlite_connection import SqliteConnection
from tests.storage.building import batch, block_id, lines_by_id, many, saved
from tests.support import PATIENCE_S, FakeClock, eventually, stored_blocks


@pytest.fixture
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "GRACE_S", 0.02)
    monkeypatch.setattr(connection_module, "CLOSE_TIMEOUT_S", 0.05)


def in_memory() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", isolation_level=None)


async def test_a_save_cancelled_at_any_moment_is_whole_or_absent(
    tmp_path: Path,
) -> None:
    async with open_store(tmp_path / "s.db", clock=FakeClock()) as store:
        for lines in range(1, 31):
            with anyio.move_on_after(lines * 0.0004):
                await store.save(many(lines=lines, blocks=200))

            stored = await lines_by_id(store)
            assert len(set(stored.values())) <= 1
            assert len(stored) in (0, 200)
            assert store.revision == await store.read(committed_revision)


async def test_a_save_cancelled_before_its_turn_leaves_the_next_one_alone(
    tmp_path: Path,
) -> None:
    async with open_store(tmp_path / "s.db", clock=FakeClock()) as store:
        async with anyio.create_task_group() as group:
            for lines in range(1, 6):
                group.start_soon(store.save, many(lines=lines, blocks=50))
            await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()

        await store.save(many(lines=9, blocks=50))

        assert set((await lines_by_id(store)).values()) == {9}


async def test_saves_of_many_tasks_take_turns(tmp_path: Path) -> None:
    async with open_store(tmp_path / "s.db", clock=FakeClock()) as store:
        async with anyio.create_task_group() as group:
            for number in range(10):
                group.start_soon(store.save, batch(saved(number)))

        assert store.revision == 10
        assert len(await stored_blocks(store)) == 10


async def test_a_disk_that_does_not_answer_is_told_and_waited_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, short_grace: None
) -> None:
    monkeypatch.setattr("jarvisd.core.storage.writer.WRITE_TIMEOUT_S", 0.05)
    answering = threading.Event()
    async with open_store(tmp_path / "s.db", clock=FakeClock()) as store:
        await store.save(batch(saved(1)))
        identity = "jarvisd.core.storage.writer.identity"
        with monkeypatch.context() as hanging:
            hanging.setattr(identity, lambda _: answering.wait(PATIENCE_S) and None)
            with pytest.raises(StoreError, match="does not answer"):
                await store.save(batch(saved(2)))
            with pytest.raises(StoreError, match="not answered an earlier request"):
                await store.save(batch(saved(2)))

        answering.set()
        monkeypatch.setattr("jarvisd.core.storage.writer.WRITE_TIMEOUT_S", 5)
        await eventually(lambda: is_saved(store, batch(saved(2))))

        assert await lines_by_id(store) == {block_id(1): 1, block_id(2): 1}
        assert store.error is None


async def test_a_stuck_connection_takes_no_more_work_until_it_is_free(
    short_grace: None,
) -> None:
    answering = threading.Event()
    connection = SqliteConnection(in_memory)
    await connection.open()
    with anyio.move_on_after(0.02):
        await connection.run(lambda _: answering.wait(PATIENCE_S))

    assert connection.stuck
    with pytest.raises(StoreError):
        await connection.run(lambda _: None)

    answering.set()
    await eventually(lambda: not connection.stuck)
    assert await connection.run(lambda _: 7) == 7
    await connection.close()


async def test_closing_does_not_wait_for_a_stuck_disk(short_grace: None) -> None:
    answering = threading.Event()
    connection = SqliteConnection(in_memory)
    await connection.open()
    with anyio.move_on_after(0.02):
        await connection.run(lambda _: answering.wait(PATIENCE_S))

    with anyio.fail_after(PATIENCE_S / 2):
        await connection.close(lambda _: None)

    answering.set()
    await anyio.to_thread.run_sync(connection._db._thread.join)


async def test_opening_gives_up_a_stuck_disk_and_closes_what_comes_late(
    short_grace: None,
) -> None:
    answering = threading.Event()
    late: list[sqlite3.Connection] = []

    def slow() -> sqlite3.Connection:
        assert answering.wait(PATIENCE_S)
        late.append(sqlite3.connect(":memory:", check_same_thread=False))
        return late[0]

    connection = SqliteConnection(slow)
    with pytest.raises(TimeoutError), anyio.fail_after(0.02):
        await connection.open()

    assert connection.stuck
    answering.set()
    await anyio.to_thread.run_sync(connection._db._thread.join)
    assert not connection.stuck
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        late[0].execute("SELECT 1")


async def test_a_connection_that_cannot_be_made_leaves_no_thread() -> None:
    def fail() -> sqlite3.Connection:
        raise sqlite3.OperationalError("unable to open")

    connection = SqliteConnection(fail)
    with pytest.raises(sqlite3.OperationalError):
        await connection.open()

    assert not connection._db._thread.is_alive()
    assert not connection.stuck


async def is_saved(store: Store, what: FlushBatch) -> bool:
    try:
        await store.save(what)
    except StoreError:
        return False
    return True


def committed_revision(raw: sqlite3.Connection) -> int:
    row: tuple[int] = raw.execute("SELECT revision FROM store").fetchone()
    return row[0]
