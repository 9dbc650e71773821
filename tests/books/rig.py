"""A daemon without its socket: real files, real reader, real store; it can crash."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import anyio

from jarvisd.app.feature_order import open_store
from jarvisd.app.load_stored import recall_books
from jarvisd.base.clock import SystemClock
from jarvisd.base.errors import StoreError, StoreUnansweredError
from jarvisd.blocks.model import restored_block
from jarvisd.core.agent import AgentRegistry
from jarvisd.core.block import Block
from jarvisd.core.block_registry import Blocks
from jarvisd.core.discovery.reconciler import Reconciler
from jarvisd.core.discovery.scheduler import Scheduler
from jarvisd.core.flush import Flusher
from jarvisd.core.intake import Intake
from jarvisd.core.origin import Kind, SessionId
from jarvisd.core.saved import FlushBatch, Saved
from jarvisd.core.storage.database_store import Store
from jarvisd.core.storage.sqlite_connection import Unit
from jarvisd.ledger.flush_store import read_books
from jarvisd.ledger.model import SavedBooks
from jarvisd.ledger.rules import LedgerRules
from jarvisd.ledger.session_totals import Price, Session, decoded
from jarvisd.overview.sessions import Sessions
from tests.agents.found import AGENTS, traits_of
from tests.ledger.books import flat_price
from tests.support import build_flusher, stored_blocks

T = TypeVar("T")

LIMIT_S = 60.0


@dataclass(slots=True)
class Fragile:
    """The store, until the daemon is dead: then nothing reaches the disk any more.

    What is committed while it is *mute* nobody hears of in time.
    """

    store: Store
    dead: bool = False
    mute: bool = False

    @property
    def revision(self) -> int:
        return self.store.revision

    @property
    def generation(self) -> int:
        return self.store.generation

    async def save(self, batch: FlushBatch) -> Saved:
        if self.dead:
            raise StoreError("dead")

        saved = await self.store.save(batch)
        if self.mute:
            raise StoreUnansweredError("committed, and too late to say so")

        return saved

    async def load(self, query: Unit[T]) -> T | None:
        return await self.store.load(query)


@dataclass(slots=True)
class Daemon:
    """What runs."""

    store: Store
    sessions: Sessions
    flusher: Flusher
    reader: Scheduler
    intake: Intake
    disk: Fragile = field(repr=False)

    @property
    def blocks(self) -> Blocks:
        return self.sessions.blocks

    async def sync(self) -> None:
        """Read and store all there is."""
        with anyio.fail_after(LIMIT_S):
            await self.reader.sync()
            await self.flusher.flush_all()

    async def read(self) -> None:
        """Read all there is, and let it be stored when it is due."""
        with anyio.fail_after(LIMIT_S):
            await self.reader.sync()

    def crash(self) -> None:
        """Store nothing more: what comes now is as lost as with SIGKILL."""
        self.disk.dead = True

    async def flush_unheard(self) -> None:
        """Store what is due, but be told that the disk does not answer."""
        self.disk.mute = True
        with suppress(StoreError):
            await self.flusher.flush_all()

        self.disk.mute = False

    def session(self, session_id: str = "s1", agent: str = "claude") -> Session:
        found = self.sessions.ledger.session(agent, SessionId(session_id))
        assert found is not None
        return found

    def lines_by_speaker(self) -> tuple[int, int]:
        """Return the lines in the user's name and in the agent's, as they are shown."""
        books = self.sessions
        shown = books.view(books.entry(self.session()))
        return shown.user_lines, shown.assistant_lines

    def block(self) -> Block:
        (only,) = self.blocks
        return only


@asynccontextmanager
async def running(
    home: Path,
    *,
    price: Price = flat_price,
    learned: bool = True,
    agents: AgentRegistry = AGENTS,
) -> AsyncIterator[Daemon]:
    """Run on the transcripts and the database below *home* until the block ends.

    Unless it has *learned* which rows are stored, it goes on as if that took for ever.
    """
    clock = SystemClock()
    trees = tuple(tree for agent in agents for tree in agent.roots({}, home, ()))
    rules = LedgerRules(price)
    async with (
        open_store(home / "s.db", clock=clock, rules=rules) as store,
        anyio.create_task_group() as writers,
    ):
        sessions, disk = Sessions(price, traits_of=traits_of), Fragile(store)
        if learned:
            await recall_books(sessions, store)
        else:
            sessions.restore(await store.load(read_books) or SavedBooks())

        flusher = build_flusher(disk, clock, sessions)
        intake = Intake(sessions.blocks, flusher, clock, agents=agents.named)
        reconciler = Reconciler(trees, clock, excluded=lambda _: False, max_pause_s=60)
        reader = Scheduler(reconciler, intake)
        for saved in await stored_blocks(store):
            block = restored_block(saved)
            sessions.blocks.add(block, clock.unix_ms())
            sessions.bind_restored(block)
            if block.origin.kind is Kind.TRANSCRIPT:
                reader.restore(block)

        writers.start_soon(flusher.run)
        async with anyio.create_task_group() as readers:
            await readers.start(reader.run)
            yield Daemon(store, sessions, flusher, reader, intake, disk)
            readers.cancel_scope.cancel()

        writers.cancel_scope.cancel()


def transcript(home: Path, session: str = "s1", *, agent: str = "claude") -> Path:
    """Return where a transcript belongs; its folder is there."""
    if agent == "codex":
        name = f".codex/sessions/2026/09/21/rollout-2026-09-21T10-00-00-{session}.jsonl"
    elif "/" in session:
        parent, child = session.split("/")
        name = f".claude/projects/-a/{parent}/subagents/{child}.jsonl"
    else:
        name = f".claude/projects/-a/{session}.jsonl"

    path = home / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def append(path: Path, *lines: bytes) -> None:
    """Append *lines* as an agent does."""
    with path.open("ab") as file:
        file.write(b"".join(line + b"\n" for line in lines))


def accounts(home: Path) -> dict[str, list[Any]]:
    """Return all that is stored in the books, without numbers that mean nothing."""
    with closing(sqlite3.connect(home / "s.db")) as raw:
        found = {name: raw.execute(query).fetchall() for name, query in _ASKED.items()}

    found["sessions"] = [(id_, _as_read(state)) for id_, state in found["sessions"]]
    return found


def _as_read(state: bytes) -> Session:
    """Return a session but for whether it was read as it grew or afterwards."""
    session = decoded(state)
    session.open_segments.watched = False
    return session


_ASKED = {
    "responses": """
        SELECT r.key, s.session_id, r.rank, r.start_ms, r.at_ms, model.text, r.model_ms,
            r.served, r.input_cached, r.input_bare, r.cache_read, r.cache_write_flat,
            r.cache_write_5m, r.cache_write_1h, r.output, r.reasoning
        FROM response AS r JOIN session AS s ON s.session_key = r.session
        LEFT JOIN text AS model ON model.text_key = r.model ORDER BY r.key""",
    "calls": """
        SELECT c.key, s.session_id, tool.text, c.kind, c.called_ms, c.returned_ms,
            c.outcome
        FROM call AS c JOIN session AS s ON s.session_key = c.session
        LEFT JOIN text AS tool ON tool.text_key = c.tool ORDER BY c.key""",
    "marks": """
        SELECT m.key, s.session_id, m.mark, m.at_ms, m.chars
        FROM mark AS m JOIN session AS s ON s.session_key = m.session ORDER BY m.key""",
    "sessions": """
        SELECT session_id, state FROM session ORDER BY session_id""",
    "cells": """
        SELECT c.quarter, s.session_id, model.text, c.input, c.cache_read, c.output,
            c.cost_micros, c.unpriced, c.responses
        FROM cell AS c JOIN session AS s ON s.session_key = c.session
        LEFT JOIN text AS model ON model.text_key = c.model
        ORDER BY c.quarter, s.session_id, model.text""",
}
