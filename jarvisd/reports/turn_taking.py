"""Drives work in turns from a task."""

from typing import TypeVar

import anyio.lowlevel

from jarvisd.base.work_in_turns import InTurns

T = TypeVar("T")


async def finish(work: InTurns[T]) -> T:
    """Drive *work* to its end with a turn for all other tasks after each step."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            result: T = end.value
            return result

        await anyio.lowlevel.checkpoint()
