"""Many rows by one statement, because each statement hands the interpreter over.

SQLite lets other threads have the interpreter while it writes, and getting it back from
a busy event loop takes longer than the row. With one row a statement the store was 24 %
of a first read, with 32 it is 15 %, and more at once change nothing. Fewer rows than
that go by powers of two, so that each table has six statements and no more.
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
    while some := list(islice(left, AT_ONCE)):
        start = 0
        while start < len(some):
            count = 1 << (len(some) - start).bit_length() - 1
            values = chain.from_iterable(some[start : start + count])
            raw.execute(_widened(statement, count), list(values))
            start += count


@cache
def _widened(statement: str, rows: int) -> str:
    """Return *statement* for so many *rows*."""
    wide, found = _VALUES.subn(
        lambda one: "VALUES " + ", ".join([one[1]] * rows), statement
    )
    assert found == 1, "a statement takes the values of one row"
    return wide
