"""Closed segments: stored once each, with a row of the outbox for each sink.

Both go into the transaction that stores the session as one without the segment, so a
crash neither loses a record nor makes two of it.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import starmap
from typing import Any, Final, NamedTuple

import msgspec

from jarvisd.core.feature import Tx
from jarvisd.core.storage import multi_insert
from jarvisd.segments.model import Closing, Segment

_SEGMENT_INSERT: Final = """
INSERT INTO segment (segment_id, agent, session_id, number, ended_ms, record)
VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
_SINCE: Final = "SELECT segments_since_ms FROM store"
_SELECT: Final = """
SELECT segment_key, record FROM segment
WHERE {filters} ORDER BY {order} LIMIT ?
"""

_NEWEST: Final = "SELECT max(segment_key) FROM segment"

_DECODER: Final = msgspec.json.Decoder(Segment)


Enqueue = Callable[
    [sqlite3.Connection, Iterable[tuple[str, str, str]], list[str]], None
]
"""Insert rows of the outbox, each a sink's name, the record's id and the record's JSON;
what is refused is added to the list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentQuery:
    """Which segments are asked for; None is any.

    Attributes:
        session_id: The session, or the beginning of its id.
        project: The folder of work, or the end of its path.
        since_ms: Those that ended then or later.
        until_ms: Those that ended before.
        after: Those that were stored after that one, in that order; without it, those
            that ended last come first.
        limit: How many at most.

    """

    agent: str | None = None
    session_id: str | None = None
    project: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    after: int | None = None
    limit: int


class SegmentPage(NamedTuple):
    """Segments, the number of the newest of them or of all, and whether more match."""

    segments: list[Segment]
    newest: int
    more: bool


def write_closings(tx: Tx, closings: Sequence[Closing], *, enqueue: Enqueue) -> None:
    """Store *closings* inside the caller's transaction, and *enqueue* them for sinks."""
    raw, refused = tx.raw, tx.known.refused
    multi_insert.execute_many(raw, _SEGMENT_INSERT, map(_values, closings), refused)
    waiting = ((each, sink) for each in closings for sink in each.sinks)
    enqueue(raw, starmap(_waiting, waiting), refused)


def segments_since_ms(raw: sqlite3.Connection) -> int:
    """Return when this database began to have segments, Unix ms."""
    since_ms: int | None = raw.execute(_SINCE).fetchone()[0]
    return since_ms or 0


def list_segments(raw: sqlite3.Connection, *, wanted: SegmentQuery) -> SegmentPage:
    """Return the segments that are *wanted*."""
    filters = list(_filters(wanted))
    where = " AND ".join(each for each, _ in filters) or "1"
    # Records of history are written newest file first, so the order of their keys is no order of time.
    newest_first = "ended_ms DESC, segment_key DESC"
    order = newest_first if wanted.after is None else "segment_key"
    query = _SELECT.format(filters=where, order=order)
    values = [value for _, each in filters for value in each]
    rows = raw.execute(query, (*values, wanted.limit + 1)).fetchall()
    shown = rows[: wanted.limit]
    return SegmentPage(
        [_DECODER.decode(record) for _, record in shown],
        max((key for key, _ in shown), default=_newest(raw)),
        len(rows) > len(shown),
    )


def _newest(raw: sqlite3.Connection) -> int:
    newest: int | None = raw.execute(_NEWEST).fetchone()[0]
    return newest or 0


def _filters(wanted: SegmentQuery) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield conditions and their values; values of users are never part of the query."""
    if wanted.agent is not None:
        yield "agent = ?", (wanted.agent,)

    if wanted.session_id is not None:
        yield (
            "substr(session_id, 1, ?) = ?",
            (len(wanted.session_id), wanted.session_id),
        )

    if wanted.project is not None:
        # Written as on Unix or as on Windows; either way of the same length.
        end = "/" + wanted.project.strip("/")
        ends = (end, end.replace("/", "\\"))
        project = "json_extract(record, '$.project')"
        condition = f"({project} = ? OR substr({project}, ?) IN (?, ?))"
        yield condition, (wanted.project, -len(end), *ends)

    if wanted.since_ms is not None:
        yield "ended_ms >= ?", (wanted.since_ms,)

    if wanted.until_ms is not None:
        yield "ended_ms < ?", (wanted.until_ms,)

    if wanted.after is not None:
        yield "segment_key > ?", (wanted.after,)


def _waiting(closing: Closing, sink: str) -> tuple[str, str, str]:
    return sink, closing.segment.segment_id, _record(closing)


def _record(closing: Closing) -> str:
    return msgspec.json.encode(closing.segment).decode()


def _values(closing: Closing) -> tuple[Any, ...]:
    segment = closing.segment
    return (
        segment.segment_id,
        segment.agent,
        segment.session_id,
        segment.segment,
        segment.ended_ms,
        _record(closing),
    )
