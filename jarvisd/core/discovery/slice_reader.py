"""Reads one slice of a source into its blocks, whatever goes wrong with the source."""

from collections.abc import Callable, Iterable, Sequence

import msgspec
import structlog

from jarvisd.base.clock import Clock
from jarvisd.base.errors import SourceError
from jarvisd.core.block import Block
from jarvisd.core.discovery.file_registry import FileRegistry
from jarvisd.core.discovery.progress import ImportProgress
from jarvisd.core.discovery.tracked_file import TrackedFile
from jarvisd.core.intake import Intake
from jarvisd.core.origin import BlockId
from jarvisd.core.roots import Position
from jarvisd.core.source import Fault
from jarvisd.core.sources.blocking_source import BlockingSource
from jarvisd.core.sources.jsonlines.handles import Handles
from jarvisd.core.sources.jsonlines.lines import Oversize, TextLine
from jarvisd.core.sources.jsonlines.stream import COUNTED_SLICE_BYTES
from jarvisd.core.sources.source_slice import SourceSlice, StreamSlice

log = structlog.get_logger()

INTERNAL_ERROR = "internal error; see the daemon's log"


class SliceReader:
    """Reads slices and applies them to their blocks.

    *request_reread* is called when the ledger must read a block again up to its position.
    """

    def __init__(
        self,
        file_registry: FileRegistry,
        intake: Intake,
        progress: ImportProgress,
        handles: Handles,
        *,
        request_reread: Callable[[], None],
    ) -> None:
        self.missed_files = 0
        """The number of files that were deleted before they were read to their end."""
        self._file_registry = file_registry
        self._intake = intake
        self._progress = progress
        self._handles = handles
        self._request_reread = request_reread
        self._faults: dict[BlockId, Fault] = {}
        self._clock: Clock = intake.clock

    def faults(self) -> list[Fault]:
        """Return why documents and databases cannot be read now, oldest first."""
        return sorted(self._faults.values(), key=lambda each: each.since_ms)

    def is_open(self, tracked: TrackedFile) -> bool:
        """Whether `read_slice` would not block, as far as is known."""
        return tracked.source.is_ready()

    async def open(self, tracked: TrackedFile) -> None:
        """Open the source of *tracked*; the next `read_slice` handles an error of that."""
        if not tracked.has_condenser:
            self._set_condenser(tracked)

        await tracked.source.prepare()

    async def open_ahead(self, files: Iterable[TrackedFile]) -> None:
        """Open those of *files* that are files of lines, all with one hop to a thread."""
        paths = [
            each.path for each in files if each.has_lines and not self.is_open(each)
        ]
        if paths:
            await self._handles.open(*paths)

    def read_slice(self, tracked: TrackedFile) -> bool:
        """Read one slice of *tracked* and apply it; return True if there is more."""
        return bool(self.read_slices((tracked,)))

    def read_slices(self, files: Sequence[TrackedFile]) -> list[TrackedFile]:
        """Read one slice of each of *files*, and apply all; return those with more.

        A bulkhead: any error marks only the block of its file as failed.
        """
        unfinished = []
        for tracked in files:
            block = tracked.block
            try:
                self._prepare(tracked)
                part = tracked.source.read(block.position, self._clock.monotonic())
                self._apply(tracked, part)
            except SourceError as exc:
                self._intake.fail(block, exc.reason)
            except OSError as exc:
                self._intake.fail(block, exc.strerror or str(exc))
            except Exception:
                log.exception("block.crashed", block_id=block.block_id)
                self._intake.fail(block, INTERNAL_ERROR)
            else:
                if part.more:
                    unfinished.append(tracked)

        try:
            self._intake.finish()
        except Exception:
            log.exception("blocks.crashed")
            for tracked in files:
                self._intake.fail(tracked.block, INTERNAL_ERROR)

        return unfinished

    def _prepare(self, tracked: TrackedFile) -> None:
        """Set the start of a file whose first lines another block has counted."""
        if not tracked.has_condenser:
            self._set_condenser(tracked)

        if isinstance(tracked.source, BlockingSource) or tracked.is_compressed:
            return  # it is identified by its name: see `FileRegistry.adopt`

        begins = self._file_registry.reclaim(tracked)
        if begins is None and not tracked.position.offset:
            begins = self._file_registry.find_counted_start(tracked)
            if self._intake.only_counts(tracked.block):
                tracked.tail.slice_bytes = COUNTED_SLICE_BYTES

        if begins is not None:
            before = tracked.position
            tracked.tail.begin_at(begins)
            self._intake.fold(tracked.block, [], begins)
            self._file_registry.record_position(tracked, before)
            self._unread(tracked.block)

    def _set_condenser(self, tracked: TrackedFile) -> None:
        tracked.source.condense = self._intake.condense(tracked.block)
        tracked.has_condenser = True

    def _note_read(self, tracked: TrackedFile, part: SourceSlice[Position]) -> None:
        """Record how the source is and how much of it was read, whatever it says."""
        block = tracked.block
        if part.fault is not None:
            self._faults[block.block_id] = part.fault
            self._intake.fail(block, part.fault.reason)
        elif not part.gone:
            self._intake.recover(block)

        if tracked.source.seen_bytes is not None:
            tracked.size = tracked.source.seen_bytes  # hints wake it without a look

        block.bytes_read += part.read_bytes
        block.partial_bytes = part.partial_bytes
        if tracked.backlog_bytes is not None:
            self._progress.read(part.read_bytes)

    def _apply(self, tracked: TrackedFile, part: SourceSlice[Position]) -> None:
        """Apply *part*; the items of a file of lines with those of other files."""
        self._note_read(tracked, part)
        block, before = tracked.block, tracked.block.position
        historic = before.offset < tracked.historic_until or tracked.is_compressed
        lines = self._complete_lines(tracked, part)
        written_ms = tracked.mtime_ms if historic else None
        if isinstance(tracked.source, BlockingSource):
            self._apply_streams(tracked, part, written_ms)
            tracked.source.applied()
            if part.fault is None:
                self._faults.pop(block.block_id, None)
        elif lines or part.position != before:
            self._intake.begin(
                block, lines, part.position, written_ms=written_ms, more=part.more
            )
            self._file_registry.record_position(tracked, before)

        if part.restarted or part.gone:
            self._intake.finish()

        if part.restarted:
            self._unread(block)
            tracked.historic_until = 0
            log.info(
                "block.restarted",
                block_id=block.block_id,
                offset=block.position.offset,
                generation=block.position.generation,
            )

        if part.gone:
            self._end_blocks(tracked, part)

    def _apply_streams(
        self, tracked: TrackedFile, part: SourceSlice[Position], written_ms: int | None
    ) -> None:
        """Apply each stream of a slice to its block; the cursor is in the source's own."""
        blocks = {  # all of them first: if one fails, nothing of the slice is applied
            stream: self._file_registry.block_of(tracked, stream)
            for stream in part.streams
        }
        for stream, each in part.streams.items():
            block = blocks[stream]
            position = part.position
            if stream:
                offset = block.position.offset + len(each.lines)
                position = Position(
                    offset=offset, size=offset, generation=block.position.generation
                )

            if not apply_stream(self._intake, block, each, position, written_ms):
                self._unread(block)

        moved = part.streams or part.position != tracked.block.position
        if moved and "" not in part.streams:
            self._intake.fold(tracked.block, [], part.position, written_ms=written_ms)

    def _unread(self, block: Block) -> None:
        """Reset the memory of *block*, which continues at a position it did not read to."""
        block.unread()
        if block.position.offset:
            self._request_reread()

    def _complete_lines(
        self, tracked: TrackedFile, part: SourceSlice[Position]
    ) -> list[TextLine | Oversize]:
        """Return the lines, with a partial last one if it is a complete record."""
        rest = part.rest
        if rest is None or not self._intake.is_record(tracked.block, rest):
            return part.lines

        return [*part.lines, rest]

    def _end_blocks(self, tracked: TrackedFile, part: SourceSlice[Position]) -> None:
        block = tracked.block
        # Hints wake files without a stat, so the size of one never opened is unknown.
        never_opened = not part.position.is_begun
        unread = tracked.size > part.position.offset + part.partial_bytes
        if not block.ended and (never_opened or unread):
            self.missed_files += 1
            log.warning("block.missed", block_id=block.block_id)

        for each in (block, *tracked.streams.values()):
            self._intake.end(each)


def apply_stream(
    intake: Intake,
    block: Block,
    part: StreamSlice,
    position: Position,
    written_ms: int | None,
) -> bool:
    """Apply one stream of a slice to *block*; return whether it was read.

    A bulkhead: one that fails is counted all the same, to be read again. The cursor moves
    on, because the other streams of the slice must not be counted twice.
    """
    intake.recover(block)
    if part.restarted:
        generation = block.position.generation + 1
        block.position = Position(generation=generation)
        block.take_back_all()
        block.unread()
        position = msgspec.structs.replace(position, generation=generation)

    block.take_back(part.replaced, part.replaced_chars)
    before, was_read = block.line_count, True
    try:
        intake.fold(block, part.lines, position, written_ms=written_ms)
    except Exception:
        log.exception("stream.crashed", block_id=block.block_id)
        was_read = False
        if block.line_count == before:
            block.add_items(part.lines)

        block.position = position
        intake.touch(block)

    if part.totals is not None:
        block.line_count, block.char_count = part.totals.items, part.totals.chars
        intake.touch(block, urgent=False)

    if part.ended:
        intake.end(block)

    return was_read
