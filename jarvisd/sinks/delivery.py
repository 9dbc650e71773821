"""The way to one sink: what is due, given to it, struck out or put off.

A lane suffers alone. A sink that fails or hangs costs its own lane a pause that grows
to a quarter of an hour; what waits is in the store all the while.
"""

import random
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, Protocol, TypeVar

import anyio
import structlog

from jarvisd.base.clock import MS_PER_S, Clock
from jarvisd.base.errors import SinkError, StoreError
from jarvisd.core.storage.sqlite_connection import Unit
from jarvisd.overview.health_wire import SinkHealth
from jarvisd.sinks import store as outbox
from jarvisd.sinks.backoff import LONGEST_S, pause_s
from jarvisd.sinks.blocking_call import BlockingCall
from jarvisd.sinks.sink import Sink
from jarvisd.sinks.store import Due, QueueSize, Waiting

BATCH: Final = 100
"""Records given to a sink at once: some 70 kB."""

LIMIT_S: Final = 30.0
"""How long a sink may take for them."""

STORE_PAUSE_S: Final = 5.0
"""How long to wait when the store, not the sink, is in trouble."""

PATIENCE: Final = 2
"""Failures in a row before it is a problem: one may be a hiccup."""

T = TypeVar("T")

log = structlog.get_logger()


class DeliveryQueue(Protocol):
    """What is needed of the store."""

    async def read(self, query: Unit[T]) -> T:
        """Return what *query* returns, or raise StoreError."""
        ...

    async def apply_one(self, unit: Unit[T]) -> T:
        """Run *unit* in a transaction, or raise StoreError."""
        ...


class SinkDelivery:
    """Feeds one sink, and knows how that goes.

    Attributes:
        sink: Whom it feeds.
        failures: How often in a row the sink has failed.
        queue: What waits for it, as last counted.
        dropped: Records given up because too many waited, since the start.

    """

    def __init__(
        self,
        sink: Sink,
        store: DeliveryQueue,
        clock: Clock,
        *,
        limit_s: float = LIMIT_S,
        jitter: Callable[[], float] = random.random,
        moved: Callable[[], object] = lambda: None,
    ) -> None:
        """Prepare; *moved* is called when something was delivered."""
        self.sink = sink
        self.failures = 0
        self.queue = QueueSize()
        self.dropped = 0
        self._delivered = 0
        self._error: str | None = None
        self._failing_since_ms: int | None = None
        self._store = store
        self._clock = clock
        self._limit_s = limit_s
        self._jitter = jitter
        self._moved = moved
        self._hand = BlockingCall(f"sink {sink.name}")
        self._wake = anyio.Event()

    @property
    def problem(self) -> str | None:
        """What to tell the user; None while it goes well enough."""
        if self.failures < PATIENCE:
            return None

        return f"sink {self.sink.name} ({self.sink.kind}): {self._error}"

    def wake(self) -> None:
        """Wake the delivery: there may be new records."""
        self._wake.set()

    def health(self) -> SinkHealth:
        """Return how it goes."""
        return SinkHealth(
            name=self.sink.name,
            kind=self.sink.kind,
            waiting=self.queue.waiting,
            oldest_ms=self.queue.oldest_ms,
            delivered=self._delivered,
            dropped=self.dropped,
            failing_since_ms=self._failing_since_ms,
            error=self._error,
        )

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            self._wake = anyio.Event()
            due = await self._due()
            if due.records:
                await self._pass_on(due.records)
            else:
                await self._rest(due.next_ms)

    async def _due(self) -> Due:
        name, now_ms = self.sink.name, self._clock.unix_ms()
        query = partial(outbox.due, sink=name, now_ms=now_ms, limit=BATCH)
        return await self._insist(partial(self._store.read, query))

    async def _pass_on(self, records: Sequence[Waiting]) -> None:
        ids = [each.record_id for each in records]
        reason = await self._failure(records)
        if reason is None:
            await self._settle(ids)
        else:
            await self._put_off(ids, reason)

    async def _failure(self, records: Sequence[Waiting]) -> str | None:
        """Deliver *records* to the sink; return why it did not accept them.

        A bulkhead: whatever goes wrong in a sink or a library of its own is its own.
        """
        try:
            work = partial(self.sink.deliver, records)
            await self._hand.do(work, limit_s=self._limit_s)
        except SinkError as exc:
            return str(exc)
        except Exception:
            log.exception("sink.crashed", sink=self.sink.name)
            return "it failed unexpectedly; see the daemon's log"

        return None

    async def _settle(self, ids: Sequence[str]) -> None:
        """Delete what was delivered; nothing more is delivered before that."""
        if self._error is not None:
            log.info("sink.recovered", sink=self.sink.name)

        self.failures, self._error, self._failing_since_ms = 0, None, None
        await self._change(partial(outbox.delivered, sink=self.sink.name, ids=ids))
        self._delivered += len(ids)
        self._moved()

    async def _put_off(self, ids: Sequence[str], reason: str) -> None:
        """Record the failure, and pause the sink for a while."""
        if self._error is None:
            self._failing_since_ms = self._clock.unix_ms()

        if self._error != reason:
            log.warning("sink.failed", sink=self.sink.name, reason=reason)

        pause = pause_s(self.failures, self._jitter())
        self._error, self.failures = reason, self.failures + 1
        until = self._clock.monotonic() + pause
        next_ms = self._clock.unix_ms() + round(pause * MS_PER_S)
        name = self.sink.name
        await self._change(
            partial(outbox.postponed, sink=name, ids=ids, next_ms=next_ms)
        )
        await self._clock.sleep_until(until)

    async def _change(self, unit: Unit[None]) -> None:
        await self._insist(partial(self._store.apply_one, unit))

    async def _insist(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask the store until it answers; who cannot store gets nothing new either."""
        while True:
            try:
                return await ask()
            except StoreError as exc:
                log.debug("outbox.waiting", sink=self.sink.name, reason=str(exc))
                await self._pause(STORE_PAUSE_S)

    async def _rest(self, next_ms: int | None) -> None:
        """Wait until woken, or until what was put off is due."""
        if next_ms is None:
            await self._wake.wait()
            return

        wait_s = (next_ms - self._clock.unix_ms()) / MS_PER_S
        async with anyio.create_task_group() as group:
            group.start_soon(self._cancel_when_woken, group.cancel_scope)
            await self._pause(min(max(wait_s, 0.0), LONGEST_S))
            group.cancel_scope.cancel()

    async def _cancel_when_woken(self, scope: anyio.CancelScope) -> None:
        await self._wake.wait()
        scope.cancel()

    async def _pause(self, seconds: float) -> None:
        await self._clock.sleep_until(self._clock.monotonic() + seconds)
