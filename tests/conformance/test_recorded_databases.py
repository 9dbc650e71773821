"""Databases that agents wrote are read as SQLite reads a copy of them."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from jarvisd.core.sources.sqlite.database_queries import DatabaseQueries, Row, RowQuery
from jarvisd.core.sources.sqlite.lock_free_vfs import Snapshot
from tests.conformance.shared import SHARED, needs_shared
from tests.sources.sqlite.database_rig import asking, consuming, truth
from tests.sources.sqlite.opencode_like import QUERIES

pytestmark = [pytest.mark.conformance, needs_shared()]

DATABASES = sorted(
    path
    for folder in ("corpus", "recordings")
    for suffix in ("db", "sqlite")
    for path in (SHARED / folder).rglob(f"*.{suffix}")
)
TABLES = "select name from sqlite_schema where type = 'table' and rootpage > 0"

# The entries name their rows with one more level than in our own writer's.
OPENCODE = msgspec.structs.replace(
    QUERIES,
    changes=QUERIES.changes.replace(
        "json_extract(data, '$.id')",
        "coalesce(json_extract(data, '$.part.id'), json_extract(data, '$.info.id'))",
    ),
)

# A key of two columns, and rows that are numbered themselves.
OPENCLAW = DatabaseQueries(
    needs={"transcript_events": frozenset({"session_id", "seq", "event_json"})},
    streams="select session_id, max(seq) from transcript_events group by session_id",
    mark="""
      select created_at || coalesce(generation, '') from transcript_events
      left join transcript_rewrite_watermarks using (session_id)
      where session_id = :stream and seq = :sequence""",
    changes="""
      select seq, 'transcript_events', json_array(session_id, seq)
      from transcript_events where session_id = :stream and seq > :after
      order by seq limit :limit""",
    rows="""
      select 'transcript_events', json_array(session_id, seq), length(event_json)
      from transcript_events where session_id = :stream order by seq""",
    tables={
        "transcript_events": RowQuery(
            "select session_id, length(event_json), seq, event_json"
            " from transcript_events where session_id = json_extract(:key, '$[0]')"
            " and seq = json_extract(:key, '$[1]')",
            columns=("seq", "event"),
            json=frozenset({"event"}),
        )
    },
)

# One number for all sessions, and totals that change in place.
HERMES = DatabaseQueries(
    needs={"messages": frozenset({"id", "session_id", "role", "content"})},
    streams="select session_id, max(id) from messages group by session_id",
    mark="select timestamp from messages where id = :sequence",
    changes="""
      select id, 'messages', id from messages
      where session_id = :stream and id > :after order by id limit :limit""",
    rows="""
      select 'messages', id, length(content) from messages
      where session_id = :stream order by id""",
    tables={
        "messages": RowQuery(
            "select session_id, length(content), role, content from messages"
            " where id = :key",
            columns=("role", "content"),
        ),
        "sessions": RowQuery(
            "select id, 0, input_tokens, output_tokens from sessions where id = :key",
            columns=("input_tokens", "output_tokens"),
        ),
    },
    unnumbered="""
      select id, 'sessions', id, 0, input_tokens || ' ' || output_tokens from sessions
      order by started_at desc limit :limit""",
)

SESSIONS = {
    "opencode": OPENCODE,
    "kilo": OPENCODE,
    "openclaw-agent": OPENCLAW,
    "state": HERMES,
}


def named(path: Path) -> str:
    return "/".join(path.relative_to(SHARED).parts[:3])


def copied(path: Path, folder: Path, *, index: bool) -> Path:
    """Copy a database with its log, and with its index or without."""
    for suffix in ("", "-wal", *(["-shm"] if index else [])):
        if (file := Path(f"{path}{suffix}")).exists():
            shutil.copyfile(file, folder / f"agent.db{suffix}")

    return folder / "agent.db"


@pytest.mark.parametrize("index", [True, False])
@pytest.mark.parametrize("path", DATABASES, ids=named)
def test_each_table_is_read_as_sqlite_reads_a_copy(
    path: Path, tmp_path: Path, index: bool
) -> None:
    def everything(snapshot: Snapshot) -> dict[str, list[Row]]:
        names = [str(name) for (name,) in snapshot.rows(TABLES)]
        return {name: list(snapshot.rows(f'select * from "{name}"')) for name in names}

    here = copied(path, tmp_path, index=index)
    (tmp_path / "copy").mkdir()
    there = copied(path, tmp_path / "copy", index=False)

    with asking(here) as reader:
        found = reader.ask(everything)

    assert sum(map(len, found.values())) > 0
    with closing(sqlite3.connect(there)) as copy:
        assert {name for (name,) in copy.execute(TABLES)} == set(found)
        for name, rows in found.items():
            assert copy.execute(f'select * from "{name}"').fetchall() == rows, name


@pytest.mark.parametrize(
    "path", [path for path in DATABASES if path.stem in SESSIONS], ids=named
)
def test_the_sessions_of_agents_are_delivered(path: Path, tmp_path: Path) -> None:
    here, queries = copied(path, tmp_path, index=False), SESSIONS[path.stem]

    with consuming(here, queries) as consumer:
        batch = consumer.drain()
        assert batch.fault is None
        assert consumer.items > 2
        assert consumer.streams == truth(here, tmp_path / "copy", queries)
        for item in batch.items:
            assert consumer.source.locate(item.ref) == item.body
