"""Databases that agents wrote are read as SQLite reads a copy of them."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from jarvisd.agents.hermes import queries as hermes
from jarvisd.agents.opencode import queries as opencode
from jarvisd.agents.opencode.read import OpencodeReader
from jarvisd.core.agent import ReaderContext
from jarvisd.core.event import UsageReported
from jarvisd.core.sources.sqlite.database_queries import DatabaseQueries, Row, RowQuery
from jarvisd.core.sources.sqlite.lock_free_vfs import Snapshot
from tests.conformance.shared import SHARED, needs_shared
from tests.sources.sqlite.database_rig import asking, consuming, truth

pytestmark = [pytest.mark.conformance, needs_shared()]

DATABASES = sorted(
    path
    for folder in ("corpus", "recordings")
    for suffix in ("db", "sqlite")
    for path in (SHARED / folder).rglob(f"*.{suffix}")
)
TABLES = "select name from sqlite_schema where type = 'table' and rootpage > 0"

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

SESSIONS = {
    "opencode": opencode.QUERIES,
    "kilo": opencode.QUERIES,
    "openclaw-agent": OPENCLAW,
    "state": hermes.QUERIES,
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


@pytest.mark.parametrize(
    "path",
    [path for path in DATABASES if path.stem in {"opencode", "kilo"}],
    ids=named,
)
def test_sessions_spent_what_their_own_columns_say(path: Path, tmp_path: Path) -> None:
    """Of the steps that the session itself added up; the cost to a millionth."""
    here = copied(path, tmp_path, index=False)
    columns = (
        "cost",
        "tokens_input",
        "tokens_output",
        "tokens_reasoning",
        "tokens_cache_read",
        "tokens_cache_write",
    )
    with consuming(here, opencode.QUERIES) as consumer:
        consumer.drain()
        streams = consumer.streams

    with closing(sqlite3.connect(here)) as copy:
        rows = copy.execute(f"select id, {', '.join(columns)} from session").fetchall()

    assert rows
    for session, *stated in rows:
        reader, used = OpencodeReader(ReaderContext(), b""), dict[str | None, Row]()
        for body in streams[session].values():
            record = reader.read(body, offset=0)
            assert record is not None
            for each in record.events:
                if isinstance(each, UsageReported):
                    tokens = each.tokens
                    used[each.response] = (
                        (each.stated_micros or 0) / 1e6,
                        tokens.input,
                        tokens.output - tokens.reasoning,
                        tokens.reasoning,
                        tokens.cache_read,
                        tokens.cache_write_5m,
                    )

        sums = [sum(column) for column in zip(*used.values(), strict=True)]
        assert (sums or [0] * 6) == pytest.approx(stated, abs=5e-6)
