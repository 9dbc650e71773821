"""One slice of one file into its block, whatever goes wrong with the file."""

from collections.abc import Callable

import msgspec
import structlog

from jarvisd.base.clock import Clock
from jarvisd.base.errors import SourceError
from jarvisd.blocks.block import Block
from jarvisd.core.discovery.file_registry import FileRegistry
from jarvisd.core.discovery.progress import ImportProgress
from jarvisd.core.discovery.tracked_file import TrackedFile
from jarvisd.core.intake import Intake
from jarvisd.core.roots import Position
from jarvisd.core.sources.blocking_source import BlockingSource
from jarvisd.core.sources.jsonlines.lines import Oversize, TextLine
from jarvisd.core.sources.jsonlines.stream import COUNTED_SLICE_BYTES
from jarvisd.core.sources.source_slice import SourceSlice, StreamSlice

log = structlog.get_logger()


class SliceReader:
    """Takes slices and counts them.

    *lacking* is called when the ledger must read a block again up to its position.
    """

    def __init__(
        self,
        catalogue: FileRegistry,
        intake: Intake,
        progress: ImportProgress,
        *,
        lacking: Callable[[], None],
    ) -> None:
        self.missed_files = 0
        """Files that went before they were read to their end."""
        self._catalogue = catalogue
        self._intake = intake
        self._progress = progress
        self._lacking = lacking
        self._clock: Clock = intake.clock

    def is_open(self, known: TrackedFile) -> bool:
        """Whether `pull` has nothing to wait for, as far as that can be known."""
        return known.source.is_ready()

    async def open(self, known: TrackedFile) -> None:
        """Open the source of *known*; what goes wrong is for the next `pull`."""
        if not known.has_condenser:
            self._set_condenser(known)

        await known.source.prepare()

    def pull(self, known: TrackedFile) -> bool:
        """Read one slice of *known* and count it; return whether there is more.

        A bulkhead: whatever goes wrong in one file is told of that file alone.
        """
        block = known.block
        try:
            self._begin(known)
            part = known.source.read(block.position, self._clock.monotonic())
            self._count(known, part)
        except SourceError as exc:
            self._intake.fail(block, exc.reason)
        except OSError as exc:
            self._intake.fail(block, exc.strerror or str(exc))
        except Exception:
            log.exception("block.crashed", block_id=block.block_id)
            self._intake.fail(block, "internal error; see the daemon's log")
        else:
            return part.more

        return False

    def _begin(self, known: TrackedFile) -> None:
        """Start a file of lines where those that read it before have ended."""
        if not known.has_condenser:
            self._set_condenser(known)

        if isinstance(known.source, BlockingSource) or known.is_compressed:
            return  # its name tells what it is: see `FileRegistry.adopt`

        begins = self._catalogue.come_back(known)
        if begins is None and not known.position.offset:
            begins = self._catalogue.counted_elsewhere(known)
            if self._intake.only_counts(known.block):
                known.tail.slice_bytes = COUNTED_SLICE_BYTES

        if begins is not None:
            before = known.position
            known.tail.begin_at(begins)
            self._intake.fold(known.block, [], begins)
            self._catalogue.reached(known, before)
            self._unread(known.block)

    def _set_condenser(self, known: TrackedFile) -> None:
        known.source.condense = self._intake.condense(known.block)
        known.has_condenser = True

    def _count(self, known: TrackedFile, part: SourceSlice[Position]) -> None:
        block, before = known.block, known.block.position
        if part.fault is not None:
            self._intake.fail(block, part.fault)
        elif not part.gone:
            self._intake.recover(block)

        if known.source.seen_bytes is not None:
            known.size = known.source.seen_bytes  # hints wake it without a look

        historic = before.offset < known.historic_until or known.is_compressed
        block.bytes_read += part.read_bytes
        block.partial_bytes = part.partial_bytes
        if known.backlog_bytes is not None:
            self._progress.read(part.read_bytes)

        lines = self._all_lines(known, part)
        written_ms = known.mtime_ms if historic else None
        if isinstance(known.source, BlockingSource):
            self._count_streams(known, part, written_ms)
            known.source.applied()
        elif lines or part.position != before:
            self._intake.fold(block, lines, part.position, written_ms=written_ms)
            self._catalogue.reached(known, before)

        if part.restarted:
            self._unread(block)
            known.historic_until = 0
            log.info(
                "block.restarted",
                block_id=block.block_id,
                offset=block.position.offset,
                generation=block.position.generation,
            )

        if part.gone:
            self._say_goodbye(known, part)

    def _count_streams(
        self, known: TrackedFile, part: SourceSlice[Position], written_ms: int | None
    ) -> None:
        """Count what a slice has of each stream; the cursor is the source's own block's."""
        for stream, each in part.streams.items():
            block = self._catalogue.block_of(known, stream)
            position = part.position
            if stream:
                offset = block.position.offset + len(each.lines)
                position = Position(
                    offset=offset, size=offset, generation=block.position.generation
                )

            self._count_stream(block, each, position, written_ms)

        moved = part.streams or part.position != known.block.position
        if moved and "" not in part.streams:
            self._intake.fold(known.block, [], part.position, written_ms=written_ms)

    def _count_stream(
        self,
        block: Block,
        part: StreamSlice,
        position: Position,
        written_ms: int | None,
    ) -> None:
        self._intake.recover(block)
        if part.restarted:
            generation = block.position.generation + 1
            block.position = Position(generation=generation)
            block.take_back(block.line_count, block.char_count)
            block.unread()
            position = msgspec.structs.replace(position, generation=generation)

        block.take_back(part.replaced, part.replaced_chars)
        self._intake.fold(block, part.lines, position, written_ms=written_ms)
        if part.totals is not None:
            block.line_count, block.char_count = part.totals.items, part.totals.chars
            self._intake.touch(block, urgent=False)

        if part.ended:
            self._intake.end(block)

    def _unread(self, block: Block) -> None:
        """Reset what the ledger knows of *block*, which continues in another place."""
        block.unread()
        if block.position.offset:
            self._lacking()

    def _all_lines(
        self, known: TrackedFile, part: SourceSlice[Position]
    ) -> list[TextLine | Oversize]:
        """Return the lines, with an unfinished last one if it is a whole record."""
        rest = part.rest
        if rest is None or not self._intake.is_record(known.block, rest):
            return part.lines

        return [*part.lines, rest]

    def _say_goodbye(self, known: TrackedFile, part: SourceSlice[Position]) -> None:
        block = known.block
        # Files are woken without a look, so the size of one never opened is not known.
        never_opened = not part.position.is_begun
        unread = known.size > part.position.offset + part.partial_bytes
        if not block.ended and (never_opened or unread):
            self.missed_files += 1
            log.warning("block.missed", block_id=block.block_id)

        for each in (block, *known.streams.values()):
            self._intake.end(each)
