"""Since when this daemon has been awake without a break: what it saw, it may count.

A machine that sleeps stops the monotonic clock and not the wall's, so a look that comes
much later than it should, by the wall, comes after a sleep.
"""

from collections.abc import Callable
from functools import partial
from typing import Protocol

import structlog

from jarvisd.accumulators.states import States
from jarvisd.clock import MS_PER_S, Clock
from jarvisd.errors import StoreError
from jarvisd.model.state import OVER, State
from jarvisd.store.attention import was_awake
from jarvisd.store.connection import Unit

log = structlog.get_logger()

BEAT_S = 60.0
"""A daemon that is killed loses so much of what it saw; a row a minute is no load."""

GAP_MS = 2 * int(BEAT_S) * MS_PER_S
_AT_REST = OVER | {State.IDLE, State.UNKNOWN}


class Changing(Protocol):
    """What is needed of the store."""

    @property
    def revision(self) -> int:
        """The number of flushes ever committed."""
        ...

    async def change(self, unit: Unit[None], /) -> None:
        """Run *unit* in a transaction, or raise StoreError."""
        ...


class Awake:
    """Knows the stretch of time in which nothing can have been missed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since_ms = self._seen_ms = clock.unix_ms()

    @property
    def span(self) -> tuple[int, int]:
        """Return since when we are awake, and now."""
        now_ms = self._clock.unix_ms()
        if not 0 <= now_ms - self._seen_ms <= GAP_MS:
            self._since_ms = now_ms

        self._seen_ms = now_ms
        return self._since_ms, now_ms


async def keep_awake(
    awake: Awake, is_busy: Callable[[], bool], store: Changing, clock: Clock
) -> None:
    """Write down that we are awake, while there is something to see; until cancelled.

    What is not busy needs no beat, and where nothing else was stored the disk is left
    alone: the next one tells of all the time since the last.
    """
    beaten_at = -1
    while True:
        await clock.sleep_until(clock.monotonic() + BEAT_S)
        start_ms, end_ms = awake.span
        if not is_busy() or store.revision == beaten_at:
            continue

        beaten_at = store.revision
        try:
            await store.change(partial(was_awake, start_ms=start_ms, end_ms=end_ms))
        except StoreError as exc:
            log.warning("awake.not_noted", reason=str(exc))


def is_busy(states: States) -> bool:
    """Say whether a session works, or waits for somebody."""
    return any(state not in _AT_REST for state in states.counts())
