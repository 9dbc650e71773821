"""What is stored, taken back before anybody reads or answers."""

from functools import partial

import structlog

from jarvisd.base.clock import Clock
from jarvisd.base.errors import StoreError
from jarvisd.blocks.block import Block
from jarvisd.blocks.registry import Blocks
from jarvisd.core.discovery.file_registry import FileRegistry
from jarvisd.core.origin import Kind
from jarvisd.core.publisher import Publish
from jarvisd.core.storage.database_store import Store
from jarvisd.overview.sessions import Sessions
from jarvisd.state.constants import FORGOTTEN_MS
from jarvisd.state.journal import Journal
from jarvisd.state.store import Which, last_number, read_transitions

log = structlog.get_logger()

MAX_RECALLED = 1_000_000
"""Transitions of a day, to know what each session was told to be last."""


async def recall_books(books: Sessions, store: Store) -> None:
    """Let *books* go on from what is stored of sessions, and which rows there are."""
    books.restore(await store.load_books())
    books.know(await store.load_keys())


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
    blocks: Blocks, store: Store, catalogue: FileRegistry, clock: Clock
) -> None:
    """Take in the blocks that are stored, and close what a killed daemon left open."""
    books, now_ms = blocks.books, clock.unix_ms()
    for saved in await store.load():
        block = Block.restored(saved)
        blocks.add(block, now_ms)
        books.bind_restored(block)
        books.meet_restored(block, now_ms)
        if block.origin.kind is Kind.TRANSCRIPT:
            catalogue.restore(block)

    interrupted = books.segments.interrupt(now_ms)
    if interrupted:
        log.warning("segments.interrupted", segments=interrupted)
