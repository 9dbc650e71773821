"""The set of changed streams, and the one task that empties it.

What a flush takes of all features is of one moment, and written in one transaction with
the cursors of its streams. Merged rows may be of streams that are not in the flush:
after a crash these are read again, and change nothing.

What is urgent is stored at once, in a flush of its own: with it go the streams that it
was concluded from, or their items, read again after a crash, would make it once more.

A flush may be committed although its answer came too late. What the stores have changed
on the way is reported in that answer alone, so the same batch is sent again, before any
other, until there is one. What becomes of a flush: see `FlushOutcome`.
"""

import math
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

import anyio
import structlog

from jarvisd.base.clock import Clock
from jarvisd.base.errors import StoreError, StoreUnansweredError
from jarvisd.core.block import Block
from jarvisd.core.debounce import INTERVAL_S, Agenda
from jarvisd.core.feature import Feature, FlushOutcome, Scope
from jarvisd.core.feature_guard import GuardedFeatures
from jarvisd.core.origin import BlockId, SessionId
from jarvisd.core.publisher import Flushed, Publish, ignore
from jarvisd.core.saved import FlushBatch, FlushPlan, Saver

log = structlog.get_logger()

RETRY_S = (0.25, 0.5, 1.0, 1.5)
"""After a failed write, so that a disk with space again has everything within 2 s."""

GRACE_S = 5.0
"""How long the last flush of a daemon that stops may take."""

SLOW_S = 1.0
"""Seconds after which a write no longer delays reports of transitions."""

PUT_OFF_S = 0.1
"""How long what is due may be put off by transitions, which are stored first."""

MAX_AHEAD = 16_384
"""Rows that reading may be ahead of the disk before history has to wait: 6 MB."""

CRASHED = (
    "an internal error keeps what is new from being stored; the daemon's log says more. "
    "Counting goes on in memory, and storing is tried again."
)


async def keep_memory() -> None:
    """Keep the memory of features as it is after the database was replaced."""


class Flusher:
    """Stores each changed stream at most once a second, and never forgets one.

    A failed write leaves its streams changed and is tried again; meanwhile
    *failed_since* says since when, and counting goes on in memory.

    *features* are asked for changes in their order. *streams_of* gives the streams of a
    session. *restart* has features go on from a database that has taken the place of
    the one before; all *streams* are stored in it.
    """

    def __init__(
        self,
        store: Saver,
        clock: Clock,
        streams: Iterable[Block],
        features: Mapping[str, Feature],
        *,
        streams_of: Callable[[str, SessionId], Iterable[Block]],
        restart: Callable[[], Awaitable[None]] = keep_memory,
        publish: Publish = ignore,
    ) -> None:
        self._publish = publish
        self._store = store
        self._clock = clock
        self._streams = streams
        self.features = features
        self._guarded = GuardedFeatures(features, clock)
        self._streams_of = streams_of
        self._restart = restart
        self._caught_up = anyio.Event()
        self._generation = store.generation
        self._dirty: Agenda[BlockId, Block] = Agenda()
        self._urgent_due = math.inf
        self._is_hurried = False
        """The last flush was of transitions alone, and others may wait."""
        self._write_begun = anyio.Event()
        self._not_before = -math.inf
        """After a failure, the time to try again."""
        self._wake = anyio.Event()
        # Without a turn of the loop in between, what is taken is what is written.
        self._writing = anyio.Lock(fast_acquire=True)
        self._batches = 0
        self._unanswered: FlushBatch | None = None
        self._began = 0.0
        self._failures = 0
        self.restarted = anyio.Event()
        self.failed_since_ms: int | None = None
        self.error: str | None = None
        self.refused = self._guarded.refused
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

    def feature_failed(self, name: str, exc: Exception) -> None:
        """Report that the feature *name* has failed; all others go on."""
        self._guarded.failed(name, exc)

    def touch(self, stream: Block, *, urgent: bool = True) -> None:
        """Record that *stream* has something new. Cheap; call it as often as true.

        A first change that is *urgent* is stored at once; that of a file out of the
        past can wait for the others.
        """
        stream.revision = self.next_revision
        now = self._clock.monotonic()
        is_first = self._dirty.add(stream.origin.block_id, stream, now, urgent=urgent)
        if is_first or (self._guarded.is_pressing and not self._failures):
            self._wake.set()

    def hasten(self, *, urgent: bool) -> None:
        """Store a transition, though no line may have come with it.

        One that is *urgent* is stored at once, in a flush of its own.
        """
        due = -math.inf if urgent else self._clock.monotonic() + INTERVAL_S
        if due < self._urgent_due:
            self._urgent_due = due
            self._wake.set()

    @property
    def is_behind(self) -> bool:
        """Whether history should wait: for much to be stored, or for a transition.

        Not for the latter while nothing can be stored, which may last.
        """
        hurries = self._urgent_due == -math.inf or (
            self._is_hurried and self._writing.locked()
        )
        ahead = self._guarded.unsaved >= MAX_AHEAD
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
                    due = self._take_due()
                    await self._flush(FlushPlan(due, is_hurried=self._is_hurried))
        finally:
            with anyio.move_on_after(GRACE_S, shield=True):
                await self._flush(FlushPlan(self._dirty.take()))

    def _take_due(self) -> list[Block]:
        """Return the streams that are due; none if what is urgent goes first.

        Of what is overdue every second flush is, so that nothing is put off for ever.
        """
        now = self._clock.monotonic()
        overdue = self._guarded.is_pressing or now - self._dirty.next_due >= PUT_OFF_S
        first = not (overdue and self._is_hurried)
        self._is_hurried = self._urgent_due <= now and first
        return [] if self._is_hurried else self._dirty.take(now)

    async def _watch_writes(self) -> None:
        """Release transitions while a write takes too long; until cancelled."""
        while True:
            await self._write_begun.wait()
            self._write_begun = anyio.Event()
            while self._writing.locked():
                await self._clock.sleep_until(self._began + SLOW_S)
                if self.writing_s >= SLOW_S:
                    self._guarded.delayed()
                    break

    async def flush_all(self) -> int:
        """Store everything now; return the revision that holds it.

        Raises:
            StoreError: It is not stored; it stays changed and is tried again.

        """
        async with self._writing:
            pass  # what a flush under way holds does not count as changed any more

        await self._flush(FlushPlan(self._dirty.take()), raises=True)
        return self._store.revision

    async def flush_while(self, is_unfinished: Callable[[], bool]) -> None:
        """Store the changes of features, flush by flush, while *is_unfinished*.

        Raises:
            StoreError: Something could not be stored; go on later.

        """
        while is_unfinished():
            await self._save(FlushPlan([]))
            if self._not_before > self._clock.monotonic() and is_unfinished():
                raise StoreError(CRASHED)  # again at once it would fail again

    async def commit(self, stream: Block) -> None:
        """Return once all of *stream* so far is on the disk.

        Raises:
            StoreError: It is not; it stays changed and is tried again.

        """
        async with self._writing:
            pass  # a flush under way may hold an older state of it

        block_id = stream.origin.block_id
        taken = self._dirty.take_only([block_id])
        await self._flush(FlushPlan(taken, durable=True), raises=True)
        async with self._writing:
            pass  # another who waits for the same stream may have taken it with theirs

        error = CRASHED if self._guarded.lacks_cursors else self.error
        if block_id in self._dirty and error is not None:
            raise StoreError(error)

    async def _sleep_until_due(self) -> None:
        while self._next_due > self._clock.monotonic():
            self._wake = anyio.Event()
            async with anyio.create_task_group() as group:
                group.start_soon(self._wait_for_earlier, group.cancel_scope)
                await self._clock.sleep_until(self._next_due)
                group.cancel_scope.cancel()

    @property
    def _next_due(self) -> float:
        due = min(self._dirty.next_due, self._urgent_due)
        return max(-math.inf if self._guarded.is_pressing else due, self._not_before)

    async def _wait_for_earlier(self, scope: anyio.CancelScope) -> None:
        await self._wake.wait()
        scope.cancel()

    async def _flush(self, plan: FlushPlan, *, raises: bool = False) -> None:
        """Store the streams of *plan*, and all changes that cannot wait.

        On failure raise only if *raises*.
        """
        try:
            if plan.streams or self._guarded.has_waiting or self._guarded.is_pressing:
                await self._save(plan)
        except StoreError:
            if raises:
                raise
        finally:
            self._dirty.plan()

    async def _save(self, plan: FlushPlan) -> None:
        """Store the streams of *plan*; on failure keep them changed.

        A bulkhead: an error of any sort is one of the store's.
        """
        try:
            await self._save_now(plan)
        except StoreError as exc:
            self._postpone(plan.streams, exc)
            raise
        except Exception as exc:
            log.exception("flush.crashed")
            error = StoreError(CRASHED)
            self._postpone(plan.streams, error)
            raise error from exc

    async def _save_now(self, plan: FlushPlan) -> None:
        streams = plan.streams
        async with self._writing:
            now = self._began = self._clock.monotonic()
            self._write_begun.set()
            self._dirty.begun((each.origin.block_id for each in streams), now)
            await self._restart_if_replaced()
            if self._unanswered is not None:
                await self._send(self._unanswered)
                await self._restart_if_replaced()

            urgent = self._guarded.urgent_sessions()
            sources = self._take_sources(urgent)
            sources += self._take_siblings([*streams, *sources])
            self._dirty.begun((each.origin.block_id for each in sources), now)
            streams += sources
            is_parted = plan.is_hurried and not self._guarded.is_mixed
            scope = Scope(streams, urgent if is_parted else None)
            await self._send(self._take(scope, durable=plan.durable))
            await self._restart_if_replaced()

            self._not_before = -math.inf
            if self._guarded.is_partial:
                # What a feature could not store waits for a pause.
                self._guarded.is_partial = False
                self._not_before = self._clock.monotonic() + RETRY_S[-1]
                for each in streams:
                    self._dirty.put_back(each.origin.block_id, each, now)

                if self._guarded.has_waiting:
                    self._urgent_due = now
                    self._guarded.delayed()

        self._failures, self.failed_since_ms, self.error = 0, None, None
        self.last_flush_ms = self._clock.unix_ms()
        self._look_again()
        log.debug("flush.done", blocks=len(streams), revision=self._store.revision)
        self._publish(Flushed(self._store.revision))

    def _take_sources(self, sessions: Iterable[tuple[str, SessionId]]) -> list[Block]:
        """Return the changed streams of *sessions*, to be stored with these."""
        return self._dirty.take_only(
            stream.origin.block_id
            for session in sessions
            for stream in self._streams_of(*session)
        )

    def _take_siblings(self, streams: Sequence[Block]) -> list[Block]:
        """Return the changed streams that share a cursor with some of *streams*.

        The cursor of a source and what was counted up to it are stored together.
        """
        groups = {id(each.siblings): each.siblings for each in streams if each.siblings}
        taken = {each.origin.block_id for each in streams} if groups else set()
        return self._dirty.take_only(
            each.origin.block_id
            for group in groups.values()
            for each in group
            if each.origin.block_id not in taken
        )

    def _take(self, scope: Scope, *, durable: bool) -> FlushBatch:
        """Return the changes of *scope* that all features have to store now."""
        self._batches += 1
        self._urgent_due = math.inf
        for each in scope.streams:
            each.revision = self._store.revision + 1  # some changed while this waited

        taken = self._guarded.take(scope)
        return FlushBatch(
            changes=taken.changes,
            durable=durable,
            number=self._batches,
            generation=self._generation,
            failed=taken.failed,
        )

    async def _send(self, batch: FlushBatch) -> None:
        """Store *batch*, and notify features of the outcome of their changes."""
        try:
            saved = await self._store.save(batch)
        except StoreUnansweredError:
            self._unanswered = batch
            self._guarded.settle(batch, FlushOutcome.UNANSWERED)
            raise
        except BaseException as exc:
            # Cancelled before it was sent again, it may be stored as before.
            if isinstance(exc, Exception) or batch is not self._unanswered:
                self._unanswered = None
                self._guarded.settle(batch, FlushOutcome.REFUSED)
            raise

        self._unanswered = None
        self._guarded.put_aside(saved.refused)
        replaced = self._generation != self._store.generation
        without = FlushOutcome.REPLACED if replaced else FlushOutcome.REFUSED
        self._guarded.settle(batch, without, saved)

    async def _restart_if_replaced(self) -> None:
        """Go on from what the database holds, if it is another one than before.

        It must be given all we know of streams. Features begin again: with what is in
        it, and by reading again all that can be read again.
        """
        if self._generation == self._store.generation:
            return

        if self._unanswered is not None:
            self._guarded.settle(self._unanswered, FlushOutcome.REPLACED)
            self._unanswered = None

        while self._generation != (generation := self._store.generation):
            await self._restart()
            self._generation = generation  # it may be replaced while it is read

        for stream in self._streams:
            self.touch(stream)

        self.restarted.set()
        self.restarted = anyio.Event()

    def _postpone(self, streams: list[Block], exc: StoreError) -> None:
        now = self._clock.monotonic()
        for stream in streams:
            self._dirty.put_back(stream.origin.block_id, stream, now)

        if self._guarded.has_waiting:
            self._urgent_due = now

        self._guarded.delayed()
        if self.failed_since_ms is None:
            self.failed_since_ms = self._clock.unix_ms()
            log.warning("flush.postponed", blocks=len(streams), reason=str(exc))

        self.error = str(exc)
        self._not_before = now + RETRY_S[min(self._failures, len(RETRY_S) - 1)]
        self._failures += 1
        self._look_again()

    def _look_again(self) -> None:
        """Wake history, which checks whether it must still wait."""
        self._caught_up.set()
        self._caught_up = anyio.Event()
