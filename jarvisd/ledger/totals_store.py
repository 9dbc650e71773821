"""Rows of sessions, cells and limits to and from SQL: the sums of the ledger."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from jarvisd.core.event import LimitWindow
from jarvisd.core.feature import SessionKey
from jarvisd.core.storage.interned import Interned, storable
from jarvisd.core.storage.table import (
    INTERNED,
    Codec,
    Table,
    plain_codec,
    session_column,
)
from jarvisd.ledger.model import Cell, LimitRow, SessionRow

Stamp = tuple[int, int | None]
"""The revision that writes, and the number of its price table's name."""

# Sessions

_SESSIONS: Final = Table(
    "session",
    SessionRow,
    key=("session_key",),
    stamp=("revision", "prices"),
    columns={"cwd": INTERNED, "model": INTERNED},
    together=(session_column("session_key"),),
)
_SESSION_UPDATE: Final = _SESSIONS.update(
    sets={"prices": "coalesce(session.prices, v.prices)"}
)
_SESSION_SELECT: Final = f"{_SESSIONS.select} WHERE session_key = ?"
SESSION_PRICED: Final = "UPDATE session SET prices = ? WHERE session_key = ?"
STATES_SELECT: Final = """
SELECT session_key, prices, state FROM session ORDER BY session_key
"""


def write_sessions(
    raw: sqlite3.Connection, known: Interned, rows: Iterable[SessionRow], stamp: Stamp
) -> None:
    """Store *rows* in place of what was stored of these sessions."""
    _SESSION_UPDATE.run(raw, known, rows, *stamp)


def read_session(
    raw: sqlite3.Connection, known: Interned, key: SessionKey
) -> SessionRow | None:
    """Return the session as it is stored; None if nothing is, or only its number."""
    number = known.session(raw, *key)
    row = _SESSIONS.decode(
        raw, known, raw.execute(_SESSION_SELECT, (number,)).fetchone()
    )
    return row if row.state else None


# Cells

_WHICH: Final = Codec(
    lambda known, raw, text: known.key(raw, text) or 0,
    lambda known, raw, key: known.text(raw, key or None),
)
"""A shared text in the key of a table, where None is 0: a null is like no other null."""

_CELLS: Final = Table(
    "cell",
    Cell,
    key=("quarter", "session", "model", "branch", "account"),
    columns={"model": _WHICH, "branch": _WHICH, "account": _WHICH},
    together=(session_column(),),
)
_CELL_PUT: Final = _CELLS.upsert()
_CELL_ADD: Final = _CELLS.add()
_CELL_DELETE: Final = _CELLS.delete("responses = 0")


def write_cells(
    raw: sqlite3.Connection, known: Interned, cells: Sequence[Cell]
) -> None:
    """Store *cells* in place of those stored; one without responses is deleted."""
    _CELL_PUT.run(raw, known, cells)
    _CELL_DELETE.run(raw, known, [each for each in cells if not each.responses])


def add_to_cells(
    raw: sqlite3.Connection, known: Interned, cells: Sequence[Cell]
) -> None:
    """Add *cells*, whose numbers may be negative, to those that are stored."""
    _CELL_ADD.run(raw, known, cells)
    _CELL_DELETE.run(raw, known, cells)


def read_cells(raw: sqlite3.Connection, known: Interned) -> Iterator[Cell]:
    """Yield all cells."""
    for values in raw.execute(_CELLS.select):
        yield _CELLS.decode(raw, known, values)


# Limits

_LIMITS: Final = Table(
    "account_limit",
    LimitRow,
    key=("agent", "name"),
    columns={
        "agent": INTERNED,
        "limit": plain_codec(storable, str, "name"),
        "windows": plain_codec(
            lambda windows: msgspec.json.encode(windows).decode(),
            msgspec.json.Decoder(tuple[LimitWindow, ...]).decode,
        ),
    },
)
_LIMIT_PUT: Final = _LIMITS.upsert()


def write_limits(
    raw: sqlite3.Connection, known: Interned, limits: Iterable[LimitRow]
) -> None:
    """Store the newest reports of *limits*."""
    _LIMIT_PUT.run(raw, known, limits)


def read_limits(raw: sqlite3.Connection, known: Interned) -> Iterator[LimitRow]:
    """Yield all limits."""
    for values in raw.execute(_LIMITS.select):
        yield _LIMITS.decode(raw, known, values)
