"""Long work in turns: generators that stop often, so that whoever drives them can let others run.

The event loop serves lines, hooks and other clients between two steps, so a step takes at
most about a millisecond.
"""

from bisect import bisect
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
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


def with_turns(things: Iterable[T], size: int = RUN) -> Iterator[T | None]:
    """Yield *things* as they are at the first step, and None behind each *size* of them.

    None is a turn for others. What comes or goes meanwhile makes no difference.
    """
    for count, thing in enumerate(list(things), 1):
        yield thing
        if count % size == 0:
            yield None


def any_of(things: Iterator[T | None], wanted: Callable[[T], bool]) -> InTurns[bool]:
    """Return True if any of *things* is wanted. None in *things* is a turn for others."""
    for each in things:
        if each is None:
            yield PAUSE
        elif wanted(each):
            return True

    return False


def smallest(
    things: Iterator[T | None], key: Callable[[T], Any], limit: int
) -> InTurns[tuple[int, list[T]]]:
    """Return the number of *things*, and the first *limit* of them as `sorted` has them.

    None in *things* is a turn for others. No more than are returned are kept, as to
    free all at once would take as long as to sort them.
    """
    count = 0
    kept: list[tuple[Any, int, T]] = []
    for each in things:
        if each is None:
            yield PAUSE
            continue

        count += 1
        kept.append((key(each), count, each))
        if count % RUN == 0:
            kept.sort()
            del kept[limit:]

    kept.sort()
    return count, [each for *_, each in kept[:limit]]


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
    yield []

    borders = sample[_SAMPLES::_SAMPLES]
    parts: list[list[T]] = [[] for _ in range(len(borders) + 1)]
    for start in range(0, len(things), RUN):
        for each in things[start : start + RUN]:
            parts[bisect(borders, key(each))].append(each)

        yield []

    parts.reverse()
    while parts:  # freed one by one, as to free all at once takes milliseconds
        yield sorted(parts.pop(), key=key)
