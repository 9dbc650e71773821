"""Versions: each script once, whole or not at all, and none skipped."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from jarvisd.app.feature_order import open_store
from jarvisd.base.errors import StoreTooNewError
from jarvisd.core.sources.jsonlines.identity import FilePosition, position_of
from jarvisd.core.storage.database import connect_writer
from jarvisd.core.storage.migrate import migrate, read_scripts, shipped_scripts
from jarvisd.core.storage.opening import Opening
from jarvisd.ledger.flush_store import read_books
from tests.storage.building import ask, fill
from tests.support import FakeClock, stored_blocks

SHIPPED = len(shipped_scripts())
NEXT = """
CREATE TABLE newer (newer_key INTEGER PRIMARY KEY) STRICT;
INSERT INTO newer VALUES (1); -- a comment at the end"""
FIRST_VERSION_ROWS = """
INSERT INTO block VALUES (1, 'b1', 1, 'transcript', 1, NULL, NULL, 's', NULL, NULL,
    NULL, NULL, 1, 2, 5, 100, 0, 0, 99, 1, 1, 99, 1, 1, 1, 1, 99, 1, 0, 0, NULL,
    'active', NULL)
"""
POSITION = (
    *("read_offset", "size", "generation", "dev", "inode", "head_len", "head_hash"),
    *("mark_len", "mark_hash", "mtime_ns"),
)
POSITIONS = [
    dict(zip(POSITION, each, strict=True))
    for each in (
        (0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
        (4, 9, 2, 66306, 7, 4, 2**63 - 1, 4, 1, 1_790_000_000_000_000_001),
        (2**53, 2**54, 3, -1, -(2**63), 1024, -2, 512, -3, 2**62),
    )
]
EIGHTH_VERSION_ROWS = """
INSERT INTO session (session_key, agent, session_id, revision, input, cache_read,
    cache_write_5m, cache_write_1h, output, reasoning, cost_micros, unpriced, messages,
    prompts, tool_calls, tool_errors, active_ms, state)
VALUES (1, 1, 's1', 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, x'');
INSERT INTO cell VALUES (7, 1, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
INSERT INTO response (key, session, rank, start_ms, version, model_ms, cache_read,
    cache_write_flat, cache_write_5m, cache_write_1h, output, reasoning, web_searches)
VALUES (9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0);
INSERT INTO call (key, session, rank, start_ms, version, kind) VALUES (9, 1, 0, 0, 1, 0);
INSERT INTO mark (key, session, rank, start_ms, version, mark, chars)
VALUES (9, 1, 0, 0, 1, 'prompt', 0);
"""
KILLED = """
import os, pathlib, signal, sys
from jarvisd.core.sources.jsonlines.identity import FilePosition, position_of
from jarvisd.core.storage.database import connect_writer
from jarvisd.core.storage.migrate import migrate, shipped_scripts
raw = connect_writer(pathlib.Path(sys.argv[1]), wal=True)
raw.create_function("die", 0, lambda: os.kill(os.getpid(), signal.SIGKILL))
raw.execute("PRAGMA cache_size = 1")  # so that half of it is on the disk
more = "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
script = f"{sys.argv[2]}\\n; INSERT INTO newer {more} LIMIT 20000; SELECT die();"
migrate(raw, pathlib.Path(sys.argv[1]), (*shipped_scripts(), script))
"""
BROKEN = "CREATE TABLE half (a) STRICT; CREATE TABLE other (a INTEGER) STRICT;"


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    folder = tmp_path / "scripts"
    (folder / "migrations").mkdir(parents=True)
    (folder / "schema.sql").write_text(shipped_scripts()[0])
    return folder


def opened(path: Path, *later: str) -> Opening:
    opening = Opening(path, 0, scripts=(*shipped_scripts(), *later))
    opening.connect().close()
    return opening


async def test_a_database_is_brought_up_to_the_next_version(
    tmp_path: Path,
) -> None:
    path = tmp_path / "s.db"
    await fill(path, blocks=7)

    opened(path, NEXT)

    assert ask(path, "PRAGMA user_version") == [(SHIPPED + 1,)]
    assert ask(path, "SELECT count(*) FROM block") == [(7,)]
    assert ask(path, "SELECT * FROM newer") == [(1,)]


async def test_a_database_of_the_first_version_keeps_its_blocks(
    tmp_path: Path,
) -> None:
    path = tmp_path / "s.db"
    Opening(path, 0, scripts=shipped_scripts()[:1]).connect().close()
    ask(path, "INSERT INTO text VALUES (1, 'claude')")
    ask(path, FIRST_VERSION_ROWS)

    async with open_store(path, clock=FakeClock()) as store:
        (block,) = await stored_blocks(store)

    assert (block.counts.line_count, block.position.offset) == (5, 99)
    assert position_of(block.cursor).mtime_ns == 1
    assert (block.parser_version, block.ledger_memory) == (0, b"")


@pytest.mark.parametrize("version", [1, 2, 8])
async def test_the_position_of_a_file_becomes_a_cursor_that_says_the_same(
    tmp_path: Path, version: int
) -> None:
    path = tmp_path / "s.db"
    Opening(path, 0, scripts=shipped_scripts()[:version]).connect().close()
    ask(path, "INSERT INTO text VALUES (1, 'claude')")
    for number, position in enumerate(POSITIONS, start=1):
        names = ", ".join(POSITION)
        ask(
            path,
            "INSERT INTO block (block_id, revision, kind, agent, line_count, char_count,"
            " malformed_count, oversize_count, bytes_read, ended, state, "
            f"{names}) VALUES (?, 1, 'transcript', 1, 5, 6, 0, 0, 9, 0, 'active', "
            f"{', '.join('?' * len(POSITION))})",
            f"b{number}",
            *position.values(),
        )

    async with open_store(path, clock=FakeClock()) as store:
        blocks = await stored_blocks(store)

    assert [position_of(each.cursor) for each in blocks] == [
        FilePosition(
            offset=each["read_offset"],
            **{
                name: value % 2**64
                for name, value in each.items()
                if name != "read_offset"
            },
        )
        for each in POSITIONS
    ]
    assert [each.position.offset for each in blocks] == [0, 4, 2**53]
    shown = ask(path, "SELECT line_count, read_offset, size FROM block_shown")
    assert shown == [(5, 0, 0), (5, 4, 9), (5, 2**53, 2**54)]


async def test_a_database_of_before_branches_keeps_its_rows_and_cells(
    tmp_path: Path,
) -> None:
    path = tmp_path / "s.db"
    Opening(path, 0, scripts=shipped_scripts()[:8]).connect().close()
    ask(path, "INSERT INTO text VALUES (1, 'claude'), (2, 'opus')")
    with closing(sqlite3.connect(path)) as raw:
        raw.executescript(EIGHTH_VERSION_ROWS)

    async with open_store(path, clock=FakeClock()) as store:
        books = await store.load(read_books)

    assert books is not None
    (cell,) = books.cells

    assert (cell.agent, cell.session_id, cell.model) == ("claude", "s1", "opus")
    assert (cell.branch, cell.account) == (None, None)
    assert (cell.quarter, cell.tokens.total, cell.responses) == (
        7,
        1 + 2 + 3 + 4 + 5,
        9,
    )
    for table in ("response", "call", "mark"):
        found = ask(path, f"SELECT key, branch, account FROM {table}")
        assert found == [(9, None, None)]


def test_a_new_database_gets_all_versions_and_no_script_twice(tmp_path: Path) -> None:
    path = tmp_path / "s.db"

    opened(path, NEXT)
    opened(path, NEXT)

    assert ask(path, "SELECT * FROM newer") == [(1,)]


def test_a_script_that_fails_leaves_the_version_before_it(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    opened(path)

    with pytest.raises(sqlite3.OperationalError):
        opened(path, NEXT, BROKEN)

    assert ask(path, "PRAGMA user_version") == [(SHIPPED + 1,)]
    assert ask(path, "SELECT name FROM sqlite_schema WHERE name = 'half'") == []
    opened(path, NEXT)


def test_a_migration_that_is_killed_leaves_the_version_before_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "s.db"
    opened(path)

    killed = subprocess.run([sys.executable, "-c", KILLED, path, NEXT], check=False)

    assert killed.returncode == -signal.SIGKILL
    assert ask(path, "PRAGMA user_version") == [(SHIPPED,)]
    assert ask(path, "SELECT name FROM sqlite_schema WHERE name = 'newer'") == []
    opened(path, NEXT)
    assert ask(path, "SELECT * FROM newer") == [(1,)]


def test_an_older_jarvisd_refuses_what_a_newer_one_made(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    opened(path, NEXT)

    with pytest.raises(
        StoreTooNewError,
        match=f"version {SHIPPED + 1}; this jarvisd knows up to {SHIPPED}",
    ):
        opened(path)


def test_scripts_are_read_in_the_order_of_their_numbers(scripts: Path) -> None:
    (scripts / "migrations" / "0003_b.sql").write_text("third")
    (scripts / "migrations" / "0002_c.sql").write_text("second")
    (scripts / "migrations" / "README.md").write_text("no script")

    assert read_scripts(scripts)[1:] == ("second", "third")


@pytest.mark.parametrize("name", ["0001_a.sql", "0003_a.sql", "2_a.sql", "a.sql"])
def test_a_script_with_a_wrong_number_is_refused(scripts: Path, name: str) -> None:
    (scripts / "migrations" / name).write_text("")

    with pytest.raises(ValueError, match="should be number 0002"):
        read_scripts(scripts)


def test_the_schema_has_a_plain_number_for_a_key_everywhere() -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as raw:
        migrate(raw, Path("memory"), shipped_scripts())
        tables = raw.execute("SELECT name, strict FROM pragma_table_list").fetchall()

    # FTS5 makes tables of its own, which are not for us to declare.
    made = ("sqlite_", "message_text")
    ours = {name: strict for name, strict in tables if not name.startswith(made)}
    views = dict.fromkeys(
        (
            "block_shown",
            "session_shown",
            "attributed",
            "tool_use",
            "tool_daily",
            "plugin_daily",
        ),
        0,
    )
    assert {name: strict for name, strict in ours.items() if not strict} == views


def test_without_shared_memory_a_rollback_journal_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.db"
    opened(path)
    monkeypatch.setattr("jarvisd.core.storage.opening.is_on_network", lambda *_: True)
    opened(path)

    assert ask(path, "PRAGMA journal_mode") == [("delete",)]


def test_the_writer_alone_may_write_and_no_file_is_mapped(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    opened(path)
    with closing(connect_writer(path, wal=True)) as raw:
        pragmas = {
            name: raw.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("foreign_keys", "mmap_size", "trusted_schema", "temp_store")
        }

    assert pragmas == {
        "foreign_keys": 1,
        "mmap_size": 0,
        "trusted_schema": 0,
        "temp_store": 2,
    }
