"""SQL of the outbox: a row for each record and each sink that has not received it.

Rows are inserted in the transaction that closes the segment, so a crash neither loses
nor duplicates one; they are deleted when the sink has the record. Each function is one
unit of work for `Store.apply`, or `Store.read` if it only reads. Rows are identified by
the record's id, because SQLite reuses the row number of the newest row once it is gone.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from jarvisd.conversations.store import lenient_text
from jarvisd.core.storage import multi_insert

DROP_SLICE: Final = 1_000
"""Rows dropped in one transaction: a flush waits a few milliseconds for it."""

MAX_PAUSE_MS: Final = 900_000
"""No row waits longer for its next attempt; if one seems to, the clock was set back."""

_INSERT: Final = """
INSERT INTO outbox (sink, record_id, record) VALUES (?, ?, ?) ON CONFLICT DO NOTHING
"""
_DUE: Final = """
SELECT record_id, record, attempts FROM outbox
WHERE sink = ? AND (next_ms <= ? OR next_ms > ?)
ORDER BY next_ms, outbox_key LIMIT ?
"""
_NEXT: Final = "SELECT min(next_ms) FROM outbox WHERE sink = ? AND next_ms > ?"
_COUNT: Final = "SELECT sink, count(*), min(outbox_key) FROM outbox GROUP BY sink"
_DELETE: Final = "DELETE FROM outbox WHERE sink = ? AND record_id = ?"
_POSTPONE: Final = """
UPDATE outbox SET attempts = attempts + 1, next_ms = ? WHERE sink = ? AND record_id = ?
"""
_DROP_OLDEST: Final = """
DELETE FROM outbox WHERE outbox_key IN (
    SELECT outbox_key FROM outbox WHERE sink = ? ORDER BY outbox_key LIMIT ?
)
"""


class QueuedRecord(NamedTuple):
    """One record in a sink's queue: *record* is JSON, *attempts* counts failures."""

    record_id: str
    record: str
    attempts: int = 0


class Due(NamedTuple):
    """The records that are due now; if there are none, the time of the next, Unix ms."""

    records: Sequence[QueuedRecord]
    next_ms: int | None = None


class QueueSize(NamedTuple):
    """The number of records waiting for a sink, and the oldest one's close, Unix ms."""

    waiting: int = 0
    oldest_ms: int | None = None


class _Closed(msgspec.Struct):
    closed_ms: int | None = None


def enqueue(
    raw: sqlite3.Connection,
    rows: Iterable[tuple[str, str, str]],
    refused: list[str] | None = None,
) -> None:
    """Insert records, each row a sink's name, the record's id and the record's JSON.

    Call it in the transaction that closes the segment. A record that is already in the
    outbox is left unchanged.
    """
    multi_insert.execute_many(raw, _INSERT, rows, refused)


def due(raw: sqlite3.Connection, sink: str, now_ms: int, limit: int) -> Due:
    """Return up to *limit* records that *sink* may be given now.

    Records that were never tried come first, so that none is blocked by one that the
    sink rejects. Batches of failed records get smaller with each attempt, down to a
    single record, so that one rejected record delays only itself in the end.
    """
    beyond_ms = now_ms + MAX_PAUSE_MS
    with lenient_text(raw):  # a row with damaged text must not block the others
        found = raw.execute(_DUE, (sink, now_ms, beyond_ms, limit)).fetchall()

    if not found:
        return Due([], raw.execute(_NEXT, (sink, now_ms)).fetchone()[0])

    records = [QueuedRecord(*row) for row in found]
    return Due(records[: max(1, limit >> records[0].attempts)])


def remove_delivered(raw: sqlite3.Connection, sink: str, ids: Iterable[str]) -> None:
    """Delete the records that *sink* has received."""
    raw.executemany(_DELETE, [(sink, id_) for id_ in ids])


def postpone(
    raw: sqlite3.Connection, sink: str, ids: Iterable[str], next_ms: int
) -> None:
    """Count a failed attempt, and set the earliest time of the next, Unix ms."""
    raw.executemany(_POSTPONE, [(next_ms, sink, id_) for id_ in ids])


def queue_sizes(raw: sqlite3.Connection) -> dict[str, QueueSize]:
    """Return the size of each queue that is not empty, by the sink's name."""
    return {
        sink: QueueSize(waiting, _read_closed_ms(raw, oldest))
        for sink, waiting, oldest in raw.execute(_COUNT).fetchall()
    }


def drop_oldest(raw: sqlite3.Connection, sink: str, excess: int) -> int:
    """Drop up to *excess* or DROP_SLICE of the oldest records; return their number."""
    return raw.execute(_DROP_OLDEST, (sink, min(excess, DROP_SLICE))).rowcount


def _read_closed_ms(raw: sqlite3.Connection, key: int) -> int | None:
    query = "SELECT record FROM outbox WHERE outbox_key = ?"
    with lenient_text(raw):
        text: str = raw.execute(query, (key,)).fetchone()[0]

    try:
        return msgspec.json.decode(text, type=_Closed).closed_ms
    except (msgspec.DecodeError, UnicodeEncodeError):
        return None
