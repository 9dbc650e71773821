"""The delivery loop of one sink: read due records, deliver them, remove or postpone them.

Loops are independent. A sink that fails or hangs delays only its own records, by a
pause that grows to a quarter of an hour; they stay in the store meanwhile.
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
from jarvisd.sinks import store as outbox
from jarvisd.sinks.backoff import MAX_PAUSE_S, pause_s
from jarvisd.sinks.blocking_call import BlockingCall
from jarvisd.sinks.sink import Sink
from jarvisd.sinks.store import QueuedRecord, QueueSize
from jarvisd.sinks.wire import SinkHealth

BATCH: Final = 100
"""Records that a sink is given at once: about 70 kB."""

TIMEOUT_S: Final = 30.0
"""How long a sink may take for one batch."""

STORE_PAUSE_S: Final = 5.0
"""The pause after an error of the store, as opposed to one of the sink."""

PROBLEM_FAILURES: Final = 2
"""Failures in a row that are reported as a problem: a single one may be transient."""

T = TypeVar("T")

log = structlog.get_logger()


class DeliveryQueue(Protocol):
    """The part of the store that deliveries need."""

    async def read(self, query: Unit[T]) -> T:
        """Return the result of *query*, or raise StoreError."""
        ...

    async def apply_one(self, unit: Unit[T]) -> T:
        """Run *unit* in a transaction, or raise StoreError."""
        ...


class SinkDelivery:
    """Delivers records to one sink, and tracks its health.

    Attributes:
        sink: The sink.
        failures: The number of failures since the last success.
        queue: The size of its queue, as last counted.
        dropped: Records dropped since the start because too many waited.

    """

    def __init__(
        self,
        sink: Sink,
        store: DeliveryQueue,
        clock: Clock,
        *,
        timeout_s: float = TIMEOUT_S,
        jitter: Callable[[], float] = random.random,
        on_delivery: Callable[[], object] = lambda: None,
    ) -> None:
        """Create the loop; *on_delivery* is called after each delivered batch."""
        self.sink = sink
        self.failures = 0
        self.queue = QueueSize()
        self.dropped = 0
        self._delivered = 0
        self._error: str | None = None
        self._failing_since_ms: int | None = None
        self._store = store
        self._clock = clock
        self._timeout_s = timeout_s
        self._jitter = jitter
        self._on_delivery = on_delivery
        self._blocking_call = BlockingCall(f"sink {sink.name}")
        self._wake = anyio.Event()

    @property
    def problem(self) -> str | None:
        """The message about repeated failures; None while there are none."""
        if self.failures < PROBLEM_FAILURES:
            return None

        return f"sink {self.sink.name} ({self.sink.kind}): {self._error}"

    def wake(self) -> None:
        """Check for due records now: some may have been enqueued."""
        self._wake.set()

    def health(self) -> SinkHealth:
        """Return the health of the sink."""
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
            self._wake = anyio.Event()  # before the read, so that no wake is missed
            name, now_ms = self.sink.name, self._clock.unix_ms()
            query = partial(outbox.due, sink=name, now_ms=now_ms, limit=BATCH)
            due = await self._retry_store(partial(self._store.read, query))
            if not due.records:
                await self._wait_until(due.next_ms)
                continue

            ids = [each.record_id for each in due.records]
            reason = await self._deliver(due.records)
            if reason is None:
                await self._record_success(ids)
            else:
                await self._record_failure(ids, reason)

    async def _deliver(self, records: Sequence[QueuedRecord]) -> str | None:
        """Pass *records* to the sink; return the reason if it failed, else None.

        A bulkhead: any error in a sink, or in a library that it uses, is its failure.
        """
        try:
            work = partial(self.sink.deliver, records)
            await self._blocking_call.run(work, timeout_s=self._timeout_s)
        except SinkError as exc:
            return str(exc)
        except Exception:
            log.exception("sink.crashed", sink=self.sink.name)
            return "it failed unexpectedly; see the daemon's log"

        return None

    async def _record_success(self, ids: Sequence[str]) -> None:
        """Remove delivered records from the outbox.

        The loop waits for the store, since the records would be delivered again
        otherwise.
        """
        if self._error is not None:
            log.info("sink.recovered", sink=self.sink.name)

        self.failures, self._error, self._failing_since_ms = 0, None, None
        unit = partial(outbox.remove_delivered, sink=self.sink.name, ids=ids)
        await self._retry_store(partial(self._store.apply_one, unit))
        self._delivered += len(ids)
        self._on_delivery()

    async def _record_failure(self, ids: Sequence[str], reason: str) -> None:
        """Record the failure, postpone the records, and pause."""
        if self._error is None:
            self._failing_since_ms = self._clock.unix_ms()

        if self._error != reason:
            log.warning("sink.failed", sink=self.sink.name, reason=reason)

        # The loop itself sleeps until *until*, which a change of the wall clock does not
        # affect; *next_ms* keeps the pause over a restart.
        pause = pause_s(self.failures, self._jitter())
        self._error, self.failures = reason, self.failures + 1
        until = self._clock.monotonic() + pause
        next_ms = self._clock.unix_ms() + round(pause * MS_PER_S)
        name = self.sink.name
        unit = partial(outbox.postpone, sink=name, ids=ids, next_ms=next_ms)
        await self._retry_store(partial(self._store.apply_one, unit))
        await self._clock.sleep_until(until)

    async def _retry_store(self, request: Callable[[], Awaitable[T]]) -> T:
        """Return the result of *request*, which is retried while the store fails."""
        while True:
            try:
                return await request()
            except StoreError as exc:
                log.debug("outbox.waiting", sink=self.sink.name, reason=str(exc))
                await self._sleep(STORE_PAUSE_S)

    async def _wait_until(self, next_ms: int | None) -> None:
        """Wait until *next_ms*, the time of the next due record, or until woken."""
        if next_ms is None:
            await self._wake.wait()
            return

        wait_s = (next_ms - self._clock.unix_ms()) / MS_PER_S
        async with anyio.create_task_group() as group:
            group.start_soon(self._cancel_when_woken, group.cancel_scope)
            await self._sleep(min(max(wait_s, 0.0), MAX_PAUSE_S))
            group.cancel_scope.cancel()

    async def _cancel_when_woken(self, scope: anyio.CancelScope) -> None:
        await self._wake.wait()
        scope.cancel()

    async def _sleep(self, seconds: float) -> None:
        await self._clock.sleep_until(self._clock.monotonic() + seconds)
