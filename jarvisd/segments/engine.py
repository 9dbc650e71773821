"""Closes the segments of sessions, and publishes them when they are stored.

A session that grows while a daemon runs is *watched*. It closes when it ends, when it
has been quiet for longer than the idle time, by the monotonic clock, or when the daemon
stops. What was written while no daemon ran is history: its segments close once all of
it has been read, at the same times as if a daemon had run.

A closed segment waits here and is stored in the transaction that stores its session
without it. Only then is it published.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from jarvisd.base.ids import BlockId, SessionId
from jarvisd.core.block import Block
from jarvisd.core.feature import (
    Feature,
    FlushOutcome,
    Mode,
    Receipt,
    Scope,
    SessionKey,
    Slice,
)
from jarvisd.core.publisher import Publish, ignore
from jarvisd.ledger.engine import Ledger
from jarvisd.ledger.open_segments import OpenSegment
from jarvisd.ledger.session_totals import Session, summed
from jarvisd.segments.model import Closed, Closing, Segment, segment_id

IDLE_S = 300.0

MAX_CLOSED = 128
"""Segments to close in one step: some milliseconds, and as many for their flush."""

SLICE = 1_024
"""Sessions to check between two checkpoints: a tenth of a millisecond."""


class SegmentContext(NamedTuple):
    """Block and project of a session, which the ledger does not know."""

    block_id: BlockId | None
    project: str | None


@dataclass(slots=True)
class _Seen:
    """When a session grew: first and last by the wall clock, last by the monotonic one."""

    at_s: float
    first_ms: int
    last_ms: int


class SegmentClosed(NamedTuple):
    """A segment is closed and stored."""

    segment: Segment


class Segments(Feature):
    """Closes segments, and publishes them when they are stored.

    Times in s are of the monotonic clock, times in ms of the wall's.

    Attributes:
        sinks: The names of the sinks that get each record.
        since_ms: Segments that ended before are history, which no sink gets.

    """

    def __init__(
        self,
        ledger: Ledger,
        context: Callable[[Session], SegmentContext],
        *,
        idle_s: float = IDLE_S,
        sinks: tuple[str, ...] = (),
        publish: Publish = ignore,
    ) -> None:
        self.idle_s = idle_s
        self._publish = publish
        self.sinks = sinks
        self.since_ms = 0
        self._ledger = ledger
        self._context = context
        self._seen: dict[SessionKey, _Seen] = {}
        self._closings: list[Closing] = []

    @property
    def is_pressing(self) -> bool:
        """Whether closed segments wait to be stored."""
        return bool(self._closings)

    @property
    def is_mixed(self) -> bool:
        """Whether closed segments wait: they are stored with all sessions."""
        return bool(self._closings)

    def applied(self, part: Slice) -> None:
        """Mark the session of *part* as watched if it grew live."""
        session = part.stream.session
        if part.has_grown and part.mode is Mode.LIVE and session is not None:
            self.touched(session, now_s=part.now_s, now_ms=part.now_ms)

    def closed(self, stream: Block, now_ms: int) -> None:
        """Close the segment of a session whose output has ended."""
        if stream.session is not None:
            self.end(stream.session, Closed.END, now_ms)

    def take(self, scope: Scope) -> tuple[Closing, ...] | None:
        """Return the segments that are closed and not stored."""
        del scope
        closings, self._closings = tuple(self._closings), []
        return closings or None

    def settled(
        self, outcome: FlushOutcome, change: Sequence[Closing], receipt: Receipt
    ) -> None:
        """Publish the segments of *change* once they are stored."""
        del receipt
        if outcome is FlushOutcome.REFUSED:
            self._closings[:0] = change
        elif outcome is FlushOutcome.COMMITTED:
            for each in change:
                self._publish(SegmentClosed(each.segment))

    def reset(self) -> None:
        """Drop watched sessions and closed segments: the database was replaced."""
        self._seen.clear()
        self._closings.clear()

    def touched(self, session: Session, *, now_s: float, now_ms: int) -> None:
        """Record that *session* has just grown. Cheap; call it once for a slice."""
        key = (session.agent, session.session_id)
        seen = self._seen.get(key)
        if seen is None:
            self._seen[key] = _Seen(now_s, now_ms, now_ms)
            session.open_segments.watched = True
        else:
            seen.at_s, seen.last_ms = now_s, now_ms

    def interrupt(self, now_ms: int) -> int:
        """Close what was watched by a daemon that was killed; return the number."""
        found = [each for each in self._ledger.sessions() if each.open_segments.watched]
        for session in found:
            self.end(session, Closed.INTERRUPTED, now_ms)

        return len(found)

    def sweep(self, now_s: float, now_ms: int, *, complete: bool) -> Iterator[int]:
        """Close what has been idle for long enough, in slices.

        *complete* means that all history has been read: until then it stays open,
        because more of it may come. Each slice yields the number that it closed.
        """
        sessions = list(self._ledger.sessions())
        for start in range(0, len(sessions), SLICE):
            closed = 0
            for session in sessions[start : start + SLICE]:
                if self._may_close(session, now_s) and self._ledger.holds(session):
                    before = session.open_segments.closed
                    self._sweep(session, now_s, now_ms, complete=complete)
                    closed += session.open_segments.closed - before
                    if closed >= MAX_CLOSED:
                        yield closed
                        closed = 0

            yield closed

        self._prune(now_s)

    def end(self, session: Session, reason: Closed, now_ms: int) -> None:
        """Close the newest segment of *session*, with all late corrections."""
        closed = session.open_segments.close_newest(summed(session))
        self._enqueue(session, closed, reason, now_ms)
        self._seen.pop((session.agent, session.session_id), None)
        self._ledger.touch(session)

    def end_all(self, now_ms: int) -> int:
        """Close all that is watched, because the daemon stops; return the number."""
        found = [each for each in self._ledger.sessions() if each.open_segments.watched]
        for session in found:
            self.end(session, Closed.SHUTDOWN, now_ms)

        return len(found)

    def _may_close(self, session: Session, now_s: float) -> bool:
        """Whether a sweep has to examine *session*: most need no check."""
        seen = self._seen.get((session.agent, session.session_id))
        if seen is None or now_s - seen.at_s > self.idle_s:
            return bool(session.open_segments)

        return len(session.open_segments.open) > 1

    def _sweep(
        self, session: Session, now_s: float, now_ms: int, *, complete: bool
    ) -> None:
        key = (session.agent, session.session_id)
        seen = self._seen.get(key)
        if seen is None:
            if not complete:
                return

            seen = _seen_before(session, now_s, now_ms)

        if complete:
            self._enqueue(
                session, session.open_segments.close_older(), Closed.IDLE, now_ms
            )

        if now_s - seen.at_s > self.idle_s:
            self.end(session, Closed.IDLE, now_ms)
        elif key not in self._seen:
            self._seen[key] = seen
            session.open_segments.watched = True
            self._ledger.touch(session)

    def _enqueue(
        self,
        session: Session,
        open_segments: Iterable[OpenSegment],
        reason: Closed,
        now_ms: int,
    ) -> None:
        for part in open_segments:
            segment = _segment(
                session,
                part,
                reason,
                now_ms,
                span=self._span(session, part, now_ms),
                context=self._context(session),
            )
            sinks = self.sinks if segment.ended_ms >= self.since_ms else ()
            self._closings.append(Closing(segment=segment, sinks=sinks))
            self._ledger.touch(session)

    def _span(
        self, session: Session, part: OpenSegment, now_ms: int
    ) -> tuple[int, int]:
        """Return start and end of *part*; without times, those of its arrival."""
        if part.last_ms:
            return part.first_ms, part.last_ms

        seen = self._seen.get((session.agent, session.session_id))
        if seen is not None:
            return min(seen.first_ms, seen.last_ms), max(seen.first_ms, seen.last_ms)

        last_ms = session.spans.last_ms
        at_ms = now_ms if last_ms is None else last_ms
        return at_ms, at_ms

    def _prune(self, now_s: float) -> None:
        """Drop watched sessions that never had a segment to close."""
        quiet_s = now_s - self.idle_s
        for key in [each for each, seen in self._seen.items() if seen.at_s < quiet_s]:
            del self._seen[key]


def _segment(
    session: Session,
    part: OpenSegment,
    reason: Closed,
    now_ms: int,
    *,
    span: tuple[int, int],
    context: SegmentContext,
) -> Segment:
    """Return the record of *part*, which was closed as the last one of *session*."""
    (started_ms, ended_ms), number = span, session.open_segments.closed
    return Segment(
        segment_id=segment_id(session.agent, session.session_id, number),
        agent=session.agent,
        session_id=SessionId(_clean(session.session_id)),
        segment=number,
        block_id=context.block_id,
        started_ms=started_ms,
        ended_ms=ended_ms,
        duration_ms=ended_ms - started_ms,
        reason=reason,
        turns=part.turns,
        tokens_in=part.tokens_in,
        tokens_out=part.tokens_out,
        cost_micros=part.cost_micros,
        unpriced=part.unpriced,
        latency_p50_ms=part.latencies.percentile(0.50),
        latency_p95_ms=part.latencies.percentile(0.95),
        tools=sum(part.tools.values()),
        unique_tools=len(part.tools.keys() - {""}),
        unique_models=len(part.models),
        errors=part.errors,
        model=_only(map(_clean, part.models)),
        engine=_only(part.engines),
        project=context.project and _clean(context.project),
        closed_ms=now_ms,
    )


def _seen_before(session: Session, now_s: float, now_ms: int) -> _Seen:
    """Return when *session* was last active, as if it had been watched."""
    open_segments = session.open_segments.open
    if not open_segments:
        return _Seen(-math.inf, now_ms, now_ms)

    first_ms, last_ms = open_segments[-1].first_ms, open_segments[-1].last_ms
    return _Seen(now_s - max(0, now_ms - last_ms) / 1000, first_ms, last_ms)


def _clean(text: str) -> str:
    """Return *text* without half surrogates, which JSON cannot hold."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def _only(names: Iterable[str]) -> str | None:
    """Return the only name; None if there is none, or several."""
    found = list(names)
    return found[0] if len(found) == 1 else None
