"""One block: where it is from, how far it is read, its counts, and opaque memories."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

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
)
from jarvisd.core.record import TOO_LONG
from jarvisd.core.roots import Position
from jarvisd.core.source_views import SourceState
from jarvisd.core.sources.jsonlines.lines import Oversize, TextLine, is_blank
from jarvisd.core.sources.source_slice import RereadableLines
from jarvisd.core.stream_ids import stream_block_id

LIVE_MS = 300_000
"""A block without a line for this long is quiet: five minutes outlast most tools."""

RATE_S = 60.0
"""The time constant of `lines_per_s`: a minute after the last line it is a third."""


MAX_BAD_LINES = 32
"""Remembered of one block; all of them are counted."""

REREADABLE = frozenset({Kind.TRANSCRIPT})
"""Whose bytes can be read again from the start."""


class BadLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A line that could not be taken in; *length* is in bytes, without its end."""

    offset: int
    length: int
    reason: str


class BlockMemory(Protocol):
    """What features remember of one block while its items are applied.

    The core hands it to the features with each record, and looks at nothing else.
    """

    @property
    def parser_version(self) -> int:
        """Of the parser whose records were applied to it."""
        ...

    def encode(self) -> dict[str, bytes]:
        """Return the memory of each feature by its name; b"" for one that fails."""
        ...


OpenMemory = Callable[["Block", int, Mapping[str, bytes]], BlockMemory | None]
"""Opens the memory of a block for a parser version, from the encoded memories."""


@dataclass(slots=True)
class LineRate:
    """Lines per second, decaying: it falls by itself when nothing comes."""

    _value: float = 0.0
    _at_ms: int = 0

    def add(self, lines: int, now_ms: int) -> None:
        """Count *lines* more."""
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
        reader: What reads its lines.
        memory: What features remember of it while its items are applied.
        memories: The same, encoded, by the name of the feature; while *memory* is None.
        session: The session that it is of as features know it, as far as it is known.
        bad_lines: The first that could not be taken in.
        replaced_bad_lines: Offsets of those that came again, changed, for the store.

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
    reader: AgentReader | None = None
    memory: BlockMemory | None = None
    memories: Mapping[str, bytes] = field(default_factory=dict)
    session: Any = None
    bad_lines: list[BadLine] = field(default_factory=list)
    replaced_bad_lines: frozenset[int] = frozenset()

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

    def add_items(self, items: Sequence[TextLine | Oversize]) -> None:
        """Count *items* of which nobody knows what they say."""
        for item in items:
            if isinstance(item, Oversize):
                self.add_oversize(item.chars)
            elif not is_blank(item.text):
                self.add_lines([item.text], omitted=item.omitted)

    def take_back(self, replaced: Sequence[int], chars: int) -> None:
        """Count the lines at the offsets *replaced*, of so many code points, no more.

        They come again, changed. Malformed ones that are not remembered stay counted.
        """
        self.line_count -= len(replaced)
        self.char_count -= chars
        if self.bad_lines:
            offsets = set(replaced)
            bad = [each for each in self.bad_lines if each.offset in offsets]
            oversize = sum(each.reason == TOO_LONG for each in bad)
            self.oversize_count -= oversize
            self.malformed_count -= len(bad) - oversize
            self._forget_bad_lines(bad)

    def take_back_all(self) -> None:
        """Count nothing so far: all lines come again, and malformed ones with them."""
        self.line_count = self.char_count = 0
        self.malformed_count = self.oversize_count = 0
        self._forget_bad_lines(list(self.bad_lines))

    def _forget_bad_lines(self, bad: Sequence[BadLine]) -> None:
        for each in bad:
            self.bad_lines.remove(each)
            self.replaced_bad_lines |= {each.offset}

    def add_bad_line(self, offset: int, length: int, reason: str) -> None:
        """Remember a line that could not be taken in, if there are few so far."""
        if len(self.bad_lines) < MAX_BAD_LINES:
            line = BadLine(offset=offset, length=length, reason=reason)
            self.bad_lines.append(line)
            self.replaced_bad_lines -= {offset}

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
        """Record activity now. Later times are a wrong clock's, and not believed."""
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
        # A file is read again by this reader, which makes its own memory of it. Of a pipe
        # there is nothing to read again: what an older reader remembered is all there is.
        is_same = self.parser_version == agent.version
        is_kept = is_same or self.origin.kind not in REREADABLE
        saved = self.reader_memory if is_kept else b""
        reader = self.reader = agent.reader(self.reader_context(), saved)
        return reader

    def reader_context(self) -> ReaderContext:
        """Return the ids and the folder that the block's name or its lines state."""
        origin = self.origin
        return ReaderContext(origin.session_id, origin.parent_session_id, origin.cwd)

    def open_memory(self, version: int, open_memory: OpenMemory) -> BlockMemory | None:
        """Return the memory for items that a parser of *version* reads.

        None if the block must be read again from its start first: an older parser
        has read it, or none.
        """
        if self.must_be_reread(version):
            return None

        if self.memory is None:
            self.parser_version = version
            self.memory = open_memory(self, version, self.memories)

        return self.memory

    def must_be_reread(self, version: int) -> bool:
        """Whether the ledger lacks what was read, or has it from an older parser."""
        return (
            self.parser_version != version
            and self.position.offset > 0
            and self.origin.kind in REREADABLE
        )

    def reread(self, reader: AgentReader, memory: BlockMemory) -> None:
        """Go on with *reader* and *memory*, which have met all lines so far."""
        self.reader, self.memory = reader, memory
        self.parser_version = memory.parser_version

    def unread(self) -> None:
        """Forget that features have read the block; its session stays known."""
        self.memory = self.reader = None
        self.memories, self.reader_memory = {}, b""
        self.parser_version = 0

    def rest(self) -> None:
        """Keep what must be remembered in the smallest form: no line comes for now."""
        if self.reader is not None:
            self.reader_memory, self.reader = self.reader.memory(), None

        if self.memory is not None:
            self.memories, self.memory = self.memory.encode(), None

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

    @property
    def state(self) -> SourceState:
        """Return whether the source is read, gone or quarantined."""
        if self.error is not None:
            return SourceState.QUARANTINED

        return SourceState.GONE if self.ended else SourceState.ACTIVE

    def view(self, now_ms: int, **session: Any) -> BlockView:
        """Return the block as frontends see it, with the fields of its *session*."""
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
            are_items=self.source is not None and self.source.are_items,
            **session,
        )
