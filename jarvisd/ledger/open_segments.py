"""The open segments of one session.

Every line extends a segment or begins one: lines further apart than the idle time are
of two. A row is counted in the segment in which it happened, and subtracted there when
it grows or turns out to belong to another session. So the segments are the same
whatever the order in which files are read.

A closed segment is recorded and cannot change: later corrections wait in *late*, and
are added to the next one. So the totals of all segments are those of the session.
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
"""As in S000: activity after a longer pause is another segment."""

MAX_OPEN: Final = 4_096
"""Open segments of one session while history is read; beyond that, the oldest two are
joined."""

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
    """Figures from *first_ms* to *last_ms*; of corrections both are 0.

    *tools* and *models* count the uses of each; *engines* are those that a chat program
    named.
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
        """Add what ran the model; of very many engines the first are kept."""
        if engine not in self.engines and len(self.engines) < MAX_ENGINES:
            self.engines.append(engine)

    @property
    def has_activity(self) -> bool:
        """Whether there is anything to record."""
        return (
            self.turns > 0
            or any(count > 0 for count in self.tools.values())
            or any(getattr(self, each) > 0 for each in _NUMBERS)
        )

    @property
    def is_blank(self) -> bool:
        """Whether it has nothing to record and nothing to subtract."""
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
        """Add the numbers of *other*; with *sign* -1 subtract them."""
        for each in _NUMBERS:
            setattr(self, each, getattr(self, each) + sign * getattr(other, each))

        for each in _NAMES:
            counts = getattr(self, each)
            for name, count in getattr(other, each).items():
                tally(counts, name, sign * count)

    def strip(self) -> None:
        """Set all numbers to 0."""
        for each in _NUMBERS:
            setattr(self, each, 0)

        self.tools, self.models = {}, {}

    def without_debts(self) -> "OpenSegment | None":
        """Remove the negative numbers, and return them, if there are any."""
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


NOTHING: Final = OpenSegment()
"""An empty segment, which is never changed."""


class OpenSegments(msgspec.Struct, array_like=True):
    """The open segments of a session by time, and the number of those closed before.

    Nearly all rows are of the newest segment, so its numbers are not counted: they are
    the totals of the session less *others*. A row costs a comparison.

    Attributes:
        open: Sorted, further apart than *idle_ms*. The newest has no numbers but its
            latencies.
        others: The totals of all but the newest; unused while none is open, and then
            `NOTHING`, one object for the thousands of sessions that are over.
        late: Corrections of closed segments, and rows without a time; a part of
            *others*.
        closed: The number of the last closed segment.
        closed_ms: When it ended: earlier lines cannot begin a segment any more.
        watched: It grew while a client could see it, so it is open and not just unread.

    """

    open: list[OpenSegment] = []
    others: OpenSegment = msgspec.field(default_factory=lambda: NOTHING)
    late: OpenSegment | None = None
    closed: int = 0
    closed_ms: int = 0
    watched: bool = False
    idle_ms: int = IDLE_MS

    def __bool__(self) -> bool:
        return bool(self.open) or self.late is not None

    def restored(self, idle_ms: int) -> None:
        """Go on as restored from the store, with the idle time of the configuration."""
        self.idle_ms = idle_ms
        if not self.open:
            self.others = NOTHING

    def extend(self, at_ms: int) -> bool:
        """Extend the newest segment to *at_ms*; return False if `begin` is needed."""
        if not self.open:
            return at_ms <= self.closed_ms

        newest = self.open[-1]
        if newest.first_ms <= at_ms <= newest.last_ms + self.idle_ms:
            newest.last_ms = max(newest.last_ms, at_ms)
            return True

        return at_ms <= self.closed_ms

    def begin(self, at_ms: int, totals: OpenSegment) -> None:
        """Begin a segment at *at_ms*, or extend or join those around that time.

        *totals* are those of the session before this line.
        """
        segments, idle_ms = self.open, self.idle_ms
        place = bisect_right(segments, at_ms, key=_first_ms)
        before = segments[place - 1] if place else None
        after = segments[place] if place < len(segments) else None
        if before is not None and at_ms <= before.last_ms + idle_ms:
            before.last_ms = max(before.last_ms, at_ms)
            if after is not None and after.first_ms - before.last_ms <= idle_ms:
                self._join(place)
        elif after is not None and after.first_ms - at_ms <= idle_ms:
            after.first_ms = at_ms
        elif after is not None:
            segments.insert(place, OpenSegment(at_ms, at_ms))
        else:
            self._succeed(OpenSegment(at_ms, at_ms), totals)

        if len(segments) > MAX_OPEN:
            self._join(1)

    def stretch(self, since_ms: int, until_ms: int) -> None:
        """Extend the segment that has *since_ms* to *until_ms*, and join what it meets."""
        segments = self.open
        place = bisect_right(segments, since_ms, key=_first_ms) - 1
        segment = segments[place]
        segment.last_ms = max(segment.last_ms, until_ms)
        while (
            place + 1 < len(segments)
            and segments[place + 1].first_ms - segment.last_ms <= self.idle_ms
        ):
            self._join(place + 1)

    def newest_of(self, at_ms: int | None) -> OpenSegment | None:
        """Return the newest segment if *at_ms* is in it."""
        if at_ms is None or not self.open:
            return None

        newest = self.open[-1]
        return newest if at_ms >= newest.first_ms else None

    def count_response(
        self, row: ResponseRow, tokens: Tokens, cost_micros: int | None, sign: int
    ) -> None:
        """Add *row*, of *tokens* at *cost_micros*; with *sign* -1 subtract it."""
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
        """Add a call of the tool *name*; with *sign* -1 subtract it."""
        at_ms = row.returned_ms if row.called_ms is None else row.called_ms
        if self.newest_of(at_ms) is None:
            errors = sign * (row.outcome is Outcome.ERROR)
            self._add(at_ms, OpenSegment(tools={name: sign}, errors=errors))

    def count_mark(self, row: MarkRow, sign: int) -> None:
        """Add an error of the provider; with *sign* -1 subtract it."""
        if row.mark is Mark.API_ERROR and self.newest_of(row.at_ms) is None:
            self._add(row.at_ms, OpenSegment(errors=sign))

    def name_engine(self, at_ms: int, engine: str) -> None:
        """Record that *engine* ran the model at *at_ms*."""
        newest = self.newest_of(at_ms)
        if newest is None:
            self._owe(OpenSegment(engines=[engine]))
        else:
            newest.name_engine(engine)

    def reprice(self, cost_micros: int, unpriced: int) -> None:
        """Apply a change of the totals that new prices have caused.

        Closed segments keep their cost, and so do open ones beside others, as the parts
        of the difference are unknown. The only segment of a session takes all of it.
        """
        if self.open and (self.closed or len(self.open) > 1):
            self.others.cost_micros += cost_micros
            self.others.unpriced += unpriced

    def close_older(self) -> Iterator[OpenSegment]:
        """Close all but the newest, oldest first; yield those with activity."""
        older, self.open = self.open[:-1], self.open[-1:]
        for each in older:
            yield from self._close(each)

    def close_newest(self, totals: OpenSegment) -> Iterator[OpenSegment]:
        """Close the newest, with late corrections; yield it if it has activity.

        *totals* are those of the session.
        """
        newest = OpenSegment()
        if self.open:
            newest = self.open.pop()
            self._sum_up(newest, totals)
            self.others = totals if self.open else NOTHING
            if self.open:  # the newest now, which has no numbers
                self.others.add(self.open[-1], -1)
                self.open[-1].strip()

        if self.late is not None:
            newest.absorb(self.late)
            self.late = None

        self.watched = False
        yield from self._close(newest)

    def _close(self, segment: OpenSegment) -> Iterator[OpenSegment]:
        debts = segment.without_debts()
        if debts is not None:
            self._owe(debts)

        if segment.has_activity:
            self.closed += 1
            self.closed_ms = max(self.closed_ms, segment.last_ms)
            yield segment

    def _add(self, at_ms: int | None, part: OpenSegment) -> None:
        """Count *part* of the time *at_ms* in a segment that is not the newest."""
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

    def _succeed(self, segment: OpenSegment, totals: OpenSegment) -> None:
        """Make *segment* the newest; the newest so far gets its numbers."""
        if self.open:
            self._sum_up(self.open[-1], totals)

        self.others = totals
        self.open.append(segment)

    def _sum_up(self, newest: OpenSegment, totals: OpenSegment) -> None:
        newest.add(totals)
        newest.add(self.others, -1)

    def _join(self, place: int) -> None:
        """Join the segment at *place* with the one before it."""
        later = self.open.pop(place)
        earlier = self.open[place - 1]
        if place == len(self.open):  # joined, they are the newest
            self.others.add(earlier, -1)
            earlier.strip()

        earlier.absorb(later)
        earlier.last_ms = max(earlier.last_ms, later.last_ms)


def tally(counts: dict[str, int], name: str, number: int) -> None:
    """Add *number* to the count of *name*, which is removed at 0."""
    left = counts.get(name, 0) + number
    if left:
        counts[name] = left
    else:
        counts.pop(name, None)


def _first_ms(segment: OpenSegment) -> int:
    return segment.first_ms
