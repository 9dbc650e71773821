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

from jarvisd.base.usage import Tokens
from jarvisd.core.event import Outcome
from jarvisd.ledger.latencies import Latencies
from jarvisd.ledger.model import CallRow, Mark, MarkRow, ResponseRow

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


class OpenSegment(msgspec.Struct, array_like=True):
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

    def absorb(self, other: "OpenSegment") -> None:
        """Add all of *other*."""
        self.add(other)
        for each in other.engines:
            self.name_engine(each)

        self.latencies.absorb(other.latencies)

    def add(self, other: "OpenSegment", sign: int = 1) -> None:
        """Add the numbers of *other*; with *sign* -1 take them away."""
        for each in _NUMBERS:
            setattr(self, each, getattr(self, each) + sign * getattr(other, each))

        for each in _NAMES:
            counts = getattr(self, each)
            for name, count in getattr(other, each).items():
                tally(counts, name, sign * count)

    def strip(self) -> None:
        """Take away all numbers."""
        for each in _NUMBERS:
            setattr(self, each, 0)

        self.tools, self.models = {}, {}

    def without_debts(self) -> "OpenSegment | None":
        """Take out what is less than nothing, and return it, if there is anything."""
        if not self._owes:
            return None

        debts = OpenSegment()
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


class OpenSegments(msgspec.Struct, array_like=True):
    """The open stretches of a session by time, and how many were closed before them.

    Nearly all rows are of the newest stretch, so what that has is not counted: it is
    what the session has in all, less *others*. A row costs a comparison.

    Attributes:
        open: Sorted, further apart than *idle_ms*. The newest has no numbers but its
            latencies.
        others: All that is not of the newest; of no use while none is open.
        late: Corrections of what was told, and what has no time; a part of *others*.
        closed: The number of the last segment.
        closed_ms: When it ended: what was before cannot begin a stretch again.
        watched: Somebody has seen it grow, so that it is open and not just unread.

    """

    open: list[OpenSegment] = []
    others: OpenSegment = msgspec.field(default_factory=OpenSegment)
    late: OpenSegment | None = None
    closed: int = 0
    closed_ms: int = 0
    watched: bool = False
    idle_ms: int = IDLE_MS

    def __bool__(self) -> bool:
        return bool(self.open) or self.late is not None

    def extend(self, at_ms: int) -> bool:
        """Take in a line of the time *at_ms*; say False if `begin` must."""
        if not self.open:
            return at_ms <= self.closed_ms

        newest = self.open[-1]
        if newest.first_ms <= at_ms <= newest.last_ms + self.idle_ms:
            newest.last_ms = max(newest.last_ms, at_ms)
            return True

        return at_ms <= self.closed_ms

    def begin(self, at_ms: int, totals: OpenSegment) -> None:
        """Begin a stretch at *at_ms*, or put it where it belongs.

        *totals* are those of the session, with all that was before this line.
        """
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
        elif after is not None:
            stretches.insert(place, OpenSegment(at_ms, at_ms))
        else:
            self._succeed(OpenSegment(at_ms, at_ms), totals)

        if len(stretches) > MAX_OPEN:
            self._join(1)

    def newest_of(self, at_ms: int | None) -> OpenSegment | None:
        """Return the newest stretch if what happened at *at_ms* is of it."""
        if at_ms is None or not self.open:
            return None

        newest = self.open[-1]
        return newest if at_ms >= newest.first_ms else None

    def count_response(
        self, row: ResponseRow, tokens: Tokens, cost_micros: int | None, sign: int
    ) -> None:
        """Add *row*, of *tokens* at *cost_micros*; with *sign* -1 take it away again."""
        newest = self.newest_of(row.at_ms)
        if newest is not None:
            if row.latency_ms is not None:
                newest.latencies.add(row.latency_ms, sign)

            return

        part = OpenSegment(
            turns=sign,
            tokens_in=sign * tokens.prompt_total,
            tokens_out=sign * tokens.output,
            cost_micros=sign * (cost_micros or 0),
            unpriced=sign * (cost_micros is None),
        )
        if row.model is not None:
            part.models = {row.model: sign}

        if row.latency_ms is not None:
            part.latencies.add(row.latency_ms, sign)

        self._add(row.at_ms, part)

    def count_call(self, row: CallRow, name: str, sign: int) -> None:
        """Add a call of the tool *name*; with *sign* -1 take it away again."""
        at_ms = row.returned_ms if row.called_ms is None else row.called_ms
        if self.newest_of(at_ms) is None:
            errors = sign * (row.outcome is Outcome.ERROR)
            self._add(at_ms, OpenSegment(tools={name: sign}, errors=errors))

    def count_mark(self, row: MarkRow, sign: int) -> None:
        """Add an error of the provider; with *sign* -1 take it away again."""
        if row.mark is Mark.API_ERROR and self.newest_of(row.at_ms) is None:
            self._add(row.at_ms, OpenSegment(errors=sign))

    def name_engine(self, at_ms: int, engine: str) -> None:
        """Note that *engine* ran the model at *at_ms*."""
        newest = self.newest_of(at_ms)
        if newest is None:
            self._owe(OpenSegment(engines=[engine]))
        else:
            newest.name_engine(engine)

    def reprice(self, cost_micros: int, unpriced: int) -> None:
        """Note that the totals have changed by so much because prices have.

        What was told keeps its price, and so does what is open beside it: nobody knows
        which of the difference is whose. All of it is of the only segment there is.
        """
        if self.closed or len(self.open) > 1:
            self.others.cost_micros += cost_micros
            self.others.unpriced += unpriced

    def close_older(self) -> Iterator[OpenSegment]:
        """Close all but the newest, oldest first; give those with something to tell."""
        older, self.open = self.open[:-1], self.open[-1:]
        for each in older:
            yield from self._close(each)

    def close_newest(self, totals: OpenSegment) -> Iterator[OpenSegment]:
        """Close the newest, with all that was late; give it if it has something to tell.

        *totals* are those of the session.
        """
        newest = OpenSegment()
        if self.open:
            newest = self.open.pop()
            self._sum_up(newest, totals)
            self.others = totals if self.open else OpenSegment()
            if self.open:  # which is the newest now, and has no numbers
                self.others.add(self.open[-1], -1)
                self.open[-1].strip()

        if self.late is not None:
            newest.absorb(self.late)
            self.late = None

        self.watched = False
        yield from self._close(newest)

    def _close(self, stretch: OpenSegment) -> Iterator[OpenSegment]:
        debts = stretch.without_debts()
        if debts is not None:
            self._owe(debts)

        if stretch.is_told:
            self.closed += 1
            self.closed_ms = max(self.closed_ms, stretch.last_ms)
            yield stretch

    def _add(self, at_ms: int | None, part: OpenSegment) -> None:
        """Count *part*, which happened at *at_ms*, where that is not the newest."""
        if self.open:
            self.others.add(part)

        place = -1 if at_ms is None else bisect_right(self.open, at_ms, key=_first_ms)
        if place > 0 or (place == 0 and len(self.open) > 1):
            self.open[max(0, place - 1)].absorb(part)
        else:
            self._owe(part)

    def _owe(self, part: OpenSegment) -> None:
        if self.late is None:
            self.late = OpenSegment()

        self.late.absorb(part)
        if self.late.is_blank:
            self.late = None

    def _succeed(self, stretch: OpenSegment, totals: OpenSegment) -> None:
        """Make *stretch* the newest; what was so until now gets its numbers."""
        if self.open:
            self._sum_up(self.open[-1], totals)

        self.others = totals
        self.open.append(stretch)

    def _sum_up(self, newest: OpenSegment, totals: OpenSegment) -> None:
        newest.add(totals)
        newest.add(self.others, -1)

    def _join(self, place: int) -> None:
        """Make one of the stretch at *place* and that before it."""
        later = self.open.pop(place)
        earlier = self.open[place - 1]
        if place == len(self.open):  # together they are the newest
            self.others.add(earlier, -1)
            earlier.strip()

        earlier.absorb(later)
        earlier.last_ms = max(earlier.last_ms, later.last_ms)


def tally(counts: dict[str, int], name: str, number: int) -> None:
    """Add *number* to that of *name*, which is forgotten at 0."""
    left = counts.get(name, 0) + number
    if left:
        counts[name] = left
    else:
        counts.pop(name, None)


def _first_ms(stretch: OpenSegment) -> int:
    return stretch.first_ms
