"""The set of changed blocks, and the one task that empties it.

What a flush takes of blocks and of the books is of one moment. The books may hold lines
of blocks that are not in the flush: after a crash these are read again, and change
nothing, because rows are merged.

A transition is stored at once, in a flush of its own: with it go the blocks that it was
concluded from, or their lines, read again after a crash, would make it once more.

A flush may be committed although its answer came too late. What the store has changed
of the books on the way is told in that answer alone, so the same batch is sent again,
before any other, until there is one.
"""

import math
from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

import anyio
import structlog

from jarvisd.base.clock import Clock
from jarvisd.base.errors import StoreError, StoreUnansweredError
from jarvisd.base.refusals import Refusals
from jarvisd.blocks.block import Block
from jarvisd.core.debounce import INTERVAL_S, Agenda
from jarvisd.core.origin import BlockId
from jarvisd.core.publisher import Flushed, Publish, ignore
from jarvisd.core.saved import FlushBatch, Saved, SavedBlock, SavedBooks
from jarvisd.ledger.model import LedgerBatch
from jarvisd.overview.sessions import Sessions
from jarvisd.state.journal import Journal

log = structlog.get_logger()

RETRY_S = (0.25, 0.5, 1.0, 1.5)
"""After a failed write, so that a disk with space again has everything within 2 s."""

FAREWELL_S = 5.0
"""How long the last flush of a daemon that stops may take."""


PATIENCE_S = 1.0
"""A write that takes longer keeps no transition from being told any more."""

PUT_OFF_S = 0.1
"""How long what is due may be put off by transitions, which are stored first."""

MAX_UNSAVED = 2_048
"""Rows of the ledger that make a flush come at once. Counting and taking them is one
step, for which a live line has to wait: some ten milliseconds."""

MAX_AHEAD = 16_384
"""Rows that reading may be ahead of the disk before history has to wait: 6 MB."""


CRASHED = (
    "an internal error keeps what is new from being stored; the daemon's log says more. "
    "Counting goes on in memory, and storing is tried again."
)


class Saver(Protocol):
    """What the flusher needs of the store."""

    @property
    def revision(self) -> int:
        """The number of batches ever committed."""
        ...

    @property
    def generation(self) -> int:
        """Raised when another file has taken the place of the one written to."""
        ...

    async def save(self, batch: FlushBatch) -> Saved:
        """Commit *batch* and return what came of it, or raise StoreError."""
        ...

    async def load_books(self) -> SavedBooks:
        """Return the books as they are stored, or raise StoreError."""
        ...

    async def load_keys(self) -> "array[int]":
        """Return the keys of their rows, sorted, or raise StoreError."""
        ...


class _Sent(NamedTuple):
    """A batch that was given to the store, and what it was made from."""

    batch: FlushBatch
    blocks: list[Block]
    news: LedgerBatch


class Flusher:
    """Stores each changed block at most once a second, and never forgets one.

    A failed write leaves its blocks changed and is tried again; meanwhile
    *failed_since* says since when, and counting goes on in memory.
    """

    def __init__(
        self,
        store: Saver,
        clock: Clock,
        blocks: Iterable[Block],
        books: Sessions | None = None,
        journal: Journal | None = None,
        *,
        awake: Callable[[], tuple[int, int] | None] = lambda: None,
        publish: Publish = ignore,
    ) -> None:
        self._publish = publish
        self._store = store
        self._awake = awake
        self._clock = clock
        self._blocks = blocks
        self._books = Sessions() if books is None else books
        self._journal = Journal() if journal is None else journal
        self._caught_up = anyio.Event()
        self._generation = store.generation
        self._dirty: Agenda[BlockId, Block] = Agenda()
        self._transitions_due = math.inf
        self._is_hurried = False
        """The last flush was of transitions alone, and others may wait."""
        self._write_begun = anyio.Event()
        self._not_before = -math.inf
        """After a failure, the time to try again."""
        self._wake = anyio.Event()
        # Without a turn of the loop in between, what is taken is what is written.
        self._writing = anyio.Lock(fast_acquire=True)
        self._batches = 0
        self._unanswered: _Sent | None = None
        self._began = 0.0
        self._failures = 0
        self.begun_anew = anyio.Event()
        self.failed_since_ms: int | None = None
        self.error: str | None = None
        self.refused = Refusals()
        self.last_flush_ms: int | None = None

    @property
    def writing_s(self) -> float:
        """Return for how long the write under way has lasted; 0 when none is."""
        return self._clock.monotonic() - self._began if self._writing.locked() else 0.0

    @property
    def dirty_blocks(self) -> int:
        """Return how many blocks have changes that are not stored."""
        return len(self._dirty)

    @property
    def next_revision(self) -> int:
        """Return the revision that a change made now will be stored with."""
        under_way = self._writing.locked() + (self._unanswered is not None)
        return self._store.revision + 1 + under_way

    def touch(self, block: Block, *, urgent: bool = True) -> None:
        """Say that *block* has something new. Cheap; call it as often as true.

        A first change that is *urgent* is stored at once; that of a file out of the
        past can wait for the others.
        """
        block.revision = self.next_revision
        # Only a block whose lines are folded, by its lane, brings rows that could press.
        if block.stream is not None and self._is_pressing and not self._failures:
            self._wake.set()

        block_id = block.origin.block_id
        if block_id in self._dirty:
            return

        if self._dirty.add(block_id, block, self._clock.monotonic(), urgent=urgent):
            self._wake.set()

    def hasten(self, *, urgent: bool) -> None:
        """Have a transition stored, though no line may have come with it.

        One that is *urgent* is stored at once, in a flush of its own.
        """
        due = -math.inf if urgent else self._clock.monotonic() + INTERVAL_S
        if due < self._transitions_due:
            self._transitions_due = due
            self._wake.set()

    @property
    def _is_pressing(self) -> bool:
        ledger = self._books.ledger
        return ledger.has_closings or ledger.unsaved >= MAX_UNSAVED

    @property
    def is_behind(self) -> bool:
        """Whether history should wait: for much to be stored, or for a transition.

        Not for the latter while nothing can be stored, which may last.
        """
        hurries = self._transitions_due == -math.inf or (
            self._is_hurried and self._writing.locked()
        )
        ahead = self._books.ledger.unsaved >= MAX_AHEAD
        return ahead or (hurries and not self._failures)

    async def catch_up(self) -> None:
        """Return once it is not behind; with a disk that is full that may take long."""
        while self.is_behind:
            await self._caught_up.wait()

    async def run(self) -> None:
        """Flush what is due until cancelled, then everything once more."""
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._watch_writes)
                while True:
                    await self._sleep_until_due()
                    await self._flush(self._take_due(), hurried=self._is_hurried)
        finally:
            with anyio.move_on_after(FAREWELL_S, shield=True):
                await self._flush(self._dirty.take())

    def _take_due(self) -> list[Block]:
        """Return the blocks that are due; none if transitions go first.

        Of what is overdue every second flush is, so that nothing is put off for ever.
        """
        now = self._clock.monotonic()
        overdue = self._is_pressing or now - self._dirty.next_due >= PUT_OFF_S
        first = not (overdue and self._is_hurried)
        self._is_hurried = self._transitions_due <= now and first
        return [] if self._is_hurried else self._dirty.take(now)

    async def _watch_writes(self) -> None:
        """Have transitions told while a write takes too long; until cancelled."""
        while True:
            await self._write_begun.wait()
            self._write_begun = anyio.Event()
            while self._writing.locked():
                await self._clock.sleep_until(self._began + PATIENCE_S)
                if self.writing_s >= PATIENCE_S:
                    self._journal.degrade()
                    break

    async def flush_all(self) -> int:
        """Store everything now; return the revision that holds it.

        Raises:
            StoreError: It is not stored; it stays changed and is tried again.

        """
        if self._writing.locked():
            async with self._writing:
                pass  # what a flush under way holds does not count as changed any more

        await self._flush(self._dirty.take(), tell=True)
        return self._store.revision

    async def reprice(self) -> None:
        """Count all costs anew that are of other prices than those in use.

        Raises:
            StoreError: Not all could be; go on later.

        """
        while self._books.ledger.is_repricing:
            await self._save([], durable=False)

    async def commit(self, block: Block) -> None:
        """Return once all of *block* so far is on the disk.

        Raises:
            StoreError: It is not; it stays changed and is tried again.

        """
        async with self._writing:
            pass  # a flush under way may hold an older state of it

        blocks = self._dirty.take_only([block.block_id])
        await self._flush(blocks, durable=True, tell=True)
        async with self._writing:
            pass  # another who waits for the same block may have taken it with theirs

        if block.block_id in self._dirty and self.error is not None:
            raise StoreError(self.error)

    async def _sleep_until_due(self) -> None:
        while self._next_due > self._clock.monotonic():
            self._wake = anyio.Event()
            async with anyio.create_task_group() as group:
                group.start_soon(self._wait_for_earlier, group.cancel_scope)
                await self._clock.sleep_until(self._next_due)
                group.cancel_scope.cancel()

    @property
    def _next_due(self) -> float:
        due = min(self._dirty.next_due, self._transitions_due)
        return max(-math.inf if self._is_pressing else due, self._not_before)

    async def _wait_for_earlier(self, scope: anyio.CancelScope) -> None:
        await self._wake.wait()
        scope.cancel()

    async def _flush(
        self,
        blocks: list[Block],
        *,
        durable: bool = False,
        hurried: bool = False,
        tell: bool = False,
    ) -> None:
        """Store *blocks*, and whatever cannot wait; on failure raise only if *tell*.

        One that is *hurried* stores transitions, and of the books what is of the same
        sessions.
        """
        try:
            if blocks or self._journal.has_waiting or self._is_pressing:
                await self._save(blocks, durable=durable, hurried=hurried)
        except StoreError:
            if tell:
                raise
        finally:
            self._dirty.plan()

    async def _save(
        self, blocks: list[Block], *, durable: bool, hurried: bool = False
    ) -> None:
        """Store *blocks*; on failure keep them changed.

        A bulkhead: an error of any sort is one of the store's.
        """
        try:
            await self._save_now(blocks, durable=durable, hurried=hurried)
        except StoreError as exc:
            self._postpone(blocks, exc)
            raise
        except Exception as exc:
            log.exception("flush.crashed")
            error = StoreError(CRASHED)
            self._postpone(blocks, error)
            raise error from exc

    async def _save_now(
        self, blocks: list[Block], *, durable: bool, hurried: bool
    ) -> None:
        async with self._writing:
            now = self._began = self._clock.monotonic()
            self._write_begun.set()
            self._dirty.begun((each.block_id for each in blocks), now)
            await self._begin_anew()
            if self._unanswered is not None:
                await self._send(self._unanswered)
                await self._begin_anew()

            blocks += self._take_sources(now)
            await self._send(self._taken(blocks, durable=durable, hurried=hurried))
            await self._begin_anew()

        self._failures, self.failed_since_ms, self.error = 0, None, None
        self._not_before = -math.inf
        self.last_flush_ms = self._clock.unix_ms()
        self._look_again()
        log.debug("flush.done", blocks=len(blocks), revision=self._store.revision)
        self._publish(Flushed(self._store.revision))

    def _take_sources(self, now: float) -> list[Block]:
        """Return the changed blocks of the sessions whose transitions are to be stored."""
        sources = self._dirty.take_only(
            block.block_id
            for key in self._journal.waiting_sessions()
            for block in self._books.blocks_of(*key)
        )
        self._dirty.begun((each.block_id for each in sources), now)
        return sources

    def _taken(self, blocks: list[Block], *, durable: bool, hurried: bool) -> _Sent:
        """Return *blocks* and the news of the books, as both are now, to be stored."""
        self._batches += 1
        self._transitions_due = math.inf
        for each in blocks:
            each.revision = self._store.revision + 1  # some changed while this waited

        ledger, sessions = self._books.ledger, self._journal.waiting_sessions()
        saved = tuple(map(self._saved, blocks))
        news = ledger.take_of(sessions) if hurried else ledger.take()
        self._put_aside(ledger.take_refused())
        batch = FlushBatch(
            blocks=saved,
            durable=durable,
            ledger=news or None,
            transitions=self._journal.waiting(),
            awake=self._awake(),
            number=self._batches,
        )
        return _Sent(batch, blocks, news)

    def _saved(self, block: Block) -> SavedBlock:
        saved = block.saved()
        if block.stream is not None and not saved.ledger_memory:
            self._put_aside(["memory of a block"])

        return saved

    def _put_aside(self, refused: Sequence[str]) -> None:
        """Report that the rows named by *refused* are not stored and will not be."""
        if refused:
            self.refused.add(len(refused), refused[-1], self._clock.unix_ms())
            log.error("rows.refused", rows=len(refused), last=refused[-1])

    async def _send(self, sent: _Sent) -> None:
        """Have *sent* stored and take in the answer; take it back if it is refused."""
        ledger = self._books.ledger
        try:
            done = await self._store.save(sent.batch)
        except StoreUnansweredError:
            self._unanswered = sent
            raise
        except BaseException as exc:
            # Cancelled before it was sent again, it may be stored as before.
            if isinstance(exc, Exception) or sent is not self._unanswered:
                self._unanswered = None
                ledger.failed(sent.news)
            raise

        self._unanswered = None
        self._put_aside(done.refused)
        ledger.stored(done.corrections, done.repriced)
        self._books.segments.stored(sent.news.closings)
        self._journal.stored(sent.batch.transitions)

        for block, stored in zip(sent.blocks, sent.batch.blocks, strict=True):
            del block.recorded[: len(stored.recorded)]

    async def _begin_anew(self) -> None:
        """Restore everything from the database if it is another one than before.

        It must be given all we know of blocks. The books are made again: from those in
        it, and by reading again all that can be read again.
        """
        if self._generation == self._store.generation:
            return

        self._unanswered = None
        self._books.restore(await self._store.load_books())
        self._books.know(await self._store.load_keys())
        self._generation = self._store.generation
        for block in self._blocks:
            block.unread()
            self._books.bind_restored(block)
            self.touch(block)

        self.begun_anew.set()
        self.begun_anew = anyio.Event()

    def _postpone(self, blocks: list[Block], exc: StoreError) -> None:
        now = self._clock.monotonic()
        for block in blocks:
            self._dirty.put_back(block.block_id, block, now)

        if self._journal.has_waiting:
            self._transitions_due = now

        self._journal.degrade()
        if self.failed_since_ms is None:
            self.failed_since_ms = self._clock.unix_ms()
            log.warning("flush.postponed", blocks=len(blocks), reason=str(exc))

        self.error = str(exc)
        self._not_before = now + RETRY_S[min(self._failures, len(RETRY_S) - 1)]
        self._failures += 1
        self._look_again()

    def _look_again(self) -> None:
        """Wake history, which checks whether it must still wait."""
        self._caught_up.set()
        self._caught_up = anyio.Event()
