"""Clocks, passed by injection; the only module that reads the system's time."""

import math
import time
from typing import Protocol

import anyio

MS_PER_S = 1000

EARLY_S = 0.001
"""A timer that fires up to this much too early counts as fired at its tick."""


class Clock(Protocol):
    """The time functions that the daemon uses."""

    def monotonic(self) -> float:
        """Return seconds that never decrease, for timeouts and intervals."""
        ...

    def unix_ms(self) -> int:
        """Return wall time in Unix ms, UTC, for times that people see."""
        ...

    async def sleep_until(self, deadline: float) -> None:
        """Sleep until *deadline*, a monotonic time."""
        ...


class SystemClock:
    """The system's clocks."""

    def monotonic(self) -> float:
        """Return the time of the event loop: CLOCK_MONOTONIC under asyncio."""
        return time.monotonic()  # noqa: TID251 - the only place that reads it

    def unix_ms(self) -> int:
        """Return wall time in Unix ms."""
        return time.time_ns() // 1_000_000

    async def sleep_until(self, deadline: float) -> None:
        """Sleep until *deadline*; until cancelled if it is infinite."""
        if math.isinf(deadline):
            await anyio.sleep_forever()

        await anyio.sleep(max(0.0, deadline - self.monotonic()))


def next_tick(now: float, every_s: float) -> float:
    """Return the next tick of all tasks that run *every_s* seconds.

    Ticks are multiples of *every_s* in monotonic time, as are flushes, so that an idle
    daemon wakes up once a second for all tasks, not once for each.

    >>> next_tick(100.3, 1.0), next_tick(101.0, 1.0), next_tick(101.0, 5.0)
    (101.0, 102.0, 105.0)
    """
    return (math.floor((now + EARLY_S) / every_s) + 1) * every_s


def midnight_ms(now_ms: int) -> int:
    """Return the start of the day of *now_ms* in the local time zone, Unix ms."""
    now = time.localtime(now_ms // MS_PER_S)
    start = (now.tm_year, now.tm_mon, now.tm_mday, 0, 0, 0, 0, 0, -1)
    return int(time.mktime(start)) * MS_PER_S
