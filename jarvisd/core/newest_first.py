"""The order of blocks and sessions by their newest line, for lists that are read in pages.

Thousands are at rest and a few change. The order of those at rest is kept; those that
changed since are sorted for each list and merged into it.
"""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Collection, Generator, Iterator
from typing import Generic, NamedTuple, TypeVar

from jarvisd.base.paging import Place
from jarvisd.base.work_in_turns import RUN, sorted_runs

T = TypeVar("T")

MAX_CHANGED = 512
"""Beyond that all are sorted again: to sort so many at once takes half a millisecond."""


class _Order(NamedTuple, Generic[T]):
    """Things in order, and the times in their places."""

    things: list[T]
    times: "array[int]"


class NewestFirst(Generic[T]):
    """Things in the order of their places.

    Args:
        everything: Returns all of them.
        time_of: Returns the time of the newest line of one, as it is now; 0 for none.
        name_of: Returns what identifies one, and decides between those of one time.

    Attributes:
        changed: Things that are new, or may have another place, by their names; put into
            it by whoever changes one, as that is on the path of each line. None while no
            order is kept.

    """

    changed: dict[tuple[str, ...], T] | None

    def __init__(
        self,
        everything: Callable[[], Collection[T]],
        time_of: Callable[[T], int],
        name_of: Callable[[T], tuple[str, ...]],
    ) -> None:
        self._everything = everything
        self._time_of = time_of
        self._name_of = name_of
        self._sorting = 0
        self._generation = 0
        self.reset()

    def reset(self) -> None:
        """Sort everything when the next list is asked for."""
        self.changed = None
        self._order: _Order[T] | None = None
        self._generation += 1

    def place_of(self, thing: T) -> Place:
        """Return the place of *thing* as it is now."""
        return -self._time_of(thing), *self._name_of(thing)

    def walk(self, after: Place | None = None) -> Iterator[T | None]:
        """Yield the things behind the place *after*, in order as of the first step.

        None is a turn for others. What changes during the walk keeps its place in it.
        """
        order = self._order
        if order is None or len(self.changed or ()) > MAX_CHANGED:
            order = yield from self._sort()

        (things, times), changed = order, dict(self.changed or {})
        moved = [(self.place_of(each), each) for each in changed.values()]
        moved = [each for each in moved if after is None or each[0] > after]
        moved.sort(key=lambda pair: pair[0], reverse=True)
        start = 0 if after is None else bisect_left(times, int(after[0]))
        for index in range(start, len(things)):
            if index % RUN == RUN - 1:
                yield None

            thing = things[index]
            name = self._name_of(thing)
            if name in changed:
                continue

            place = (times[index], *name)
            if after is not None and place <= after:
                continue

            while moved and moved[-1][0] < place:
                yield moved.pop()[1]

            yield thing

        for _, thing in reversed(moved):
            yield thing

    def _sort(self) -> Generator[None, None, _Order[T]]:
        """Sort everything; what changes meanwhile has changed since."""
        if not self._sorting:
            self.reset()
            self.changed = {}

        generation = self._generation
        order = _Order[T]([], array("q"))
        self._sorting += 1
        try:
            newest = -(1 << 63)
            for run in sorted_runs(list(self._everything()), self.place_of):
                for thing in run:
                    # What changed since its run was found would break the order of times.
                    newest = max(newest, -self._time_of(thing))
                    order.times.append(newest)

                order.things.extend(run)
                yield None
        finally:
            self._sorting -= 1

        if generation == self._generation:
            self._order = order

        return order
