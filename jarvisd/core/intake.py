"""Items into features: the one place where sources, readers and features meet."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, cast

import structlog
from msgspec.structs import replace

from jarvisd.base.clock import Clock
from jarvisd.base.refusals import Refusals
from jarvisd.core.agent import Agent, AgentReader, ReaderContext
from jarvisd.core.block import Block, BlockMemory
from jarvisd.core.block_registry import Blocks
from jarvisd.core.drift import DriftLog
from jarvisd.core.feature import Feature, Mode, Slice
from jarvisd.core.flush import Flusher
from jarvisd.core.record import NOT_JSON, POISON, TOO_LONG, Record
from jarvisd.core.roots import Position
from jarvisd.core.sources.jsonlines.lines import (
    Condense,
    ItemLine,
    Oversize,
    TextLine,
    is_blank,
)

log = structlog.get_logger()

TOUCH_S = 0.1
"""Seconds after which a file of history shows how far it is read, and is stored."""


class BegunSlice(NamedTuple):
    """A slice whose block has moved on, and that is applied before the next await.

    Attributes:
        reader: Reads its items; None if they are only counted.
        memory: That of the features; None if the block must be read again first.
        more: More of the source may follow at once.

    """

    part: Slice
    reader: AgentReader | None
    memory: BlockMemory | None
    more: bool


class Intake:
    """Applies the items of a slice to all features, and has what changed stored.

    Nothing here awaits, so counts and position of a block always move together. The
    features, and their order, are those of the flusher.

    Attributes:
        drift: What lines hold that their agents' readers do not know.
        left_out: The numbers of lines that are outside of their fields' ranges.

    """

    def __init__(
        self,
        blocks: Blocks,
        flusher: Flusher,
        clock: Clock,
        *,
        agents: Callable[[str], Agent],
    ) -> None:
        self.blocks = blocks
        self.agent_named = agents
        self.clock = clock
        self.flusher = flusher
        self._features = flusher.features
        # Called for each record: only of those features that take records.
        self._applying = [
            each.apply
            for each in self._features.values()
            if type(each).apply is not Feature.apply
        ]
        # Called for each slice, mostly of one line: only of those that take them.
        self._handlers = {
            what: {
                name: getattr(each, what)
                for name, each in self._features.items()
                if getattr(type(each), what) is not getattr(Feature, what)
            }
            for what in ("applied", "counted", "reread", "closed")
        }
        self.drift = DriftLog()
        self.left_out = Refusals()
        self._next_touch_s = -math.inf
        self._begun: list[BegunSlice] = []

    def fold(
        self,
        block: Block,
        lines: Sequence[TextLine | Oversize],
        position: Position,
        *,
        written_ms: int | None = None,
        more: bool = False,
    ) -> None:
        """Apply *lines* to all features, and move *block* to *position*; see `begin`."""
        self.begin(block, lines, position, written_ms=written_ms, more=more)
        self.finish()

    def begin(
        self,
        block: Block,
        lines: Sequence[TextLine | Oversize],
        position: Position,
        *,
        written_ms: int | None = None,
        more: bool = False,
    ) -> None:
        """Move *block* to *position*; `finish`, before the next await, applies *lines*.

        Live lines happen when they arrive. History was written before we looked, at
        *written_ms* at the latest: its lines happened when their records say. Of
        history *more* may follow at once: then nobody is told of each slice.
        """
        mode = Mode.LIVE if written_ms is None else Mode.HISTORY
        part, reader, memory = self._slice(block, lines, mode, written_ms), None, None
        if not part.agent.only_counts:
            version = part.agent.version
            memory = block.memory or block.open_memory(version, self.open_memory)
            reader = block.reader or block.open_reader(part.agent)

        block.position = position
        self._begun.append(BegunSlice(part, reader, memory, more))

    def finish(self) -> None:
        """Apply all slices that were begun, and have their blocks stored.

        Each step for all lines before the next one: the processor then has its code at
        hand, which takes a fifth off the time of going line by line, and half off that
        of going file by file if they are small.
        """
        begun, self._begun = self._begun, []
        for each in begun:
            if each.reader is not None:
                each.part.records = _records(each.part, each.reader)

        for each in begun:
            if each.memory is not None:
                self._apply(each.part, each.memory)

        for each in begun:
            is_read = each.reader is not None
            self._call_features("applied" if is_read else "counted", each.part)

        for each in begun:
            if each.reader is not None:
                self._count_drift(each.part)

        for each in begun:
            self._report(each)

    def _count_drift(self, part: Slice) -> None:
        block = part.stream
        try:
            block.agent_version = self.drift.read(
                part.agent,
                part.items,
                part.records,
                block.agent_version,
                now_ms=part.now_ms,
            )
        except Exception as exc:  # the lines are counted: the position has moved
            self.flusher.feature_failed("drift", exc)

    def _report(self, begun: "BegunSlice") -> None:
        part = begun.part
        is_history = part.mode is Mode.HISTORY
        if is_history and begun.more and part.now_s < self._next_touch_s:
            return

        self._next_touch_s = part.now_s + TOUCH_S
        self.touch(part.stream, urgent=not is_history)
        self.touch_moved()

    def fold_again(
        self,
        block: Block,
        lines: Sequence[TextLine | Oversize],
        reader: AgentReader,
        memory: BlockMemory,
    ) -> None:
        """Apply *lines*, which are counted already, to what is merged by key."""
        part = self._slice(block, lines, Mode.REREAD, None)
        part.records = _records(part, reader)
        self._apply(part, memory)
        self._call_features("applied", part)

    def reread(self, block: Block, reader: AgentReader, memory: BlockMemory) -> None:
        """Go on with what a second reading of all lines of *block* has left."""
        block.reread(reader, memory)
        self._call_features("reread", block)
        self.touch(block, urgent=False)
        block.rest()

    def _slice(
        self,
        block: Block,
        lines: Sequence[TextLine | Oversize],
        mode: Mode,
        written_ms: int | None,
    ) -> Slice:
        now_ms = self.clock.unix_ms()
        return Slice(
            stream=block,
            agent=self.agent_named(block.origin.agent),
            items=lines,
            mode=mode,
            now_ms=now_ms,
            now_s=self.clock.monotonic(),
            written_ms=now_ms if written_ms is None else written_ms,
        )

    def open_memory(
        self, block: Block, version: int, saved: Mapping[str, bytes]
    ) -> BlockMemory | None:
        """Return the memory of *block* for all features: one of them keeps it."""
        for feature in self._features.values():
            memory = feature.open_memory(block, version, saved)
            if memory is not None:
                return memory

        return None

    def _apply(self, part: Slice, memory: BlockMemory) -> None:
        """Apply the records of *part* to all features.

        A bulkhead: a record that a feature cannot take is noted as a malformed line of
        its block.
        """
        records, live = (
            cast("list[Record | None]", part.records),
            part.mode is Mode.LIVE,
        )
        for index, record in enumerate(records):
            if record is None:
                continue

            if record.left_out:
                block_id = part.stream.block_id
                self.left_out.add(record.left_out, block_id, part.now_ms)

            try:
                for apply in self._applying:
                    apply(memory, record, live=live)
            except Exception as exc:
                _note_crash(part, part.items[index], exc)
                records[index] = None

    def _call_features(
        self, what: Literal["applied", "counted", "reread", "closed"], *given: Any
    ) -> None:
        """Call *what* of each feature; a bulkhead: one that fails costs itself."""
        for name, handler in self._handlers[what].items():
            try:
                handler(*given)
            except Exception as exc:
                self.flusher.feature_failed(name, exc)

    def condense(self, block: Block) -> Condense:
        """Return the condenser of long lines of *block*."""
        return self.agent_named(block.origin.agent).condense

    def only_counts(self, block: Block) -> bool:
        """Whether lines of *block* are counted, and no more."""
        return self.agent_named(block.origin.agent).only_counts

    def is_record(self, block: Block, line: TextLine | Oversize) -> bool:
        """Whether *line*, though without an end, is all of a record."""
        if isinstance(line, Oversize):
            return False

        reader = self.agent_named(block.origin.agent).reader(ReaderContext(), b"")
        return reader.read(line.text, offset=line.offset) is not None

    def touch(self, block: Block, *, urgent: bool = True) -> None:
        """Mark *block* as changed; see Flusher.touch."""
        self.flusher.touch(block, urgent=urgent)
        self.blocks.changed(block, self.clock.unix_ms())

    def touch_moved(self) -> None:
        """Mark the blocks as changed whose folders turned out to be of other projects."""
        for each in self.blocks.take_moved():
            self.touch(each, urgent=False)

    def fail(self, block: Block, reason: str) -> None:
        """Mark *block* as one that cannot be read now."""
        if block.error != reason:
            block.error = reason
            log.warning("block.failed", block_id=block.block_id, reason=reason)
            self.touch(block)

    def recover(self, block: Block) -> None:
        """Take back `fail` and `end`: *block* can be read again."""
        if block.error is not None or block.ended:
            block.error, block.ended = None, False
            self.touch(block)

    def close(self, block: Block, exit_status: int | None = None) -> None:
        """Record that the writer of *block* has ended, and the session with it."""
        if not block.ended:
            self._call_features("closed", block, self.clock.unix_ms())

        self.end(block, exit_status)

    def end(self, block: Block, exit_status: int | None = None) -> None:
        """Mark *block* as ended."""
        if not block.ended:
            block.ended, block.exit_status, block.partial_bytes = True, exit_status, 0
            self.touch(block)
        elif block.exit_status is None and exit_status is not None:
            block.exit_status = exit_status  # its sender was taken for gone
            self.touch(block)


def _note_crash(part: Slice, line: TextLine | Oversize, exc: Exception) -> None:
    block_id = part.stream.block_id
    log.error("line.crashed", block_id=block_id, offset=line.offset, exc_info=exc)
    _note_bad(part, line, POISON)


def dated(record: Record, line: TextLine) -> Record:
    """Return *record*, with the time of its source if it has none and *line* has one."""
    if record.at_ms is not None or not isinstance(line, ItemLine):
        return record

    return record if line.written_ms is None else replace(record, at_ms=line.written_ms)


def _note_bad(part: Slice, line: TextLine | Oversize, reason: str) -> None:
    """Remember a line that could not be taken in; one read again was counted before."""
    if part.mode is not Mode.REREAD:
        length = line.chars if isinstance(line, Oversize) else line.length
        part.stream.add_bad_line(line.offset, length, reason)


def _records(part: Slice, reader: AgentReader) -> list[Record | None]:
    """Return the record of each item of *part*, or None if it is none of the agent."""
    records: list[Record | None] = []
    read, arrive = reader.read, part.agent.undated and part.mode is Mode.LIVE
    for line in part.items:
        record = None
        if isinstance(line, Oversize):
            _note_bad(part, line, TOO_LONG)
        else:
            try:
                record = read(line.text, offset=line.offset)
                if record is None and not is_blank(line.text):
                    _note_bad(part, line, NOT_JSON)
                elif record is not None and record.at_ms is None:
                    record = dated(record, line)
                    if arrive and record.at_ms is None:
                        record = replace(record, at_ms=part.now_ms)
            except Exception as exc:
                _note_crash(part, line, exc)

        records.append(record)

    return records
