"""Where people's attention went: pure arithmetic on changes of state.

A state lasts until the session's next one. Only the time counts in which a daemon was
awake: while a machine slept or the daemon was down, nobody waited. A state without a
next one lasts until now if the session is still in it; else until the end of the awake
time in which it began.

A hundred thousand changes must take less than a tenth of a second: the inner loops add
whole numbers, and make no object for each change.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import NamedTuple

from jarvisd.base.session_words import OVER, WAITS, State
from jarvisd.reports.attention_model import AttentionDay, AttentionHour, Latency, Usage
from jarvisd.reports.calendar import day_name, day_of, hours_of

_STATES = 1 << 32
"""More than there can be numbers of states."""

_NEVER = 1 << 62

_UNDECIDED = OVER | {State.UNKNOWN}
"""States after a wait that nobody ended."""

Span = tuple[int, int]
"""From, to: Unix ms, the latter not included."""

Change = tuple[int, int, int, int]
"""The key of a session, when its state began and when that was reported (Unix ms), and
the key of the state."""

Edge = int
"""A time at which a state begins or ends: twice the Unix ms, plus one if it begins.
One number sorts faster than a pair, and at equal times ends come first."""


class AttentionSpan(NamedTuple):
    """The requested time, and the zone of its days."""

    since_ms: int
    until_ms: int
    zone: tzinfo


@dataclass(slots=True)
class OfSession:
    """Time of one session in ms by state, and the duration of each approval."""

    states: dict[State, int] = field(default_factory=dict)
    approvals: list[int] = field(default_factory=list)

    @property
    def waiting_ms(self) -> int:
        """Return how long it waited for a person."""
        return sum(self.states.get(each, 0) for each in WAITS)


class AttentionTotals(NamedTuple):
    """The figures of the report; *sessions* by the keys of the changes."""

    usage: Usage
    approvals: Latency
    answers: Latency
    states: dict[State, int]
    days: list[AttentionDay]
    hours: list[AttentionHour]
    sessions: dict[int, OfSession]


def attention(
    changes: Iterable[Change],
    states: Mapping[int, State],
    *,
    awake: Sequence[Span],
    lasting: Collection[tuple[int, State]],
    asked: AttentionSpan,
) -> AttentionTotals:
    """Return where attention went.

    Args:
        changes: In the order of their reports; without subagents, because their waits
            are their parents'.
        states: The states by key.
        awake: When a daemon was awake, up to now.
        lasting: Sessions, with the states that they are still in.
        asked: The requested time.

    """
    seen = _Seen(_united(awake, asked), states)
    seen.finish(seen.fold(changes), lasting)
    grid = _Grid(seen.awake, asked)
    grid.fill(seen)
    approvals = [each for each in seen.waits if each.state is State.WAITING_APPROVAL]
    answers = [each for each in seen.waits if each.state is State.WAITING_ANSWER]
    sessions = seen.sessions()
    return AttentionTotals(
        usage=grid.usage(range(len(grid.starts))),
        approvals=latency([each.length_ms for each in approvals if each.decided]),
        answers=latency([each.length_ms for each in answers if each.decided]),
        states=_totals(sessions.values()),
        days=grid.days(each for each in approvals if each.decided),
        hours=grid.hours(),
        sessions=sessions,
    )


def latency(times_ms: Sequence[int]) -> Latency:
    """Return count and quantiles of *times_ms*."""
    ranked = sorted(times_ms)
    return Latency(
        count=len(ranked), p50_ms=_quantile(ranked, 50), p95_ms=_quantile(ranked, 95)
    )


class _Wait(NamedTuple):
    """One wait for a person; *decided* if the session went on."""

    session: int
    state: State
    length_ms: int
    end_ms: int
    parts: list[Span]
    decided: bool


class _Seen:
    """Folds changes into the time of each session in each state while awake."""

    def __init__(self, awake: list[Span], states: Mapping[int, State]) -> None:
        self.awake = awake
        self.edges: list[Edge] = []
        self.waits: list[_Wait] = []
        self._starts = [start for start, _ in awake]
        self._states = states
        self._sums: dict[int, int] = {}
        # Numbers, because an enumeration's hash is a function in Python.
        self._working = {key for key in states if states[key] is State.WORKING}
        self._waiting = {key for key in states if states[key] in WAITS}

    def fold(self, changes: Iterable[Change]) -> dict[int, tuple[int, int]]:
        """Count states that have ended; return start and key of each session's last state."""
        last: dict[int, tuple[int, int]] = {}
        for session, at_ms, reported_ms, state in changes:
            before = last.get(session)
            if before is None:
                last[session] = at_ms, state
                continue

            start_ms, old = before
            # A turn that goes on after an approval began before it, so the time of the
            # report counts.
            end_ms = at_ms if at_ms > start_ms else max(reported_ms, start_ms)
            last[session] = end_ms, state
            if end_ms > start_ms:
                self._count(session, old, start_ms, end_ms, state)

        return last

    def finish(
        self,
        last: Mapping[int, tuple[int, int]],
        lasting: Collection[tuple[int, State]],
    ) -> None:
        """Count the last states of sessions, which have not ended."""
        for session, (start_ms, state) in last.items():
            end_ms = start_ms
            if (session, self._states[state]) in lasting and self.awake:
                end_ms = self.awake[-1][1]
            elif (index := bisect_right(self._starts, start_ms) - 1) >= 0:
                end_ms = self.awake[index][1]

            if end_ms > start_ms:
                self._count(session, state, start_ms, end_ms, None)

    def sessions(self) -> dict[int, OfSession]:
        """Return the time in each state by session."""
        found: dict[int, OfSession] = defaultdict(OfSession)
        for key, length_ms in self._sums.items():
            session, state = divmod(key, _STATES)
            states, name = found[session].states, self._states[state]
            states[name] = states.get(name, 0) + length_ms

        for wait in self.waits:
            if wait.decided and wait.state is State.WAITING_APPROVAL:
                found[wait.session].approvals.append(wait.length_ms)

        return found

    def _count(
        self, session: int, state: int, start_ms: int, end_ms: int, after: int | None
    ) -> None:
        index = bisect_right(self._starts, start_ms) - 1
        if index >= 0 and end_ms <= self.awake[index][1]:
            parts, length_ms = [(start_ms, end_ms)], end_ms - start_ms
        else:
            parts = self._visible(max(index, 0), start_ms, end_ms)
            length_ms = sum(end - start for start, end in parts)
            if not length_ms:
                return

        key = session * _STATES + state
        self._sums[key] = self._sums.get(key, 0) + length_ms
        if state in self._working:
            for start, end in parts:
                self.edges.append(start * 2 + 1)
                self.edges.append(end * 2)

        elif state in self._waiting:
            decided = after is not None and self._states[after] not in _UNDECIDED
            wait = (session, self._states[state], length_ms, end_ms, parts, decided)
            self.waits.append(_Wait(*wait))

    def _visible(self, index: int, start_ms: int, end_ms: int) -> list[Span]:
        """Return the parts of a span that lie in awake times."""
        parts = []
        for start, end in self.awake[index:]:
            if start >= end_ms:
                break

            if end > start_ms:
                parts.append((max(start, start_ms), min(end, end_ms)))
        return parts


class _Grid:
    """Sums by the hour of the zone, from the first awake hour to the last."""

    def __init__(self, awake: list[Span], asked: AttentionSpan) -> None:
        self._awake = awake
        self._zone = asked.zone
        self.starts: list[int] = []
        self._days: list[int] = []
        self._hours: list[int] = []
        for day in _days(awake, asked.zone):
            for start_ms, hour in hours_of(day, asked.zone):
                self.starts.append(start_ms)
                self._days.append(day)
                self._hours.append(hour)

        size = len(self.starts)
        self._sight, self._busy, self._sum, self._most, self._wait = (
            [0] * size for _ in range(5)
        )

    def fill(self, seen: _Seen) -> None:
        """Add up the spans of *seen*."""
        self._spread(self._awake, self._sight)
        self._spread((part for wait in seen.waits for part in wait.parts), self._wait)
        self._overlay(seen.edges)

    def usage(self, fields: Iterable[int]) -> Usage:
        """Return the usage of the hours *fields*."""
        chosen = list(fields)
        awake_ms = sum(self._sight[each] for each in chosen)
        working_ms = sum(self._busy[each] for each in chosen)
        together_ms = sum(self._sum[each] for each in chosen)
        return Usage(
            awake_ms=awake_ms,
            working_ms=working_ms,
            utilisation=round(working_ms / awake_ms, 4) if awake_ms else None,
            concurrency=round(together_ms / awake_ms, 4) if awake_ms else None,
            most=max((self._most[each] for each in chosen), default=0),
            waiting_ms=sum(self._wait[each] for each in chosen),
        )

    def days(self, decided: Iterable[_Wait]) -> list[AttentionDay]:
        """Return the days with awake time."""
        times: dict[int, list[int]] = defaultdict(list)
        for wait in decided:
            # Its end may lie outside of the awake times.
            times[self._days[self._place(wait.end_ms)]].append(wait.length_ms)

        return [
            AttentionDay(
                day=day_name(day),
                usage=self.usage(fields),
                approvals=latency(times[day]),
            )
            for day, fields in _grouped(self._days).items()
            if any(self._sight[each] for each in fields)
        ]

    def hours(self) -> list[AttentionHour]:
        """Return the usage by hour of the day, of all days together."""
        groups = sorted(_grouped(self._hours).items())
        return [
            AttentionHour(hour=hour, usage=self.usage(fields))
            for hour, fields in groups
        ]

    def _place(self, at_ms: int) -> int:
        return max(0, bisect_right(self.starts, at_ms) - 1)

    def _spread(self, spans: Iterable[Span], into: list[int]) -> None:
        """Add the lengths of *spans* to the hours in which they lie."""
        starts, last = self.starts, len(self.starts) - 1
        for start_ms, end_ms in spans:
            at = bisect_right(starts, start_ms) - 1
            while at < last and starts[at + 1] < end_ms:
                into[at] += starts[at + 1] - start_ms
                start_ms = starts[at + 1]  # noqa: PLW2901 - the rest of it
                at += 1

            into[at] += end_ms - start_ms

    def _overlay(self, edges: list[Edge]) -> None:
        """Count by hour how many sessions work at once."""
        edges.sort()
        ends = [*self.starts[1:], _NEVER]
        count, since_ms, at = 0, 0, 0
        for edge in edges:
            until_ms = edge >> 1
            while until_ms > ends[at]:
                self._lie(at, count, ends[at] - since_ms)
                since_ms = ends[at]
                at += 1

            if count and until_ms > since_ms:
                self._lie(at, count, until_ms - since_ms)

            since_ms = until_ms
            count += 1 if edge & 1 else -1

    def _lie(self, at: int, count: int, length_ms: int) -> None:
        if count:
            self._busy[at] += length_ms
            self._sum[at] += count * length_ms
            self._most[at] = max(self._most[at], count)


def _totals(sessions: Iterable[OfSession]) -> dict[State, int]:
    """Return the total time of all sessions in each state."""
    totals: dict[State, int] = {}
    for each in sessions:
        for state, length_ms in each.states.items():
            totals[state] = totals.get(state, 0) + length_ms

    return totals


def _united(awake: Iterable[Span], asked: AttentionSpan) -> list[Span]:
    """Return *awake* within the requested time, in order and without overlaps."""
    united: list[Span] = []
    for start, end in sorted(awake):
        start, end = max(start, asked.since_ms), min(end, asked.until_ms)  # noqa: PLW2901 - cut to what was asked
        if start >= end:
            continue

        if united and start <= united[-1][1]:
            united[-1] = united[-1][0], max(united[-1][1], end)
        else:
            united.append((start, end))

    return united


def _days(awake: Sequence[Span], zone: tzinfo) -> range:
    if not awake:
        return range(0)

    return range(day_of(awake[0][0], zone), day_of(awake[-1][1] - 1, zone) + 1)


def _grouped(values: Iterable[int]) -> Mapping[int, list[int]]:
    groups: dict[int, list[int]] = defaultdict(list)
    for index, value in enumerate(values):
        groups[value].append(index)

    return groups


def _quantile(ranked: Sequence[int], percent: int) -> int | None:
    """Return the quantile by nearest rank: a time that really occurred."""
    if not ranked:
        return None

    return ranked[max(0, -(-len(ranked) * percent // 100) - 1)]
