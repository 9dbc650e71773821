"""Stretches: the open segments of one session.

Every line extends a stretch or begins one: lines further apart than the idle time are
of two. What rows say is counted in the stretch in which it happened, and taken away
there when a row grows or turns out to belong to another session. So the stretches are
the same whatever the order in which files are read, as the rest of the books is.

A closed stretch is a segment. It has been told, so it cannot change any more: what is
corrected later waits in *late*, and is told with the next one. That is how the totals
of all segments are the totals of the session at any time.
"""

from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

import msgspec

from jarvisd.accumulators.latencies import Latencies
from jarvisd.model.events import Outcome
from jarvisd.model.ledger import CallRow, Mark, MarkRow, ResponseRow
from jarvisd.model.usage import Tokens

IDLE_MS: Final = 300_000
"""Of S000: activity after a longer pause is another segment."""

MAX_OPEN: Final = 4_096
"""Stretches of one session that wait until history is read; then the oldest two are
taken for one."""

MAX_ENGINES: Final = 64

_NUMBERS: Final = (
    "turns",
    "tokens_in",
    "tokens_out",
    "cost_micros",
    "unpriced",
    "errors",
)
_NAMES: Final = ("tools", "models")


class Stretch(msgspec.Struct, array_like=True):
    """What happened from *first_ms* to *last_ms*; of corrections both are 0.

    *tools* and *models* are how often each was used; *engines* are those that a chat
    program named.
    """

    first_ms: int = 0
    last_ms: int = 0
    turns: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost_micros: int = 0
    unpriced: int = 0
    errors: int = 0
    tools: dict[str, int] = {}
    models: dict[str, int] = {}
    engines: list[str] = []
    latencies: Latencies = msgspec.field(default_factory=Latencies)

    def name_engine(self, engine: str) -> None:
        """Note what ran the model; of very many engines the first are enough."""
        if engine not in self.engines and len(self.engines) < MAX_ENGINES:
            self.engines.append(engine)

    @property
    def is_told(self) -> bool:
        """Say whether there is anything to tell of it."""
        return (
            self.turns > 0
            or any(count > 0 for count in self.tools.values())
            or any(getattr(self, each) > 0 for each in _NUMBERS)
        )

    @property
    def is_blank(self) -> bool:
        """Say whether it has neither anything to tell nor to take back."""
        return not (
            any(getattr(self, each) for each in _NUMBERS)
            or self.tools
            or self.models
            or self.engines
            or self.latencies.counts
        )

    def absorb(self, other: "Stretch") -> None:
        """Add the numbers of *other*."""
        for each in _NUMBERS:
            setattr(self, each, getattr(self, each) + getattr(other, each))

        for each in _NAMES:
            counts = getattr(self, each)
            for name, count in getattr(other, each).items():
                tally(counts, name, count)

        for each in other.engines:
            self.name_engine(each)

        self.latencies.absorb(other.latencies)

    def without_debts(self) -> "Stretch | None":
        """Take out what is less than nothing, and return it, if there is anything."""
        if not self._owes:
            return None

        debts = Stretch()
        for each in _NUMBERS:
            setattr(debts, each, min(0, getattr(self, each)))
            setattr(self, each, max(0, getattr(self, each)))

        for each in _NAMES:
            counts = getattr(self, each)
            negative = {name: count for name, count in counts.items() if count < 0}
            setattr(debts, each, negative)
            for name in negative:
                del counts[name]

        return debts

    @property
    def _owes(self) -> bool:
        least = min(
            self.turns,
            self.tokens_in,
            self.tokens_out,
            self.cost_micros,
            self.unpriced,
            self.errors,
            *self.tools.values(),
            *self.models.values(),
        )
        return least < 0


class Stretches(msgspec.Struct, array_like=True):
    """The open stretches of a session by time, and how many were closed before them.

    Attributes:
        open: Sorted, further apart than *idle_ms*.
        late: Corrections of what was told, and what has no time.
        closed: The number of the last segment.
        closed_ms: When it ended: what was before cannot begin a stretch again.
        watched: Somebody has seen it grow, so that it is open and not just unread.

    """

    open: list[Stretch] = []
    late: Stretch | None = None
    closed: int = 0
    closed_ms: int = 0
    watched: bool = False
    idle_ms: int = IDLE_MS

    def __bool__(self) -> bool:
        return bool(self.open) or self.late is not None

    def add(self, at_ms: int) -> None:
        """Take in that there is a line of the time *at_ms*, in any order."""
        if self.open:
            newest = self.open[-1]
            if newest.first_ms <= at_ms <= newest.last_ms + self.idle_ms:
                newest.last_ms = max(newest.last_ms, at_ms)

                return

        if at_ms > self.closed_ms:
            self._insert(at_ms)

    def of(self, at_ms: int | None) -> Stretch:
        """Return the stretch in which something of the time *at_ms* is counted."""
        if at_ms is None or not self.open:
            if self.late is None:
                self.late = Stretch()

            return self.late

        newest = self.open[-1]
        if at_ms >= newest.first_ms:
            return newest

        return self.open[max(0, bisect_right(self.open, at_ms, key=_first_ms) - 1)]

    def count_response(
        self, row: ResponseRow, tokens: Tokens, cost_micros: int | None, sign: int
    ) -> None:
        """Add *row*, of *tokens* at *cost_micros*; with *sign* -1 take it away again."""
        stretch = self.of(row.at_ms)
        stretch.turns += sign
        stretch.tokens_in += sign * tokens.prompt_total
        stretch.tokens_out += sign * tokens.output
        if cost_micros is None:
            stretch.unpriced += sign
        else:
            stretch.cost_micros += sign * cost_micros

        if row.model is not None:
            tally(stretch.models, row.model, sign)

        if row.latency_ms is not None:
            stretch.latencies.add(row.latency_ms, sign)

        if stretch is self.late:
            self._tidy()

    def count_call(self, row: CallRow, name: str, sign: int) -> None:
        """Add a call of the tool *name*; with *sign* -1 take it away again."""
        at_ms = row.returned_ms if row.called_ms is None else row.called_ms
        stretch = self.of(at_ms)
        tally(stretch.tools, name, sign)
        stretch.errors += sign * (row.outcome is Outcome.ERROR)
        if stretch is self.late:
            self._tidy()

    def count_mark(self, row: MarkRow, sign: int) -> None:
        """Add *row*, if it is an error; with *sign* -1 take it away again."""
        if row.mark is Mark.API_ERROR:
            stretch = self.of(row.at_ms)
            stretch.errors += sign
            if stretch is self.late:
                self._tidy()

    def close_older(self) -> Iterator[Stretch]:
        """Close all but the newest, oldest first; give those with something to tell."""
        older, self.open = self.open[:-1], self.open[-1:]
        for each in older:
            yield from self._close(each)

    def close_newest(self) -> Iterator[Stretch]:
        """Close the newest, with all that was late; give it if there is something to tell."""
        newest = self.open.pop() if self.open else Stretch()
        if self.late is not None:
            newest.absorb(self.late)
            self.late = newest.without_debts()

        self.watched = False
        yield from self._close(newest)

    def _close(self, stretch: Stretch) -> Iterator[Stretch]:
        debts = stretch.without_debts()
        if debts is not None:
            self._owe(debts)

        if stretch.is_told:
            self.closed += 1
            self.closed_ms = max(self.closed_ms, stretch.last_ms)
            yield stretch

    def _owe(self, debts: Stretch) -> None:
        if self.late is None:
            self.late = debts
        else:
            self.late.absorb(debts)
            self._tidy()

    def _tidy(self) -> None:
        if self.late is not None and self.late.is_blank:
            self.late = None

    def _insert(self, at_ms: int) -> None:
        stretches, idle_ms = self.open, self.idle_ms
        place = bisect_right(stretches, at_ms, key=_first_ms)
        before = stretches[place - 1] if place else None
        after = stretches[place] if place < len(stretches) else None
        if before is not None and at_ms <= before.last_ms + idle_ms:
            before.last_ms = max(before.last_ms, at_ms)
            if after is not None and after.first_ms - before.last_ms <= idle_ms:
                self._join(place)
        elif after is not None and after.first_ms - at_ms <= idle_ms:
            after.first_ms = at_ms
        else:
            stretches.insert(place, Stretch(at_ms, at_ms))
            if len(stretches) > MAX_OPEN:
                self._join(1)

    def _join(self, place: int) -> None:
        """Make one of the stretch at *place* and that before it."""
        later = self.open.pop(place)
        earlier = self.open[place - 1]
        earlier.absorb(later)
        earlier.last_ms = max(earlier.last_ms, later.last_ms)


def tally(counts: dict[str, int], name: str, number: int) -> None:
    """Add *number* to that of *name*, which is forgotten at 0."""
    left = counts.get(name, 0) + number
    if left:
        counts[name] = left
    else:
        counts.pop(name, None)


def _first_ms(stretch: Stretch) -> int:
    return stretch.first_ms
