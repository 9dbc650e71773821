"""Ends pushed blocks whose sender, the process that pushes their lines, is gone.

A sender that is done closes its block. One that was killed, or that ended while the
daemon was not running, does not, so its process is checked each second.
"""

from collections.abc import Callable

from jarvisd.base.clock import Clock, next_tick
from jarvisd.core.block import Block
from jarvisd.core.block_registry import Blocks
from jarvisd.core.origin import PUSHED, BlockId
from jarvisd.core.process import ProcessLife
from jarvisd.presence.processes import is_alive, life_of, started_ms

CHECK_INTERVAL_S = 1.0

GRACE_S = 3.0
"""`jarvisctl run` pushes the rest, and the exit status, after its command has ended."""

SLACK_MS = 2_000
"""The error of a process's start time, which is known to about a second."""


class Senders:
    """Tracks the sender of each open block, and calls *end* if it is gone."""

    def __init__(
        self, blocks: Blocks, clock: Clock, end: Callable[[Block], None]
    ) -> None:
        self._blocks = blocks
        self._clock = clock
        self._end = end
        self._lives: dict[BlockId, ProcessLife] = {}
        self._gone: dict[BlockId, float] = {}

    def watch(self, block: Block, pid: int | None) -> None:
        """Watch the process *pid*, which sends the lines of *block*.

        A process that is not visible, such as one in a container, is not watched: its
        block stays open until the sender closes it.
        """
        self.unwatch(block)
        life = None if pid is None else life_of(pid)
        if life is not None:
            self._lives[block.block_id] = life

    def unwatch(self, block: Block) -> None:
        """Stop watching the sender of *block*."""
        self._lives.pop(block.block_id, None)
        self._gone.pop(block.block_id, None)

    async def run(self) -> None:
        """Check the senders until cancelled, including those of stored blocks."""
        self._watch_stored_blocks()
        while True:
            now = self._clock.monotonic()
            await self._clock.sleep_until(next_tick(now, CHECK_INTERVAL_S))
            self._check()

    def _watch_stored_blocks(self) -> None:
        now = self._clock.monotonic()
        for block in self._blocks:
            pid, is_open = block.origin.pid, not block.ended
            if pid is None or not is_open or block.origin.kind not in PUSHED:
                continue

            if block.block_id not in self._lives:  # its sender may have reconnected
                if _may_be_sender(pid, block):
                    self.watch(block, pid)
                else:
                    self._gone[block.block_id] = now

    def _check(self) -> None:
        now = self._clock.monotonic()
        for block_id, life in list(self._lives.items()):
            if not is_alive(life):
                del self._lives[block_id]
                self._gone[block_id] = now

        for block_id, since in list(self._gone.items()):
            if now - since >= GRACE_S:
                del self._gone[block_id]
                block = self._blocks.get(block_id)
                if block is not None:
                    self._end(block)


def _may_be_sender(pid: int, block: Block) -> bool:
    """Return True if the process *pid* lives and is older than *block*'s last line.

    A younger process was given the number after the sender ended.
    """
    began_ms = started_ms(pid)
    last_ms = block.last_activity_ms
    if began_ms is None or life_of(pid) is None:
        return False

    return last_ms is None or began_ms <= last_ms + SLACK_MS
