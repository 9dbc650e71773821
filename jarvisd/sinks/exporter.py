"""All sinks at once: a lane for each, and one count of what waits for them."""

from collections.abc import Sequence
from functools import partial
from typing import Final

import anyio
import structlog

from jarvisd.base.clock import Clock
from jarvisd.base.errors import StoreError
from jarvisd.core.publisher import Flushed
from jarvisd.overview.health_wire import Problem, SinkHealth
from jarvisd.sinks import store as outbox
from jarvisd.sinks.delivery import LIMIT_S, STORE_PAUSE_S, DeliveryQueue, SinkDelivery
from jarvisd.sinks.sink import Sink
from jarvisd.sinks.store import QueueSize

COUNT_EVERY_S: Final = 1.0
"""What waits is counted when it has changed, and no more often than this."""

PAUSE_FACTOR: Final = 200
"""Counting 100,000 rows takes 40 ms, so it then rests for 8 s: half a percent."""

log = structlog.get_logger()


class Exporter:
    """Sends what waits in the outbox, for as long as it runs.

    Args:
        sinks: Where to. None is fine: then it only clears up what sinks left behind.
        store: Where the outbox is.
        clock: The door to time.
        limit_s: How long a sink may take for what it is given at once.

    """

    def __init__(
        self,
        sinks: Sequence[Sink],
        store: DeliveryQueue,
        clock: Clock,
        *,
        limit_s: float = LIMIT_S,
    ) -> None:
        self._store = store
        self._clock = clock
        self._changed = anyio.Event()
        self._dropped_ms: int | None = None
        self._lanes = [
            SinkDelivery(each, store, clock, limit_s=limit_s, moved=self._recount)
            for each in sinks
        ]

    @property
    def sinks(self) -> tuple[str, ...]:
        """The names of the sinks, for `outbox.put`."""
        return tuple(lane.sink.name for lane in self._lanes)

    def flushed(self, _: Flushed) -> None:
        """Deliver what a flush may have put in the outbox. Cheap."""
        if not self._lanes:
            return

        self._recount()
        for lane in self._lanes:
            lane.wake()

    def health(self) -> list[SinkHealth]:
        """Return how it goes with each sink."""
        return [lane.health() for lane in self._lanes]

    def problems(self) -> list[Problem]:
        """Return what the user should know; counting and storing go on regardless."""
        now_ms = self._clock.unix_ms()
        failing = [
            Problem(
                kind="sink_failing",
                message=lane.problem,
                since_ms=lane.health().failing_since_ms or now_ms,
            )
            for lane in self._lanes
            if lane.problem is not None
        ]
        return failing + [
            _overflow(lane, self._dropped_ms or now_ms)
            for lane in self._lanes
            if lane.dropped
        ]

    async def run(self) -> None:
        """Send until cancelled."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._keep_count)
            for lane in self._lanes:
                group.start_soon(lane.run, name=f"sink {lane.sink.name}")

    async def _keep_count(self) -> None:
        """Count what waits whenever that has changed, and keep it within bounds."""
        await self._attempt_clearing()
        while self._lanes:
            self._changed = anyio.Event()
            try:
                await self._pause(
                    max(COUNT_EVERY_S, PAUSE_FACTOR * await self._count())
                )
            except StoreError:  # counted again, when the store may be well
                self._changed.set()
                await self._pause(STORE_PAUSE_S)

            await self._changed.wait()

    async def _count(self) -> float:
        """Count what waits, and drop what is too much; return how long counting took."""
        began = self._clock.monotonic()
        queues = await self._store.read(outbox.queues)
        took_s = self._clock.monotonic() - began
        for lane in self._lanes:
            lane.queue = queues.get(lane.sink.name, QueueSize())
            if lane.queue.waiting > lane.sink.max_waiting:
                await self._drop(lane, lane.queue.waiting - lane.sink.max_waiting)

        return took_s

    async def _drop(self, lane: SinkDelivery, excess: int) -> None:
        log.warning("sink.dropped", sink=lane.sink.name, records=excess)
        self._dropped_ms = self._clock.unix_ms()
        while excess > 0 and (gone := await self._drop_some(lane.sink.name, excess)):
            lane.dropped += gone
            excess -= gone

        self._recount()

    async def _drop_some(self, sink: str, excess: int) -> int:
        """Drop a slice, between which others write."""
        unit = partial(outbox.drop_oldest, sink=sink, excess=excess)
        return await self._store.apply_one(unit)

    async def _attempt_clearing(self) -> None:
        """Drop what waits for sinks that are not configured any more."""
        try:
            queues = await self._store.read(outbox.queues)
            for name in sorted(queues.keys() - set(self.sinks)):
                log.warning("sink.removed", sink=name, records=queues[name].waiting)
                while await self._drop_some(name, queues[name].waiting):
                    pass
        except StoreError as exc:
            log.warning("outbox.not_cleared", reason=str(exc))

    def _recount(self) -> None:
        self._changed.set()

    async def _pause(self, seconds: float) -> None:
        await self._clock.sleep_until(self._clock.monotonic() + seconds)


def _overflow(lane: SinkDelivery, since_ms: int) -> Problem:
    most = lane.sink.max_waiting
    return Problem(
        kind="sink_dropped",
        message=f"sink {lane.sink.name}: more than {most} records waited, and the "
        "oldest were dropped; they are still in the store (segments.list)",
        since_ms=since_ms,
        count=lane.dropped,
    )
