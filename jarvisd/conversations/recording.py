"""What agents say, taken from their lines where the user has switched that on."""

import hashlib

import structlog

from jarvisd.blocks.block import Block
from jarvisd.conversations.model import ConversationLimits, Recorded
from jarvisd.core.agent import Agent
from jarvisd.core.feature import Feature, FlushOutcome, Receipt, Scope
from jarvisd.core.message import Said
from jarvisd.core.origin import BlockId
from jarvisd.core.sources.jsonlines.lines import TextLine

log = structlog.get_logger()

MAX_CHARS = 16 * 1024
"""Of one message; enough for any answer that a person reads."""

CUT = "\n[... cut]"

MAX_WAITING = 10_000
"""Messages of one block that may wait for a disk that is full; then the oldest go."""


class MessageRecorder(Feature):
    """Keeps what is said until it is stored with the position of its block."""

    def __init__(self, limits: ConversationLimits) -> None:
        self._limits = limits
        self._waiting: dict[BlockId, list[Recorded]] = {}
        self._taken: dict[BlockId, int] = {}

    def hear(
        self, block: Block, agent: Agent, line: TextLine, *, now_ms: int, seen_ms: int
    ) -> None:
        """Record what *line* says, unless it is too old or said nowhere.

        Subagents talk to agents, not to people: they are left out. A line that does
        not say its time is of *seen_ms*.
        """
        project = block.origin.project
        if project is None or block.origin.parent_session_id is not None:
            return

        said = agent.messages(line.text)
        if said is None:
            return

        at_ms = seen_ms if said.at_ms is None else said.at_ms
        if at_ms < self._limits.oldest_ms(now_ms):
            return

        recorded = _recorded(said, block, line, project, min(at_ms, now_ms))
        waiting = self._waiting.setdefault(block.block_id, [])
        waiting.append(recorded)
        if len(waiting) > MAX_WAITING:
            del waiting[0]
            log.warning("message.dropped", block_id=block.block_id)

    def take(self, scope: Scope) -> tuple[tuple[Recorded, ...], ...] | None:
        """Return what was said in the streams of *scope*, block by block."""
        found: dict[BlockId, tuple[Recorded, ...]] = {}
        for stream in scope.streams:
            block_id = stream.origin.block_id
            if block_id in self._waiting:
                found[block_id] = tuple(self._waiting[block_id])

        self._taken = {block_id: len(said) for block_id, said in found.items()}
        return tuple(found.values()) or None

    def settled(self, outcome: FlushOutcome, change: object, receipt: Receipt) -> None:
        """Drop what is stored."""
        del change, receipt
        if outcome is FlushOutcome.COMMITTED:
            for block_id, number in self._taken.items():
                del self._waiting[block_id][:number]
                if not self._waiting[block_id]:
                    del self._waiting[block_id]


def _recorded(
    said: Said, block: Block, line: TextLine, project: str, at_ms: int
) -> Recorded:
    content = said.content
    if len(content) > MAX_CHARS:
        content = content[:MAX_CHARS] + CUT

    return Recorded(
        origin=_origin(said, block, line),
        project=project,
        agent=block.origin.agent,
        session_id=block.origin.session_id,
        role=said.role,
        content=content,
        at_ms=at_ms,
    )


def _origin(said: Said, block: Block, line: TextLine) -> int:
    """Return a number that every copy of the message has, and no other message.

    The agent's own id; else its time and words, which copies in other files share;
    else its place.
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
