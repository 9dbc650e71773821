"""The rows of blocks: what a flush stores of them, and a start reads back."""

import msgspec

from jarvisd.core.block import BadLine, Block
from jarvisd.core.origin import Counts, Origin
from jarvisd.core.roots import Position, StoredPosition
from jarvisd.core.source_views import SourceState


class SavedBlock(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One block with its counts and the position they belong to: one row.

    Attributes:
        cursor: All of the position that its source has to know, for the source to read.
        reader_memory: What its reader has to remember at that position.
        ledger_memory: What the ledger has to remember of it there.
        state_memory: What the judgement of states has to remember of it there.
        parser_version: Of the parser whose words are in the ledger; 0 if it has not
            been read into the ledger yet.
        bad_lines: Some that could not be taken in.
        replaced_bad_lines: Offsets of those that are none any more.

    """

    origin: Origin
    position: Position
    counts: Counts
    cursor: bytes = b""
    ended: bool = False
    exit_status: int | None = None
    state: SourceState = SourceState.ACTIVE
    error: str | None = None
    revision: int = 0
    reader_memory: bytes = b""
    ledger_memory: bytes = b""
    state_memory: bytes = b""
    parser_version: int = 0
    bad_lines: tuple[BadLine, ...] = ()
    replaced_bad_lines: tuple[int, ...] = ()


def saved_block(block: Block) -> SavedBlock:
    """Return the stored form of *block*: counts and their position as one value."""
    memory, reader = block.memory, block.reader
    memories = block.memories if memory is None else memory.encode()
    return SavedBlock(
        origin=block.origin,
        position=block.position,
        counts=block.counts(),
        cursor=block.position.cursor(),
        ended=block.ended,
        exit_status=block.exit_status,
        state=block.state,
        error=block.error,
        revision=block.revision,
        reader_memory=block.reader_memory if reader is None else reader.memory(),
        ledger_memory=memories.get("ledger", b""),
        state_memory=memories.get("states", b""),
        parser_version=block.parser_version,
        bad_lines=tuple(block.bad_lines),
        replaced_bad_lines=tuple(block.replaced_bad_lines),
    )


def restored_block(saved: SavedBlock) -> Block:
    """Return the block that *saved* was taken of."""
    counts, position = saved.counts, saved.position
    return Block(
        origin=saved.origin,
        position=StoredPosition(
            offset=position.offset,
            size=position.size,
            generation=position.generation,
            stored=saved.cursor,
        ),
        start_ts_ms=counts.start_ts_ms,
        last_activity_ms=counts.last_activity_ms,
        line_count=counts.line_count,
        char_count=counts.char_count,
        malformed_count=counts.malformed_count,
        oversize_count=counts.oversize_count,
        bytes_read=counts.bytes_read,
        ended=saved.ended,
        error=saved.error,
        exit_status=saved.exit_status,
        revision=saved.revision,
        parser_version=saved.parser_version,
        reader_memory=saved.reader_memory,
        memories={"ledger": saved.ledger_memory, "states": saved.state_memory},
        bad_lines=list(saved.bad_lines),
    )
