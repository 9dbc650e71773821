"""What waits for sinks: put once, found when due, gone when delivered."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from jarvisd.app.feature_order import open_store
from jarvisd.base.errors import StoreError
from jarvisd.core.storage.database_store import Store
from jarvisd.sinks import store as outbox
from jarvisd.sinks.store import MAX_PAUSE_MS, Due, QueueSize
from tests.sinks.records import ids, rows, segment
from tests.storage.building import ask
from tests.support import EPOCH_MS, FakeClock

NOW = EPOCH_MS


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jarvisd.db"


@asynccontextmanager
async def filled(path: Path, *, count: int) -> AsyncIterator[Store]:
    """Open a store in which so many records wait for the sinks a and b."""
    async with open_store(path, clock=FakeClock()) as store:
        records = [segment(each) for each in range(count)]
        await store.apply_one(partial(outbox.enqueue, rows=rows("ab", records)))
        yield store


async def due(
    store: Store, sink: str = "a", *, now_ms: int = NOW, limit: int = 100
) -> Due:
    query = partial(outbox.due, sink=sink, now_ms=now_ms, limit=limit)
    return await store.read(query)


async def due_ids(store: Store, sink: str = "a", **other: Any) -> list[str]:
    return [each.record_id for each in (await due(store, sink, **other)).records]


async def postpone(store: Store, *numbers: int, next_ms: int) -> None:
    named = [f"{each:016x}" for each in numbers]
    unit = partial(outbox.postpone, sink="a", ids=named, next_ms=next_ms)
    await store.apply_one(unit)


async def test_records_come_in_the_order_in_which_they_were_put(path: Path) -> None:
    async with filled(path, count=5) as store:
        assert await due_ids(store) == ids(5)
        assert await due_ids(store, limit=2) == ids(2)
        assert await due_ids(store, "nobody") == []


async def test_a_record_put_again_waits_once(path: Path) -> None:
    async with filled(path, count=2) as store:
        again = [segment(1, turns=99), segment(2)]
        await store.apply_one(partial(outbox.enqueue, rows=rows("a", again)))

        found = (await due(store)).records

    assert [each.record_id for each in found] == ids(3)
    assert '"turns":5' in found[1].record


async def test_a_record_is_put_or_not_with_what_is_written_beside_it(
    path: Path,
) -> None:
    def close(raw: sqlite3.Connection) -> None:
        outbox.enqueue(raw, rows("a", [segment(9)]))
        raw.execute("INSERT INTO segment (segment_id) VALUES (NULL)")

    async with filled(path, count=1) as store:
        with pytest.raises(StoreError):
            await store.apply_one(close)

        assert await due_ids(store) == ids(1)


async def test_what_one_sink_has_taken_waits_for_the_other(path: Path) -> None:
    async with filled(path, count=3) as store:
        await store.apply_one(partial(outbox.remove_delivered, sink="a", ids=ids(2)))

        assert await due_ids(store, "a") == ids(1, first=2)
        assert await due_ids(store, "b") == ids(3)


async def test_delivering_what_is_gone_takes_nothing_else_along(path: Path) -> None:
    """The row's number may by then be that of another record."""
    async with filled(path, count=1) as store:
        drop = partial(outbox.drop_oldest, sink="a", excess=1)
        assert await store.apply_one(drop) == 1
        await store.apply_one(partial(outbox.enqueue, rows=rows("a", [segment(7)])))

        await store.apply_one(partial(outbox.remove_delivered, sink="a", ids=ids(1)))

        assert await due_ids(store) == ids(1, first=7)


async def test_what_was_put_off_is_not_due_before_its_time(path: Path) -> None:
    async with filled(path, count=2) as store:
        await postpone(store, 0, 1, next_ms=NOW + 1_000)

        early = await due(store, now_ms=NOW + 999)
        late = await due_ids(store, now_ms=NOW + 1_000)

    assert early == Due([], NOW + 1_000)
    assert late == ids(2)


async def test_what_was_never_tried_goes_before_what_failed(path: Path) -> None:
    async with filled(path, count=3) as store:
        await postpone(store, 0, next_ms=NOW)

        assert await due_ids(store) == [*ids(2, first=1), *ids(1)]


@pytest.mark.parametrize(
    ("failed", "together"),
    [(0, 100), (1, 50), (2, 25), (6, 1), (7, 1), (500, 1)],
)
async def test_what_fails_again_and_again_is_tried_in_smaller_parts(
    path: Path, failed: int, together: int
) -> None:
    async with filled(path, count=120) as store:
        ask(path, "UPDATE outbox SET attempts = ?", failed)

        assert len(await due_ids(store)) == together


async def test_a_clock_set_back_by_a_year_keeps_nothing_waiting(path: Path) -> None:
    year_ms = 365 * 86_400_000
    async with filled(path, count=1) as store:
        await postpone(store, 0, next_ms=NOW + MAX_PAUSE_MS)

        assert await due_ids(store, now_ms=NOW) == []
        assert await due_ids(store, now_ms=NOW - year_ms) == ids(1)


async def test_queues_are_counted_by_sink(path: Path) -> None:
    async with filled(path, count=3) as store:
        await store.apply_one(partial(outbox.remove_delivered, sink="a", ids=ids(1)))

        queues = await store.read(outbox.queue_sizes)

    assert queues == {"a": QueueSize(2, EPOCH_MS + 1), "b": QueueSize(3, EPOCH_MS)}


@pytest.mark.parametrize("damage", ["'{\"closed'", "CAST(x'7bff7d' AS TEXT)", "''"])
async def test_a_damaged_row_keeps_no_other_back(path: Path, damage: str) -> None:
    async with filled(path, count=3) as store:
        ask(path, f"UPDATE outbox SET record = {damage} WHERE outbox_key = 1")

        assert await due_ids(store) == ids(3)
        assert (await store.read(outbox.queue_sizes))["a"] == QueueSize(3, None)


async def test_the_oldest_are_dropped_in_slices(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "DROP_SLICE", 2)
    async with filled(path, count=5) as store:
        drop = partial(outbox.drop_oldest, sink="a", excess=3)

        assert await store.apply_one(drop) == 2
        assert await due_ids(store) == ids(3, first=2)
        assert await due_ids(store, "b") == ids(5)


async def test_looking_for_what_is_due_uses_the_index(path: Path) -> None:
    async with filled(path, count=3) as store:

        def plan(raw: sqlite3.Connection) -> str:
            values = ("a", NOW, NOW + 1, 100)
            rows = raw.execute(f"EXPLAIN QUERY PLAN {outbox._DUE}", values).fetchall()
            return " ".join(str(row) for row in rows)

        used = await store.read(plan)

    assert "INDEX outbox_next" in used
    assert "SCAN" not in used
