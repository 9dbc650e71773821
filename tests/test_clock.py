import anyio
import pytest

from jarvisd.base.clock import EARLY_S, next_tick
from tests.support import FakeClock


@pytest.mark.parametrize(
    ("now", "every_s", "tick"),
    [
        pytest.param(100.3, 1.0, 101.0, id="in between"),
        pytest.param(101.0, 1.0, 102.0, id="on a tick the next one is meant"),
        pytest.param(100.3, 5.0, 105.0, id="longer ones are seconds as well"),
        pytest.param(101 - EARLY_S / 2, 1.0, 102.0, id="a timer that went off early"),
        pytest.param(100.26, 0.25, 100.5, id="parts of a second"),
    ],
)
def test_ticks_lie_on_multiples(now: float, every_s: float, tick: float) -> None:
    assert next_tick(now, every_s) == pytest.approx(tick)


async def test_who_began_at_different_moments_is_woken_at_the_same() -> None:
    clock, woken = FakeClock(), []

    async def wait(every_s: float) -> None:
        await clock.sleep_until(next_tick(clock.monotonic(), every_s))
        woken.append(clock.monotonic())

    async with anyio.create_task_group() as tasks:
        for every_s in (1.0, 2.0, 5.0):
            await clock.advance(0.3)
            tasks.start_soon(wait, every_s)

        await clock.advance(10)

    assert woken == pytest.approx([101.0, 102.0, 105.0])
