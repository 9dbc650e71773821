"""The set of changed blocks, and the one task that empties it.

What a flush takes of blocks and of the books is of one moment. The books may hold lines
of blocks that are not in the flush: after a crash these are read again, and change
nothing, because rows are merged.

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

from jarvisd.accumulators.block import Block
from jarvisd.accumulators.books import Books
from jarvisd.accumulators.journal import Journal
from jarvisd.accumulators.refusals import Refusals
from jarvisd.clock import Clock
from jarvisd.debounce import Agenda
from jarvisd.errors import StoreError, StoreUnansweredError
from jarvisd.model.block import BlockId, SessionId
from jarvisd.model.ledger import LedgerBatch
from jarvisd.model.saved import Batch, Saved, SavedBlock, SavedBooks
from jarvisd.model.state import Transition

log = structlog.get_logger()

RETRY_S = (0.25, 0.5, 1.0, 1.5)
"""After a failed write, so that a disk with space again has everything within 2 s."""

FAREWELL_S = 5.0
"""How long the last flush of a daemon that stops may take."""


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

    async def save(self, batch: Batch) -> Saved:
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

    batch: Batch
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
        books: Books | None = None,
        journal: Journal | None = None,
        *,
        awake: Callable[[], tuple[int, int] | None] = lambda: None,
    ) -> None:
        self._store = store
        self._awake = awake
        self._clock = clock
        self._blocks = blocks
        self._books = Books() if books is None else books
        self._journal = Journal() if journal is None else journal
        self._journal.listen(self._transition_made)
        self._caught_up = anyio.Event()
        self._generation = store.generation
        self._dirty: Agenda[BlockId, Block] = Agenda()
        self._told: Agenda[None, None] = Agenda()
        self._not_before = -math.inf
        """After a failure, the time to try again."""
        self._wake = anyio.Event()
        # Without a turn of the loop in between, what is taken is what is written.
        self._writing = anyio.Lock(fast_acquire=True)
        self._batches = 0
        self._unanswered: _Sent | None = None
        self._began = 0.0
        self._failures = 0
        self._listeners: list[Callable[[int], None]] = []
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

    def listen(self, listener: Callable[[int], None]) -> None:
        """Call *listener* with each revision, once it is committed."""
        self._listeners.append(listener)

    def touch(self, block: Block, *, urgent: bool = True) -> None:
        """Say that *block* has something new. Cheap; call it as often as true.

        A first change that is *urgent* is stored at once; that of a file out of the
        past can wait for the others.
        """
        block.revision = self.next_revision
        # Only a block whose lines are folded, by its lane, brings rows that could press.
        if block.lane is not None and self._is_pressing and not self._failures:
            self._wake.set()

        block_id = block.origin.block_id
        if block_id in self._dirty:
            return

        if self._dirty.add(block_id, block, self._clock.monotonic(), urgent=urgent):
            self._wake.set()

    def _transition_made(self, _: Transition) -> None:
        """Have a change of state stored soon, though no line may have come with it."""
        if self._told.add(None, None, self._clock.monotonic()):
            self._wake.set()

    def _dirty_sessions(self) -> set[tuple[str, SessionId]]:
        """Return whose lines are not in the flush under way.

        What these lines made of their sessions must not be stored before them, or it
        would be stored again when they are read again.
        """
        if not self._journal.has_waiting:
            return set()

        lanes = (block.lane for block in self._dirty)
        return {(lane.agent, lane.session_id) for lane in lanes if lane is not None}

    @property
    def _is_pressing(self) -> bool:
        ledger = self._books.ledger
        return ledger.has_closings or ledger.unsaved >= MAX_UNSAVED

    @property
    def is_behind(self) -> bool:
        """Say whether so much waits to be stored that history should wait as well."""
        return self._books.ledger.unsaved >= MAX_AHEAD

    async def catch_up(self) -> None:
        """Return once it is not behind; with a disk that is full that may take long."""
        while self.is_behind:
            await self._caught_up.wait()

    async def run(self) -> None:
        """Flush what is due until cancelled, then everything once more."""
        try:
            while True:
                await self._sleep_until_due()
                now = self._clock.monotonic()
                await self._flush(self._dirty.take(now), told=self._told.take(now))
        finally:
            with anyio.move_on_after(FAREWELL_S, shield=True):
                await self._flush(self._dirty.take(), told=self._told.take())

    async def flush_all(self) -> int:
        """Store everything now; return the revision that holds it.

        Raises:
            StoreError: It is not stored; it stays changed and is tried again.

        """
        if self._writing.locked():
            async with self._writing:
                pass  # what a flush under way holds does not count as changed any more

        await self._flush(self._dirty.take(), told=self._told.take(), tell=True)
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
        if self._is_pressing and not self._failures:
            return -math.inf

        return max(min(self._dirty.next_due, self._told.next_due), self._not_before)

    async def _wait_for_earlier(self, scope: anyio.CancelScope) -> None:
        await self._wake.wait()
        scope.cancel()

    async def _flush(
        self,
        blocks: list[Block],
        *,
        told: Sequence[None] = (),
        durable: bool = False,
        tell: bool = False,
    ) -> None:
        """Store *blocks*, and transitions if any were *told*.

        On failure keep them changed, and raise if *tell*.
        """
        try:
            if blocks or told or self._is_pressing:
                await self._save(blocks, durable=durable)
        except StoreError as exc:
            self._postpone(blocks, exc)
            if tell:
                raise
        finally:
            self._dirty.plan()
            self._told.plan()

    async def _save(self, blocks: list[Block], *, durable: bool) -> None:
        """Store *blocks*; a bulkhead: an error of any sort is one of the store's."""
        try:
            await self._save_now(blocks, durable=durable)
        except StoreError:
            raise
        except Exception as exc:
            log.exception("flush.crashed")
            raise StoreError(CRASHED) from exc

    async def _save_now(self, blocks: list[Block], *, durable: bool) -> None:
        async with self._writing:
            now = self._began = self._clock.monotonic()
            self._dirty.begun((each.block_id for each in blocks), now)
            if self._journal.has_waiting:
                self._told.begun([None], now)

            await self._begin_anew()
            if self._unanswered is not None:
                await self._send(self._unanswered)
                await self._begin_anew()

            await self._send(self._taken(blocks, durable=durable))
            await self._begin_anew()

        self._failures, self.failed_since_ms, self.error = 0, None, None
        self._not_before = -math.inf
        self.last_flush_ms = self._clock.unix_ms()
        self._caught_up.set()
        self._caught_up = anyio.Event()
        log.debug("flush.done", blocks=len(blocks), revision=self._store.revision)
        for listener in self._listeners:
            listener(self._store.revision)

    def _taken(self, blocks: list[Block], *, durable: bool) -> _Sent:
        """Return *blocks* and the news of the books, as both are now, to be stored."""
        self._batches += 1
        for each in blocks:
            each.revision = self._store.revision + 1  # some changed while this waited

        saved, news = tuple(map(self._saved, blocks)), self._books.ledger.take()
        self._put_aside(self._books.ledger.take_refused())
        batch = Batch(
            blocks=saved,
            durable=durable,
            ledger=news or None,
            transitions=self._journal.waiting(but_of=self._dirty_sessions()),
            awake=self._awake(),
            number=self._batches,
        )
        return _Sent(batch, blocks, news)

    def _saved(self, block: Block) -> SavedBlock:
        saved = block.saved()
        if block.lane is not None and not saved.carry:
            self._put_aside(["memory of a block"])

        return saved

    def _put_aside(self, refused: Sequence[str]) -> None:
        """Tell that what *refused* names is not stored, and will not be."""
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
        """If the database is a new one, go on from what it holds.

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
            self._told.put_back(None, None, now)

        if self.failed_since_ms is None:
            self.failed_since_ms = self._clock.unix_ms()
            log.warning("flush.postponed", blocks=len(blocks), reason=str(exc))

        self.error = str(exc)
        self._not_before = now + RETRY_S[min(self._failures, len(RETRY_S) - 1)]
        self._failures += 1
