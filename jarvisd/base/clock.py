"""Time, by injection: the only module that asks the system what time it is."""

import math
import time
from typing import Protocol

import anyio

MS_PER_S = 1000

EARLY_S = 0.001
"""A timer that goes off so much before its tick has gone off at the tick."""


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


def next_tick(now: float, every_s: float) -> float:
    """Return the next moment that everybody shares who looks *every_s*.

    Ticks lie on the multiples of *every_s* on the monotonic scale, as flushes do, so
    that an idle daemon is woken once for all that is to be done in a second, and not
    by each task at a moment of its own.

    >>> next_tick(100.3, 1.0), next_tick(101.0, 1.0), next_tick(101.0, 5.0)
    (101.0, 102.0, 105.0)
    """
    return (math.floor((now + EARLY_S) / every_s) + 1) * every_s


def midnight_ms(now_ms: int) -> int:
    """Return when the day of *now_ms* began, where this program runs; Unix ms."""
    now = time.localtime(now_ms // MS_PER_S)
    start = (now.tm_year, now.tm_mon, now.tm_mday, 0, 0, 0, 0, 0, -1)
    return int(time.mktime(start)) * MS_PER_S
