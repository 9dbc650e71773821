"""Work that blocks: its result, its errors, its limit."""

import threading
from functools import partial

import anyio
import pytest

from jarvisd.base.errors import SinkError
from jarvisd.sinks.blocking_call import BlockingCall
from tests.support import PATIENCE_S, eventually


async def test_what_work_returns_or_raises_comes_back() -> None:
    call = BlockingCall("test")

    assert await call.run(partial(int, "7"), timeout_s=5) == 7
    with pytest.raises(ValueError, match="invalid literal"):
        await call.run(partial(int, "x"), timeout_s=5)


async def test_work_that_hangs_is_left_behind_and_nothing_is_begun_beside_it() -> None:
    call, released = BlockingCall("test"), threading.Event()

    with pytest.raises(SinkError, match=r"^it takes longer than 0.01 s$"):
        await call.run(released.wait, timeout_s=0.01)
    with pytest.raises(SinkError, match="an earlier attempt still hangs"):
        await call.run(partial(int, "7"), timeout_s=5)

    released.set()
    await eventually(lambda: not call.is_busy)
    assert await call.run(partial(int, "7"), timeout_s=5) == 7


async def test_whoever_is_cancelled_does_not_wait_for_the_work() -> None:
    call, released = BlockingCall("test"), threading.Event()

    with anyio.fail_after(PATIENCE_S):
        with anyio.move_on_after(0.01):
            await call.run(released.wait, timeout_s=1_000)

        assert call.is_busy
    released.set()


def test_work_that_outlives_the_loop_ends_in_silence() -> None:
    """The daemon stops while a collector still hangs."""
    call, released = BlockingCall("test"), threading.Event()

    async def leave() -> None:
        with anyio.move_on_after(0.01):
            await call.run(released.wait, timeout_s=1_000)

    anyio.run(leave)
    [thread] = [each for each in threading.enumerate() if each.name == "test"]
    assert thread.daemon

    released.set()
    thread.join(5)
    assert not call.is_busy
