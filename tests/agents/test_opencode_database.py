"""Databases of opencode through its queries: with events, without, and with both."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from jarvisd.agents.opencode.queries import QUERIES, WITHOUT_EVENTS
from jarvisd.core.origin import SessionId
from jarvisd.core.source import Budget, ItemRef
from tests.agents.poisoned import poisoned
from tests.books.rig import running
from tests.sources.sqlite.database_rig import (
    Consumer,
    Streams,
    consuming,
    present,
    truth,
)

T = 1796100000000
TABLES = """
create table session(
  id text primary key, parent_id text, directory text not null, title text not null,
  version text not null, time_created integer not null, time_updated integer not null);
create table message(
  id text primary key, session_id text not null, time_created integer not null,
  time_updated integer not null, data text not null);
create index message_by_session on message(session_id, time_created, id);
create table part(
  id text primary key, message_id text not null, session_id text not null,
  time_created integer not null, time_updated integer not null, data text not null);
create index part_by_message on part(message_id, id);
create index part_by_session on part(session_id);
"""
EVENTS = """
create table event_sequence(aggregate_id text primary key, seq integer not null);
create table event(
  id text primary key, aggregate_id text not null, seq integer not null,
  type text not null, data text not null);
create unique index event_by_session on event(aggregate_id, seq);
"""
TOKENS = {"input": 100, "output": 10, "reasoning": 0, "cache": {"read": 50, "write": 0}}


class Opencode:
    """The program, as it writes with events or without."""

    def __init__(self, path: Path, *, tables: str = TABLES + EVENTS) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.writes_events = EVENTS in tables
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.execute("pragma journal_mode = wal")
        self.connection.executescript(tables)

    def upgrade(self) -> None:
        """Go on as a version that writes events."""
        self.connection.executescript(EVENTS)
        self.writes_events = True

    def session(self, name: str, at_ms: int = T, *, title: str = "Plots") -> None:
        """Begin a session, or give it another title."""
        self._commit(
            name,
            "session.updated.1",
            {"info": {"id": name}},
            "insert into session values(?, null, '/w', ?, '1.18.33', ?, ?)"
            " on conflict(id) do update set title = excluded.title,"
            " time_updated = excluded.time_updated",
            (name, title, at_ms, at_ms),
        )

    def message(self, session: str, name: str, at_ms: int, **data: Any) -> None:
        """Write a message, or write over it."""
        self._commit(
            session,
            "message.updated.1",
            {"info": {"id": name}},
            "insert into message values(?, ?, ?, ?, ?) on conflict(id) do update"
            " set data = excluded.data, time_updated = excluded.time_updated",
            (name, session, data["time"]["created"], at_ms, json.dumps(data)),
        )

    def part(
        self, session: str, message: str, name: str, at_ms: int, **data: Any
    ) -> None:
        """Write a part, or write over it."""
        self._commit(
            session,
            "message.part.updated.1",
            {"part": {"id": name}},
            "insert into part values(?, ?, ?, ?, ?, ?) on conflict(id) do update"
            " set data = excluded.data, time_updated = excluded.time_updated",
            (name, message, session, at_ms, at_ms, json.dumps(data)),
        )

    def turn(self, session: str, number: int, at_ms: int) -> None:
        """Write a prompt and its answer, of one step."""
        user, agent = f"msg_{session}_{number}u", f"msg_{session}_{number}v"
        times = {"created": at_ms + 10}
        self.message(session, user, at_ms, role="user", time={"created": at_ms})
        self.part(session, user, f"prt_{user}", at_ms, type="text", text="go on")
        self.message(
            session, agent, at_ms + 10, role="assistant", modelID="m", time=times
        )
        tokens = {**TOKENS, "input": 100 + number}
        step = {"type": "step-finish", "reason": "stop", "tokens": tokens, "cost": 0.01}
        self.part(session, agent, f"prt_{agent}", at_ms + 20, **step)
        self.message(
            session,
            agent,
            at_ms + 30,
            role="assistant",
            modelID="m",
            tokens=tokens,
            finish="stop",
            time={**times, "completed": at_ms + 30},
        )

    def insert_text(self, session: str, name: str, row: bytes) -> None:
        """Insert a part whose data is that of *row*, whatever this is."""
        data = row.split(b'"data":', 1)[1].rsplit(b"}", 1)[0].decode()
        self._commit(
            session,
            "message.part.updated.1",
            {"part": {"id": name}},
            "insert into part values(?, ?, ?, ?, ?, ?)",
            (name, f"msg_{session}_0v", session, T, T, data),
        )

    def remove_part(self, session: str, name: str) -> None:
        """Delete a part, as transient ones are."""
        data = {"partID": name, "messageID": "msg"}
        kind, sql = "message.part.removed.1", "delete from part where id = ?"
        self._commit(session, kind, data, sql, (name,))

    def fork(self, session: str, name: str, at_ms: int) -> None:
        """Copy a session under new ids, with the same times and counts."""
        self.session(name, at_ms, title="Plots (fork #1)")
        with closing(self.connection.cursor()) as cursor:
            messages = cursor.execute(
                "select id, data from message where session_id = ?", (session,)
            ).fetchall()
            for old, text in messages:
                self.message(name, f"{old}_{name}", at_ms, **json.loads(text))
                for part, data in cursor.execute(
                    "select id, data from part where message_id = ?", (old,)
                ).fetchall():
                    self.part(
                        name,
                        f"{old}_{name}",
                        f"{part}_{name}",
                        at_ms,
                        **json.loads(data),
                    )

    def close(self) -> None:
        self.connection.close()

    def _commit(
        self,
        session: str,
        kind: str,
        data: dict[str, Any],
        sql: str,
        values: tuple[Any, ...],
    ) -> None:
        self.connection.execute("begin immediate")
        self.connection.execute(sql, values)
        if self.writes_events:
            self.connection.execute(
                "insert into event_sequence values(?, 0)"
                " on conflict(aggregate_id) do update set seq = seq + 1",
                (session,),
            )
            self.connection.execute(
                "insert into event select lower(hex(randomblob(8))), ?, seq, ?, ?"
                " from event_sequence where aggregate_id = ?",
                (session, kind, json.dumps(data), session),
            )

        self.connection.execute("commit")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".local/share/opencode/opencode.db"


@pytest.fixture(params=[TABLES + EVENTS, TABLES], ids=["events", "no events"])
def opencode(request: pytest.FixtureRequest, path: Path) -> Iterator[Opencode]:
    with closing(Opencode(path, tables=request.param)) as found:
        yield found


def own(streams: Streams) -> dict[str, dict[ItemRef, Any]]:
    """Return the columns of rows, without those of their message."""
    return {
        stream: {ref: own_fields(body) for ref, body in held.items()}
        for stream, held in streams.items()
    }


def own_fields(body: bytes) -> dict[str, Any]:
    found = json.loads(body)
    return {name: each for name, each in found.items() if "owner" not in name}


def assert_whole(consumer: Consumer, folder: Path) -> None:
    """Assert that everything was delivered as it is now."""
    queries = QUERIES if "event" in tables_of(consumer.path) else WITHOUT_EVENTS
    now = truth(consumer.path, folder / "copy", queries)
    assert own(consumer.streams) == own(present(now))


def tables_of(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        names = connection.execute("select name from sqlite_schema").fetchall()
        return [name for (name,) in names]


def test_each_change_is_delivered(
    opencode: Opencode, path: Path, tmp_path: Path
) -> None:
    opencode.session("ses_1")
    with consuming(path, QUERIES) as consumer:
        for number in range(5):
            opencode.turn("ses_1", number, T + number * 1000)
            opencode.session("ses_1", T + number * 1000 + 40, title=f"Plots {number}")
            assert consumer.drain().fault is None
            assert_whole(consumer, tmp_path)
            assert not consumer.drain().items
            if number == 2:
                consumer.restart()

        assert not consumer.drain().restarted


def test_many_rows_of_one_moment_are_delivered_in_small_reads(
    opencode: Opencode, path: Path, tmp_path: Path
) -> None:
    opencode.session("ses_1")
    opencode.turn("ses_1", 0, T)
    with consuming(path, QUERIES) as consumer:
        consumer.drain()
        for number in range(40):
            opencode.part(
                "ses_1", "msg_ses_1_0v", f"prt_{number}", T + 99, type="patch"
            )

        opencode.message(
            "ses_1", "msg_ses_1_0v", T + 99, role="assistant", time={"created": T + 10}
        )
        consumer.drain(Budget(items=3))

        assert_whole(consumer, tmp_path)


def test_a_session_from_before_there_were_events_is_read_on(
    path: Path, tmp_path: Path
) -> None:
    with closing(Opencode(path, tables=TABLES)) as opencode:
        for name in ("ses_1", "ses_2"):
            opencode.session(name)
            opencode.turn(name, 0, T + 50)

        with consuming(path, QUERIES) as consumer:
            consumer.drain()
            opencode.upgrade()
            assert consumer.drain().fault is None
            opencode.session("ses_3", T + 1000)
            batch = consumer.drain()
            assert not batch.restarted  # those without events rest
            opencode.turn("ses_1", 1, T + 2000)

            assert consumer.drain().restarted == ["ses_1"]
            assert_whole(consumer, tmp_path)
            opencode.turn("ses_1", 2, T + 3000)
            assert not consumer.drain().restarted
            assert_whole(consumer, tmp_path)


def test_pruned_events_make_a_session_begin_again(path: Path, tmp_path: Path) -> None:
    with closing(Opencode(path)) as opencode, consuming(path, QUERIES) as consumer:
        opencode.session("ses_1")
        consumer.drain()
        opencode.turn("ses_1", 0, T)
        newest = "select max(seq) from event where aggregate_id = 'ses_1'"
        opencode.connection.execute(
            f"delete from event where seq < ({newest}) and seq > 0"
        )

        assert consumer.drain().restarted == ["ses_1"]
        assert_whole(consumer, tmp_path)


def test_a_row_of_damaged_json_costs_nothing_else(
    opencode: Opencode, path: Path
) -> None:
    for name in ("ses_1", "ses_2"):
        opencode.session(name)
        opencode.turn(name, 0, T)

    damage = "update {} set data = '{{\"role' where rowid = 1"
    for table in ("message", "event")[: 1 + opencode.writes_events]:
        opencode.connection.execute(damage.format(table))

    with consuming(path, QUERIES) as consumer:
        assert consumer.drain().fault is None
        opencode.turn("ses_1", 1, T + 1000)
        if opencode.writes_events:
            newest = "where seq = (select max(seq) from event) and type glob 'mess*'"
            opencode.connection.execute(f"update event set data = '{{' {newest}")

        assert consumer.drain().fault is None
        assert consumer.streams.keys() == {"ses_1", "ses_2"}


def test_a_part_that_is_deleted_is_reported(path: Path, tmp_path: Path) -> None:
    with closing(Opencode(path)) as opencode, consuming(path, QUERIES) as consumer:
        opencode.session("ses_1")
        opencode.turn("ses_1", 0, T)
        opencode.part("ses_1", "msg_ses_1_0v", "prt_x", T + 60, type="text", text="...")
        consumer.drain()
        opencode.remove_part("ses_1", "prt_x")

        assert [ref.key for ref in consumer.drain().deleted] == ["row:part:prt_x"]
        assert_whole(consumer, tmp_path)


async def test_a_fork_spends_nothing_again(opencode: Opencode, tmp_path: Path) -> None:
    opencode.session("ses_1")
    opencode.turn("ses_1", 0, T + 1000)
    opencode.turn("ses_1", 1, T + 2000)
    opencode.fork("ses_1", "ses_0", T + 50_000)
    opencode.turn("ses_0", 2, T + 60_000)
    async with running(tmp_path) as daemon:
        await daemon.sync()

        own, fork = (daemon.session(each, "opencode") for each in ("ses_1", "ses_0"))
        assert (own.messages, own.prompts, own.tokens.input) == (2, 2, 201)
        assert (fork.messages, fork.prompts, fork.tokens.input) == (1, 1, 102)


async def test_absurd_numbers_in_a_database_end_nothing(
    path: Path, tmp_path: Path
) -> None:
    with closing(Opencode(path)) as opencode:
        opencode.session("ses_1")
        opencode.turn("ses_1", 0, T + 1000)
        number = 0
        for each in poisoned("opencode"):
            if b'"part"' in each.text and b'"data":' in each.text:
                number += 1
                opencode.insert_text("ses_1", f"prt_{number}", each.text)

        opencode.turn("ses_1", 1, T + 90_000)

    assert number > 100
    async with running(tmp_path) as daemon:
        await daemon.sync()

        found = daemon.session("ses_1", "opencode")
        assert found.prompts == 2
        assert found.tokens.total < 2**53
        await daemon.flusher.flush_all()


async def test_documents_of_older_versions_count_once_with_the_database(
    tmp_path: Path, path: Path
) -> None:
    storage = path.parent / "storage"
    times = {"created": T + 1010, "completed": T + 1030}
    files = {
        "session/p1/ses_1.json": {
            "id": "ses_1",
            "title": "Old plots",
            "directory": "/w",
            "parentID": "ses_9",
            "time": {"created": T, "updated": T},
        },
        "message/ses_1/msg_1.json": {
            "id": "msg_1",
            "sessionID": "ses_1",
            "role": "user",
            "time": {"created": T + 1000},
        },
        "message/ses_1/msg_2.json": {
            "id": "msg_2",
            "sessionID": "ses_1",
            "role": "assistant",
            "modelID": "m",
            "tokens": {**TOKENS, "input": 100},
            "cost": 0.01,
            "time": times,
        },
        "message/ses_1/half.json": {},
    }
    for name, data in files.items():
        file = storage / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(data))

    async with running(tmp_path) as daemon:
        await daemon.sync()
        found = daemon.session("ses_1", "opencode")
        assert (found.messages, found.prompts, found.tokens.total) == (1, 1, 160)
        assert found.title is not None
        assert found.title[-1] == "Old plots"
        assert found.parent_session_id == SessionId("ses_9")

        with closing(Opencode(path)) as opencode:
            opencode.session("ses_1")
            opencode.turn("ses_1", 0, T + 1000)
            await daemon.sync()

        found = daemon.session("ses_1", "opencode")
        assert (found.messages, found.prompts, found.tokens.total) == (1, 1, 160)
