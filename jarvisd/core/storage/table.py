"""Derives SQL from row types: the columns of a table are the fields of one struct.

A field is stored in the column of its name according to its type: numbers, bytes and
text unchanged, an enumeration by its value, a struct by its own fields, side by side. Any
other representation is declared once, by a `Codec` for the field. Statements, encoding
and decoding follow from that: a new field needs a migration, and no change in a store.

Encoding and decoding are compiled, as in `dataclasses`: a flush is a thousand rows, and
a loop over the columns of each would take 50 % more time.
"""

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum, StrEnum
from functools import partial
from types import NoneType, UnionType
from typing import (
    Any,
    Final,
    Generic,
    NamedTuple,
    TypeVar,
    Union,
    get_args,
    get_origin,
)

import msgspec

from jarvisd.core.storage.interned import Interned, storable
from jarvisd.core.storage.multi_insert import MAX_INTEGER, execute_many

R = TypeVar("R", bound=msgspec.Struct)

Convert = Callable[..., Any]
"""Encodes a field's value for storage, or decodes it: `f(known, raw, value)`."""


class Codec(NamedTuple):
    """The representation of one field that is not stored according to its type.

    Attributes:
        encode: Encodes the field's value for storage; None for the value itself.
        decode: Decodes the stored value; None for the value itself.
        name: The name of the column; empty for the name of the field.
        is_plain: Whether both are functions of the value only.

    """

    encode: Convert | None = None
    decode: Convert | None = None
    name: str = ""
    is_plain: bool = False


class JointCodec(NamedTuple):
    """The representation of fields that do not have one column each.

    Attributes:
        encode: For each column, the function of the values of all these fields.
        decode: For each field, the function of the values of all these columns.

    """

    encode: Mapping[str, Convert]
    decode: Mapping[str, Convert]


INTERNED: Final = Codec(Interned.key, Interned.text)
"""A text that many rows share is stored as its key in the table `text`."""


def plain_codec(
    encode: Callable[[Any], Any], decode: Callable[[Any], Any], name: str = ""
) -> Codec:
    """Return the codec of a column that is encoded and decoded by its value only."""
    return Codec(encode, decode, name, is_plain=True)


def index_codec(members: Iterable[Enum]) -> Codec:
    """Return the codec of an enumeration that is stored by its index in *members*."""
    of_number: dict[int | None, Enum | None] = dict(enumerate(members))
    of_member = {member: number for number, member in of_number.items()}
    of_number[None] = of_member[None] = None
    return plain_codec(of_member.__getitem__, of_number.__getitem__)


def interned_enum(members: type[StrEnum]) -> Codec:
    """Return the codec of an enumeration that is stored as interned text."""
    of_text = {each.value: each for each in members}

    def decode(known: Interned, raw: sqlite3.Connection, key: int | None) -> Any:
        return None if key is None else of_text[known.text(raw, key) or ""]

    return Codec(Interned.key, decode)


def session_column(name: str = "session") -> JointCodec:
    """Return the codec of `agent` and `session_id`: the key of the session."""
    return JointCodec(
        {name: Interned.session},
        {
            "agent": lambda known, raw, number: known.session_of(raw, number)[0],
            "session_id": lambda known, raw, number: known.session_of(raw, number)[1],
        },
    )


class Table(Generic[R]):
    """The rows of one type in one table.

    Attributes:
        columns: The names of all columns, those of the stamp first.
        select: The statement that reads all columns of all rows, without a condition.

    """

    def __init__(
        self,
        name: str,
        row: type[R],
        *,
        key: Sequence[str],
        columns: Mapping[str, Codec] | None = None,
        together: Sequence[JointCodec] = (),
        stamp: Sequence[str] = (),
        unstored: Sequence[str] = (),
    ) -> None:
        """Derive the statements for rows of type *row* in the table *name*.

        *key* are the columns that identify a row, *columns* the codecs of fields that
        are not stored according to their types, and *together* those of fields without
        a column each. *stamp* are columns with a value that the caller passes for all
        rows; a field of such a name is only read. *unstored* fields are not in the
        table.
        """
        self._name = name
        self._key = tuple(key)
        self._stamp = tuple(stamp)
        self._declared = columns or {}
        self._together = {field: each for each in together for field in each.decode}
        self._unstored = frozenset(unstored)
        self._constants: dict[str, Any] = {"storable": storable}
        self._sources: list[_Source] = []
        made = self._derive(row, "row")
        self.columns = (*stamp, *(each.column for each in self._sources))
        self.select = f"SELECT {', '.join(self.columns)} FROM {name}"  # noqa: S608 - our own names
        self._decode: Callable[..., R] = self._compile(self.columns, made)

    def insert(self, conflict: str = "") -> "Statement[R]":
        """Return the statement that inserts rows; *conflict* is its ON CONFLICT clause."""
        marks = ", ".join("?" * len(self.columns))
        into = f"INSERT INTO {self._name} ({', '.join(self.columns)})"
        return self._statement(f"{into} VALUES ({marks}) {conflict}", self._sources)

    def upsert(self, sets: Mapping[str, str] | None = None) -> "Statement[R]":
        """Return the statement that inserts rows, or replaces those with their keys.

        *sets* are expressions for columns that are not set to the new value.
        """
        sets = sets or {}
        changes = ", ".join(
            f"{each} = {sets.get(each, f'excluded.{each}')}"
            for each in self.columns
            if each not in self._key
        )
        key = ", ".join(self._key)
        return self.insert(f"ON CONFLICT ({key}) DO UPDATE SET {changes}")

    def add(self) -> "Statement[R]":
        """Return the statement that adds rows, column by column, to the stored ones.

        A sum beyond SQLite's integers would become a real number, which no column
        accepts, so it is limited to the greatest integer.
        """
        limit = MAX_INTEGER
        return self.upsert(
            {each: f"min({limit}, {each} + excluded.{each})" for each in self.columns}
        )

    def update(
        self, *, keep: str = "", sets: Mapping[str, str] | None = None
    ) -> "Statement[R]":
        """Return the statement that updates existing rows, and inserts none.

        The columns of the struct in the field *keep* are unchanged. For *sets* see
        `upsert`; the new values are columns of `v`.
        """
        sets = sets or {}
        keys = [each for each in self._sources if each.column in self._key]
        kept = f"row.{keep}." if keep else "no field"
        moved = [
            each
            for each in self._sources
            if each not in keys and not each.path.startswith(kept)
        ]
        changed = (*self._stamp, *(each.column for each in moved))
        given = (*changed, *(each.column for each in keys))
        marks = ", ".join("?" * len(given))
        changes = ", ".join(
            f"{each} = {sets.get(each, f'v.{each}')}" for each in changed
        )
        same = " AND ".join(f"{self._name}.{each} = v.{each}" for each in self._key)
        values = f"WITH v ({', '.join(given)}) AS (VALUES ({marks}))"
        sql = f"{values} UPDATE {self._name} SET {changes} FROM v WHERE {same}"  # noqa: S608 - our own names
        return self._statement(sql, [*moved, *keys])

    def delete(self, condition: str) -> "Statement[R]":
        """Return the statement that deletes rows if they satisfy *condition*."""
        keys = [each for each in self._sources if each.column in self._key]
        names = ", ".join(each.column for each in keys)
        marks = ", ".join("?" * len(keys))
        sql = (
            f"WITH v ({names}) AS (VALUES ({marks})) DELETE FROM {self._name} "  # noqa: S608 - our own names
            f"WHERE ({names}) IN (SELECT * FROM v) AND {condition}"
        )
        return Statement(sql, self._values_of(keys))

    def decode(
        self, raw: sqlite3.Connection, known: Interned, values: Sequence[Any]
    ) -> R:
        """Return the row with the stored *values*, as read by `select`."""
        return self._decode(raw, known, *values)

    def _derive(self, row: type[msgspec.Struct], path: str) -> str:
        """Add the columns of *row* at *path*; return the expression that decodes it."""
        made = []
        for field in msgspec.structs.fields(row):
            name, value = field.name, f"{path}.{field.name}"
            if name in self._unstored:
                continue

            if name in self._stamp:
                stored = name
            elif name in self._together:
                stored = self._derive_together(name, path)
            elif name in self._declared:
                each = self._declared[name]
                column, plain = each.name or name, each.is_plain
                encoded = self._call(each.encode, value, plain=plain)
                self._sources.append(_Source(column, value, encoded))
                stored = self._call(each.decode, column, plain=plain)
            elif _is_a(field.type, msgspec.Struct):
                stored = self._derive(field.type, value)
            else:
                encoded, stored, members = _plain(row, field, value)
                self._sources.append(_Source(name, value, encoded))
                if members is not None:
                    stored = f"{self._bind(members)}[{name}]"

            made.append(f"{name}={stored}")

        return f"{self._bind(row)}({', '.join(made)})"

    def _derive_together(self, name: str, path: str) -> str:
        encode, decode = self._together[name]
        if name == next(iter(decode)):
            given = ", ".join(f"{path}.{each}" for each in decode)
            self._sources += [
                _Source(column, f"{path}.{name}", self._call(each, given))
                for column, each in encode.items()
            ]

        return self._call(decode[name], ", ".join(encode))

    def _call(self, convert: Convert | None, given: str, *, plain: bool = False) -> str:
        if convert is None:
            return given

        before = "" if plain else "_known, _raw, "
        return f"{self._bind(convert)}({before}{given})"

    def _bind(self, value: Any) -> str:
        name = f"_{len(self._constants)}"
        self._constants[name] = value
        return name

    def _statement(self, sql: str, sources: "Sequence[_Source]") -> "Statement[R]":
        return Statement(sql, self._values_of(sources, self._stamp))

    def _values_of(
        self, sources: "Sequence[_Source]", stamp: Sequence[str] = ()
    ) -> Callable[..., Any]:
        values = ", ".join((*stamp, *(each.encoded for each in sources)))
        return self._compile((*stamp, "row"), f"({values},)")

    def _compile(self, arguments: Sequence[str], expression: str) -> Callable[..., Any]:
        source = f"lambda _raw, _known, {', '.join(arguments)}: {expression}"
        function: Callable[..., Any] = eval(source, self._constants)  # noqa: S307 - our own names
        return function


class Statement(Generic[R]):
    """A statement for rows of a table, and the function of a row's values for it."""

    def __init__(self, sql: str, values: Callable[..., Sequence[Any]]) -> None:
        self.sql = sql
        self._values = values

    def run(
        self,
        raw: sqlite3.Connection,
        known: Interned,
        rows: Iterable[R],
        *stamp: Any,
    ) -> None:
        """Execute the statement for each of *rows*, inside the caller's transaction.

        *stamp* are the values of the table's stamp, in order. A row that cannot be
        encoded or stored is refused; see `execute_many`.
        """
        values = map(partial(self._values, raw, known, *stamp), rows)
        execute_many(raw, self.sql, values, known.refused)


class _Source(NamedTuple):
    """A column: the path of its value in a row, and the expression that encodes it."""

    column: str
    path: str
    encoded: str


def _plain(
    row: type, field: msgspec.structs.FieldInfo, value: str
) -> tuple[str, str, dict[str | None, Any] | None]:
    """Return how a field is stored according to its type.

    That is the expression that encodes it, the one that decodes it, and the members of
    an enumeration by their stored values.
    """
    name, kind, optional = field.name, field.type, False
    if get_origin(kind) in {Union, UnionType}:
        kinds = [each for each in get_args(kind) if each is not NoneType]
        kind, optional = kinds[0] if len(kinds) == 1 else None, True

    kind = getattr(kind, "__supertype__", kind)  # of a NewType
    if kind is bool:
        return value, f"bool({name})", None

    if kind is str:
        return f"{value} and storable({value})", name, None

    if _is_a(kind, StrEnum):
        encoded = f"{value} and {value}.value" if optional else f"{value}.value"
        return encoded, name, {each.value: each for each in kind} | {None: None}

    if kind not in {int, float, bytes}:
        raise TypeError(f"{row.__name__}.{name} needs a Codec: how is it stored?")

    return value, name, None


def _is_a(kind: Any, parent: type) -> bool:
    return isinstance(kind, type) and issubclass(kind, parent)
