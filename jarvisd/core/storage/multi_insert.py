"""Many rows by one statement, because each statement hands the interpreter over.

SQLite lets other threads have the interpreter while it writes, and getting it back from
a busy event loop takes longer than the row. With one row a statement the store was 24 %
of a first read, with 32 it is 15 %, and more at once change nothing. Fewer rows than
that go by powers of two, so that each table has six statements and no more.

A row that cannot be made or stored is refused: it is put aside and named, and all others
are stored. Integers beyond those of SQLite become the nearest that it has.
"""

import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import chain, islice
from typing import Any, Final

AT_ONCE: Final = 32
"""Rows of one statement: 40 columns of them are far below SQLite's 32,766 values."""

MAX_INTEGER: Final = 2**63 - 1

_VALUES: Final = re.compile(r"VALUES (\([?,\s]+\))")
_INTO: Final = re.compile(r"(?:INTO|DELETE FROM|UPDATE(?! SET)) (\w+)")

Row = Sequence[Any]


def put(
    raw: sqlite3.Connection,
    statement: str,
    rows: Iterable[Row],
    refused: list[str] | None = None,
) -> None:
    """Run *statement*, which has `VALUES (?, ...)` once, for each of *rows*.

    Rows are made while they are written, and may themselves use the connection. With
    *refused*, a row that fails is named there; *rows* is then a `map`, which goes on
    behind an item that fails, as a generator does not.
    """
    left = iter(rows)
    while some := _made(left, statement, refused):
        start = 0
        while start < len(some):
            count = 1 << (len(some) - start).bit_length() - 1
            _run(raw, statement, some[start : start + count], refused)
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


def _made(left: Iterator[Row], statement: str, refused: list[str] | None) -> list[Row]:
    some: list[Row] = []
    while True:
        try:
            some.extend(islice(left, AT_ONCE - len(some)))
        except Exception as exc:
            _refuse(exc, statement, refused)
        else:
            return some


def _run(
    raw: sqlite3.Connection,
    statement: str,
    rows: Sequence[Row],
    refused: list[str] | None,
) -> None:
    wide, values = _widened(statement, len(rows)), list(chain.from_iterable(rows))
    try:
        try:
            raw.execute(wide, values)
        except OverflowError:
            raw.execute(wide, list(map(_saturated, values)))
    except Exception as exc:
        if len(rows) == 1 or not is_of_row(exc):
            _refuse(exc, statement, refused)
            return

        for row in rows:  # a statement that failed has changed nothing
            _run(raw, statement, (row,), refused)


def _refuse(exc: Exception, statement: str, refused: list[str] | None) -> None:
    if refused is None or not is_of_row(exc):
        raise exc

    table = _INTO.search(statement)
    assert table is not None, "a statement names its table"
    refused.append(f"{table[1]}: {type(exc).__name__}")


def _saturated(value: object) -> object:
    if isinstance(value, int):
        return max(-MAX_INTEGER, min(value, MAX_INTEGER))

    return value


@cache
def _widened(statement: str, rows: int) -> str:
    """Return *statement* for so many *rows*."""
    wide, found = _VALUES.subn(
        lambda one: "VALUES " + ", ".join([one[1]] * rows), statement
    )
    assert found == 1, "a statement takes the values of one row"
    return wide
