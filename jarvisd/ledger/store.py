"""Rows of the ledger to and from SQL: responses, calls and marks.

One `RowTable` for each. Its statements follow from the type of its rows; what is here
says how fields are stored whose types do not say it.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final, Generic, TypeVar

import msgspec

from jarvisd.base.usage import STANDARD, Variant
from jarvisd.core.event import Outcome, ToolKind
from jarvisd.core.storage.interned import Interned
from jarvisd.core.storage.table import (
    INTERNED,
    Codec,
    Statement,
    Table,
    index_codec,
    plain_codec,
    session_column,
)
from jarvisd.ledger.model import NO_INPUT, CallRow, MarkRow, ResponseRow, Row

R = TypeVar("R", ResponseRow, CallRow, MarkRow)

_KEYS: Final = msgspec.json.Decoder(list[int])

ALL: Final = 2**31
"""Before this version is every parser."""


class RowTable(Generic[R]):
    """One kind of rows in the database.

    Attributes:
        select: The statement that reads all rows, without a condition.

    """

    def __init__(
        self,
        name: str,
        row: type[R],
        columns: dict[str, Codec],
        *,
        unstored: Sequence[str] = (),
    ) -> None:
        table: Table[R] = Table(
            name,
            row,
            key=("key",),
            columns=columns,
            together=(session_column(),),
            unstored=unstored,
        )
        self.select = table.select
        self._table: Table[R] = table
        self._upsert: Statement[R] = table.upsert()
        self._of_key = f"{table.select} WHERE key = ?"
        self._of_session = f"{table.select} WHERE session = ? AND version < ?"
        self._delete = f"DELETE FROM {name} WHERE key = ?"  # noqa: S608 - the name of a row type
        keys = f"SELECT key FROM {name} ORDER BY key"  # noqa: S608 - the name of a row type
        self._keys = f"SELECT json_group_array(key) FROM ({keys})"  # noqa: S608 - the name of a row type

    def write(
        self, raw: sqlite3.Connection, known: Interned, rows: Iterable[R]
    ) -> None:
        """Store *rows* in place of those with the same keys."""
        self._upsert.run(raw, known, rows)

    def decode(
        self, raw: sqlite3.Connection, known: Interned, values: Sequence[Any]
    ) -> R:
        """Return the row that is stored as *values*, which `select` has read."""
        row: R = self._table.decode(raw, known, values)
        return row

    def read(self, raw: sqlite3.Connection, known: Interned, key: int) -> R | None:
        """Return the row under *key*."""
        found = raw.execute(self._of_key, (key,)).fetchone()
        return None if found is None else self.decode(raw, known, found)

    def read_session(
        self, raw: sqlite3.Connection, known: Interned, session: int, *, before: int
    ) -> list[R]:
        """Return the rows of *session* that parsers of a version *before* have read."""
        found = raw.execute(self._of_session, (session, before)).fetchall()
        return [self.decode(raw, known, values) for values in found]

    def drop(self, raw: sqlite3.Connection, rows: Iterable[Row]) -> None:
        """Delete *rows*."""
        raw.executemany(self._delete, ((row.key,) for row in rows))

    def all_keys(self, raw: sqlite3.Connection) -> list[int]:
        """Return every key, in order.

        As one JSON text: a row for each would take three times as long, and keep the
        interpreter busy meanwhile.
        """
        row: tuple[str] = raw.execute(self._keys).fetchone()
        return _KEYS.decode(row[0])


def _served(variant: Variant) -> str | None:
    if variant is STANDARD or variant == STANDARD:
        return None

    return f"{variant.speed}/{variant.tier}/{'us' if variant.geo_us else ''}"


def _variant(served: str | None) -> Variant:
    if served is None:
        return STANDARD

    speed, tier, place = served.split("/")
    return Variant(speed, tier, place == "us")  # type: ignore[arg-type]


_INPUT: Final = plain_codec(
    lambda tokens: None if tokens == NO_INPUT else tokens,
    lambda stored: NO_INPUT if stored is None else stored,
)

RESPONSES: Final = RowTable(
    "response",
    ResponseRow,
    {
        "branch": INTERNED,
        "account": INTERNED,
        "model": INTERNED,
        "variant": plain_codec(_served, _variant, "served"),
        "input_cached": _INPUT,
        "input_bare": _INPUT,
    },
    unstored=("input",),  # of the counts, which have none
)
CALLS: Final = RowTable(
    "call",
    CallRow,
    {
        "branch": INTERNED,
        "account": INTERNED,
        "tool": INTERNED,
        "kind": index_codec((ToolKind.TOOL, ToolKind.SUBAGENT, ToolKind.MCP)),
        "server": INTERNED,
        "skill": INTERNED,
        "subagent": INTERNED,
        "outcome": index_codec((Outcome.OK, Outcome.ERROR, Outcome.DENIED)),
    },
)
MARKS: Final = RowTable(
    "mark", MarkRow, {"branch": INTERNED, "account": INTERNED, "name": INTERNED}
)
