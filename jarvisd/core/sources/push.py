"""Blocks whose lines a client pushes: of a piped command, or a process that it runs.

These lines cannot be read again, so a batch is acknowledged only when it is on disk. The
position of a block is its number of batches, stored with the counts: a client that lost
the answer sends the same batch again, and nothing is counted twice.
"""

import re
from collections.abc import Callable
from typing import Protocol

import msgspec
from anyio import lowlevel

from jarvisd.base.errors import ProtocolError, StoreError
from jarvisd.base.wire_types import Method, Params
from jarvisd.core.block import Block
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

    def __init__(
        self,
        intake: Intake,
        flusher: Flusher,
        senders: SenderWatch,
        *,
        view: Callable[[Block, int], BlockView],
    ) -> None:
        self._intake = intake
        self._blocks = intake.blocks
        self._flusher = flusher
        self._senders = senders
        self._view = view

    def methods(self) -> dict[type[Params], Method]:
        """Return the handler of each method, by the type of its params."""
        return {PushOpen: self.open, PushLines: self.lines, PushClose: self.close}

    async def open(self, params: PushOpen) -> PushOpenResult:
        """Open a block, or continue one after a lost connection or a restart.

        Raises:
            ProtocolError: The id is invalid, or belongs to a block of another kind.

        """
        if not _BLOCK_ID.fullmatch(params.block_id):
            raise ProtocolError(
                INVALID_PARAMS, "invalid_params", "block_id must be 16 hex digits"
            )

        block = self._blocks.get(params.block_id)
        if block is None:
            block = self._create_block(params)
        elif block.origin.kind is not Kind(params.kind):
            raise ProtocolError(
                INVALID_PARAMS,
                "block_in_use",
                f"block {params.block_id} is a {block.origin.kind}; choose another id",
            )
        self._intake.recover(block)
        self._senders.watch(block, params.pid)
        return PushOpenResult(block_id=block.block_id, next_seq=block.position.offset)

    async def lines(self, params: PushLines) -> PushLinesResult:
        """Count a batch, and return once it is stored.

        Raises:
            ProtocolError: There is no such block (unknown_block), a batch before this
                one is missing (out_of_order), it has too many lines (too_large), or it
                could not be stored (storage_degraded) and must be sent again later.

        """
        block = self._find_block(params.block_id)
        if len(params.lines) > MAX_PUSH_LINES:
            raise ProtocolError(
                INVALID_PARAMS, "too_large", f"at most {MAX_PUSH_LINES} lines a batch"
            )

        texts = [each.encode(errors="replace") for each in params.lines]
        lines = await self._split(block, texts)
        expected = block.position.offset
        if not 0 <= params.seq <= expected:
            raise ProtocolError(
                INVALID_PARAMS,
                "out_of_order",
                f"batch {params.seq} came, {expected} is next",
                next_seq=expected,
            )

        if params.seq == expected:
            self._intake.recover(block)  # its sender may have seemed to be gone
            lines += [
                Oversize(block.bytes_read, each) for each in params.oversize_chars
            ]
            block.bytes_read += sum(len(each) + 1 for each in texts)
            position = msgspec.structs.replace(block.position, offset=expected + 1)
            self._intake.fold(block, lines, position)

        await self._commit(block)
        return PushLinesResult(
            next_seq=block.position.offset, line_count=block.line_count
        )

    async def close(self, params: PushClose) -> BlockView:
        """End a block; its counts stay."""
        block = self._find_block(params.block_id)
        self._senders.unwatch(block)
        self._intake.close(block, params.exit_status)
        await self._commit(block)
        return self._view(block, self._intake.clock.unix_ms())

    def _create_block(self, params: PushOpen) -> Block:
        origin = Origin(
            block_id=params.block_id,
            kind=Kind(params.kind),
            agent=params.agent,
            project=params.project or params.cwd,
            cwd=params.cwd,
            pid=params.pid,
        )
        block = Block(origin)
        self._blocks.add(block, self._intake.clock.unix_ms())
        self._intake.touch(block)
        return block

    async def _split(
        self, block: Block, texts: list[bytes]
    ) -> list[TextLine | Oversize]:
        """Return *texts* as lines; condense long ones, with checkpoints meanwhile."""
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

    def _find_block(self, block_id: str) -> Block:
        block = self._blocks.find(block_id)
        if block.origin.kind in PUSHED:
            return block

        raise ProtocolError(
            UNKNOWN_BLOCK, "unknown_block", f"no pushed block {block_id!r}"
        )

    async def _commit(self, block: Block) -> None:
        try:
            await self._flusher.commit(block)
        except StoreError as exc:
            raise ProtocolError(
                STORAGE_DEGRADED,
                "storage_degraded",
                f"not stored yet, send it again: {exc}",
                retry_after_ms=1000,
            ) from exc
