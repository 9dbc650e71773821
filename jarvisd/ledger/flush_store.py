"""The ledger in the database: the writes of a flush, and the reads of a start.

The rules by which copies are merged and sessions counted are the ledger's, not ours.
They are handed in as `Rules` and applied to rows read back, inside the transaction, so
that there is one place where they are written down.
"""

import sqlite3
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Any, Protocol, TypeVar

from msgspec.structs import replace

from jarvisd.blocks.store import has_open_block
from jarvisd.core.feature import SessionKey, Tx
from jarvisd.core.storage.interned import Interned
from jarvisd.ledger.model import (
    CallRow,
    Cell,
    Correction,
    Corrections,
    FormerKey,
    LedgerBatch,
    LedgerReceipt,
    MarkRow,
    Outdated,
    Repriced,
    ResponseRow,
    Row,
    SavedBooks,
    SessionRow,
    parser_of,
)
from jarvisd.ledger.store import ALL, CALLS, MARKS, RESPONSES, RowTable
from jarvisd.ledger.totals_store import (
    SESSION_PRICED,
    STATES_SELECT,
    Stamp,
    add_to_cells,
    read_cells,
    read_limits,
    read_session,
    write_cells,
    write_limits,
    write_sessions,
)

R = TypeVar("R", ResponseRow, CallRow, MarkRow)


class Rules(Protocol):
    """Merging and counting of rows."""

    def merged(self, old: Row, new: Row) -> Row:
        """Return the row that two copies of a thing merge into."""
        ...

    def revised(
        self, sessions: Mapping[SessionKey, SessionRow], corrections: Corrections
    ) -> tuple[Sequence[SessionRow], Sequence[Cell]]:
        """Return sessions after *corrections*, and what to add to cells.

        *sessions* are those stored that are concerned; others are not stored yet.
        """
        ...

    def priced(
        self, stored: SessionRow, responses: Iterable[ResponseRow]
    ) -> tuple[SessionRow, Sequence[Cell]]:
        """Return a session with the costs of its *responses* now, and its cells."""
        ...


def write_books(tx: Tx, batch: LedgerBatch, *, rules: Rules | None) -> LedgerReceipt:
    """Store *batch* inside the caller's transaction; return what it changed."""
    raw, known, revision = tx
    write = partial(_write, raw, known, contested=batch.contested, rules=rules)
    corrections = [
        *write(RESPONSES, batch.responses),
        *write(CALLS, batch.calls),
        *write(MARKS, batch.marks),
        *_drop(raw, known, batch.outdated),
        *_drop_former(raw, known, batch.former),
    ]
    stamp = (revision, known.key(raw, batch.prices or None))
    write_sessions(raw, known, batch.sessions, stamp)
    write_cells(raw, known, batch.cells)
    write_limits(raw, known, batch.limits)
    effective = tuple(each for each in corrections if each.before != each.after)
    if effective and rules is not None:
        with known.part(raw, "corrections"):
            _revise(raw, known, effective, stamp, rules)

    repriced = tuple(_repriced(raw, known, batch, stamp, rules))
    return LedgerReceipt(tuple(corrections), repriced)


def read_books(raw: sqlite3.Connection) -> SavedBooks:
    """Return the stored ledger."""
    known = Interned()
    known.load_texts(raw)
    known.load_sessions(raw)
    found = raw.execute(STATES_SELECT).fetchall()
    priced: dict[str, set[SessionKey]] = {}
    for key, prices, _ in found:
        table = known.text(raw, prices) or ""
        priced.setdefault(table, set()).add(known.session_of(raw, key))

    return SavedBooks(
        sessions=[state for *_, state in found if state],
        cells=list(read_cells(raw, known)),
        limits=list(read_limits(raw, known)),
        priced=priced,
    )


def _write(
    raw: sqlite3.Connection,
    known: Interned,
    table: RowTable[R],
    rows: Sequence[R],
    *,
    contested: frozenset[int],
    rules: Rules | None,
) -> Iterator[Correction]:
    if not contested:
        table.write(raw, known, rows)
        return

    table.write(raw, known, [row for row in rows if row.key not in contested])
    assert rules is not None
    has_log = cache(partial(has_open_block, raw, known))
    for row in rows:
        if row.key in contested:
            before = table.read(raw, known, row.key)
            kept: Any = before
            if (
                before is not None
                and parser_of(before.version) < parser_of(row.version)
                and before.session_id != row.session_id
                and not has_log(before.agent, before.session_id)
            ):
                # What another log has a copy of replaces nothing of a log that is gone:
                # nobody will read that one again, and its copy may be incomplete.
                kept = replace(before, version=row.version)

            try:
                after: Any = row if kept is None else rules.merged(kept, row)
            except TypeError as exc:  # two things of different kinds have one key
                known.refused.append(f"merge: {type(exc).__name__}")
                continue

            if after != before:
                table.write(raw, known, (after,))

            yield Correction(before, after)


def _drop(
    raw: sqlite3.Connection, known: Interned, outdated: Iterable[Outdated]
) -> Iterator[Correction]:
    """Delete the rows that no current parser has read."""
    for each in outdated:
        session = known.session(raw, each.agent, each.session_id)
        for table in (RESPONSES, CALLS, MARKS):
            rows = table.read_session(raw, known, session, before=each.version)
            table.drop(raw, rows)
            yield from (Correction(row, None) for row in rows)


def _drop_former(
    raw: sqlite3.Connection, known: Interned, former: Iterable[FormerKey]
) -> Iterator[Correction]:
    """Delete the calls that are stored under other keys now."""
    for each in former:
        row = CALLS.read(raw, known, each.key)
        if row is not None and each.is_of(row):
            CALLS.drop(raw, (row,))
            yield Correction(row, None)


def read_keys(raw: sqlite3.Connection) -> "array[int]":
    """Return the keys of all rows, sorted."""
    found = [*RESPONSES.all_keys(raw), *CALLS.all_keys(raw), *MARKS.all_keys(raw)]
    found.sort()  # three sorted runs: merged, not sorted
    return array("q", found)


def _revise(
    raw: sqlite3.Connection,
    known: Interned,
    corrections: Corrections,
    stamp: Stamp,
    rules: Rules,
) -> None:
    stored = {}
    for row in _rows_of(corrections):
        key: SessionKey = (row.agent, row.session_id)
        if key not in stored:
            session = read_session(raw, known, key)
            if session is not None:
                stored[key] = session

    sessions, cells = rules.revised(stored, corrections)
    write_sessions(raw, known, sessions, stamp)
    add_to_cells(raw, known, cells)


def _repriced(
    raw: sqlite3.Connection,
    known: Interned,
    batch: LedgerBatch,
    stamp: Stamp,
    rules: Rules | None,
) -> Iterator[Repriced]:
    for key in batch.reprice:
        repriced = None
        with known.part(raw, "prices"):
            repriced = _reprice(raw, known, key, stamp, rules)

        if repriced is not None:
            yield repriced


def _reprice(
    raw: sqlite3.Connection,
    known: Interned,
    key: SessionKey,
    stamp: Stamp,
    rules: Rules | None,
) -> Repriced | None:
    assert rules is not None
    stored = read_session(raw, known, key)
    if stored is None:
        return None

    number = known.session(raw, *key)
    responses = RESPONSES.read_session(raw, known, number, before=ALL)
    session, cells = rules.priced(stored, responses)
    raw.execute(SESSION_PRICED, (stamp[1], number))
    write_sessions(raw, known, (session,), stamp)
    write_cells(raw, known, cells)
    return Repriced(
        agent=session.agent,
        session_id=session.session_id,
        cost_micros=session.cost_micros,
        unpriced=session.unpriced,
        cells=tuple(cells),
    )


def _rows_of(corrections: Corrections) -> Iterator[Row]:
    for each in corrections:
        yield from (row for row in (each.before, each.after) if row is not None)
