"""Blocks whose lines are handed to us: a piped command, a process somebody runs.

Nobody can read these lines again, so a batch is acknowledged only when it is on the
disk. A block's position is the number of batches taken, stored with the counts: a
client that lost the answer sends the same batch again and nothing is counted twice.
"""

import re
from typing import Protocol

import msgspec
from anyio import lowlevel

from jarvisd.base.errors import ProtocolError, StoreError
from jarvisd.base.wire_types import Method, Params
from jarvisd.blocks.block import Block
from jarvisd.core.flush import Flusher
from jarvisd.core.intake import Intake
from jarvisd.core.origin import PUSHED, BlockView, Kind, Origin
from jarvisd.core.sources.jsonlines.lines import (
    SHORT_BYTES,
    LongLine,
    Oversize,
    TextLine,
)
from jarvisd.core.wire import (
    MAX_PUSH_LINES,
    PushClose,
    PushLines,
    PushLinesResult,
    PushOpen,
    PushOpenResult,
)

_BLOCK_ID = re.compile(r"[0-9a-f]{16}")
_STEP_BYTES = 64 * 1024
INVALID_PARAMS = -32602
UNKNOWN_BLOCK = -32005
STORAGE_DEGRADED = -32004


class SenderWatch(Protocol):
    """Who knows whether the process that sends the lines of a block is still there."""

    def watch(self, block: Block, pid: int | None, /) -> None:
        """Watch the process *pid*, the sender of *block*."""
        ...

    def unwatch(self, block: Block, /) -> None:
        """Stop watching the sender of *block*."""
        ...


class PushedBlocks:
    """Opens, feeds and closes pushed blocks."""

    def __init__(self, intake: Intake, flusher: Flusher, senders: SenderWatch) -> None:
        self._intake = intake
        self._blocks = intake.blocks
        self._flusher = flusher
        self._senders = senders

    def methods(self) -> dict[type[Params], Method]:
        """Return what answers the params of each method."""
        return {PushOpen: self.open, PushLines: self.lines, PushClose: self.close}

    async def open(self, asked: PushOpen) -> PushOpenResult:
        """Open a block, or go on with one after a lost connection or a restart.

        Raises:
            ProtocolError: The id is no block id, or belongs to a block of another kind.

        """
        if not _BLOCK_ID.fullmatch(asked.block_id):
            raise ProtocolError(
                INVALID_PARAMS, "invalid_params", "block_id must be 16 hex digits"
            )

        block = self._blocks.get(asked.block_id)
        if block is None:
            block = self._created(asked)
        elif block.origin.kind is not Kind(asked.kind):
            raise ProtocolError(
                INVALID_PARAMS,
                "block_in_use",
                f"block {asked.block_id} is a {block.origin.kind}; choose another id",
            )
        self._intake.recover(block)
        self._senders.watch(block, asked.pid)
        return PushOpenResult(block_id=block.block_id, next_seq=block.position.offset)

    async def lines(self, asked: PushLines) -> PushLinesResult:
        """Count a batch and answer once it is stored.

        Raises:
            ProtocolError: No such block (unknown_block), a batch is missing before
                this one (out_of_order), too many lines, or it could not be stored
                (storage_degraded): send it again later.

        """
        block = self._pushed(asked.block_id)
        if len(asked.lines) > MAX_PUSH_LINES:
            raise ProtocolError(
                INVALID_PARAMS, "too_large", f"at most {MAX_PUSH_LINES} lines a batch"
            )

        texts = [each.encode(errors="replace") for each in asked.lines]
        lines = await self._lines(block, texts)
        expected = block.position.offset
        if not 0 <= asked.seq <= expected:
            raise ProtocolError(
                INVALID_PARAMS,
                "out_of_order",
                f"batch {asked.seq} came, {expected} is next",
                next_seq=expected,
            )

        if asked.seq == expected:
            self._intake.recover(block)  # a sender that was taken for gone
            lines += [Oversize(block.bytes_read, each) for each in asked.oversize_chars]
            block.bytes_read += sum(len(each) + 1 for each in texts)
            position = msgspec.structs.replace(block.position, offset=expected + 1)
            self._intake.fold(block, lines, position)

        await self._committed(block)
        return PushLinesResult(
            next_seq=block.position.offset, line_count=block.line_count
        )

    async def close(self, asked: PushClose) -> BlockView:
        """End a block; what it counted stays."""
        block = self._pushed(asked.block_id)
        self._senders.unwatch(block)
        self._intake.close(block, asked.exit_status)
        await self._committed(block)
        return self._blocks.view(block, self._intake.clock.unix_ms())

    def _created(self, asked: PushOpen) -> Block:
        origin = Origin(
            block_id=asked.block_id,
            kind=Kind(asked.kind),
            agent=asked.agent,
            project=asked.project or asked.cwd,
            cwd=asked.cwd,
            pid=asked.pid,
        )
        block = Block(origin)
        self._blocks.add(block, self._intake.clock.unix_ms())
        self._intake.touch(block)
        return block

    async def _lines(
        self, block: Block, texts: list[bytes]
    ) -> list[TextLine | Oversize]:
        """Return *texts* as lines; long ones condensed, giving way meanwhile."""
        lines: list[TextLine | Oversize] = []
        offset, condense = block.bytes_read, self._intake.condense(block)
        for text in texts:
            if len(text) <= SHORT_BYTES:
                lines.append(TextLine(offset, text))
                continue

            long = LongLine(condense())
            for start in range(0, len(text), _STEP_BYTES):
                long.add(text[start : start + _STEP_BYTES])
                await lowlevel.checkpoint()

            lines.append(long.line(offset))

        return lines

    def _pushed(self, block_id: str) -> Block:
        block = self._blocks.find(block_id)
        if block.origin.kind in PUSHED:
            return block

        raise ProtocolError(
            UNKNOWN_BLOCK, "unknown_block", f"no pushed block {block_id!r}"
        )

    async def _committed(self, block: Block) -> None:
        try:
            await self._flusher.commit(block)
        except StoreError as exc:
            raise ProtocolError(
                STORAGE_DEGRADED,
                "storage_degraded",
                f"not stored yet, send it again: {exc}",
                retry_after_ms=1000,
            ) from exc
