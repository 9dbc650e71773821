"""A record: what one line of an agent's output says, before anything is counted."""

from enum import StrEnum
from typing import NamedTuple

import msgspec

from jarvisd.core.event import Event
from jarvisd.core.origin import SessionId

NOT_JSON = "not a JSON object"
TOO_LONG = "longer than a line may be"
POISON = "internal error; see the daemon's log"


class Speaker(StrEnum):
    """Who a line of the conversation is from; most lines are from nobody."""

    USER = "user"
    ASSISTANT = "assistant"


class DriftKind(StrEnum):
    """What a reader may meet that it does not know; a closed set."""

    RECORD_TYPE = "record_type"
    """A line of a type that the reader neither reads nor passes over on purpose."""
    USAGE_FIELD = "usage_field"
    """A field of a response's usage that the reader does not know."""
    NO_TOKENS = "no_tokens"
    """A response whose token counts are not where the reader looks for them."""


class Drift(NamedTuple):
    """One thing that a reader does not know: its kind, and its name in the log."""

    kind: DriftKind
    name: str


class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The meaning of one item, given by the reader of its stream.

    Every event of a record happened at the record's *at_ms*.

    Attributes:
        kind: The agent's own word for the line, for explaining; "" if it has none.
        at_ms: When, Unix ms; None if the line does not say or says nonsense.
        session_id: Whose the line is, if it says.
        parent_session_id: The session that started that one, if the line says.
        cwd: The working folder, if the line says.
        branch: The branch that is checked out there, if the line says; "" for none.
        key: The agent's own id of the line; a copy in another file has the same one.
        ordinal: The agent's own number of the line in its file.
        offset: Where the line starts in its source.
        speaker: Who is speaking, if it is a line of the conversation.
        sidechain: The line is of a subagent's conversation, whatever file it is in.
        copied: The line says that it may be a copy of another session's line.
        inherited: It repeats the history of another session without ids to tell copies
            by, and is counted nowhere but there.
        version: The version of the agent that wrote the line, if it is known.
        drift: What the reader does not know of the line; of its counts `lacks_tokens`.
        lacks_tokens: It is of a response, and counts are not where they should be:
            `Agent.inspect` finds out which names it has instead.
        left_out: How many numbers of the line are left out as outside of their range.
        events: What happened, in order.

    """

    kind: str
    at_ms: int | None = None
    session_id: SessionId | None = None
    parent_session_id: SessionId | None = None
    cwd: str | None = None
    branch: str | None = None
    key: str | None = None
    ordinal: int | None = None
    offset: int = 0
    speaker: Speaker | None = None
    sidechain: bool = False
    copied: bool = False
    inherited: bool = False
    version: str | None = None
    drift: tuple[Drift, ...] = ()
    lacks_tokens: bool = False
    left_out: int = 0
    events: tuple[Event, ...] = ()
