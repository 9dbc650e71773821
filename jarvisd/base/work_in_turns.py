"""Long work in turns: generators that stop often, so that whoever drives them can let others run.

The event loop serves lines, hooks and other clients between two steps, so a step takes at
most about a millisecond.
"""

from bisect import bisect
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, Final, TypeVar

T = TypeVar("T")

PAUSE: Final = b""
"""What such a generator yields where others may run: a piece of an answer without a byte."""

InTurns = Generator[bytes, None, T]
"""Work that returns a T at its end."""

RUN: Final = 256
"""Things to look at in one step where each takes one or two microseconds."""

_SAMPLES: Final = 8
"""Keys looked at for each run, so that runs become about equally long."""


def at_once(work: InTurns[T]) -> T:
    """Drive *work* to its end without a turn for anybody."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            result: T = end.value
            return result


def sorted_runs(things: Sequence[T], key: Callable[[T], Any]) -> Iterator[list[T]]:
    """Yield all *things* in the order of unique keys, some at each step, sometimes none.

    They are parted at keys that a sample suggests, and each part is sorted alone, when
    it is wanted: so no step sorts everything, and the first part comes soon.
    """
    runs = -(-len(things) // RUN)
    if runs <= 1:
        yield sorted(things, key=key)
        return

    step = max(1, len(things) // (runs * _SAMPLES))
    sample = sorted(map(key, things[::step]))
    borders = sample[_SAMPLES::_SAMPLES]
    parts: list[list[T]] = [[] for _ in range(len(borders) + 1)]
    for start in range(0, len(things), RUN):
        for each in things[start : start + RUN]:
            parts[bisect(borders, key(each))].append(each)

        yield []

    for part in parts:
        yield sorted(part, key=key)
