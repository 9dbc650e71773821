"""What the ledger remembers of one block between two of its lines.

It is stored with the block's cursor, in one transaction, so that reading can stop after
any line and continue in another process.
"""

from typing import Any, Protocol

import msgspec

from jarvisd.core.origin import Origin, SessionId
from jarvisd.core.record import Record
from jarvisd.ledger.model import UNKNOWN_START_MS, row_version
from jarvisd.ledger.session_totals import Session

MAX_OPEN_TOOLS = 256
MAX_RETURNED = 8
"""Calls with a result whose responses are remembered, as it may be written again."""

_NEVER_MS = 2**63


class OpenTool(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A tool call without a result so far."""

    tool: str
    at_ms: int | None


class LedgerMemory(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The memory of one block; small, and encoded as it is.

    Attributes:
        start_ms: The time of the first line of its own that has one.
        copied_ms: That of the newest line that says it is a copy: up to then all are.
        last_ms: That of the newest line: what lines without a time inherit.
        session_id: Learned from the content, where the file's name does not say.
        branch: The branch that is checked out.
        plan: The plan of the account, as it was reported last.
        boundary: A compaction was announced and its summary is still to come.
        asked: Hash of the last prompt; *aborted* since: it may be written again.
        open_tools: Calls without a result, oldest first.
        asking: The response that asked for each call without a result, oldest first.
        returned: The same of the calls that came back last.
        handed_ms: When the agent was last handed something to answer.
        answered: The response that did: other lines may be copies of it.
        user_lines: Lines in the user's name, whoever wrote them.
        assistant_lines: Lines in the agent's name; a message may be several.

    """

    start_ms: int | None = None
    copied_ms: int | None = None
    last_ms: int | None = None
    session_id: SessionId | None = None
    parent_session_id: SessionId | None = None
    branch: str | None = None
    plan: str | None = None
    boundary: bool = False
    asked: int = 0
    aborted: bool = False
    open_tools: dict[str, OpenTool] = {}
    asking: dict[str, str] = {}
    returned: dict[str, str] = {}
    handed_ms: int | None = None
    answered: str | None = None
    user_lines: int = 0
    assistant_lines: int = 0


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(LedgerMemory)


def decode_memory(saved: bytes) -> LedgerMemory:
    """Return the memory that was *saved*; an empty one if there is none, or it is bad."""
    if not saved:
        return LedgerMemory()

    try:
        return _DECODER.decode(saved)
    except msgspec.DecodeError:
        return LedgerMemory()


class LedgerStream:
    """One block as the ledger sees it: whose it is, and what is remembered of it.

    Attributes:
        agent: Whose output it is.
        session_id: The session whose the block is; of a block without one, itself.
        parent_session_id: The session that started that one.
        memory: What is remembered; saved with the block's position.
        session: The totals that lines go into; the ledger's own note.
        account: The key of the account that the block is of; the ledger's own note.
        survivors: Tools whose results come after the turn; the ledger's own note.
        line: The line that is being folded, while *session* is known; the ledger's.
        since_ms: The first of the lines that the totals do not have yet, and *until_ms*
            the last one; if there are none, no time is between; the ledger's.
        start_ms: When what is the transcript's own starts.
        version: Of the rows that its lines give; see `row_version`.
        parser_version: Of the parser that reads the block.
        renamed: Lines before were of another session, until one said whose they are.

    """

    __slots__ = (
        "account",
        "agent",
        "line",
        "memory",
        "origin",
        "parent_session_id",
        "parser_version",
        "renamed",
        "session",
        "session_id",
        "since_ms",
        "start_ms",
        "survivors",
        "until_ms",
        "version",
    )

    def __init__(
        self,
        origin: Origin,
        memory: LedgerMemory | None = None,
        *,
        version: int = 1,
        generation: int = 0,
    ) -> None:
        self.parser_version = version
        self.version = row_version(version, generation)
        self.origin = origin
        self.agent = origin.agent
        self.memory = LedgerMemory() if memory is None else memory
        self.session: Session | None = None
        self.line: Any = None
        self.end_run()
        self.renamed = False
        self.account: str | None = None
        self.survivors: frozenset[str] = frozenset()
        start_ms = self.memory.start_ms
        self.start_ms = UNKNOWN_START_MS if start_ms is None else start_ms
        self.session_id: SessionId
        self.parent_session_id: SessionId | None
        self._settle_ids()

    @classmethod
    def open(
        cls,
        origin: Origin,
        saved: bytes = b"",
        *,
        version: int = 1,
        generation: int = 0,
    ) -> "LedgerStream":
        """Return the stream of the block *origin* as it was *saved*.

        *version* is that of the parser, *generation* that of the file that it reads.

        A memory that cannot be read is forgotten: the rows stay right, because they
        are merged.
        """
        return cls(origin, decode_memory(saved), version=version, generation=generation)

    def encode(self) -> bytes:
        """Return the encoded memory; b"" if it cannot be encoded.

        Reading then goes on from here without it, which is better than not at all.
        """
        try:
            return _ENCODER.encode(self.memory)
        except (OverflowError, TypeError, ValueError):
            return b""

    def meet(self, record: Record) -> None:
        """Update session, parent, branch and times from *record*."""
        memory, at_ms = self.memory, record.at_ms
        if memory.session_id is None and record.session_id is not None:
            memory.session_id = record.session_id
            self._settle_ids()

        branch = record.branch
        if branch is not None and branch != memory.branch:
            memory.branch = branch or None  # one text for all rows of a branch

        parent = record.parent_session_id
        if parent is not None and memory.parent_session_id is None:
            memory.parent_session_id = None if parent == self.session_id else parent
            self._settle_ids()

        if at_ms is not None:
            memory.last_ms = at_ms
            if record.copied:
                memory.copied_ms = max(at_ms, memory.copied_ms or 0)

            if memory.start_ms is None and not self.copies(record):
                memory.start_ms = self.start_ms = at_ms

    def copies(self, record: Record) -> bool:
        """Whether *record* is a copy of another session's line.

        It says so, or is not newer than a line of the same file that does: some
        versions write the copied lines twice, and mark only one of the two.
        """
        if record.copied or self._is_copied_again(record.at_ms):
            return True

        named = record.session_id
        if named is None or named == self.session_id:
            return False

        # Of a subagent, lines may name the session that started it.
        return self.parent_session_id is None and not record.sidechain

    def _is_copied_again(self, at_ms: int | None) -> bool:
        copied_ms = self.memory.copied_ms
        return copied_ms is not None and at_ms is not None and at_ms <= copied_ms

    def _settle_ids(self) -> None:
        origin, memory, before = (
            self.origin,
            self.memory,
            getattr(self, "session_id", None),
        )
        self.session_id = (
            origin.session_id or memory.session_id or SessionId(origin.block_id)
        )
        self.parent_session_id = origin.parent_session_id or memory.parent_session_id
        if self.session_id != before:
            self.session, self.renamed = None, before is not None

    def end_run(self) -> None:
        """Forget the lines that the totals have now."""
        self.since_ms, self.until_ms = _NEVER_MS, -_NEVER_MS

    def opens(self, call_id: str, tool: str) -> None:
        """Record a tool call; of too many the oldest is dropped."""
        tools = self.memory.open_tools
        tools.setdefault(call_id, OpenTool(tool, self.memory.last_ms))
        if len(tools) > MAX_OPEN_TOOLS:
            del tools[next(iter(tools))]

    def closes(self, call_id: str) -> None:
        """Record the result of a tool call, if the call is open."""
        self.memory.open_tools.pop(call_id, None)

    def asks(self, call_id: str, response: str) -> None:
        """Record that *response* asks for a call; of too many the oldest is dropped."""
        asking = self.memory.asking
        asking.pop(call_id, None)
        asking[call_id] = response
        if len(asking) > MAX_OPEN_TOOLS:
            del asking[next(iter(asking))]

    def asked_by(self, call_id: str) -> str | None:
        """Return the response that asked for the call that comes back; None if unknown.

        An id may come again in a session. A result is that of the newest such call.
        """
        memory = self.memory
        response = memory.asking.pop(call_id, None)
        if response is None:
            return memory.returned.get(call_id)

        memory.returned[call_id] = response
        if len(memory.returned) > MAX_RETURNED:
            del memory.returned[next(iter(memory.returned))]

        return response

    def settle_turn(self) -> None:
        """Record that the turn is over: only calls that outlive a turn stay open."""
        memory = self.memory
        memory.open_tools = {
            call_id: each
            for call_id, each in memory.open_tools.items()
            if each.tool in self.survivors
        }


class FoldedStream(Protocol):
    """A stream as far as the ledger knows it."""

    @property
    def ledger(self) -> LedgerStream:
        """What the ledger remembers of it."""
        ...
