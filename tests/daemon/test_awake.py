"""Since when we are awake: a sleep, a set clock and a restart all begin anew."""

from collections.abc import Callable

import anyio
import pytest
from structlog.testing import capture_logs

from jarvisd.accumulators.states import States
from jarvisd.daemon.awake import BEAT_S, Awake, is_busy, keep_awake
from jarvisd.errors import StoreError
from jarvisd.store.connection import Unit
from tests.support import EPOCH_MS, FakeClock

BEAT_MS = int(BEAT_S * 1000)


class Store:
    """Counts what it is asked to write."""

    def __init__(self, *, grows: bool = True) -> None:
        self.beats = 0
        self._revision = 0
        self._grows = grows
        self.error: StoreError | None = None

    @property
    def revision(self) -> int:
        self._revision += self._grows
        return self._revision

    async def change(self, unit: Unit[None], /) -> None:
        if self.error is not None:
            raise self.error

        self.beats += 1


async def beating(
    clock: FakeClock, store: Store, is_at_work: Callable[[], bool]
) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(keep_awake, Awake(clock), is_at_work, store, clock)
        await clock.advance(3 * BEAT_S)
        tasks.cancel_scope.cancel()


async def test_looks_at_a_steady_clock_make_one_stretch() -> None:
    clock = FakeClock()
    awake = Awake(clock)
    for _ in range(5):
        await clock.advance(BEAT_S)
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


@pytest.mark.parametrize(("busy", "beats"), [(True, 3), (False, 0)])
async def test_it_is_noted_while_there_is_something_to_see(
    busy: bool, beats: int
) -> None:
    store = Store()

    await beating(FakeClock(), store, lambda: busy)

    assert store.beats == beats


async def test_a_disk_to_which_nothing_else_is_written_is_left_alone() -> None:
    store = Store(grows=False)

    await beating(FakeClock(), store, lambda: True)

    assert store.beats == 1


async def test_a_store_that_fails_is_asked_again() -> None:
    store = Store()
    store.error = StoreError("the disk is full")

    with capture_logs() as logs:
        await beating(FakeClock(), store, lambda: True)

    assert [each["event"] for each in logs] == ["awake.not_noted"] * 3


def test_nobody_is_busy_where_nobody_is() -> None:
    assert not is_busy(States())
