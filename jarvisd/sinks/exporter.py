"""Runs one delivery loop for each sink, and keeps their queues within limits."""

from collections.abc import Sequence
from functools import partial
from typing import Final

import anyio
import structlog

from jarvisd.base.clock import Clock
from jarvisd.base.errors import StoreError
from jarvisd.core.publisher import Flushed
from jarvisd.core.wire import Problem
from jarvisd.sinks import store as outbox
from jarvisd.sinks.delivery import STORE_PAUSE_S, TIMEOUT_S, DeliveryQueue, SinkDelivery
from jarvisd.sinks.sink import Sink
from jarvisd.sinks.store import QueueSize
from jarvisd.sinks.wire import SinkHealth

COUNT_INTERVAL_S: Final = 1.0
"""The shortest time between two counts; queues are counted only after a change."""

PAUSE_FACTOR: Final = 200
"""A count that took t is followed by a pause of t * PAUSE_FACTOR: counting 100,000 rows
takes 40 ms, so the pause is 8 s, and the load half a percent."""

log = structlog.get_logger()


class Exporter:
    """Sends the records in the outbox to their sinks.

    Args:
        sinks: The sinks. If there are none, only records of removed sinks are deleted.
        store: The store with the outbox.
        clock: Monotonic time for pauses, Unix time for due times.
        timeout_s: How long a sink may take for one batch.

    """

    def __init__(
        self,
        sinks: Sequence[Sink],
        store: DeliveryQueue,
        clock: Clock,
        *,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._store = store
        self._clock = clock
        self._changed = anyio.Event()
        self._dropped_ms: int | None = None
        self._deliveries = [
            SinkDelivery(
                each,
                store,
                clock,
                timeout_s=timeout_s,
                on_delivery=self._request_count,
            )
            for each in sinks
        ]

    @property
    def sinks(self) -> tuple[str, ...]:
        """The names of the sinks, as `outbox.enqueue` expects them."""
        return tuple(delivery.sink.name for delivery in self._deliveries)

    def flushed(self, _: Flushed) -> None:
        """Wake all deliveries: the flush may have enqueued records. Cheap."""
        if not self._deliveries:
            return

        self._request_count()
        for delivery in self._deliveries:
            delivery.wake()

    def health(self) -> list[SinkHealth]:
        """Return the health of each sink."""
        return [delivery.health() for delivery in self._deliveries]

    def problems(self) -> list[Problem]:
        """Return a problem for each sink that fails, and each that dropped records."""
        now_ms = self._clock.unix_ms()
        failing = [
            Problem(
                kind="sink_failing",
                message=delivery.problem,
                since_ms=delivery.health().failing_since_ms or now_ms,
            )
            for delivery in self._deliveries
            if delivery.problem is not None
        ]
        dropped = [
            Problem(
                kind="sink_dropped",
                message=f"sink {each.sink.name}: more than {each.sink.max_waiting} "
                "records waited, and the oldest were dropped; they are still in the "
                "store (segments.list)",
                since_ms=self._dropped_ms or now_ms,
                count=each.dropped,
            )
            for each in self._deliveries
            if each.dropped
        ]
        return failing + dropped

    async def run(self) -> None:
        """Deliver to all sinks until cancelled."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._watch_queues)
            for delivery in self._deliveries:
                group.start_soon(delivery.run, name=f"sink {delivery.sink.name}")

    async def _watch_queues(self) -> None:
        """Count the queues after each change, and drop records above their limits."""
        await self._clear_removed_sinks()
        while self._deliveries:
            self._changed = anyio.Event()
            try:
                pause_s = max(COUNT_INTERVAL_S, PAUSE_FACTOR * await self._count())
                await self._sleep(pause_s)
            except StoreError:  # count again later, when the store may work again
                self._changed.set()
                await self._sleep(STORE_PAUSE_S)

            await self._changed.wait()

    async def _count(self) -> float:
        """Count the queues and trim them; return the seconds that counting took."""
        began = self._clock.monotonic()
        queues = await self._store.read(outbox.queue_sizes)
        took_s = self._clock.monotonic() - began
        for delivery in self._deliveries:
            delivery.queue = queues.get(delivery.sink.name, QueueSize())
            if delivery.queue.waiting > delivery.sink.max_waiting:
                await self._drop(
                    delivery, delivery.queue.waiting - delivery.sink.max_waiting
                )

        return took_s

    async def _drop(self, delivery: SinkDelivery, excess: int) -> None:
        # Counting is slow, so the excess may be large: it is dropped in slices.
        log.warning("sink.dropped", sink=delivery.sink.name, records=excess)
        self._dropped_ms = self._clock.unix_ms()
        while excess > 0 and (
            gone := await self._drop_slice(delivery.sink.name, excess)
        ):
            delivery.dropped += gone
            excess -= gone

        self._request_count()

    async def _drop_slice(self, sink: str, excess: int) -> int:
        """Drop one slice, so that other writers get a turn between two slices."""
        unit = partial(outbox.drop_oldest, sink=sink, excess=excess)
        return await self._store.apply_one(unit)

    async def _clear_removed_sinks(self) -> None:
        """Drop the records for sinks that are no longer configured."""
        try:
            queues = await self._store.read(outbox.queue_sizes)
            for name in sorted(queues.keys() - set(self.sinks)):
                log.warning("sink.removed", sink=name, records=queues[name].waiting)
                while await self._drop_slice(name, queues[name].waiting):
                    pass
        except StoreError as exc:
            log.warning("outbox.not_cleared", reason=str(exc))

    def _request_count(self) -> None:
        self._changed.set()

    async def _sleep(self, seconds: float) -> None:
        await self._clock.sleep_until(self._clock.monotonic() + seconds)
