"""Segments in the running daemon: when to look for idle ones, and who asks about them."""

from collections.abc import Callable
from functools import partial
from typing import Final

import structlog
from anyio import lowlevel

from jarvisd.base.clock import Clock, next_tick
from jarvisd.base.errors import StoreError
from jarvisd.base.wire_types import Method, Params
from jarvisd.core.flush import Flusher
from jarvisd.core.storage.database_store import Store
from jarvisd.segments.chats import Chats
from jarvisd.segments.engine import Segments
from jarvisd.segments.store import SegmentQuery, list_segments
from jarvisd.segments.wire import (
    ChatsEndSession,
    ChatsRecordError,
    ChatsRecordInference,
    ChatsRecordTool,
    SegmentsList,
    SegmentsListResult,
)

log = structlog.get_logger()

TICK_S: Final = 30.0
"""How long a segment may stay open behind its idle time."""

TICKS: Final = 10
"""Of a shorter idle time a tenth."""


class SegmentHandlers:
    """Closes idle segments, and answers `segments.*` and `chats.*`.

    *is_complete* says whether all history has been read; see `Segments.sweep`.
    """

    def __init__(
        self,
        *,
        segments: Segments,
        chats: Chats,
        flusher: Flusher,
        is_complete: Callable[[], bool],
        store: Store,
        clock: Clock,
    ) -> None:
        self._segments = segments
        self._flusher = flusher
        self._is_complete = is_complete
        self._store = store
        self._clock = clock
        self._chats = chats

    async def run(self) -> None:
        """Close what is idle, now and at every tick."""
        tick_s = min(TICK_S, self._segments.idle_s / TICKS)
        while True:
            try:
                closed = await self.sweep()
            except StoreError as exc:  # the flusher tries again by itself
                log.warning("segments.postponed", reason=str(exc))
            else:
                if closed:
                    log.info("segments.closed", segments=closed)

            await self._clock.sleep_until(next_tick(self._clock.monotonic(), tick_s))

    async def sweep(self) -> int:
        """Close what has been idle for too long, and store it; return how many.

        Raises:
            StoreError: What was closed so far is not stored; it will be.

        """
        now_s, now_ms = self._clock.monotonic(), self._clock.unix_ms()
        total = 0
        for closed in self._segments.sweep(now_s, now_ms, complete=self._is_complete()):
            if self._segments.is_pressing:
                # With every block: a line that is read again behind a crash must not
                # begin a segment that it was in.
                await self._flusher.flush_all()

            total += closed

            await lowlevel.checkpoint()

        return total

    def methods(self) -> dict[type[Params], Method]:
        """Return the handler of each method, by its params.

        It may raise ProtocolError: it cannot be answered as asked. Or StoreError: it
        could not be read.
        """
        record = self._chats.record
        return {
            SegmentsList: self._list,
            ChatsEndSession: self._chats.end,
            ChatsRecordInference: record,
            ChatsRecordTool: record,
            ChatsRecordError: record,
        }

    async def _list(self, asked: SegmentsList) -> SegmentsListResult:
        wanted = SegmentQuery(
            agent=asked.agent,
            session_id=asked.session_id,
            project=asked.project,
            since_ms=asked.since_ms,
            until_ms=asked.until_ms,
            after=asked.after,
            limit=asked.limit,
        )
        page = await self._store.read(partial(list_segments, wanted=wanted))
        return SegmentsListResult(
            segments=page.segments, next=page.newest, more=page.more
        )
