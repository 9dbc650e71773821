"""What is saved is loaded: every field, the newest state, the revisions."""

import random
import sqlite3
from pathlib import Path

import pytest
from msgspec.structs import replace

from jarvisd.app.feature_order import open_store
from jarvisd.base.errors import StoreBusyError, StoreError
from jarvisd.blocks.model import SavedBlock
from jarvisd.core.origin import BlockId, Counts, Kind, Origin, SessionId
from jarvisd.core.roots import Position
from jarvisd.core.source_views import SourceState
from jarvisd.core.storage import database
from jarvisd.core.storage.migrate import shipped_scripts
from tests.storage.building import ask, batch, block_id, lines_by_id, many, saved
from tests.support import EPOCH_MS, FakeClock, stored_blocks

FULL = SavedBlock(
    origin=Origin(
        block_id=BlockId("00000000000000aa"),
        kind=Kind.PROCESS,
        agent="codex",
        path="/srv/Grüße/ö.jsonl",
        session_id=SessionId("s"),
        parent_session_id=SessionId("p"),
        project="project",
        cwd="/cwd",
        pid=7,
    ),
    position=Position(offset=1, size=4, generation=6),
    cursor=b"what only\0its source reads",
    counts=Counts(
        start_ts_ms=10,
        last_activity_ms=11,
        line_count=12,
        char_count=13,
        malformed_count=14,
        oversize_count=15,
        bytes_read=2**53,
    ),
    ended=True,
    exit_status=130,
    state=SourceState.QUARANTINED,
    error="cannot be read",
    revision=1,
)
BARE = SavedBlock(
    origin=Origin(block_id=BlockId("00000000000000bb"), kind=Kind.PUSH, agent="text"),
    position=Position(),
    counts=Counts(),
    revision=1,
)


def with_path(path: str) -> SavedBlock:
    origin = Origin(
        block_id=block_id(1), kind=Kind.FIFO, agent="text", path=path, cwd=path
    )
    return SavedBlock(origin=origin, position=Position(), counts=Counts())


@pytest.mark.parametrize(
    "block", [pytest.param(FULL, id="every field"), pytest.param(BARE, id="no field")]
)
async def test_a_block_comes_back_as_it_was_saved(
    tmp_path: Path, block: SavedBlock
) -> None:
    async with open_store(tmp_path / "s.db", clock=FakeClock()) as store:
        await store.save(batch(block))

    async with open_store(tmp_path / "s.db", clock=FakeClock()) as store:
        assert await stored_blocks(store) == [block]


async def test_a_later_save_replaces_every_field_of_the_earlier_one(
    tmp_path: Path,
) -> None:
    async with open_store(tmp_path / "s.db", clock=FakeClock()) as store:
        await store.save(batch(SavedBlock(
            origin=Origin(
                block_id=FULL.origin.block_id, kind=Kind.TRANSCRIPT, agent="claude"
            ),
            position=Position(),
            counts=Counts(),
        )))  # fmt: skip
        revision = (await store.save(batch(FULL))).revision

        [loaded] = await stored_blocks(store)

    assert loaded.revision == revision == 2
    assert loaded.origin == FULL.origin
    assert (loaded.position, loaded.cursor) == (FULL.position, FULL.cursor)
    assert loaded.counts == FULL.counts
    assert (loaded.ended, loaded.exit_status) == (True, 130)
    assert (loaded.state, loaded.error) == (FULL.state, FULL.error)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        pytest.param("/a/b", "/a/b", id="usual"),
        pytest.param("/b", "/b", id="at the root"),
        pytest.param("b", "b", id="no folder"),
        pytest.param("", "", id="empty"),
        pytest.param("/a/", "/a/", id="no name"),
        pytest.param("/a/\ud800b", "/a/?b", id="half a surrogate"),
        pytest.param("/\ud800/b", "/?/b", id="half a surrogate in the folder"),
        pytest.param("/a/b\0c", "/a/b\0c", id="a NUL"),
        pytest.param("/a\n/'; --", "/a\n/'; --", id="quotes"),
    ],
)
async def test_any_path_can_be_saved(tmp_path: Path, given: str, kept: str) -> None:
    async with open_store(tmp_path / "s.db", clock=FakeClock()) as store:
        await store.save(batch(with_path(given)))
        [loaded] = await stored_blocks(store)

    assert (loaded.origin.path, loaded.origin.cwd) == (kept, kept)


async def test_each_save_counts_one_revision_and_marks_only_its_own_rows(
    tmp_path: Path,
) -> None:
    async with open_store(tmp_path / "s.db", clock=FakeClock()) as store:
        revisions = [
            (await store.save(batch(saved(1), saved(2)))).revision,
            (await store.save(batch(saved(2)))).revision,
        ]
        loaded = {
            each.origin.block_id: each.revision for each in await stored_blocks(store)
        }

    assert revisions == [1, 2]
    assert loaded == {block_id(1): 1, block_id(2): 2}
    assert store.revision == 2


async def test_what_is_learned_of_a_block_later_is_stored(tmp_path: Path) -> None:
    async with open_store(tmp_path / "s.db", clock=FakeClock()) as store:
        before = saved(1, lines=1)
        await store.save(batch(before))
        moved = replace(before.origin, cwd="/elsewhere", project="other")
        await store.save(batch(replace(before, origin=moved)))

        [loaded] = await stored_blocks(store)

    assert loaded.origin == moved


async def test_a_row_deleted_by_another_program_is_written_again(
    tmp_path: Path,
) -> None:
    async with open_store(tmp_path / "s.db", clock=FakeClock()) as store:
        block = saved(1, lines=1)
        await store.save(batch(block, saved(2)))
        ask(tmp_path / "s.db", "DELETE FROM block")

        await store.save(batch(replace(block, counts=Counts(line_count=2))))

        assert await lines_by_id(store) == {block_id(1): 2}


async def test_the_revision_goes_on_where_it_was(tmp_path: Path) -> None:
    for expected in (1, 2, 3):
        async with open_store(tmp_path / "s.db", clock=FakeClock()) as store:
            assert store.revision == expected - 1
            assert (await store.save(batch(saved()))).revision == expected


async def test_shared_strings_are_stored_once(tmp_path: Path) -> None:
    async with open_store(tmp_path / "s.db", clock=FakeClock()) as store:
        await store.save(many(lines=1, blocks=50))
        await store.save(many(lines=2, blocks=50))

    assert ask(tmp_path / "s.db", "SELECT count(*) FROM text") == [(4,)]


async def test_what_is_saved_is_seen_by_other_programs_at_once(tmp_path: Path) -> None:
    async with open_store(tmp_path / "s.db", clock=FakeClock()) as store:
        await store.save(batch(saved(1, lines=7)))

        [row] = ask(tmp_path / "s.db", "SELECT path, line_count FROM block_shown")

    assert row == (saved(1).origin.path, 7)


@pytest.mark.parametrize("durable", [False, True])
async def test_durable_is_for_one_batch_alone(tmp_path: Path, durable: bool) -> None:
    async with open_store(tmp_path / "s.db", clock=FakeClock()) as store:
        await store.save(batch(saved(), durable=durable))

        synchronous = await store._writer.run(_synchronous, limit_s=5)

    assert synchronous == 1  # NORMAL


async def test_durable_waits_for_the_disk(tmp_path: Path) -> None:
    seen: list[int] = []
    raw = sqlite3.connect(tmp_path / "s.db", isolation_level=None)

    with database.transaction(raw, durable=True):
        seen.append(_synchronous(raw))

    raw.close()
    assert seen == [2]  # FULL


async def test_the_time_of_the_last_flush_is_known(tmp_path: Path) -> None:
    async with open_store(tmp_path / "s.db", clock=FakeClock()) as store:
        before = store.last_flush_ms
        await store.save(batch(saved()))

        assert (before, store.last_flush_ms) == (None, EPOCH_MS)


async def test_size_and_schema_are_known(tmp_path: Path) -> None:
    async with open_store(tmp_path / "s.db", clock=FakeClock()) as store:
        empty = store.size_bytes
        await store.save(many(lines=1))

        assert store.size_bytes > empty > 0
        assert store.schema_version == len(shipped_scripts())


async def test_a_lock_held_by_another_program_is_told_and_waited_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        database, "_COMMON", (*database._COMMON, "PRAGMA busy_timeout = 20")
    )
    path = tmp_path / "s.db"
    async with open_store(path, clock=FakeClock()) as store:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusyError, match="locked by another program"):
            await store.save(batch(saved()))

        assert store.error is not None
        other.execute("ROLLBACK")
        other.close()

        assert (await store.save(batch(saved()))).revision == 1
        assert store.error is None


async def test_a_batch_that_fails_leaves_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    async with open_store(path, clock=FakeClock()) as store:
        await store.save(batch(saved(1)))
        ask(path, "CREATE TRIGGER no BEFORE INSERT ON block WHEN new.block_id = "
                  f"'{block_id(3)}' BEGIN INSERT INTO no VALUES (1); END")  # fmt: skip
        with pytest.raises(StoreError, match="no such table"):
            await store.save(batch(saved(1, lines=9), saved(2), saved(3)))

        assert await lines_by_id(store) == {block_id(1): 1}
        assert store.revision == 1
        ask(path, "DROP TRIGGER no")

        # The strings of the batch were rolled back too, and are not taken for stored.
        await store.save(batch(with_path("/new/folder/x")))
        assert ask(path, "PRAGMA foreign_key_check") == []


async def test_many_random_saves_load_as_the_last_of_each(tmp_path: Path) -> None:
    expected: dict[str, int] = {}
    dice = random.Random(1)
    async with open_store(tmp_path / "s.db", clock=FakeClock()) as store:
        for lines in range(100):
            numbers = dice.sample(range(20), 5)
            await store.save(batch(*(saved(each, lines=lines) for each in numbers)))
            expected |= {block_id(each): lines for each in numbers}

        assert await lines_by_id(store) == expected


def _synchronous(raw: sqlite3.Connection) -> int:
    row: tuple[int] = raw.execute("PRAGMA synchronous").fetchone()
    return row[0]
