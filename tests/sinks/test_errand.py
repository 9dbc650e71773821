"""Work that blocks: its result, its errors, its limit."""

import threading
from functools import partial

import anyio
import pytest

from jarvisd.base.errors import SinkError
from jarvisd.sinks.blocking_call import BlockingCall
from tests.support import PATIENCE_S, eventually


async def test_what_work_returns_or_raises_comes_back() -> None:
    hand = BlockingCall("test")

    assert await hand.do(partial(int, "7"), limit_s=5) == 7
    with pytest.raises(ValueError, match="invalid literal"):
        await hand.do(partial(int, "x"), limit_s=5)


async def test_work_that_hangs_is_left_behind_and_nothing_is_begun_beside_it() -> None:
    hand, released = BlockingCall("test"), threading.Event()

    with pytest.raises(SinkError, match=r"^it takes longer than 0.01 s$"):
        await hand.do(released.wait, limit_s=0.01)
    with pytest.raises(SinkError, match="an earlier attempt still hangs"):
        await hand.do(partial(int, "7"), limit_s=5)

    released.set()
    await eventually(lambda: not hand.is_busy)
    assert await hand.do(partial(int, "7"), limit_s=5) == 7


async def test_whoever_is_cancelled_does_not_wait_for_the_work() -> None:
    hand, released = BlockingCall("test"), threading.Event()

    with anyio.fail_after(PATIENCE_S):
        with anyio.move_on_after(0.01):
            await hand.do(released.wait, limit_s=1_000)

        assert hand.is_busy
    released.set()


def test_work_that_outlives_the_loop_ends_in_silence() -> None:
    """The daemon stops while a collector still hangs."""
    hand, released = BlockingCall("test"), threading.Event()

    async def leave() -> None:
        with anyio.move_on_after(0.01):
            await hand.do(released.wait, limit_s=1_000)

    anyio.run(leave)
    [thread] = [each for each in threading.enumerate() if each.name == "test"]
    assert thread.daemon

    released.set()
    thread.join(5)
    assert not hand.is_busy
