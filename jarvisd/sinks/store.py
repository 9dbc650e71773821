"""What waits to be sent: a row for each record and each sink that has not taken it.

Rows are put in the transaction that closes the segment, so a crash neither loses nor
doubles one; they go when the sink has the record. Each function is one unit of work for
`Store.apply`, or `Store.read` where it only looks. Rows are named by the record's id and
not by their number, which SQLite gives to another row once the newest is gone.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from jarvisd.conversations.store import lenient_text
from jarvisd.core.storage import multi_insert

DROP_SLICE: Final = 1_000
"""Rows dropped in one transaction: some ms, in which a flush waits."""

LONGEST_PAUSE_MS: Final = 900_000
"""No row waits longer for its next try; one that seems to is of a clock set back."""

_PUT: Final = """
INSERT INTO outbox (sink, record_id, record) VALUES (?, ?, ?) ON CONFLICT DO NOTHING
"""
_DUE: Final = """
SELECT record_id, record, attempts FROM outbox
WHERE sink = ? AND (next_ms <= ? OR next_ms > ?)
ORDER BY next_ms, outbox_key LIMIT ?
"""
_NEXT: Final = "SELECT min(next_ms) FROM outbox WHERE sink = ? AND next_ms > ?"
_COUNT: Final = "SELECT sink, count(*), min(outbox_key) FROM outbox GROUP BY sink"
_GONE: Final = "DELETE FROM outbox WHERE sink = ? AND record_id = ?"
_LATER: Final = """
UPDATE outbox SET attempts = attempts + 1, next_ms = ? WHERE sink = ? AND record_id = ?
"""
_OLDEST: Final = """
DELETE FROM outbox WHERE outbox_key IN (
    SELECT outbox_key FROM outbox WHERE sink = ? ORDER BY outbox_key LIMIT ?
)
"""


class Waiting(NamedTuple):
    """One record that a sink is to have; *record* is JSON, *attempts* have failed."""

    record_id: str
    record: str
    attempts: int = 0


class Due(NamedTuple):
    """What can be sent now; if nothing, *next_ms* says when something can be."""

    records: Sequence[Waiting]
    next_ms: int | None = None


class QueueSize(NamedTuple):
    """How much waits for a sink, and since when: the oldest record's close, Unix ms."""

    waiting: int = 0
    oldest_ms: int | None = None


class _Closed(msgspec.Struct):
    closed_ms: int | None = None


def put(
    raw: sqlite3.Connection,
    rows: Iterable[tuple[str, str, str]],
    refused: list[str] | None = None,
) -> None:
    """Queue records, each row a sink's name, the record's id and the record's JSON.

    To be called in the transaction that closes the segment. A record that waits
    already is left as it is.
    """
    multi_insert.put(raw, _PUT, rows, refused)


def due(raw: sqlite3.Connection, sink: str, now_ms: int, limit: int) -> Due:
    """Return up to *limit* records that *sink* may be given now.

    Those that were never tried come first, so none is kept back by one that its sink
    does not take. What failed before comes in ever smaller parts, in the end alone.
    """
    beyond_ms = now_ms + LONGEST_PAUSE_MS
    with lenient_text(raw):  # a damaged row is its own trouble alone
        found = raw.execute(_DUE, (sink, now_ms, beyond_ms, limit)).fetchall()

    if not found:
        return Due([], raw.execute(_NEXT, (sink, now_ms)).fetchone()[0])

    records = [Waiting(*row) for row in found]
    return Due(records[: max(1, limit >> records[0].attempts)])


def delivered(raw: sqlite3.Connection, sink: str, ids: Iterable[str]) -> None:
    """Forget what *sink* has taken."""
    raw.executemany(_GONE, [(sink, id_) for id_ in ids])


def postponed(
    raw: sqlite3.Connection, sink: str, ids: Iterable[str], next_ms: int
) -> None:
    """Record a failed try, and that there will be no other before *next_ms*."""
    raw.executemany(_LATER, [(next_ms, sink, id_) for id_ in ids])


def queues(raw: sqlite3.Connection) -> dict[str, QueueSize]:
    """Return what waits, by the names of sinks that something waits for."""
    return {
        sink: QueueSize(waiting, _closed_ms(raw, oldest))
        for sink, waiting, oldest in raw.execute(_COUNT).fetchall()
    }


def drop_oldest(raw: sqlite3.Connection, sink: str, excess: int) -> int:
    """Drop the oldest records of *sink*, *excess* or a slice of that; say how many."""
    return raw.execute(_OLDEST, (sink, min(excess, DROP_SLICE))).rowcount


def _closed_ms(raw: sqlite3.Connection, key: int) -> int | None:
    asked = "SELECT record FROM outbox WHERE outbox_key = ?"
    with lenient_text(raw):
        text: str = raw.execute(asked, (key,)).fetchone()[0]

    try:
        return msgspec.json.decode(text, type=_Closed).closed_ms
    except (msgspec.DecodeError, UnicodeEncodeError):
        return None
