"""Builders for what is stored, and a few acts that several test files need."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from jarvisd.app.feature_order import open_store
from jarvisd.blocks.model import SavedBlock
from jarvisd.core.origin import BlockId, Counts, Kind, Origin, SessionId
from jarvisd.core.roots import Position
from jarvisd.core.saved import FlushBatch
from jarvisd.core.storage.database_store import Store
from tests.support import FakeClock, stored_blocks


def saved(number: int = 1, *, lines: int = 1) -> SavedBlock:
    """Return a block with *lines* lines, and its position one byte a line."""
    return SavedBlock(
        origin=Origin(
            block_id=block_id(number),
            kind=Kind.TRANSCRIPT,
            agent="claude",
            path=f"/home/u/.claude/projects/-home-u-work/{number:032x}.jsonl",
            session_id=SessionId(f"session-{number}"),
            project="work",
            cwd="/home/u/work",
        ),
        position=Position(offset=lines),
        counts=Counts(line_count=lines),
    )


def block_id(number: int) -> BlockId:
    return BlockId(f"{number:016x}")


def batch(*blocks: SavedBlock, durable: bool = False) -> FlushBatch:
    return FlushBatch(changes={"blocks": blocks}, durable=durable)


def many(*, lines: int, blocks: int = 1_000) -> FlushBatch:
    """Return a batch of the same blocks each time, all with *lines* lines."""
    return batch(*(saved(each, lines=lines) for each in range(blocks)))


async def fill(path: Path, *, lines: int = 1, blocks: int = 400) -> None:
    """Leave a cleanly closed database of several pages at *path*."""
    async with open_store(path, clock=FakeClock()) as store:
        await store.save(many(lines=lines, blocks=blocks))


async def lines_by_id(store: Store) -> dict[str, int]:
    return {
        each.origin.block_id: each.counts.line_count
        for each in await stored_blocks(store)
    }


def ask(path: Path, sql: str, *values: object) -> list[Any]:
    """Run *sql* as another program would, and return its rows."""
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        return raw.execute(sql, values).fetchall()


def corrupt_files(path: Path) -> list[Path]:
    return sorted(path.parent.glob(f"{path.name}.corrupt-*"))
