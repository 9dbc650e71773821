"""Executes one statement for many rows, because each statement releases the GIL.

SQLite releases the interpreter lock while it writes, and getting it back from a busy
event loop takes longer than the row. With one row in a statement the store took 24 % of
an initial import, with 32 it takes 15 %, and more make no difference. Fewer rows are
split into powers of two, so that each table has at most six statements.

A row that cannot be created or stored is refused: it is recorded, and all others are
stored. Integers beyond the range of SQLite are clamped.
"""

import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import chain, islice
from typing import Any, Final

AT_ONCE: Final = 32
"""Rows in one statement: with 40 columns far below SQLite's limit of 32,766 values."""

MAX_INTEGER: Final = 2**63 - 1

_VALUES: Final = re.compile(r"VALUES (\([?,\s]+\))")
_INTO: Final = re.compile(r"(?:INTO|DELETE FROM|UPDATE(?! SET)) (\w+)")

Row = Sequence[Any]


def execute_many(
    raw: sqlite3.Connection,
    statement: str,
    rows: Iterable[Row],
    refused: list[str] | None = None,
) -> None:
    """Execute *statement*, which has `VALUES (?, ...)` once, for each of *rows*.

    *rows* is consumed during the writes, and its items may use the connection. With
    *refused*, a row that fails is recorded there; *rows* must then be a `map`, which
    continues after an item that fails, unlike a generator.
    """
    left = iter(rows)
    while some := _next_rows(left, statement, refused):
        start = 0
        while start < len(some):
            count = 1 << (len(some) - start).bit_length() - 1
            _execute(raw, statement, some[start : start + count], refused)
            start += count


def is_of_row(exc: Exception) -> bool:
    """Whether *exc* is about the values of a row, and not about the database."""
    if isinstance(exc, sqlite3.Error):
        return isinstance(
            exc,
            sqlite3.IntegrityError
            | sqlite3.DataError
            | sqlite3.InterfaceError
            | sqlite3.ProgrammingError,
        )

    return not isinstance(exc, OSError | MemoryError)


def _next_rows(
    left: Iterator[Row], statement: str, refused: list[str] | None
) -> list[Row]:
    some: list[Row] = []
    while True:
        try:
            some.extend(islice(left, AT_ONCE - len(some)))
        except Exception as exc:
            _record_refused(exc, statement, refused)
        else:
            return some


def _execute(
    raw: sqlite3.Connection,
    statement: str,
    rows: Sequence[Row],
    refused: list[str] | None,
) -> None:
    wide, values = _repeat_values(statement, len(rows)), list(chain.from_iterable(rows))
    try:
        try:
            raw.execute(wide, values)
        except OverflowError:
            raw.execute(wide, list(map(_clamp, values)))
    except Exception as exc:
        if len(rows) == 1 or not is_of_row(exc):
            _record_refused(exc, statement, refused)
            return

        for row in rows:  # the failed statement has changed nothing
            _execute(raw, statement, (row,), refused)


def _record_refused(exc: Exception, statement: str, refused: list[str] | None) -> None:
    if refused is None or not is_of_row(exc):
        raise exc

    table = _INTO.search(statement)
    assert table is not None, "no table name in the statement"
    refused.append(f"{table[1]}: {type(exc).__name__}")


def _clamp(value: object) -> object:
    if isinstance(value, int):
        return max(-MAX_INTEGER, min(value, MAX_INTEGER))

    return value


@cache
def _repeat_values(statement: str, rows: int) -> str:
    """Return *statement* with placeholders for the number of *rows*."""
    wide, found = _VALUES.subn(
        lambda one: "VALUES " + ", ".join([one[1]] * rows), statement
    )
    assert found == 1, "the statement must have one VALUES clause"
    return wide
