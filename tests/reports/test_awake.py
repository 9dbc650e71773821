"""Since when we are awake: a sleep, a set clock and a restart all begin anew."""

from pathlib import Path

import anyio
import pytest

from jarvisd.app.feature_order import open_store
from jarvisd.base.errors import StoreError
from jarvisd.overview.sessions import Sessions
from jarvisd.reports.awake import BEAT_S, Awake, stay_awake
from tests.storage.building import ask
from tests.support import EPOCH_MS, FakeClock, FakeStore, block, build_flusher

HOUR_S = 3600.0


async def test_looks_at_a_steady_clock_make_one_stretch() -> None:
    clock = FakeClock()
    awake = Awake(clock)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stay_awake, awake, clock)
        await clock.advance(HOUR_S)
        tasks.cancel_scope.cancel()

    assert awake.span == (EPOCH_MS, clock.unix_ms())


@pytest.mark.parametrize(
    "jump_ms",
    [pytest.param(8 * 3_600_000, id="a sleep"), pytest.param(-5_000, id="set back")],
)
async def test_a_wall_clock_that_jumps_begins_anew(jump_ms: int) -> None:
    clock = FakeClock()
    awake = Awake(clock)
    clock.step_wall(jump_ms)

    assert awake.span == (clock.unix_ms(), clock.unix_ms())


async def test_it_is_stored_with_a_flush_once_a_minute(tmp_path: Path) -> None:
    clock, found = FakeClock(), block()
    awake = Awake(clock)
    async with open_store(tmp_path / "s.db", clock=clock) as store:
        flusher = build_flusher(store, clock, Sessions(), awake=awake)

        async def until_ms() -> list[int]:
            found.line_count += 1
            flusher.touch(found)
            await flusher.flush_all()
            return [row[0] for row in ask(store.path, "SELECT end_ms FROM awake")]

        first = clock.unix_ms()
        assert await until_ms() == [first]
        await clock.advance(BEAT_S - 1)
        assert await until_ms() == [first]
        await clock.advance(1)
        assert await until_ms() == [clock.unix_ms()]


async def test_a_span_that_was_not_stored_goes_with_the_next_flush() -> None:
    clock, found, store = FakeClock(), block(), FakeStore()
    flusher = build_flusher(store, clock, Sessions(), awake=Awake(clock))
    store.failures = 1
    flusher.touch(found)
    with pytest.raises(StoreError):
        await flusher.flush_all()

    await flusher.flush_all()

    (batch,) = store.batches
    assert batch.changes["awake"] == (clock.unix_ms(), clock.unix_ms())
