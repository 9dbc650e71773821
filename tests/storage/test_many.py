"""Many rows by one statement: all of them, each once, in order."""

import sqlite3
from collections.abc import Iterator

import pytest

from jarvisd.core.storage.multi_insert import AT_ONCE, execute_many

_PUT = """
INSERT INTO thing (key, word) VALUES (?, ?)
ON CONFLICT (key) DO UPDATE SET word = excluded.word
"""


@pytest.fixture
def raw() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE thing (key INTEGER PRIMARY KEY, word TEXT)")
    yield connection
    connection.close()


@pytest.mark.parametrize("count", [0, 1, AT_ONCE - 1, AT_ONCE, AT_ONCE + 1, 100])
def test_every_row_is_written_once(raw: sqlite3.Connection, count: int) -> None:
    rows = [(key, f"word {key}") for key in range(count)]

    execute_many(raw, _PUT, iter(rows))

    assert raw.execute("SELECT key, word FROM thing ORDER BY key").fetchall() == rows


def test_of_two_rows_with_one_key_the_later_stays(raw: sqlite3.Connection) -> None:
    execute_many(raw, _PUT, [(key % 40, f"round {key // 40}") for key in range(80)])

    words = raw.execute("SELECT DISTINCT word FROM thing").fetchall()
    assert words == [("round 1",)]


def test_rows_may_be_made_with_the_connection_they_go_to(
    raw: sqlite3.Connection,
) -> None:
    def rows() -> Iterator[tuple[int, str]]:
        for key in range(AT_ONCE + 3):
            (before,) = raw.execute("SELECT count(*) FROM thing").fetchone()
            yield key, str(before)

    execute_many(raw, _PUT, rows())

    found = raw.execute("SELECT word FROM thing WHERE key = ?", (AT_ONCE,)).fetchone()
    assert found == (str(AT_ONCE),)


def test_many_rows_are_updated_by_few_statements(raw: sqlite3.Connection) -> None:
    execute_many(raw, _PUT, [(key, "old") for key in range(100)])
    statements: list[str] = []
    raw.set_trace_callback(statements.append)
    update = (
        "UPDATE thing SET word = v.column1 FROM (VALUES (?, ?)) AS v"
        " WHERE key = v.column2"
    )

    execute_many(raw, update, [(f"word {key}", key) for key in range(100)])

    raw.set_trace_callback(None)
    assert sum("UPDATE" in each for each in statements) <= 100 // AT_ONCE + 5
    words = raw.execute("SELECT word FROM thing ORDER BY key").fetchall()
    assert words == [(f"word {key}",) for key in range(100)]
