"""The running totals of one block."""

import math
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from jarvisd.base.session_words import Activity, Confidence, State
from jarvisd.base.usage import Tokens
from jarvisd.blocks.model import BadLine, SavedBlock
from jarvisd.core.agent import Agent, AgentReader, ReaderContext
from jarvisd.core.origin import (
    CHARS_PER_TOKEN,
    BlockId,
    BlockView,
    Counts,
    Kind,
    Life,
    Origin,
    SessionId,
    stream_block_id,
)
from jarvisd.core.roots import Position, SourceState, StoredPosition
from jarvisd.core.sources.source_slice import RereadableLines
from jarvisd.ledger.lane import Lane, decode_memory
from jarvisd.ledger.session_totals import Session
from jarvisd.state.facts import StateStream

LIVE_MS = 300_000
"""A block without a line for this long is quiet: five minutes outlast most tools."""

RATE_S = 60.0
"""The time constant of `lines_per_s`: a minute after the last line it is a third."""


MAX_BAD_LINES = 32
"""Remembered of one block; all of them are counted."""

REREADABLE = frozenset({Kind.TRANSCRIPT})
"""Whose bytes can be read again from the start."""


class Account(NamedTuple):
    """What a block's session spent, as shown with the block."""

    tokens: Tokens
    cost_micros: int
    unpriced: int
    context_percent: float | None
    last_tool: str | None
    tool_errors: int
    state: State
    state_since_ms: int | None
    activity: Activity | None
    state_tool: str | None
    state_confidence: Confidence
    title: str | None
    model: str | None


@dataclass(slots=True)
class LineRate:
    """Lines per second, decaying: it falls by itself when nothing comes."""

    _value: float = 0.0
    _at_ms: int = 0

    def add(self, lines: int, now_ms: int) -> None:
        """Note that *lines* more have come."""
        self._value = self.at(now_ms) + lines / RATE_S
        self._at_ms = now_ms

    def at(self, now_ms: int) -> float:
        """Return the rate as of *now_ms*."""
        if not self._value:
            return 0.0

        # How far apart, whichever way somebody has set the clock meanwhile.
        elapsed_s = abs(now_ms - self._at_ms) / 1000
        return self._value * math.exp(-elapsed_s / RATE_S)


@dataclass(slots=True)
class Block:
    """Everything known of one block: where it is from, its counts, how far it is read.

    Counts and position move together, between awaits, so that a snapshot taken at
    any moment is consistent; the flush stores both in one transaction.

    Attributes:
        agent_version: Of the agent that wrote the last line read, since the start; ""
            if no line said.
        parser_version: Of the parser whose words are in the ledger; 0 for none.
        reader_memory: What the reader has to remember, while *reader* is None.
        ledger_memory: What the ledger has to remember, while *stream* is None.
        state_memory: What the judgement of states has to remember, likewise.
        stream: Both, while lines are folded.
        reader: What reads its lines.
        session: The totals of the session that it is of, as far as that is known.
        bad_lines: The first that could not be taken in.

    """

    origin: Origin
    position: Position = field(default_factory=Position)
    source: RereadableLines | None = field(default=None, repr=False)
    """What its lines can be read from again."""
    siblings: "list[Block]" = field(default_factory=list, repr=False)
    """All blocks that share one cursor with it, itself too: they are stored together.
    Empty if it has a cursor of its own."""
    start_ts_ms: int | None = None
    last_activity_ms: int | None = None
    line_count: int = 0
    char_count: int = 0
    malformed_count: int = 0
    oversize_count: int = 0
    bytes_read: int = 0
    partial_bytes: int = 0
    ended: bool = False
    error: str | None = None
    exit_status: int | None = None
    revision: int = 0
    rate: LineRate = field(default_factory=LineRate)
    agent_version: str = ""
    parser_version: int = 0
    reader_memory: bytes = b""
    ledger_memory: bytes = b""
    state_memory: bytes = b""
    stream: StateStream | None = None
    reader: AgentReader | None = None
    session: Session | None = None
    bad_lines: list[BadLine] = field(default_factory=list)

    @property
    def block_id(self) -> BlockId:
        """Return the id."""
        return self.origin.block_id

    @property
    def is_shown(self) -> bool:
        """Whether answers show it.

        Not the own block of a source whose sessions have blocks, which holds the cursor
        that they share; unless it has lines, of no session.
        """
        own = self.origin
        if self.line_count or own.session_id is not None or own.path is None:
            return True

        return own.block_id != stream_block_id(own.agent, own.path, "")

    def add_line(self, text: bytes, *, malformed: bool = False) -> None:
        """Count one line that is not blank; *text* is without its line end."""
        self.add_lines([text], malformed=int(malformed))

    def add_lines(
        self, texts: list[bytes], *, malformed: int = 0, omitted: int = 0
    ) -> None:
        """Count lines that are not blank, *malformed* of them no record.

        They had *omitted* more code points than *texts*, which are long ones condensed.
        """
        self.char_count += omitted
        self.line_count += len(texts)
        self.malformed_count += malformed
        try:
            self.char_count += sum(map(len, map(bytes.decode, texts)))
        except UnicodeDecodeError:
            decoded = (text.decode(errors="replace") for text in texts)
            self.char_count += sum(map(len, decoded))

    def take_back(self, lines: int, chars: int) -> None:
        """Count so many lines and code points no more: they come again, changed."""
        self.line_count -= lines
        self.char_count -= chars

    def take_back_all(self) -> None:
        """Count nothing so far: all lines come again, and malformed ones with them."""
        self.line_count = self.char_count = 0
        self.malformed_count = self.oversize_count = 0

    def add_bad_line(self, offset: int, length: int, reason: str) -> None:
        """Remember a line that could not be taken in, if there are few so far."""
        if len(self.bad_lines) < MAX_BAD_LINES:
            line = BadLine(offset=offset, length=length, reason=reason)
            self.bad_lines.append(line)

    def add_oversize(self, chars: int) -> None:
        """Count one line that was too long to keep, from its length alone."""
        self.line_count += 1
        self.char_count += chars
        self.oversize_count += 1

    def seen_at(self, at_ms: int) -> None:
        """Stretch the time of activity to *at_ms*; records come in any order."""
        if self.start_ts_ms is None or at_ms < self.start_ts_ms:
            self.start_ts_ms = at_ms

        if self.last_activity_ms is None or at_ms > self.last_activity_ms:
            self.last_activity_ms = at_ms

    def came_at(self, now_ms: int) -> None:
        """Note activity now. Later times are a wrong clock's, and not believed."""
        if self.last_activity_ms is not None and self.last_activity_ms > now_ms:
            self.last_activity_ms = None

        self.seen_at(now_ms)

    def learn(
        self,
        *,
        session_id: SessionId | None = None,
        cwd: str | None = None,
        project: str | None = None,
    ) -> None:
        """Take what the content says where the file's name said nothing."""
        origin = self.origin
        if (origin.session_id is None and session_id) or (cwd and cwd != origin.cwd):
            self.origin = Origin(
                block_id=origin.block_id,
                kind=origin.kind,
                agent=origin.agent,
                path=origin.path,
                session_id=origin.session_id or session_id,
                parent_session_id=origin.parent_session_id,
                project=project or origin.project,
                cwd=cwd or origin.cwd,
                pid=origin.pid,
            )

    def open_reader(self, agent: Agent) -> AgentReader:
        """Return the reader of the block's lines, as it was left."""
        # What an older reader remembered is nothing to this one.
        is_same = self.parser_version == agent.version
        saved = self.reader_memory if is_same else b""
        reader = self.reader = agent.reader(self.reader_context(), saved)
        return reader

    def reader_context(self) -> ReaderContext:
        """Return what the block's name says of the session that it is of."""
        origin = self.origin
        return ReaderContext(origin.session_id, origin.parent_session_id)

    @property
    def lane(self) -> Lane | None:
        """Return the stream as the ledger sees it, while lines are folded."""
        return None if self.stream is None else self.stream.lane

    def open_stream(self, version: int) -> StateStream | None:
        """Return what lines are folded into, read by a parser of *version*.

        None if the block must be read again from its start first: an older parser
        has read it, or none.
        """
        if self.must_be_reread(version):
            return None

        if self.stream is None:
            self.parser_version = version
            self.stream = self.new_stream(
                version, self.ledger_memory, self.state_memory
            )

        return self.stream

    def new_stream(
        self, version: int, ledger_memory: bytes = b"", state_memory: bytes = b""
    ) -> StateStream:
        """Return what lines of the file as it is now are folded into."""
        generation = self.position.generation
        lane = Lane.opened(
            self.origin, ledger_memory, version=version, generation=generation
        )
        return StateStream(lane, state_memory)

    def must_be_reread(self, version: int) -> bool:
        """Whether the ledger lacks what was read, or has it from an older parser."""
        return (
            self.parser_version != version
            and self.position.offset > 0
            and self.origin.kind in REREADABLE
        )

    def reread(self, reader: AgentReader, stream: StateStream) -> None:
        """Go on with *reader* and *stream*, which have met all lines so far."""
        self.reader, self.stream = reader, stream
        self.parser_version = stream.lane.parser_version

    def unread(self) -> None:
        """Forget that the block was read into the ledger; whose it is stays known."""
        self.stream = self.reader = None
        self.ledger_memory = self.state_memory = self.reader_memory = b""
        self.parser_version = 0

    def rest(self) -> None:
        """Keep what must be remembered in the smallest form: no line comes for now."""
        if self.reader is not None:
            self.reader_memory, self.reader = self.reader.memory(), None

        stream = self.stream
        if stream is not None:
            self.ledger_memory, self.state_memory = (
                stream.lane.memory(),
                stream.memory(),
            )
            self.stream = None

    def spoken(self) -> tuple[int, int]:
        """Return how many lines are in the user's name, and in the agent's."""
        lane = self.lane
        carry = lane.carry if lane else decode_memory(self.ledger_memory)
        return carry.user_lines, carry.assistant_lines

    def life(self, now_ms: int) -> Life:
        """Whether more is to be expected."""
        if self.ended:
            return Life.ENDED

        if self.error is not None:
            return Life.FAILED

        return Life.LIVE if self.is_live(now_ms) else Life.QUIET

    def is_live(self, now_ms: int) -> bool:
        """Whether that is `Life.LIVE`: asked of every live block by each picture."""
        last_ms = self.last_activity_ms
        if last_ms is None or self.ended or self.error is not None:
            return False

        # A time far ahead was told by a wrong clock, and says nothing of now.
        return -LIVE_MS < now_ms - last_ms < LIVE_MS

    def counts(self) -> Counts:
        """Return the statistics as they are now."""
        return Counts(
            start_ts_ms=self.start_ts_ms,
            last_activity_ms=self.last_activity_ms,
            line_count=self.line_count,
            char_count=self.char_count,
            malformed_count=self.malformed_count,
            oversize_count=self.oversize_count,
            bytes_read=self.bytes_read,
        )

    def saved(self) -> SavedBlock:
        """Return what the store keeps: counts and their position as one value."""
        stream = self.stream
        return SavedBlock(
            origin=self.origin,
            position=self.position,
            counts=self.counts(),
            cursor=self.position.cursor(),
            ended=self.ended,
            exit_status=self.exit_status,
            state=self.state,
            error=self.error,
            revision=self.revision,
            reader_memory=self.reader.memory() if self.reader else self.reader_memory,
            ledger_memory=stream.lane.memory() if stream else self.ledger_memory,
            state_memory=stream.memory() if stream else self.state_memory,
            parser_version=self.parser_version,
            bad_lines=tuple(self.bad_lines),
        )

    @classmethod
    def restored(cls, saved: SavedBlock) -> Self:
        """Return the block that *saved* was taken of."""
        counts, position = saved.counts, saved.position
        return cls(
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
            ledger_memory=saved.ledger_memory,
            state_memory=saved.state_memory,
        )

    @property
    def state(self) -> SourceState:
        """Say how the source stands with us."""
        if self.error is not None:
            return SourceState.QUARANTINED

        return SourceState.GONE if self.ended else SourceState.ACTIVE

    def view(self, now_ms: int, account: Account | None = None) -> BlockView:
        """Return the block as frontends see it, with what its session spent."""
        origin = self.origin
        return BlockView(
            block_id=origin.block_id,
            kind=origin.kind,
            agent=origin.agent,
            session_id=origin.session_id,
            parent_session_id=origin.parent_session_id,
            project=origin.project,
            cwd=origin.cwd,
            path=origin.path,
            pid=origin.pid,
            life=self.life(now_ms),
            start_ts_ms=self.start_ts_ms,
            last_activity_ms=self.last_activity_ms,
            line_count=self.line_count,
            char_count=self.char_count,
            token_estimate=self.char_count // CHARS_PER_TOKEN,
            malformed_count=self.malformed_count,
            oversize_count=self.oversize_count,
            partial_bytes=self.partial_bytes,
            bytes_read=self.bytes_read,
            lines_per_s=round(self.rate.at(now_ms), 3),
            revision=self.revision,
            exit_status=self.exit_status,
            error=self.error,
            **({} if account is None else account._asdict()),
        )
