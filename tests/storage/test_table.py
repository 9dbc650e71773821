"""Statements and conversions follow from the fields of a row type."""

import sqlite3
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jarvisd.core.origin import SessionId
from jarvisd.core.storage.interned import Interned
from jarvisd.core.storage.migrate import migrate, shipped_scripts
from jarvisd.core.storage.multi_insert import MAX_INTEGER
from jarvisd.core.storage.table import (
    INTERNED,
    Codec,
    Table,
    index_codec,
    plain_codec,
    session_column,
)


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Inner(msgspec.Struct, frozen=True, kw_only=True):
    count: int = 0
    tiny: int = 0


class Thing(msgspec.Struct, frozen=True, kw_only=True):
    key: int
    agent: str = "claude"
    session_id: SessionId = SessionId("s1")
    folder: str | None = None
    label: str | None = None
    colour: Colour = Colour.RED
    second: Colour | None = None
    third: Colour | None = None
    inner: Inner = Inner()
    done: bool = False
    ratio: float | None = None
    raw: bytes = b""
    revision: int = 0
    unsaved: tuple[int, ...] = ()


SCRIPT = """
CREATE TABLE thing (
    key INTEGER PRIMARY KEY, revision INTEGER NOT NULL, session INTEGER NOT NULL,
    folder INTEGER, label TEXT, colour TEXT NOT NULL, second TEXT, third INTEGER,
    count INTEGER NOT NULL, small INTEGER NOT NULL, done INTEGER NOT NULL, ratio REAL,
    raw BLOB
) STRICT
"""
THINGS = Table(
    "thing",
    Thing,
    key=("key",),
    stamp=("revision",),
    columns={
        "folder": INTERNED,
        "third": index_codec(Colour),
        "tiny": Codec(name="small"),
        "raw": plain_codec(lambda raw: raw or None, lambda stored: stored or b""),
    },
    together=(session_column(),),
    unstored=("unsaved",),
)
FULL = Thing(
    key=1,
    agent="codex",
    session_id=SessionId("s2"),
    folder="/home/u",
    label="a label",
    colour=Colour.BLUE,
    second=Colour.RED,
    third=Colour.BLUE,
    inner=Inner(count=3, tiny=4),
    done=True,
    ratio=0.5,
    raw=b"\0",
)


@pytest.fixture
def raw() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, Path("memory"), (*shipped_scripts(), SCRIPT))
    yield connection
    connection.close()


def stored(raw: sqlite3.Connection) -> list[Thing]:
    known = Interned()
    return [THINGS.decode(raw, known, row) for row in raw.execute(THINGS.select)]


@pytest.mark.parametrize("thing", [FULL, Thing(key=1)], ids=["full", "bare"])
def test_a_row_comes_back_with_the_stamp_it_was_written_with(
    raw: sqlite3.Connection, thing: Thing
) -> None:
    THINGS.insert().run(raw, Interned(), [thing], 7)

    assert stored(raw) == [msgspec.structs.replace(thing, revision=7)]


def test_shared_texts_and_sessions_are_stored_as_numbers(
    raw: sqlite3.Connection,
) -> None:
    THINGS.insert().run(raw, Interned(), [FULL, Thing(key=2, folder="/home/u")], 1)

    found = raw.execute("SELECT session, folder, third FROM thing").fetchall()
    assert {type(each) for row in found for each in row} == {int, type(None)}
    assert found[0][1] == found[1][1]


def test_an_upsert_replaces_all_but_the_key(raw: sqlite3.Connection) -> None:
    known = Interned()
    THINGS.upsert().run(raw, known, [FULL], 1)
    THINGS.upsert().run(raw, known, [Thing(key=1)], 2)

    assert stored(raw) == [Thing(key=1, revision=2)]


def test_what_an_upsert_sets_otherwise_is_set_so(raw: sqlite3.Connection) -> None:
    known, keeping = Interned(), THINGS.upsert({"label": "coalesce(label, '?')"})
    keeping.run(raw, known, [FULL], 1)
    keeping.run(raw, known, [Thing(key=1, label="other")], 2)

    assert [each.label for each in stored(raw)] == ["a label"]


def test_an_update_leaves_one_struct_as_it_is_and_inserts_nothing(
    raw: sqlite3.Connection,
) -> None:
    known = Interned()
    THINGS.insert().run(raw, known, [FULL], 1)

    THINGS.update(keep="inner").run(raw, known, [Thing(key=1), Thing(key=2)], 2)

    assert stored(raw) == [Thing(key=1, inner=FULL.inner, revision=2)]


def test_sums_end_at_the_greatest_integer(raw: sqlite3.Connection) -> None:
    class Sum(msgspec.Struct):
        key: int
        count: int
        more: int

    sums = Table("sums", Sum, key=("key",))
    raw.execute(
        "CREATE TABLE sums (key INTEGER PRIMARY KEY, count INT, more INT) STRICT"
    )
    for each in (Sum(1, MAX_INTEGER - 1, 5), Sum(1, 7, -6)):
        sums.add().run(raw, Interned(), [each])

    assert raw.execute("SELECT * FROM sums").fetchall() == [(1, MAX_INTEGER, -1)]


def test_a_new_field_needs_a_column_in_the_database_and_nothing_else(
    raw: sqlite3.Connection,
) -> None:
    wider: Any = msgspec.defstruct("Wider", [("bucket", int, 0)], bases=(Inner,))
    raw.execute("CREATE TABLE wide (count INT, tiny INT, bucket INT) STRICT")
    table = Table("wide", wider, key=())

    table.insert().run(raw, Interned(), [wider(count=1, bucket=9)])

    (row,) = raw.execute(table.select)
    assert table.decode(raw, Interned(), row) == wider(count=1, bucket=9)


def test_a_field_whose_type_does_not_say_how_it_is_stored_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Thing\.unsaved needs a Codec"):
        Table("thing", Thing, key=("key",))


def test_half_a_surrogate_is_stored_as_a_question_mark(raw: sqlite3.Connection) -> None:
    THINGS.insert().run(raw, Interned(), [Thing(key=1, label="a\ud800")], 1)

    assert [each.label for each in stored(raw)] == ["a?"]


def test_a_row_that_cannot_be_made_is_refused_alone(raw: sqlite3.Connection) -> None:
    known = Interned()
    odd: Any = Thing(key=2, colour=None)  # type: ignore[arg-type]

    THINGS.insert().run(raw, known, [Thing(key=1), odd, Thing(key=3)], 1)

    assert known.refused == ["thing: AttributeError"]
    assert [each.key for each in stored(raw)] == [1, 3]
