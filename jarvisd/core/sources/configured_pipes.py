"""Reads the named pipes of the configuration, each by its own task."""

import hashlib

import anyio
import structlog

from jarvisd.base.errors import SourceError
from jarvisd.core.block import Block
from jarvisd.core.intake import Intake
from jarvisd.core.origin import BlockId, Kind, Origin
from jarvisd.core.roots import Position
from jarvisd.core.sources.jsonlines.lines import LineSplitter
from jarvisd.core.sources.pipe import NamedPipe

log = structlog.get_logger()

RETRY_S = 2.0
"""Seconds before a pipe that is missing or replaced is retried."""


async def read_pipe(path: str, agent: str, intake: Intake) -> None:
    """Read the FIFO at *path* into its block until cancelled.

    If the pipe fails, its block is marked as failed, and the pipe is retried: the user
    may create it later.
    """
    block = _block(path, agent, intake)
    while True:
        try:
            with NamedPipe(path) as fifo:
                await _read_open(fifo, block, intake)
        except SourceError as exc:
            intake.fail(block, exc.reason)

        await anyio.sleep(RETRY_S)


async def _read_open(fifo: NamedPipe, block: Block, intake: Intake) -> None:
    intake.recover(block)
    log.info("block.opened", block_id=block.block_id)
    splitter = LineSplitter(condense=intake.condense(block))
    while True:
        piece = await fifo.receive()
        block.bytes_read += len(piece)
        lines = splitter.feed(piece)
        block.partial_bytes = splitter.partial_bytes
        if lines:
            intake.fold(block, lines, Position(offset=block.bytes_read))


def _block(path: str, agent: str, intake: Intake) -> Block:
    name = f"fifo\0{path}".encode()
    block_id = BlockId(hashlib.blake2b(name, digest_size=8).hexdigest())
    block = intake.blocks.get(block_id)
    if block is None:
        origin = Origin(block_id=block_id, kind=Kind.FIFO, agent=agent, path=path)
        block = Block(origin)
        intake.blocks.add(block, intake.clock.unix_ms())
    return block
