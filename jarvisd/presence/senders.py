"""The processes that hand over the lines of pushed blocks: a block ends with its sender.

A sender that is done says so. One that was killed, or interrupted while the daemon was
away, says nothing, so that its process is looked at each second.
"""

from collections.abc import Callable

from jarvisd.base.clock import Clock, next_tick
from jarvisd.blocks.block import Block
from jarvisd.blocks.registry import Blocks
from jarvisd.core.origin import BlockId, Kind
from jarvisd.core.process import ProcessLife
from jarvisd.presence.processes import is_alive, life_of, started_ms

PAUSE_S = 1.0

GRACE_S = 3.0
"""`jarvisctl run` hands over the rest, and the exit status, behind its command's end."""

SLACK_MS = 2_000
PUSHED = frozenset({Kind.PUSH, Kind.PROCESS})


class Senders:
    """Knows the sender of each open block, and calls *end* where it is gone."""

    def __init__(
        self, blocks: Blocks, clock: Clock, end: Callable[[Block], None]
    ) -> None:
        self._blocks = blocks
        self._clock = clock
        self._end = end
        self._lives: dict[BlockId, ProcessLife] = {}
        self._gone: dict[BlockId, float] = {}

    def opened(self, block: Block, pid: int | None) -> None:
        """Record that the process *pid* sends the lines of *block*.

        One that cannot be seen, as it runs in a container, is not waited for.
        """
        self.forget(block)
        life = None if pid is None else life_of(pid)
        if life is not None:
            self._lives[block.block_id] = life

    def forget(self, block: Block) -> None:
        """Record that the sender of *block* is no longer watched."""
        self._lives.pop(block.block_id, None)
        self._gone.pop(block.block_id, None)

    async def run(self) -> None:
        """Look at the senders until cancelled, those of an earlier run as well."""
        self._recall()
        while True:
            await self._clock.sleep_until(next_tick(self._clock.monotonic(), PAUSE_S))
            self._look()

    def _recall(self) -> None:
        now = self._clock.monotonic()
        for block in self._blocks:
            pid, is_open = block.origin.pid, not block.ended
            if pid is None or not is_open or block.origin.kind not in PUSHED:
                continue

            if block.block_id not in self._lives:  # or it was opened again already
                if _may_be_its(pid, block):
                    self.opened(block, pid)
                else:
                    self._gone[block.block_id] = now

    def _look(self) -> None:
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


def _may_be_its(pid: int, block: Block) -> bool:
    """Return True if the process *pid* lives and was there when *block* was written."""
    began_ms = started_ms(pid)
    last_ms = block.last_activity_ms
    if began_ms is None or life_of(pid) is None:
        return False

    return last_ms is None or began_ms <= last_ms + SLACK_MS
