"""SQL derived from row types: the columns of a table are the fields of one struct.

A field is stored in the column of its name, as its type says: numbers, bytes and text as
they are, an enumeration by its value, a struct by its own fields, side by side. What is
stored otherwise is declared once, by a `Codec` for the field. Statements, and both ways
between a row and the values of its columns, follow from that: a new field needs a
migration, and nothing where rows are stored.

Both ways are compiled, as `dataclasses` does it: a flush is a thousand rows, and a loop
over the columns of each takes half as long again.
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
from jarvisd.core.storage.multi_insert import MAX_INTEGER, put

R = TypeVar("R", bound=msgspec.Struct)

Convert = Callable[..., Any]
"""What is stored of a field's value, or the other way: `f(known, raw, value)`."""


class Codec(NamedTuple):
    """How one field is stored that is not stored as its type says.

    Attributes:
        encode: Makes what is stored of the field's value; None: the value as it is.
        decode: Makes the field's value of what is stored; None likewise.
        name: Of the column; empty: the name of the field.
        is_plain: Whether both are functions of the value alone.

    """

    encode: Convert | None = None
    decode: Convert | None = None
    name: str = ""
    is_plain: bool = False


class JointCodec(NamedTuple):
    """How fields are stored that do not have one column each.

    Attributes:
        encode: For each column, what is stored of the values of all the fields.
        decode: For each field, its value of what is stored in all the columns.

    """

    encode: Mapping[str, Convert]
    decode: Mapping[str, Convert]


INTERNED: Final = Codec(Interned.key, Interned.text)
"""A text that many rows share is stored as its number in the table `text`."""


def coded(
    encode: Callable[[Any], Any], decode: Callable[[Any], Any], name: str = ""
) -> Codec:
    """Return a column whose values functions of the value alone make."""
    return Codec(encode, decode, name, is_plain=True)


def numbered(members: Iterable[Enum]) -> Codec:
    """Return the column of an enumeration that is stored by its place in *members*."""
    of_number: dict[int | None, Enum | None] = dict(enumerate(members))
    of_member = {member: number for number, member in of_number.items()}
    of_number[None] = of_member[None] = None
    return coded(of_member.__getitem__, of_number.__getitem__)


def interned_enum(members: type[StrEnum]) -> Codec:
    """Return the column of an enumeration that is stored as interned text."""
    of_text = {each.value: each for each in members}

    def decode(known: Interned, raw: sqlite3.Connection, key: int | None) -> Any:
        return None if key is None else of_text[known.text(raw, key) or ""]

    return Codec(Interned.key, decode)


def session_column(name: str = "session") -> JointCodec:
    """Return the column of `agent` and `session_id`: the number of the session."""
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

        *key* are the columns that tell rows apart, *columns* how fields are stored that
        are not stored as their types say, by field, and *together* those without a
        column each. *stamp* are columns whose values come from whoever writes, the same
        for all rows; a field of such a name is only read. *unstored* fields are not in
        the table.
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
        self._decode: Callable[..., R] = self._compiled(self.columns, made)

    def insert(self, conflict: str = "") -> "Statement[R]":
        """Return the statement that inserts rows; *conflict* says what if it cannot."""
        marks = ", ".join("?" * len(self.columns))
        into = f"INSERT INTO {self._name} ({', '.join(self.columns)})"
        return self._statement(f"{into} VALUES ({marks}) {conflict}", self._sources)

    def upsert(self, sets: Mapping[str, str] | None = None) -> "Statement[R]":
        """Return the statement that stores rows in place of those with their keys.

        *sets* are expressions for columns that become something else than the new value.
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
        """Return the statement that adds rows, number by number, to those stored.

        A sum beyond SQLite's integers would become a real number, which no column
        takes: it ends at the greatest integer.
        """
        limit = MAX_INTEGER
        return self.upsert(
            {each: f"min({limit}, {each} + excluded.{each})" for each in self.columns}
        )

    def update(
        self, *, but: str = "", sets: Mapping[str, str] | None = None
    ) -> "Statement[R]":
        """Return the statement that changes rows that are there, and inserts none.

        What the struct in the field *but* holds stays as it is. *sets* as for `upsert`;
        the new values are those of `v`.
        """
        sets = sets or {}
        keys = [each for each in self._sources if each.column in self._key]
        kept = f"row.{but}." if but else "no field"
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
        """Return the statement that deletes those of the rows that meet *condition*."""
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
        """Return the row that is stored as *values*, which `select` has read."""
        return self._decode(raw, known, *values)

    def _derive(self, row: type[msgspec.Struct], path: str) -> str:
        """Note the columns of *row*, found at *path*; return what makes one of them."""
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
                encoded = self._converted(each.encode, value, plain=plain)
                self._sources.append(_Source(column, value, encoded))
                stored = self._converted(each.decode, column, plain=plain)
            elif _is_a(field.type, msgspec.Struct):
                stored = self._derive(field.type, value)
            else:
                stored = self._derive_plain(row, field, value)

            made.append(f"{name}={stored}")

        return f"{self._constant(row)}({', '.join(made)})"

    def _derive_together(self, name: str, path: str) -> str:
        encode, decode = self._together[name]
        if name == next(iter(decode)):
            given = ", ".join(f"{path}.{each}" for each in decode)
            self._sources += [
                _Source(column, f"{path}.{name}", self._converted(each, given))
                for column, each in encode.items()
            ]

        return self._converted(decode[name], ", ".join(encode))

    def _derive_plain(
        self, row: type, field: msgspec.structs.FieldInfo, value: str
    ) -> str:
        """Note a field whose type says how it is stored."""
        name, kind, optional = field.name, field.type, False
        if get_origin(kind) in {Union, UnionType}:
            kinds = [each for each in get_args(kind) if each is not NoneType]
            kind, optional = kinds[0] if len(kinds) == 1 else None, True

        kind = getattr(kind, "__supertype__", kind)  # of a NewType
        encoded, decoded = value, name
        if kind is bool:
            decoded = f"bool({name})"
        elif kind is str:
            encoded = f"{value} and storable({value})"
        elif _is_a(kind, StrEnum):
            encoded = f"{value} and {value}.value" if optional else f"{value}.value"
            members = {each.value: each for each in kind} | {None: None}
            decoded = f"{self._constant(members)}[{name}]"
        elif kind not in {int, float, bytes}:
            raise TypeError(f"{row.__name__}.{name} needs a Codec: how is it stored?")

        self._sources.append(_Source(name, value, encoded))
        return decoded

    def _converted(
        self, convert: Convert | None, given: str, *, plain: bool = False
    ) -> str:
        if convert is None:
            return given

        before = "" if plain else "_known, _raw, "
        return f"{self._constant(convert)}({before}{given})"

    def _constant(self, value: Any) -> str:
        name = f"_{len(self._constants)}"
        self._constants[name] = value
        return name

    def _statement(self, sql: str, sources: "Sequence[_Source]") -> "Statement[R]":
        return Statement(sql, self._values_of(sources, self._stamp))

    def _values_of(
        self, sources: "Sequence[_Source]", stamp: Sequence[str] = ()
    ) -> Callable[..., Any]:
        values = ", ".join((*stamp, *(each.encoded for each in sources)))
        return self._compiled((*stamp, "row"), f"({values},)")

    def _compiled(
        self, arguments: Sequence[str], expression: str
    ) -> Callable[..., Any]:
        source = f"lambda _raw, _known, {', '.join(arguments)}: {expression}"
        function: Callable[..., Any] = eval(source, self._constants)  # noqa: S307 - our own names
        return function


class Statement(Generic[R]):
    """One statement for rows of a table, and the values that it takes of each."""

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
        """Run the statement for each of *rows*, inside the caller's transaction.

        *stamp* are the values of the table's stamp, in order. A row that cannot be made
        or stored is refused, as `put` does it.
        """
        values = map(partial(self._values, raw, known, *stamp), rows)
        put(raw, self.sql, values, known.refused)


class _Source(NamedTuple):
    """A column: where a row has its value, and the expression of what is stored."""

    column: str
    path: str
    encoded: str


def _is_a(kind: Any, parent: type) -> bool:
    return isinstance(kind, type) and issubclass(kind, parent)
