"""Lines into blocks: the one place where sources, agents and accumulators meet."""

from collections.abc import Callable, Sequence

import structlog

from jarvisd.base.clock import Clock
from jarvisd.base.refusals import Refusals
from jarvisd.blocks.block import Block
from jarvisd.blocks.counting import NOT_JSON, TOO_LONG, count, count_outlined, date
from jarvisd.blocks.registry import Blocks
from jarvisd.conversations.recording import MessageRecorder
from jarvisd.core.agent import Agent, AgentReader, ReaderContext
from jarvisd.core.drift import DriftLog
from jarvisd.core.flush import Flusher
from jarvisd.core.record import Record
from jarvisd.core.roots import Position
from jarvisd.core.signal import OutputClosed
from jarvisd.core.sources.jsonlines.lines import Condense, Oversize, TextLine, is_blank
from jarvisd.segments.model import Closed
from jarvisd.state.facts import StateStream

log = structlog.get_logger()

POISON = "internal error; see the daemon's log"


class Intake:
    """Folds lines into a block, and says to flusher and listeners that it changed.

    Nothing here awaits, so counts and position of a block always move together.

    Attributes:
        drift: What lines hold that their agents' readers do not know.
        left_out: The numbers of lines that are outside of their fields' ranges.

    """

    def __init__(
        self,
        blocks: Blocks,
        flusher: Flusher,
        clock: Clock,
        recorder: MessageRecorder | None = None,
        *,
        agents: Callable[[str], Agent],
    ) -> None:
        self.blocks = blocks
        self.agent_named = agents
        self.clock = clock
        self.flusher = flusher
        self._ledger = blocks.books.ledger
        self._states = blocks.books.states
        self._recorder = recorder
        self.drift = DriftLog()
        self.left_out = Refusals()

    def fold(
        self,
        block: Block,
        lines: Sequence[TextLine | Oversize],
        position: Position,
        *,
        written_ms: int | None = None,
    ) -> None:
        """Count *lines* and move *block* to *position*.

        Live lines happen when they arrive. History was written before we looked, at
        *written_ms* at the latest: its lines happened when their records say.
        """
        now_ms = self.clock.unix_ms()
        seen_ms = now_ms if written_ms is None else written_ms
        before = block.line_count
        live = written_ms is None
        times = self._take_in(block, lines, now_ms=now_ms, seen_ms=seen_ms, live=live)
        self.blocks.books.bind(block)
        if block.line_count > before:
            if written_ms is None:
                block.rate.add(block.line_count - before, now_ms)
                block.came_at(now_ms)
                self._note_activity(block, now_ms)
            else:
                date(block, times, written_ms)

        block.position = position
        self.touch(block, urgent=written_ms is None)

    def _take_in(
        self,
        block: Block,
        lines: Sequence[TextLine | Oversize],
        *,
        now_ms: int,
        seen_ms: int,
        live: bool,
    ) -> Sequence[int]:
        """Count *lines* and fold them into the ledger; return the times history tells.

        Each step for all lines before the next one: the processor then has its code at
        hand, which takes a fifth off the time of going line by line.
        """
        agent = self.agent_named(block.origin.agent)
        if agent.only_counts:
            if block.parser_version:
                block.unread()  # should they be wanted again, all of them are
                self.blocks.books.unbind(block)

            outline = count_outlined(block, lines, agent.outline)
            self.blocks.place(block)
            return () if live else outline.times()

        stream = block.stream or block.open_stream(agent.version)
        reader = block.reader or block.open_reader(agent)
        records = self._read(block, lines, reader, stream, live=live)
        count(block, lines, records)
        self.blocks.place(block)
        block.agent_version = self.drift.read(
            agent,
            lines,
            records,
            block.agent_version,
            now_ms=now_ms,
        )
        if self._recorder is not None:
            for line, record in zip(lines, records, strict=True):
                if isinstance(line, TextLine) and record and record.speaker is not None:
                    self._recorder.record(
                        block, agent, line, now_ms=now_ms, seen_ms=seen_ms
                    )

        if live:
            return ()

        return [
            each.at_ms
            for each in records
            if each is not None and each.at_ms is not None
        ]

    def fold_again(
        self,
        block: Block,
        lines: Sequence[TextLine | Oversize],
        reader: AgentReader,
        stream: StateStream,
    ) -> None:
        """Fold *lines*, which *block* has counted already, into the ledger alone."""
        self._read(block, lines, reader, stream, live=False)

    def reread(self, block: Block, reader: AgentReader, stream: StateStream) -> None:
        """Go on with what a second reading of all lines of *block* has left."""
        block.reread(reader, stream)
        self.blocks.books.reread(block)
        self.touch(block, urgent=False)
        block.rest()

    def _read(
        self,
        block: Block,
        lines: Sequence[TextLine | Oversize],
        reader: AgentReader,
        stream: StateStream | None,
        *,
        live: bool,
    ) -> list[Record | None]:
        """Return what *lines* say, once it is in the books; None for what is no line.

        A bulkhead: a line that cannot be taken in is noted, and the next one read.
        """
        records = _records(block, lines, reader)
        if stream is None:
            return records

        lane, fold, note = stream.lane, self._ledger.fold, self._states.fold
        for index, record in enumerate(records):
            if record is not None:
                if record.left_out:
                    now_ms = self.clock.unix_ms()
                    self.left_out.add(record.left_out, block.block_id, now_ms)

                try:
                    fold(lane, record)
                    note(stream, record, live=live)
                except Exception as exc:
                    _note_crash(block, lines[index], exc)
                    records[index] = None

        self._ledger.applied()
        return records

    def _note_activity(self, block: Block, now_ms: int) -> None:
        session, segments = block.session, self.blocks.books.segments
        if session is not None:
            segments.touched(session, now_s=self.clock.monotonic(), now_ms=now_ms)

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
        """Say that *block* has changed; see Flusher.touch."""
        self.flusher.touch(block, urgent=urgent)
        self.blocks.changed(block, self.clock.unix_ms())

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
        """Note that whoever wrote *block* has ended, and the session with it."""
        session, now_ms = block.session, self.clock.unix_ms()
        if session is not None and not block.ended:
            self.blocks.books.segments.end(session, Closed.END, now_ms)
            closed = OutputClosed(
                agent=session.agent, session_id=session.session_id, at_ms=now_ms
            )
            self._states.hear(closed)

        self.end(block, exit_status)

    def end(self, block: Block, exit_status: int | None = None) -> None:
        """Note that no more comes of *block*."""
        if not block.ended:
            block.ended, block.exit_status, block.partial_bytes = True, exit_status, 0
            self.touch(block)
        elif block.exit_status is None and exit_status is not None:
            block.exit_status = exit_status  # its sender was taken for gone
            self.touch(block)


def _note_crash(block: Block, line: TextLine | Oversize, exc: Exception) -> None:
    length = line.chars if isinstance(line, Oversize) else line.length
    log.error("line.crashed", block_id=block.block_id, offset=line.offset, exc_info=exc)
    block.add_bad_line(line.offset, length, POISON)


def _records(
    block: Block, lines: Sequence[TextLine | Oversize], reader: AgentReader
) -> list[Record | None]:
    """Return what each of *lines* says; None for what is no line of the agent."""
    records: list[Record | None] = []
    for line in lines:
        record = None
        if isinstance(line, Oversize):
            block.add_bad_line(line.offset, line.chars, TOO_LONG)
        else:
            try:
                record = reader.read(line.text, offset=line.offset)
                if record is None and not is_blank(line.text):
                    block.add_bad_line(line.offset, line.length, NOT_JSON)
            except Exception as exc:
                _note_crash(block, line, exc)

        records.append(record)

    return records
