"""Databases that agents wrote are read as SQLite reads a copy of them."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from jarvisd.core.sources.sqlite.database_queries import Row
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
LIKE_OPENCODE = [path for path in DATABASES if path.stem in ("opencode", "kilo")]
TABLES = "select name from sqlite_schema where type = 'table' and rootpage > 0"

# The entries name their rows with one more level than in our own writer's.
OPENCODE = msgspec.structs.replace(
    QUERIES,
    changes=QUERIES.changes.replace(
        "json_extract(data, '$.id')",
        "coalesce(json_extract(data, '$.part.id'), json_extract(data, '$.info.id'))",
    ),
)


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


@pytest.mark.parametrize("path", LIKE_OPENCODE, ids=named)
def test_the_sessions_of_opencode_and_kilo_are_delivered(
    path: Path, tmp_path: Path
) -> None:
    here = copied(path, tmp_path, index=False)

    with consuming(here, OPENCODE) as consumer:
        batch = consumer.drain()
        assert batch.fault is None
        assert consumer.items > 2
        assert consumer.streams == truth(here, tmp_path / "copy", OPENCODE)
