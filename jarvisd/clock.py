"""Time, by injection: the only module that asks the system what time it is."""

import math
import time
from typing import Protocol

import anyio

MS_PER_S = 1000


class Clock(Protocol):
    """What the daemon may know about time."""

    def monotonic(self) -> float:
        """Return seconds that never go back; for limits and throttles."""
        ...

    def unix_ms(self) -> int:
        """Return wall time in Unix ms, UTC; for what a human may look at."""
        ...

    async def sleep_until(self, deadline: float) -> None:
        """Return once *deadline*, on the monotonic scale, has passed."""
        ...


class SystemClock:
    """The real time."""

    def monotonic(self) -> float:
        """Return the loop's scale, which is CLOCK_MONOTONIC under asyncio."""
        return time.monotonic()  # noqa: TID251 - the one door

    def unix_ms(self) -> int:
        """Return wall time in Unix ms."""
        return time.time_ns() // 1_000_000

    async def sleep_until(self, deadline: float) -> None:
        """Sleep; an infinite deadline sleeps until cancelled."""
        if math.isinf(deadline):
            await anyio.sleep_forever()

        await anyio.sleep(max(0.0, deadline - self.monotonic()))


def midnight_ms(now_ms: int) -> int:
    """Return when the day of *now_ms* began, where this program runs; Unix ms."""
    now = time.localtime(now_ms // MS_PER_S)
    start = (now.tm_year, now.tm_mon, now.tm_mday, 0, 0, 0, 0, 0, -1)
    return int(time.mktime(start)) * MS_PER_S
