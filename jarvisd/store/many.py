"""Many rows by one statement, because each statement hands the interpreter over.

SQLite lets other threads have the interpreter while it writes, and getting it back from
a busy event loop takes longer than the row. With one row a statement the store was 24 %
of a first read, with 32 it is 15 %, and more at once change nothing.
"""

import re
import sqlite3
from collections.abc import Iterable
from functools import cache
from itertools import chain, islice
from typing import Any, Final

AT_ONCE: Final = 32
"""Rows of one statement: 40 columns of them are far below SQLite's 32,766 values."""

_VALUES: Final = re.compile(r"VALUES (\([?,\s]+\))")


def put(
    raw: sqlite3.Connection, statement: str, rows: Iterable[tuple[Any, ...]]
) -> None:
    """Run *statement*, which has `VALUES (?, ...)` once, for each of *rows*.

    Rows are made while they are written, and may themselves use the connection.
    """
    left = iter(rows)
    wide = _widened(statement)
    while len(some := list(islice(left, AT_ONCE))) == AT_ONCE:
        raw.execute(wide, list(chain.from_iterable(some)))

    raw.executemany(statement, some)


@cache
def _widened(statement: str) -> str:
    """Return *statement* for as many rows as go at once."""
    wide, found = _VALUES.subn(
        lambda one: "VALUES " + ", ".join([one[1]] * AT_ONCE), statement
    )
    assert found == 1, "a statement takes the values of one row"
    return wide
