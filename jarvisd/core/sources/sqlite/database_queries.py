"""An agent's description of its database, as a value. The SQL is the agent's.

All queries read tables of the agent by indexes; they have named parameters. Keys are
text or numbers; a key of several columns is one text that the queries make and take
apart, such as a JSON array.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol, TypeAlias, TypeVar

import msgspec
from msgspec import Struct

from jarvisd.core.source import ItemRef

T = TypeVar("T")

SqliteValue: TypeAlias = int | float | str | bytes | None
Row: TypeAlias = tuple[SqliteValue, ...]
RowName: TypeAlias = tuple[str, str]
"""Table and key."""


class RowQuery(Struct, frozen=True):
    """FoundBy a row of one table becomes an item.

    *sql* finds the row by `:key` and gives its stream, the number of characters of its
    text, and the values that *columns* names. Those in *json* hold JSON, which becomes
    part of the body as it is. *encode* replaces the body that is made from them.
    """

    sql: str
    columns: tuple[str, ...]
    json: frozenset[str] = frozenset()
    encode: Callable[[Sequence[SqliteValue]], bytes] | None = None

    def body(self, table: str, values: Sequence[SqliteValue]) -> bytes:
        """Return the item's body: one JSON object, the same for the same row."""
        if self.encode is not None:
            return self.encode(values)

        named = zip(self.columns, values, strict=True)
        return _encoder.encode(
            {"table": table}
            | {
                name: msgspec.Raw(value)
                if name in self.json and isinstance(value, str)
                else value
                for name, value in named
            }
        )


class DatabaseQueries(Struct, frozen=True):
    """What to ask a database whose agent numbers the entries of each session.

    - *needs*: tables and columns without which the version is unknown
    - *streams*: `stream, sequence` of each session, newest first; the sequence grows
      with each change of the session
    - *mark*: what identifies the entry `:sequence` of `:stream`, to recognize a backup
      that was put back and has grown again
    - *changes*: `sequence, table, key` of the entries of `:stream` behind
      `:after`, in order, at most `:limit`; table and key name the row that an entry
      wrote or deleted, null if none is of interest
    - *rows*: `table, key, characters` of each row of `:stream`, in the order in which
      they are to be delivered
    - *tables*: how to read a row of each table
    - *unnumbered*: `stream, table, key, characters, digest` of rows that change in place
      without an entry, such as totals, at most `:limit`, newest first; *digest* changes
      with each change of the row. *rows* does not give them
    - *is_dense*: the sequence has no gaps, so a missing entry was pruned
    - *older*: what to ask instead where *needs* are not met, as older versions of the
      agent have other tables
    """

    needs: Mapping[str, frozenset[str]]
    streams: str
    mark: str
    changes: str
    rows: str
    tables: Mapping[str, RowQuery]
    unnumbered: str = ""
    is_dense: bool = False
    older: "DatabaseQueries | None" = None


class Answers(Protocol):
    """One committed state, as `lock_free_vfs.Snapshot`.

    *schema* is another number when tables, columns or indexes are others.
    """

    schema: int

    def rows(self, sql: str, /, **values: SqliteValue) -> Iterator[Row]:
        """Return the rows of a query."""
        ...

    def row(self, sql: str, /, **values: SqliteValue) -> Row | None:
        """Return the first row of a query, or None."""
        ...

    def columns(self, table: str) -> frozenset[str]:
        """Return the columns of a table, none if there is no such table."""
        ...


class Reader(Protocol):
    """What asks a database, as `lock_free_vfs.SnapshotReader`."""

    def ask(self, question: Callable[[Answers], T]) -> T:
        """Return the answer of *question* to one committed state."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


def row_ref(table: str, key: str) -> ItemRef:
    """Return the name of a row.

    >>> row_ref("part", "prt_1").key
    'row:part:prt_1'
    """
    return ItemRef(f"row:{table}:{key}")


def named_row(ref: ItemRef) -> tuple[str, str] | None:
    """Return table and key of a row's name, or None if it names something else."""
    match ref.key.split(":", 2):
        case ["row", table, key]:
            return table, key
        case _:
            return None


def number_of(value: SqliteValue) -> int:
    """Return a number of the database as one; a null counts as 0."""
    return int(value or 0)


_encoder = msgspec.json.Encoder()
