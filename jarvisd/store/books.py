"""The books: what one flush writes of the ledger, and what one start reads of it.

The rules by which copies are merged and sessions counted are the ledger's, not ours.
They are handed in as `Rules` and applied to rows read back, inside the transaction, so
that there is one place where they are written down.
"""

import sqlite3
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, Protocol, TypeVar

import msgspec

from jarvisd.model.block import SessionId
from jarvisd.model.events import LimitWindow
from jarvisd.model.ledger import (
    CallRow,
    Cell,
    Correction,
    Corrections,
    LedgerBatch,
    LimitRow,
    MarkRow,
    ResponseRow,
    Row,
    SessionRow,
)
from jarvisd.model.saved import SavedBooks
from jarvisd.model.usage import Tokens
from jarvisd.store.facts import CALLS, MARKS, RESPONSES, Table, Values
from jarvisd.store.known import Known, storable

R = TypeVar("R", ResponseRow, CallRow, MarkRow)

SessionKey = tuple[str, SessionId]

MAX_INTEGER: Final = 2**62
"""Absurd logs add up to absurd sums; beyond this SQLite would refuse the whole batch."""


class Rules(Protocol):
    """How rows are merged and counted."""

    def merged(self, old: Row, new: Row) -> Row:
        """Return the one row that two copies of a thing are."""
        ...

    def revised(
        self, sessions: Mapping[SessionKey, SessionRow], corrections: Corrections
    ) -> tuple[Sequence[SessionRow], Sequence[Cell]]:
        """Return sessions after *corrections*, and what to add to cells.

        *sessions* are those stored that are concerned; others are not stored yet.
        """
        ...


def write_books(
    raw: sqlite3.Connection,
    batch: LedgerBatch,
    known: Known,
    revision: int,
    rules: Rules | None,
) -> Corrections:
    """Store *batch* inside the caller's transaction; return what it corrected."""
    write = partial(_write, raw, known, contested=batch.contested, rules=rules)
    corrections = [
        *write(RESPONSES, batch.responses),
        *write(CALLS, batch.calls),
        *write(MARKS, batch.marks),
    ]
    _write_sessions(raw, known, batch.sessions, revision)
    _write_cells(raw, known, batch.cells)
    _write_limits(raw, known, batch.limits)
    effective = tuple(each for each in corrections if each.before != each.after)
    if effective and rules is not None:
        _revise(raw, known, effective, revision, rules)

    return tuple(corrections)


def read_books(raw: sqlite3.Connection) -> SavedBooks:
    """Return all that the ledger goes on from."""
    texts: dict[int | None, str] = dict(
        raw.execute("SELECT text_key, text FROM text").fetchall()
    )
    sessions: dict[int, SessionKey] = {}
    rows = []
    for key, *values in raw.execute(_SESSIONS_SELECT):
        sessions[key] = (texts[values[0]], values[1])
        rows.append(_session_of(texts, values))

    return SavedBooks(
        sessions=[row for row in rows if row.state],
        cells=[_cell_of(texts, sessions, each) for each in raw.execute(_CELLS_SELECT)],
        limits=[_limit_of(texts, each) for each in raw.execute(_LIMITS_SELECT)],
        keys=_read_keys(raw),
    )


def _write(
    raw: sqlite3.Connection,
    known: Known,
    table: Table[R],
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
    for row in rows:
        if row.key in contested:
            before = table.read(raw, known, row.key)
            after: Any = row if before is None else rules.merged(before, row)
            if after != before:
                table.write(raw, known, (after,))

            yield Correction(before, after)


def _read_keys(raw: sqlite3.Connection) -> "array[int]":
    found = [*RESPONSES.all_keys(raw), *CALLS.all_keys(raw), *MARKS.all_keys(raw)]
    found.sort()  # three sorted runs: merged, not sorted
    return array("q", found)


# Sessions

_SESSION_UPSERT: Final = """
UPDATE session SET
    revision = ?, parent_session_id = ?, cwd = ?, title = ?, model = ?, input = ?,
    cache_read = ?, cache_write_5m = ?, cache_write_1h = ?, output = ?, reasoning = ?,
    cost_micros = ?, unpriced = ?, messages = ?, prompts = ?, tool_calls = ?,
    tool_errors = ?, started_ms = ?, last_ms = ?, active_ms = ?, context_tokens = ?,
    window_tokens = ?, state = ?
WHERE session_key = ?
"""
_SESSIONS_SELECT: Final = """
SELECT session_key, agent, session_id, parent_session_id, cwd, title, model, input,
    cache_read, cache_write_5m, cache_write_1h, output, reasoning, cost_micros,
    unpriced, messages, prompts, tool_calls, tool_errors, started_ms, last_ms,
    active_ms, context_tokens, window_tokens, state
FROM session ORDER BY session_key
"""
_SESSION_SELECT: Final = _SESSIONS_SELECT.replace(
    "ORDER BY session_key", "WHERE session_key = ?"
)


def _write_sessions(
    raw: sqlite3.Connection, known: Known, rows: Iterable[SessionRow], revision: int
) -> None:
    raw.executemany(
        _SESSION_UPSERT, (_session_values(raw, known, row, revision) for row in rows)
    )


def _session_values(
    raw: sqlite3.Connection, known: Known, row: SessionRow, revision: int
) -> Values:
    parent, title = row.parent_session_id, row.title
    return (
        revision,
        parent and storable(parent),
        known.key(raw, row.cwd),
        title and storable(title),
        known.key(raw, row.model),
        *map(_fitting, msgspec.structs.astuple(row.tokens)),
        _fitting(row.cost_micros),
        row.unpriced,
        row.messages,
        row.prompts,
        row.tool_calls,
        row.tool_errors,
        row.started_ms,
        row.last_ms,
        row.active_ms,
        row.context_tokens,
        row.window_tokens,
        row.state,
        known.session(raw, row.agent, row.session_id),
    )


def _session_of(texts: Mapping[int | None, str], values: Sequence[Any]) -> SessionRow:
    agent, session_id, parent, cwd, title, model = values[:6]
    return SessionRow(
        session_id=session_id,
        agent=texts[agent],
        parent_session_id=parent,
        cwd=texts.get(cwd),
        title=title,
        model=texts.get(model),
        tokens=Tokens(*values[6:12]),
        cost_micros=values[12],
        unpriced=values[13],
        messages=values[14],
        prompts=values[15],
        tool_calls=values[16],
        tool_errors=values[17],
        started_ms=values[18],
        last_ms=values[19],
        active_ms=values[20],
        context_tokens=values[21],
        window_tokens=values[22],
        state=values[23],
    )


def _revise(
    raw: sqlite3.Connection,
    known: Known,
    corrections: Corrections,
    revision: int,
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
    _write_sessions(raw, known, sessions, revision)
    raw.executemany(_CELL_ADD, (_cell_values(raw, known, each) for each in cells))
    raw.executemany(_CELL_DELETE, (_cell_key(raw, known, each) for each in cells))


def read_session(
    raw: sqlite3.Connection, known: Known, key: SessionKey
) -> SessionRow | None:
    """Return the session as it is stored; None if nothing is, or only its number."""
    number = known.session(raw, *key)
    _, *values = raw.execute(_SESSION_SELECT, (number,)).fetchone()
    return _session_of(known.texts(raw), values) if values[-1] else None


def _rows_of(corrections: Corrections) -> Iterator[Row]:
    for each in corrections:
        yield each.after
        if each.before is not None:
            yield each.before


# Cells

_CELL_PUT: Final = """
INSERT OR REPLACE INTO cell (
    quarter, session, model, input, cache_read, cache_write_5m, cache_write_1h, output,
    reasoning, cost_micros, unpriced, responses, web_searches
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_CELL_ADD: Final = """
INSERT INTO cell (
    quarter, session, model, input, cache_read, cache_write_5m, cache_write_1h, output,
    reasoning, cost_micros, unpriced, responses, web_searches
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (quarter, session, model) DO UPDATE SET
    input = input + excluded.input, cache_read = cache_read + excluded.cache_read,
    cache_write_5m = cache_write_5m + excluded.cache_write_5m,
    cache_write_1h = cache_write_1h + excluded.cache_write_1h,
    output = output + excluded.output, reasoning = reasoning + excluded.reasoning,
    cost_micros = cost_micros + excluded.cost_micros,
    unpriced = unpriced + excluded.unpriced, responses = responses + excluded.responses,
    web_searches = web_searches + excluded.web_searches
"""
_CELL_DELETE: Final = """
DELETE FROM cell WHERE quarter = ? AND session = ? AND model = ? AND responses = 0
"""
_CELLS_SELECT: Final = """
SELECT
    quarter, session, model, input, cache_read, cache_write_5m, cache_write_1h, output,
    reasoning, cost_micros, unpriced, responses, web_searches
FROM cell
"""


def _write_cells(raw: sqlite3.Connection, known: Known, cells: Sequence[Cell]) -> None:
    raw.executemany(_CELL_PUT, (_cell_values(raw, known, each) for each in cells))
    empty = [each for each in cells if not each.responses]
    raw.executemany(_CELL_DELETE, (_cell_key(raw, known, each) for each in empty))


def _cell_key(raw: sqlite3.Connection, known: Known, cell: Cell) -> Values:
    return (
        cell.quarter,
        known.session(raw, cell.agent, cell.session_id),
        known.key(raw, cell.model) or 0,
    )


def _cell_values(raw: sqlite3.Connection, known: Known, cell: Cell) -> Values:
    return (
        *_cell_key(raw, known, cell),
        _fitting(cell.input),
        _fitting(cell.cache_read),
        _fitting(cell.cache_write_5m),
        _fitting(cell.cache_write_1h),
        _fitting(cell.output),
        _fitting(cell.reasoning),
        _fitting(cell.cost_micros),
        cell.unpriced,
        cell.responses,
        _fitting(cell.web_searches),
    )


def _cell_of(
    texts: Mapping[int | None, str], sessions: Mapping[int, SessionKey], values: Values
) -> Cell:
    quarter, session, model = values[:3]
    agent, session_id = sessions[session]
    return Cell(
        quarter=quarter,
        agent=agent,
        session_id=session_id,
        model=texts.get(model),
        input=values[3],
        cache_read=values[4],
        cache_write_5m=values[5],
        cache_write_1h=values[6],
        output=values[7],
        reasoning=values[8],
        cost_micros=values[9],
        unpriced=values[10],
        responses=values[11],
        web_searches=values[12],
    )


# Limits

_LIMIT_PUT: Final = """
INSERT OR REPLACE INTO account_limit (agent, name, at_ms, plan, windows)
VALUES (?, ?, ?, ?, ?)
"""
_LIMITS_SELECT: Final = "SELECT agent, name, at_ms, plan, windows FROM account_limit"


def _write_limits(
    raw: sqlite3.Connection, known: Known, limits: Iterable[LimitRow]
) -> None:
    raw.executemany(
        _LIMIT_PUT,
        (
            (
                known.key(raw, each.agent),
                storable(each.limit),
                each.at_ms,
                each.plan and storable(each.plan),
                msgspec.json.encode(each.windows).decode(),
            )
            for each in limits
        ),
    )


def _limit_of(texts: Mapping[int | None, str], values: Values) -> LimitRow:
    agent, name, at_ms, plan, windows = values
    return LimitRow(
        agent=texts[agent],
        limit=name,
        at_ms=at_ms,
        plan=plan,
        windows=msgspec.json.decode(windows, type=tuple[LimitWindow, ...]),
    )


def _fitting(number: int) -> int:
    return number if abs(number) < MAX_INTEGER else MAX_INTEGER
