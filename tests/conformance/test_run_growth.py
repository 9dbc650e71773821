"""What a recorded run grows to is what was recorded, whatever kind of log it is."""

import json
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.expectations import Growth
from tests.conformance.run_growth import (
    connect,
    database_steps,
    document_steps,
    line_steps,
)
from tests.conformance.shared import SHARED, needs_shared
from tests.conformance.test_recorded_databases import DATABASES, named

pytestmark = [pytest.mark.conformance, needs_shared(), needs_shared("recordings")]

DOCUMENTS = sorted(
    path
    for pattern in (
        "recordings/cline/*/.cline/data/sessions/*/*.messages.json",
        "recordings/continue/*/.continue/sessions/*-*.json",
        "recordings/openhands/*/.openhands/conversations/*/base_state.json",
        "corpus/mini/*/.config/mini-swe-agent/*.json",
    )
    for path in SHARED.glob(pattern)
)
SPAN = (0.0, 1.0)


def rows(path: Path) -> dict[str, list[Any]]:
    with closing(connect(path)) as copy:
        names = copy.execute(
            "select name from sqlite_schema where type = 'table' and rootpage > 0"
            " and name not like 'sqlite_%'"
        ).fetchall()
        return {
            name: sorted(copy.execute(f'select * from "{name}"').fetchall(), key=repr)
            for (name,) in names
        }


@pytest.mark.parametrize("path", DATABASES, ids=named)
def test_a_database_gets_its_rows(path: Path, tmp_path: Path) -> None:
    for suffix in ("", "-wal"):
        if (file := Path(f"{path}{suffix}")).exists():
            shutil.copyfile(file, tmp_path / f"recorded.db{suffix}")

    recorded = rows(tmp_path / "recorded.db")
    seen = []
    for step in database_steps(path, tmp_path / "grown.db", Growth(), SPAN):
        step.write()
        seen.append(sum(map(len, rows(tmp_path / "grown.db").values())))

    grown = rows(tmp_path / "grown.db")
    assert grown == {name: recorded[name] for name in grown}
    assert any(grown.values())
    assert seen == sorted(seen)
    assert len(set(seen)) > min(10, seen[-1])  # it was empty, and grew by parts


@pytest.mark.parametrize("path", DOCUMENTS, ids=named)
def test_a_document_becomes_what_it_is(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "document.json"
    for step in document_steps(path, target, Growth(), SPAN):
        step.write()
        json.loads(target.read_bytes())

    assert target.read_bytes() == path.read_bytes()


def test_a_file_of_lines_is_cut_where_it_was_seen(tmp_path: Path) -> None:
    path, target = tmp_path / "recorded", tmp_path / "grown"
    path.write_bytes(b"one\ntwo\nthree\n")
    seen = [
        {"t": 1.0, "op": "create", "lines": 1, "open_tail": False},
        {"t": 2.0, "op": "append", "lines": 0, "open_tail": True},
        {"t": 3.0, "op": "append", "lines": 2, "open_tail": False},
    ]

    grown = []
    for step in line_steps(path, target, seen, SPAN):
        step.write()
        grown.append(target.read_bytes())

    assert grown == [b"one\n", b"one\ntw", b"one\ntwo\nthree\n"]
