"""What is stored, taken back before anybody reads or answers."""

import sqlite3
from array import array
from functools import partial
from typing import Protocol, TypeVar

import structlog

from jarvisd.base.clock import Clock
from jarvisd.base.errors import StoreError
from jarvisd.blocks.model import restored_block
from jarvisd.blocks.store import each_block
from jarvisd.core.block import Block
from jarvisd.core.discovery.file_registry import FileRegistry
from jarvisd.core.origin import Kind
from jarvisd.core.publisher import Publish
from jarvisd.core.storage.database_store import Store
from jarvisd.core.storage.sqlite_connection import Unit
from jarvisd.ledger.flush_store import read_books, read_keys
from jarvisd.ledger.model import SavedBooks
from jarvisd.overview.sessions import Sessions
from jarvisd.segments.store import segments_since_ms
from jarvisd.state.engine import FORGOTTEN_MS
from jarvisd.state.journal import Journal
from jarvisd.state.store import Which, last_number, read_transitions

T = TypeVar("T")

log = structlog.get_logger()

MAX_RECALLED = 1_000_000
"""Limit of the transitions that are restored for the last state of each session."""


class Loader(Protocol):
    """What is needed of the store: it reads what there is to be had."""

    async def load(self, query: Unit[T]) -> T | None:
        """Return the result of *query*, or None if the store cannot be read."""
        ...


async def recall_books(books: Sessions, store: Loader) -> None:
    """Restore *books* from the stored sessions and the keys of stored rows."""
    saved = await store.load(read_books) or SavedBooks()
    books.restore(saved, await store.load(segments_since_ms) or 0)
    books.know(await store.load(read_keys) or array("q"))


async def restart_books(books: Sessions, store: Loader) -> None:
    """Begin again with what another database holds; blocks are read into it again."""
    await recall_books(books, store)
    for block in books.blocks.stored():
        block.unread()
        books.bind_restored(block)


async def recalled_journal(
    store: Store, books: Sessions, clock: Clock, publish: Publish
) -> Journal:
    """Return the journal, gone on from what is stored, so far as that can be asked."""
    recent = Which(since_ms=clock.unix_ms() - FORGOTTEN_MS, limit=MAX_RECALLED)
    try:
        number = await store.read(last_number)
        recalled = await store.read(partial(read_transitions, which=recent))
    except StoreError:
        return Journal(publish=publish)

    books.states.recall(recalled)
    return Journal(number, publish=publish)


async def recall_blocks(
    books: Sessions, store: Loader, file_registry: FileRegistry, clock: Clock
) -> None:
    """Restore the stored blocks, and close segments that a killed daemon left open."""
    now_ms = clock.unix_ms()
    for block in await store.load(_read_restored) or ():
        books.blocks.add(block, now_ms)
        books.bind_restored(block)
        books.meet_restored(block, now_ms)
        if block.origin.kind is Kind.TRANSCRIPT:
            file_registry.restore(block)

    interrupted = books.segments.interrupt(now_ms)
    if interrupted:
        log.warning("segments.interrupted", segments=interrupted)


def _read_restored(raw: sqlite3.Connection) -> list[Block]:
    """Return all stored blocks; what is stored and what is restored are never both whole."""
    return [restored_block(each) for each in each_block(raw)]
