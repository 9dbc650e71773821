"""Rows of sessions, cells and limits to and from SQL: what rows of the ledger sum to."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import msgspec

from jarvisd.base.usage import Tokens
from jarvisd.core.event import LimitWindow
from jarvisd.core.origin import SessionId
from jarvisd.core.storage.interned import Interned, storable
from jarvisd.core.storage.multi_insert import put
from jarvisd.ledger.model import Cell, LimitRow, SessionRow
from jarvisd.ledger.store import Values

SessionKey = tuple[str, SessionId]

Stamp = tuple[int, int | None]
"""The revision that writes, and the number of its price table's name."""

# Sessions

_SESSION_UPDATE: Final = """
WITH v (
    revision, prices, parent_session_id, cwd, title, model, input, cache_read,
    cache_write_5m, cache_write_1h, output, reasoning, cost_micros, unpriced,
    messages, prompts, tool_calls, tool_errors, started_ms, last_ms, active_ms,
    context_tokens, window_tokens, state, session_key
) AS (VALUES (
    ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?
)) UPDATE session SET
    revision = v.revision, prices = coalesce(session.prices, v.prices),
    parent_session_id = v.parent_session_id, cwd = v.cwd, title = v.title,
    model = v.model, input = v.input, cache_read = v.cache_read,
    cache_write_5m = v.cache_write_5m, cache_write_1h = v.cache_write_1h,
    output = v.output, reasoning = v.reasoning, cost_micros = v.cost_micros,
    unpriced = v.unpriced, messages = v.messages, prompts = v.prompts,
    tool_calls = v.tool_calls, tool_errors = v.tool_errors,
    started_ms = v.started_ms, last_ms = v.last_ms, active_ms = v.active_ms,
    context_tokens = v.context_tokens, window_tokens = v.window_tokens,
    state = v.state
FROM v WHERE session.session_key = v.session_key
"""
SESSION_PRICED: Final = "UPDATE session SET prices = ? WHERE session_key = ?"
STATES_SELECT: Final = """
SELECT session_key, agent, session_id, prices, state FROM session ORDER BY session_key
"""
_SESSION_SELECT: Final = """
SELECT agent, session_id, parent_session_id, cwd, title, model, input,
    cache_read, cache_write_5m, cache_write_1h, output, reasoning, cost_micros,
    unpriced, messages, prompts, tool_calls, tool_errors, started_ms, last_ms,
    active_ms, context_tokens, window_tokens, state
FROM session WHERE session_key = ?
"""


def write_sessions(
    raw: sqlite3.Connection, known: Interned, rows: Iterable[SessionRow], stamp: Stamp
) -> None:
    """Store *rows* in place of what was stored of these sessions."""
    values = map(partial(_session_values, raw, known, stamp), rows)
    put(raw, _SESSION_UPDATE, values, known.refused)


def _session_values(
    raw: sqlite3.Connection, known: Interned, stamp: Stamp, row: SessionRow
) -> Values:
    parent, title = row.parent_session_id, row.title
    return (
        *stamp,
        parent and storable(parent),
        known.key(raw, row.cwd),
        title and storable(title),
        known.key(raw, row.model),
        *msgspec.structs.astuple(row.tokens),
        row.cost_micros,
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


def read_session(
    raw: sqlite3.Connection, known: Interned, key: SessionKey
) -> SessionRow | None:
    """Return the session as it is stored; None if nothing is, or only its number."""
    number = known.session(raw, *key)
    values = raw.execute(_SESSION_SELECT, (number,)).fetchone()
    return _session_of(known.texts(raw), values) if values[-1] else None


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
    input = min(9223372036854775807, input + excluded.input),
    cache_read = min(9223372036854775807, cache_read + excluded.cache_read),
    cache_write_5m = min(9223372036854775807, cache_write_5m + excluded.cache_write_5m),
    cache_write_1h = min(9223372036854775807, cache_write_1h + excluded.cache_write_1h),
    output = min(9223372036854775807, output + excluded.output),
    reasoning = min(9223372036854775807, reasoning + excluded.reasoning),
    cost_micros = min(9223372036854775807, cost_micros + excluded.cost_micros),
    web_searches = min(9223372036854775807, web_searches + excluded.web_searches),
    unpriced = unpriced + excluded.unpriced, responses = responses + excluded.responses
"""
"""A sum beyond SQLite's integers would become a real number, which no column takes."""

_CELL_DELETE: Final = """
DELETE FROM cell WHERE quarter = ? AND session = ? AND model = ? AND responses = 0
"""
CELLS_SELECT: Final = """
SELECT
    quarter, session, model, input, cache_read, cache_write_5m, cache_write_1h, output,
    reasoning, cost_micros, unpriced, responses, web_searches
FROM cell
"""


def write_cells(
    raw: sqlite3.Connection, known: Interned, cells: Sequence[Cell]
) -> None:
    """Store *cells* in place of those stored; one without responses is deleted."""
    put(raw, _CELL_PUT, map(partial(_cell_values, raw, known), cells), known.refused)
    empty = [each for each in cells if not each.responses]
    raw.executemany(_CELL_DELETE, (_cell_key(raw, known, each) for each in empty))


def add_to_cells(
    raw: sqlite3.Connection, known: Interned, cells: Sequence[Cell]
) -> None:
    """Add *cells*, whose numbers may be negative, to those that are stored."""
    put(raw, _CELL_ADD, map(partial(_cell_values, raw, known), cells), known.refused)
    raw.executemany(_CELL_DELETE, (_cell_key(raw, known, each) for each in cells))


def _cell_key(raw: sqlite3.Connection, known: Interned, cell: Cell) -> Values:
    return (
        cell.quarter,
        known.session(raw, cell.agent, cell.session_id),
        known.key(raw, cell.model) or 0,
    )


def _cell_values(raw: sqlite3.Connection, known: Interned, cell: Cell) -> Values:
    return (
        *_cell_key(raw, known, cell),
        cell.input,
        cell.cache_read,
        cell.cache_write_5m,
        cell.cache_write_1h,
        cell.output,
        cell.reasoning,
        cell.cost_micros,
        cell.unpriced,
        cell.responses,
        cell.web_searches,
    )


def cell_of(
    texts: Mapping[int | None, str], sessions: Mapping[int, SessionKey], values: Values
) -> Cell:
    """Return the cell that was stored as *values*, a row of `CELLS_SELECT`."""
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
LIMITS_SELECT: Final = "SELECT agent, name, at_ms, plan, windows FROM account_limit"


def write_limits(
    raw: sqlite3.Connection, known: Interned, limits: Iterable[LimitRow]
) -> None:
    """Store the newest words on *limits*."""
    put(raw, _LIMIT_PUT, map(partial(_limit_values, raw, known), limits), known.refused)


def _limit_values(raw: sqlite3.Connection, known: Interned, limit: LimitRow) -> Values:
    return (
        known.key(raw, limit.agent),
        storable(limit.limit),
        limit.at_ms,
        limit.plan and storable(limit.plan),
        msgspec.json.encode(limit.windows).decode(),
    )


def limit_of(texts: Mapping[int | None, str], values: Values) -> LimitRow:
    """Return the limit that was stored as *values*, a row of `LIMITS_SELECT`."""
    agent, name, at_ms, plan, windows = values
    return LimitRow(
        agent=texts[agent],
        limit=name,
        at_ms=at_ms,
        plan=plan,
        windows=msgspec.json.decode(windows, type=tuple[LimitWindow, ...]),
    )
