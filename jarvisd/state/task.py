"""The task that judges states: when a signal or a line comes, and when time is due.

Lines come to the states through the readers, signals through `report`. Whatever a
judgement changes goes to the journal, which stores and announces it.
"""

import asyncio
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import anyio
import structlog

from jarvisd.base.clock import MS_PER_S, Clock
from jarvisd.base.ids import SessionId
from jarvisd.core.block import Block
from jarvisd.core.block_registry import BlockChanged, Blocks
from jarvisd.core.signal import Signal
from jarvisd.state.engine import StateEngine
from jarvisd.state.journal import Journal, TransitionMade

log = structlog.get_logger()

MAX_SLEEP_S = 60.0
"""Due times are wall times; a clock that was set is noticed within this."""


class StateTask:
    """Keeps *states* judged, from `run` until it is cancelled."""

    def __init__(
        self,
        states: StateEngine,
        journal: Journal,
        blocks: Blocks,
        clock: Clock,
        *,
        blocks_of: Callable[[str, SessionId], Iterable[Block]],
    ) -> None:
        self.states = states
        self.journal = journal
        self._blocks = blocks
        self._blocks_of = blocks_of
        self._clock = clock
        self._wake = anyio.Event()
        self._planned_ms = -math.inf
        self._is_planned = False
        self._is_paused = True  # until `run`: earlier signals must be recorded first

    def report(self, signal: Signal) -> None:
        """Record *signal* and judge its session; cheap, to be called between awaits."""
        self.states.record_signal(signal)
        self.judge()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Judge signals that are reported within only when all of them are recorded.

        Without awaits within: a process alone is an idle session, and is not if its
        registry entry, which comes with it, says that it is busy.
        """
        before, self._is_paused = self._is_paused, True
        try:
            yield
        finally:
            self._is_paused = before
            self.judge()

    def judge(self) -> None:
        """Judge all that was touched or is due, and publish what has changed."""
        if self._is_paused:
            return  # a transition changes blocks, and these call us

        self._is_paused = True
        try:
            now_ms = self._clock.unix_ms()
            made = self.states.judge(now_ms)
            if made:
                self.journal.add(made, now_ms)

            for agent, session_id in self.states.take_attended():
                self._show(agent, session_id)
        finally:
            self._is_paused = False

        if self._next_ms < self._planned_ms:
            self._wake.set()

    async def run(self) -> None:
        """Judge what only time changes, until cancelled.

        To be started when presence has looked at all processes and registries once: what
        is restored from the store was reported with their help.
        """
        self._is_paused = False
        while True:
            self.judge()  # at first what was taken back from the store
            self._wake, self._planned_ms = anyio.Event(), self._next_ms
            pause_s = (self._planned_ms - self._clock.unix_ms()) / MS_PER_S
            until = self._clock.monotonic() + min(max(pause_s, 0.0), MAX_SLEEP_S)
            async with anyio.create_task_group() as group:
                group.start_soon(self._until_woken, group.cancel_scope)
                await self._clock.sleep_until(until)
                group.cancel_scope.cancel()

    async def _until_woken(self, scope: anyio.CancelScope) -> None:
        await self._wake.wait()
        scope.cancel()

    @property
    def _next_ms(self) -> float:
        next_ms = self.states.next_ms
        return math.inf if next_ms is None else next_ms

    def block_changed(self, _: BlockChanged) -> None:
        """Judge the session of a block soon: together with others read in this turn.

        Before any client is sent the block, as this is scheduled before its turn.
        """
        if self.states.has_news and not self._is_planned:
            self._is_planned = True
            asyncio.get_running_loop().call_soon(self._judge_planned)

    def _judge_planned(self) -> None:
        """Judge; a bulkhead, as for every consumer of a notice."""
        self._is_planned = False
        try:
            self.judge()
        except Exception:
            log.exception("judgement.crashed")

    def transition_made(self, made: TransitionMade) -> None:
        """Publish the session's blocks as changed: they show its state."""
        transition = made.transition
        log.debug("state.changed", agent=transition.agent, state=transition.state)
        self._show(transition.agent, transition.session_id)

    def _show(self, agent: str, session_id: SessionId) -> None:
        now_ms = self._clock.unix_ms()
        for block in self._blocks_of(agent, session_id):
            self._blocks.changed(block, now_ms)
