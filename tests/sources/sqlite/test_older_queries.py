"""Databases of older versions, which have other tables than the newest one."""

from pathlib import Path

import msgspec
import pytest

from tests.sources.sqlite.database_rig import consuming, writing
from tests.sources.sqlite.opencode_like import NEEDS, QUERIES

UNMET = {**NEEDS, "part": NEEDS["part"] | {"tokens"}}
NEWEST = msgspec.structs.replace(QUERIES, needs=UNMET, streams="select 1, 2 from dream")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "agent.db"


def test_an_older_database_is_asked_as_it_was_then(path: Path) -> None:
    queries = msgspec.structs.replace(NEWEST, older=QUERIES)
    with writing(path) as agent, consuming(path, queries) as consumer:
        agent("message", agent("session"))

        batch = consumer.drain()

        assert batch.fault is None
        assert consumer.items
        for item in batch.items:
            assert consumer.source.locate(item.ref) == item.body


def test_the_fault_names_what_the_newest_version_has(path: Path) -> None:
    older = msgspec.structs.replace(QUERIES, needs={"x": frozenset({"y"})})
    queries = msgspec.structs.replace(NEWEST, older=older)
    with writing(path) as agent, consuming(path, queries) as consumer:
        agent("session")
        consumer.source._incomplete_since = -1e9  # it lacked it for long

        fault = consumer.drain().fault

        assert fault is not None
        assert fault.reason == "unknown version: it has no part.tokens"
