"""Rows that change in place without an entry: each counts once, as it is now."""

from pathlib import Path

import pytest

from jarvisd.core.source import Budget
from jarvisd.core.sources.sqlite.database_queries import row_ref
from tests.sources.sqlite.database_rig import Consumer, consuming, totals_of, writing
from tests.sources.sqlite.opencode_like import WITH_TITLES


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "agent.db"


def assert_summed_up(consumer: Consumer) -> None:
    assert consumer.totals == totals_of(consumer.streams)


def test_a_row_that_changes_without_an_entry_replaces_itself(path: Path) -> None:
    with writing(path) as agent, consuming(path, WITH_TITLES) as consumer:
        ses = agent("session")
        agent("message", ses)
        consumer.drain()
        assert_summed_up(consumer)

        agent("retitle", ses, "a longer title")
        batch = consumer.read()

        (item,) = batch.items
        assert item.replaces == item.ref == row_ref("session", ses)
        assert (item.chars, item.replaced_chars) == (16, 5)
        assert_summed_up(consumer)
        assert not consumer.read().items


def test_a_restart_repeats_no_row(path: Path) -> None:
    with writing(path) as agent, consuming(path, WITH_TITLES) as consumer:
        first, second = agent("session"), agent("session")
        consumer.drain()
        consumer.restart()

        agent("retitle", second, "another")
        (item,) = consumer.drain().items

        assert item.stream == second
        assert item.replaced_chars == 5
        assert set(consumer.streams) == {first, second}
        assert_summed_up(consumer)


def test_the_budget_holds_for_them(path: Path) -> None:
    with writing(path) as agent, consuming(path, WITH_TITLES) as consumer:
        for _ in range(5):
            agent("session")

        for _ in range(5):
            assert len(consumer.read(Budget(items=1)).items) == 1

        assert not consumer.read(Budget(items=1)).items
        assert len(consumer.streams) == 5
        assert_summed_up(consumer)


def test_a_session_that_begins_again_brings_them_again(path: Path) -> None:
    with writing(path) as agent, consuming(path, WITH_TITLES) as consumer:
        ses = agent("session")
        agent("message", ses)
        agent("backup")
        agent("message", ses)
        consumer.drain()

        agent("restore")
        batch = consumer.drain()

        assert batch.restarted == [ses]
        assert len(batch.items) == 2
        assert all(item.replaces is None for item in batch.items)
        assert_summed_up(consumer)


def test_a_deleted_session_takes_them_with_it(path: Path) -> None:
    with writing(path) as agent, consuming(path, WITH_TITLES) as consumer:
        ses, other = agent("session"), agent("session")
        consumer.drain()

        agent("delete_session", ses)
        batch = consumer.drain()

        assert batch.ended == [ses]
        assert set(consumer.streams) == {other}
        assert_summed_up(consumer)
