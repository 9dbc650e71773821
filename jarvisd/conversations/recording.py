"""Records the messages in agents' logs, if the user has enabled that."""

import hashlib
from collections import deque

import structlog

from jarvisd.conversations.model import ConversationLimits, RecordedMessage
from jarvisd.core.agent import Agent
from jarvisd.core.block import Block
from jarvisd.core.feature import Feature, FlushOutcome, Mode, Receipt, Scope, Slice
from jarvisd.core.message import Said
from jarvisd.core.origin import BlockId
from jarvisd.core.sources.jsonlines.lines import TextLine

log = structlog.get_logger()

MAX_CHARS = 16 * 1024
"""The length at which a message is cut; longer than answers that people read."""

CUT = "\n[... cut]"

MAX_WAITING = 10_000
"""Messages of one block that wait while nothing can be stored; the oldest are dropped."""


class MessageRecorder(Feature):
    """Keeps messages until they are stored with the position of their block."""

    def __init__(self, limits: ConversationLimits) -> None:
        self._limits = limits
        self._waiting: dict[BlockId, deque[RecordedMessage]] = {}
        self._taken: dict[BlockId, int] = {}
        """How many of the first messages of each block are in the flush under way."""

    def applied(self, part: Slice) -> None:
        """Record the messages in *part*."""
        if part.mode is Mode.REREAD:
            return

        for line, record in zip(part.items, part.records, strict=True):
            if isinstance(line, TextLine) and record and record.speaker is not None:
                self._record(
                    part.stream,
                    part.agent,
                    line,
                    now_ms=part.now_ms,
                    seen_ms=part.written_ms,
                )

    def _record(
        self, block: Block, agent: Agent, line: TextLine, *, now_ms: int, seen_ms: int
    ) -> None:
        """Record the message in *line*, unless it is too old or has no project.

        Subagents talk to agents, not to people, and are not recorded. A line without a
        time is dated *seen_ms*.
        """
        project = block.origin.project
        if project is None or block.origin.parent_session_id is not None:
            return

        said = agent.messages(line.text)
        if said is None:
            return

        # An initial import must not record conversations that would decay at once.
        at_ms = seen_ms if said.at_ms is None else said.at_ms
        if at_ms < self._limits.oldest_ms(now_ms):
            return

        content = said.content
        if len(content) > MAX_CHARS:
            content = content[:MAX_CHARS] + CUT

        waiting = self._waiting.setdefault(block.block_id, deque())
        waiting.append(
            RecordedMessage(
                origin=_origin(said, block, line),
                project=project,
                agent=block.origin.agent,
                session_id=block.origin.session_id,
                role=said.role,
                content=content,
                at_ms=min(at_ms, now_ms),
            )
        )
        if len(waiting) > MAX_WAITING:
            waiting.popleft()
            if self._taken.get(block.block_id, 0):
                self._taken[block.block_id] -= 1

            log.warning("message.dropped", block_id=block.block_id)

    def take(self, scope: Scope) -> tuple[tuple[RecordedMessage, ...], ...] | None:
        """Return the messages of the streams in *scope*, a tuple for each block."""
        found: dict[BlockId, tuple[RecordedMessage, ...]] = {}
        for stream in scope.streams:
            block_id = stream.origin.block_id
            if block_id in self._waiting:
                found[block_id] = tuple(self._waiting[block_id])

        self._taken = {block_id: len(said) for block_id, said in found.items()}
        return tuple(found.values()) or None

    def settled(self, outcome: FlushOutcome, change: object, receipt: Receipt) -> None:
        """Drop the messages that were stored; others stay for the next flush."""
        del change, receipt
        if outcome is FlushOutcome.COMMITTED:
            for block_id, number in self._taken.items():
                waiting = self._waiting[block_id]
                for _ in range(number):
                    waiting.popleft()

                if not waiting:
                    del self._waiting[block_id]

        if outcome is not FlushOutcome.UNANSWERED:
            self._taken = {}


def _origin(said: Said, block: Block, line: TextLine) -> int:
    """Return a number that all copies of the message share, and no other message.

    It is derived from the agent's own id; without one, from time and content, which
    copies in other files share; without a time, from the position of the line.
    """
    parts: tuple[str, ...]
    if said.key is not None:
        parts = (block.origin.agent, said.key)
    elif said.at_ms is not None:
        parts = (block.origin.agent, str(said.at_ms), said.role, said.content)
    else:
        parts = (block.block_id, str(line.offset))

    name = "\0".join(parts).encode("utf-8", "replace")
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), signed=True)
