"""Each row of a database counts once, as it is now."""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from jarvisd.base.clock import SystemClock
from jarvisd.core.source import Batch, Budget, ItemRef, StreamTotals
from jarvisd.core.sources.sqlite.database_queries import (
    Row,
    RowQuery,
    SqliteValue,
    row_ref,
)
from jarvisd.core.sources.sqlite.database_source import DatabaseSource
from jarvisd.core.sources.sqlite.lock_free_vfs import Snapshot
from jarvisd.core.sources.sqlite.row_delivery import UNREADABLE
from tests.sources.sqlite.database_rig import (
    Writer,
    characters,
    consuming,
    present,
    totals_of,
    truth,
    writing,
)
from tests.sources.sqlite.opencode_like import NEEDS, QUERIES

ONE = Budget(items=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "agent.db"


def fill(agent: Writer, parts: int = 3) -> tuple[str, str, list[str]]:
    """Write a session with a message and its parts."""
    ses = agent("session")
    message = agent("message", ses)
    return ses, message, [agent("part", message) for _ in range(parts)]


def test_rows_come_in_the_order_of_their_session_each_as_json(path: Path) -> None:
    with writing(path) as agent, consuming(path) as consumer:
        ses, message, parts = fill(agent)

        batch = consumer.read()

    assert [item.ref.key for item in batch.items] == [
        f"row:message:{message}",
        *(f"row:part:{part}" for part in parts),
    ]
    assert {item.stream for item in batch.items} == {ses}
    assert all(item.replaces is None for item in batch.items)
    body = msgspec.json.decode(batch.items[1].body)
    assert body["table"] == "part"
    assert body["message_id"] == message
    assert batch.items[1].chars == characters(batch.items[1].body)


def test_an_update_in_place_replaces_what_was_delivered(path: Path) -> None:
    with writing(path) as agent, consuming(path) as consumer:
        ses, _, parts = fill(agent)
        before = {item.ref: item.chars for item in consumer.read().items}

        agent("update", "part", parts[1], 5000)
        batch = consumer.read()

    (item,) = batch.items
    assert item.ref == item.replaces == row_ref("part", parts[1])
    assert item.replaced_chars == before[item.ref]
    chars = sum(before.values()) - before[item.ref] + item.chars
    assert batch.totals == {ses: StreamTotals(4, chars)}


def test_a_new_row_of_a_known_session_replaces_nothing(path: Path) -> None:
    with writing(path) as agent, consuming(path) as consumer:
        _, message, _ = fill(agent)
        consumer.read()

        part = agent("part", message)

        (item,) = consumer.read().items
    assert item.ref == row_ref("part", part)
    assert item.replaces is None


def test_after_a_restart_a_row_may_have_been_delivered(path: Path) -> None:
    with writing(path) as agent, consuming(path) as consumer:
        ses, _, parts = fill(agent)
        consumer.read()
        consumer.restart()

        agent("update", "part", parts[0])
        batch = consumer.read()

    assert batch.items[0].replaces == row_ref("part", parts[0])
    assert batch.totals[ses] == totals_of(consumer.streams)[ses]


def test_nothing_new_is_an_empty_batch_without_a_question(path: Path) -> None:
    with writing(path) as agent, consuming(path) as consumer:
        fill(agent)
        consumer.read()

        assert not consumer.source.is_changed()
        assert not consumer.read().items

        agent("session")
        assert consumer.source.is_changed()


def test_a_deleted_message_takes_its_parts_with_it(path: Path) -> None:
    with writing(path) as agent, consuming(path) as consumer:
        ses, message, parts = fill(agent)
        kept = agent("message", ses)
        consumer.read()

        agent("delete", "message", message)
        batch = consumer.read()

    gone = {row_ref("message", message), *(row_ref("part", part) for part in parts)}
    assert set(batch.deleted) == gone
    assert batch.removed == len(gone)
    assert batch.totals[ses].items == 1
    assert list(consumer.streams[ses]) == [row_ref("message", kept)]


def test_a_deleted_session_ends_and_one_of_its_name_begins_again(path: Path) -> None:
    with writing(path) as agent, consuming(path) as consumer:
        ses, _, _ = fill(agent)
        other, _, _ = fill(agent)
        consumer.read()

        agent("delete_session", ses)
        assert consumer.read().ended == [ses]
        assert list(consumer.streams) == [other]

        agent("session", ses)
        message = agent("message", ses)
        batch = consumer.read()

    assert [item.ref for item in batch.items] == [row_ref("message", message)]
    assert batch.items[0].replaces is None


def test_a_budget_of_one_row_delivers_all_in_many_reads(
    path: Path, tmp_path: Path
) -> None:
    with writing(path) as agent, consuming(path) as consumer:
        for _ in range(3):
            fill(agent)

        assert len(consumer.read(ONE).items) == 1
        consumer.drain(ONE)

        assert consumer.items == 12
        assert consumer.streams == truth(path, tmp_path / "copy")


def test_a_budget_of_bytes_ends_behind_the_row_that_exceeds_it(path: Path) -> None:
    with writing(path) as agent, consuming(path) as consumer:
        ses = agent("session")
        message = agent("message", ses)
        for _ in range(4):
            agent("part", message, 20_000)

        batch = consumer.read(Budget(size_bytes=25_000))

    assert 1 < len(batch.items) < 5
    assert batch.more


def test_a_restart_within_a_session_goes_on_behind_the_last_row(path: Path) -> None:
    with writing(path) as agent, consuming(path) as consumer:
        fill(agent, parts=9)
        consumer.read(Budget(items=4))
        consumer.restart()

        batch = consumer.read()

    assert len(batch.items) == 6
    assert not batch.restarted


def test_what_changes_while_a_session_is_read_first_comes_again(
    path: Path, tmp_path: Path
) -> None:
    with writing(path) as agent, consuming(path) as consumer:
        ses, message, parts = fill(agent, parts=9)
        consumer.read(Budget(items=4))

        agent("update", "part", parts[0], 3000)
        agent("delete", "part", parts[1])
        agent("part", message)
        consumer.drain(Budget(items=2))

        assert consumer.streams == truth(path, tmp_path / "copy")
        assert consumer.totals[ses] == totals_of(consumer.streams)[ses]


@pytest.mark.parametrize("is_restarted", [False, True])
def test_the_row_that_was_delivered_last_is_deleted(
    path: Path, tmp_path: Path, is_restarted: bool
) -> None:
    """The rows of the session are only known since the start of the process."""
    with writing(path) as agent, consuming(path) as consumer:
        ses, _, parts = fill(agent, parts=9)
        consumer.read(Budget(items=4))
        if is_restarted:
            consumer.restart()

        agent("delete", "part", parts[2])
        assert consumer.read().restarted == [ses][: int(is_restarted)]

        consumer.drain()
        assert consumer.streams == truth(path, tmp_path / "copy")
        assert consumer.totals[ses] == totals_of(consumer.streams)[ses]


def test_a_session_is_listed_once_while_it_is_read_first(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To list the rows of a large session takes longer than a slice of it."""
    asked: list[str] = []
    rows = Snapshot.rows

    def counted(self: Snapshot, sql: str, /, **values: SqliteValue) -> Iterator[Row]:
        asked.append(sql)
        return rows(self, sql, **values)

    monkeypatch.setattr(Snapshot, "rows", counted)
    with writing(path) as agent, consuming(path) as consumer:
        fill(agent, parts=40)
        consumer.drain(Budget(items=4))

        assert consumer.batches > 8
        assert asked.count(QUERIES.rows) == 1


def test_a_batch_is_returned_until_it_is_applied(path: Path) -> None:
    with writing(path) as agent, consuming(path) as consumer:
        fill(agent)
        source = consumer.source
        before = source.cursor()

        batch = source.read(Budget())
        agent("session")

        assert source.read(Budget()) is batch
        assert source.cursor() == before
        source.applied(batch)
        assert source.cursor() != before
        assert not source.read(Budget()).items


def test_pruned_entries_make_a_session_begin_again(path: Path, tmp_path: Path) -> None:
    with writing(path) as agent, consuming(path) as consumer:
        ses, message, parts = fill(agent)
        consumer.read()

        agent("update", "part", parts[0])
        agent("prune", ses, 6)
        agent("part", message)
        batch = consumer.read()

    assert batch.restarted == [ses]
    assert len(batch.items) == 5
    assert all(item.replaces is None for item in batch.items)


@pytest.mark.parametrize(
    "cursor", [b"\xff", b"[]", msgspec.msgpack.encode([99, 0, {}])]
)
def test_with_a_cursor_that_cannot_be_read_all_sessions_begin_again(
    path: Path, cursor: bytes
) -> None:
    with writing(path) as agent:
        ses, _, _ = fill(agent)
        source = DatabaseSource(str(path), QUERIES, SystemClock(), cursor)

        batch = source.read(Budget())
        source.close()

    assert batch.restarted == [ses]
    assert len(batch.items) == 4


def test_reads_may_come_from_different_threads(path: Path, tmp_path: Path) -> None:
    with writing(path) as agent, consuming(path) as consumer:
        for _ in range(3):
            fill(agent)
            with ThreadPoolExecutor(1) as thread:
                thread.submit(consumer.drain).result()

        assert consumer.streams == truth(path, tmp_path / "copy")


def test_nobody_waits_for_a_read_under_way(path: Path) -> None:
    with writing(path, "delete") as agent, consuming(path) as consumer:
        _, _, parts = fill(agent)
        consumer.read()
        agent("run", "pragma cache_size=2")
        agent("begin")
        for part in parts:
            agent("update", "part", part, 9000)

        with ThreadPoolExecutor(1) as thread:
            read = thread.submit(consumer.source.read, Budget())
            looks = 0
            while not read.done():
                began = time.perf_counter()
                assert consumer.source.is_changed()
                consumer.source.applied(Batch())
                assert consumer.source.cursor()
                assert time.perf_counter() - began < 0.5
                looks += 1

    assert looks > 1
    assert read.result().fault is not None


def test_a_row_is_found_by_its_name(path: Path) -> None:
    with writing(path) as agent, consuming(path) as consumer:
        _, _, parts = fill(agent)
        item = consumer.read().items[-1]
        source = consumer.source

        assert source.locate(item.ref) == item.body
        agent("update", "part", parts[-1])
        assert source.locate(item.ref) != item.body
        agent("delete", "part", parts[-1])
        assert source.locate(item.ref) is None
        assert source.locate(ItemRef("line:7")) is None
        assert source.locate(ItemRef("row:other:7")) is None


def test_a_missing_column_is_an_unknown_version_and_not_zero(path: Path) -> None:
    needs = NEEDS | {"part": NEEDS["part"] | {"added_7"}}
    queries = msgspec.structs.replace(QUERIES, needs=needs)
    with writing(path) as agent, consuming(path) as consumer:
        fill(agent)
        consumer.read()
        known = dict(consumer.streams)
        consumer.queries = queries
        consumer.restart()

        # It may be created or migrated at this moment.
        first = consumer.read()
        assert first.retry_s is not None
        assert first.fault is None
        assert consumer.source.is_changed()

        while (batch := consumer.read()).fault is None:
            pass

        assert batch.fault.reason == "unknown version: it has no part.added_7"
        assert consumer.streams == known
        assert consumer.read().fault == batch.fault

        agent("run", "alter table part add column added_7")
        agent("session")
        assert consumer.read().fault is None


def test_a_file_that_is_being_created_is_waited_for(path: Path) -> None:
    path.touch()
    with consuming(path) as consumer:
        batch = consumer.read()

        assert batch.retry_s is not None
        assert batch.fault is None
        with writing(path) as agent:
            fill(agent)
            assert len(consumer.read().items) == 4


def test_no_file_is_gone(path: Path) -> None:
    with consuming(path) as consumer:
        assert consumer.read().gone
        assert consumer.source.is_changed()


@pytest.mark.parametrize("kind", ["text", "link", "pipe", "folder"])
def test_what_is_no_database_is_a_fault(path: Path, kind: str) -> None:
    if kind == "text":
        path.write_text("This is not a database at all.\n" * 100)
    elif kind == "link":
        path.symlink_to("/etc/passwd")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()

    with consuming(path) as consumer:
        batch = consumer.read()

    assert batch.fault is not None
    assert str(path) in batch.fault.reason
    assert not batch.items


def test_a_row_that_cannot_become_an_item_costs_only_itself(path: Path) -> None:
    def refuse_third(values: object) -> bytes:
        assert isinstance(values, tuple)
        if values[0] == parts[2]:
            raise KeyError("usage")

        return b"{}"

    part_query = RowQuery(
        QUERIES.tables["part"].sql, QUERIES.tables["part"].columns, encode=refuse_third
    )
    queries = msgspec.structs.replace(
        QUERIES, tables={**QUERIES.tables, "part": part_query}
    )
    with writing(path) as agent, consuming(path, queries) as consumer:
        _, _, parts = fill(agent, parts=4)

        items = consumer.read().items

    assert [item.body for item in items[1:]] == [b"{}", b"{}", UNREADABLE, b"{}"]


def test_a_row_with_text_that_is_no_text_costs_only_itself(path: Path) -> None:
    with writing(path) as agent, consuming(path) as consumer:
        ses, _, parts = fill(agent)
        agent("run", f"update part set data=cast(x'ff' as text) where id='{parts[1]}'")

        batch = consumer.read()

    found = [item.body == UNREADABLE for item in batch.items]
    assert found == [False, False, True, False]
    assert batch.totals[ses].items == 4


def test_a_restored_backup_makes_other_sessions_begin_again(
    path: Path, tmp_path: Path
) -> None:
    with writing(path) as agent, consuming(path) as consumer:
        same, _, _ = fill(agent)
        ses, message, _ = fill(agent)
        agent("backup")
        for _ in range(3):
            agent("part", message)
        consumer.read()

        # It grows to the same number of entries again, and beyond.
        agent("restore")
        for _ in range(3):
            agent("part", message)
        batch = consumer.read()

        assert batch.restarted == [ses]
        assert len(batch.items) == 7
        assert same in consumer.streams
        assert present(consumer.streams) == truth(path, tmp_path / "copy")


def test_a_backup_with_the_same_schema_number_and_other_tables(
    path: Path, tmp_path: Path
) -> None:
    names = ("part_session_idx", "part_message_idx")
    drops = [f"drop index {name}" for name in names]
    session = "create index part_session_idx on part(session_id)"
    message = "create index part_message_idx on part(message_id, id)"
    with writing(path) as agent, consuming(path) as consumer:
        _, first, _ = fill(agent)
        agent("backup", by_copy=True)
        for statement in (*drops, session, message):
            agent("run", statement)
        consumer.read()

        # SQLite goes by the number of changes of the schema, which is the same now; but
        # the indexes have changed places.
        agent("restore")
        for statement in (*drops, message, session):
            agent("run", statement)
        agent("delete", "part", agent("part", first))
        fill(agent)
        batch = consumer.read()

        assert batch.fault is None
        assert consumer.streams == truth(path, tmp_path / "copy")
        assert consumer.totals == totals_of(consumer.streams)
