"""Hand-made fakes and builders that more than one test file uses."""

import math
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from operator import itemgetter
from typing import Any, TypeVar

import anyio
from anyio.lowlevel import checkpoint

from jarvisd.app.feature_order import build_features
from jarvisd.app.load_stored import restart_books
from jarvisd.base.clock import Clock
from jarvisd.base.errors import StoreError
from jarvisd.blocks.model import SavedBlock
from jarvisd.blocks.store import read_blocks
from jarvisd.conversations.recording import MessageRecorder
from jarvisd.core.block import Block
from jarvisd.core.flush import Flusher
from jarvisd.core.origin import BlockId, Kind, Origin
from jarvisd.core.saved import FlushBatch, Saved
from jarvisd.core.storage.database_store import Store
from jarvisd.core.storage.sqlite_connection import Unit
from jarvisd.overview.sessions import Sessions
from jarvisd.reports.awake import Awake
from jarvisd.state.journal import Journal

T = TypeVar("T")

EPOCH_MS = 1_790_000_000_000

PATIENCE_S = 60.0
"""How long to wait for what must come, on a machine that has ten others to serve."""


class FakeClock:
    """Time that moves when told."""

    def __init__(self) -> None:
        self._now = 100.0
        self._wall_ms = EPOCH_MS
        self._sleepers: list[tuple[float, anyio.Event]] = []

    def monotonic(self) -> float:
        return self._now

    def unix_ms(self) -> int:
        return self._wall_ms

    def step_wall(self, ms: int) -> None:
        """Set the wall clock, as a user does; the monotonic one does not care."""
        self._wall_ms += ms

    async def sleep_until(self, deadline: float) -> None:
        if math.isinf(deadline):
            await anyio.sleep_forever()

        woken = anyio.Event()
        self._sleepers.append((deadline, woken))
        if deadline <= self._now:
            woken.set()
        await woken.wait()

    async def advance(self, seconds: float) -> None:
        """Move on, waking each sleeper at its own moment."""
        target = self._now + seconds
        await settle()
        while True:
            due = sorted(
                (each for each in self._sleepers if each[0] <= target),
                key=itemgetter(0),
            )
            if not due:
                break

            self._move_to(max(self._now, due[0][0]))
            self._sleepers.remove(due[0])
            due[0][1].set()
            await settle()
        self._move_to(target)
        await settle()

    def _move_to(self, now: float) -> None:
        self._wall_ms += round((now - self._now) * 1000)
        self._now = now


async def settle() -> None:
    """Let every task run until all of them wait."""
    for _ in range(20):
        await checkpoint()


class FakeStore:
    """Keeps batches in memory; fails as often as told."""

    def __init__(self) -> None:
        self.revision = 0
        self.generation = 0
        self.batches: list[FlushBatch] = []
        self.failures = 0
        self.hold: anyio.Event | None = None

    async def save(self, batch: FlushBatch) -> Saved:
        await checkpoint()
        if self.hold is not None:
            await self.hold.wait()

        if self.failures:
            self.failures -= 1
            raise StoreError("no space left on the device")

        self.revision += 1
        self.batches.append(batch)
        return Saved(self.revision, dict.fromkeys(batch.changes))

    async def load(self, query: Unit[T]) -> T | None:
        return None

    def stored(self, block_id: str) -> SavedBlock:
        """Return the newest state of a block."""
        rows: Iterator[SavedBlock] = (
            row
            for batch in reversed(self.batches)
            for row in batch.changes.get("blocks", ())
        )
        return next(each for each in rows if each.origin.block_id == block_id)


def build_flusher(
    store: Any,
    clock: Clock,
    sessions: Sessions,
    *,
    journal: Journal | None = None,
    recorder: MessageRecorder | None = None,
    awake: Awake | None = None,
) -> Flusher:
    """Return a flusher of all features, as the daemon has it."""
    journal = Journal() if journal is None else journal
    return Flusher(
        store,
        clock,
        sessions.blocks.stored(),
        build_features(sessions, journal, recorder=recorder, awake=awake),
        streams_of=sessions.blocks_of,
        restart=partial(restart_books, sessions, store),
    )


async def stored_blocks(store: Store) -> list[SavedBlock]:
    """Return the blocks that *store* holds."""
    return await store.load(read_blocks) or []


def block(block_id: str = "b1", *, agent: str = "text") -> Block:
    """Return a block without a line."""
    origin = Origin(block_id=BlockId(block_id), kind=Kind.TRANSCRIPT, agent=agent)
    return Block(origin)


async def eventually(
    check: Callable[[], bool] | Callable[[], Awaitable[bool]],
) -> None:
    """Wait until *check* holds; fail if it never seems to."""
    with anyio.fail_after(PATIENCE_S):
        while True:
            held = check()
            if isinstance(held, Awaitable):
                held = await held
            if held:
                return

            await anyio.sleep(0.01)


async def sometimes_soon(attempt: Callable[[], Awaitable[None]]) -> None:
    """Wait until *attempt* ends within a second, once, however often it does not.

    For what should be quick: a machine that is busy for a moment spoils one attempt,
    and something that is always slow spoils all.
    """

    async def is_soon() -> bool:
        with anyio.move_on_after(1):
            await attempt()
            return True

        return False

    await eventually(is_soon)
