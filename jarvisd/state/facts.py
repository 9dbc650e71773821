"""What one block tells of its session's state: a few words, times and ids.

It is saved with the position of the block, so that reading can stop behind any line.
"""

from contextlib import suppress
from enum import IntEnum

import msgspec

from jarvisd.base.session_words import Activity
from jarvisd.core.event import Cue
from jarvisd.ledger.lane import Lane

MAX_TASKS = 64
INTERRUPTED = "interrupted"
"""The word for a turn that somebody cut short."""


class Phase(IntEnum):
    """Whose turn it is."""

    NONE = 0
    """Nothing was said so far."""
    WORKING = 1
    DONE = 2


class StateFacts(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The facts of one block, as of its last line; times are Unix ms.

    Attributes:
        phase: Whose turn it is, *word* what told so, *since_ms* since when.
        settled: The turn's end was announced; else it was concluded from a message.
        announced: Turns are announced, so that nothing else begins or ends one.
        commanded: A slash command was given, which may begin a turn.
        turn_ms: When the turn began; calls older than that will not come back.
        heard_ms: The newest sign of work; bookkeeping is none.
        doing: What the newest sign of work was.
        attempt: How often the provider was asked again.
        cue: What the last words ask for.
        agents: Agents at work in the background, and since when.
        pending: How many of them, in the agent's own count.
        workflows: Groups of agents at work in the background, which it does not count.
        shells: Commands that go on in the background.
        mode: How leave is asked for; *reviewed*: of a program, not of a person.
        failed: What ended the last turn and only a person can put right, in words.
        limited_ms: When the provider refused to serve; None once it serves again.
        until_ms: When it will serve again; *full_ms*: when a window that is used up
            starts anew.
        compacted_ms: When the context was compacted last.
        closing: The newest line is one that the agent writes before it ends in order.
        headless: The process ends with its turn.
        call: Digest and name of the newest call, and how often in a row it was made
            since *call_ms*.

    """

    phase: Phase = Phase.NONE
    word: str = ""
    since_ms: int | None = None
    settled: bool = False
    announced: bool = False
    commanded: bool = False
    turn_ms: int | None = None
    heard_ms: int | None = None
    doing: Activity | None = None
    attempt: int = 0
    cue: Cue | None = None
    agents: dict[str, int | None] = {}
    pending: int = 0
    workflows: dict[str, int | None] = {}
    shells: dict[str, int | None] = {}
    mode: str | None = None
    reviewed: bool = False
    failed: str = ""
    limited_ms: int | None = None
    until_ms: int | None = None
    full_ms: int | None = None
    compacted_ms: int | None = None
    closing: bool = False
    headless: bool = False
    call: int = 0
    call_tool: str = ""
    call_count: int = 0
    call_ms: int | None = None


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(StateFacts)


class StateStream:
    """One block as the state engine sees it: the facts that its lines have told.

    Attributes:
        lane: The block as the ledger sees it, with its open tool calls.
        facts: What is remembered; saved with the block's position.

    """

    __slots__ = ("facts", "lane")

    def __init__(self, lane: Lane, saved: bytes = b"") -> None:
        self.lane = lane
        self.facts = StateFacts()
        if saved:
            with suppress(msgspec.DecodeError):  # a memory that is bad is none
                self.facts = _DECODER.decode(saved)

    def memory(self) -> bytes:
        """Return the encoded facts; b"" if they cannot be encoded."""
        try:
            return _ENCODER.encode(self.facts)
        except (OverflowError, TypeError, ValueError):
            return b""
