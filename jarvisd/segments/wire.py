"""What may be asked about segments, and how a chat program records what it did.

The recording calls are those of a library that counted in the process of the program:
the same names, parameters and defaults. Numbers are taken strictly: `true` is no count.
"""

from typing import Annotated

import msgspec

from jarvisd.base.ids import SessionId
from jarvisd.base.wire_types import Params, Result, Text, Whole
from jarvisd.segments.model import Segment

MAX_SEGMENTS = 1_000
DEFAULT_SEGMENTS = 100
MAX_NAME_CHARS = 256
MAX_TOKENS = 1 << 40
CHAT = "chat"
"""Whose sessions are recorded, unless the program says."""

AgentName = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,31}$")]
Name = Annotated[str, msgspec.Meta(max_length=MAX_NAME_CHARS)]
Id = Annotated[SessionId, msgspec.Meta(min_length=1, max_length=MAX_NAME_CHARS)]
Key = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME_CHARS)]
Count = Annotated[int, msgspec.Meta(ge=-MAX_TOKENS, le=MAX_TOKENS)]


class SegmentParams(Params, frozen=True, kw_only=True):
    """Parameters of a method about segments."""


class SegmentsList(SegmentParams, frozen=True, kw_only=True):
    """Ask for closed segments, the last closed first; filters are joined by *and*.

    *session_id* may be the beginning of one, *project* the end of a path. *since_ms*
    and *until_ms* are about when a segment ended, the latter not included. With
    *after*, which is the `next` of an earlier answer, those closed after that one come,
    oldest first: so one who was away misses none.
    """

    agent: str | None = None
    session_id: SessionId | None = None
    project: Text | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    after: Whole | None = None
    limit: Annotated[int, msgspec.Meta(ge=0, le=MAX_SEGMENTS)] = DEFAULT_SEGMENTS


class SegmentsListResult(Result, frozen=True, kw_only=True):
    """Segments; *more* says that there are others that match.

    *next* is the `after` that continues behind the newest that is shown or, where
    none is shown, behind the newest there is.
    """

    segments: list[Segment]
    next: int
    more: bool


class ChatParams(SegmentParams, frozen=True, kw_only=True):
    """Parameters of a recording call.

    Of several calls of one session with the same *key*, the program's own name for
    what happened, only the first counts: with one, a retry is harmless. *project* is
    the folder of work, if there is one.
    """

    session_id: Id
    agent: AgentName = CHAT
    key: Key | None = None
    project: Text | None = None


class ChatsRecordInference(ChatParams, frozen=True, kw_only=True):
    """Count one answer of a model.

    Negative tokens count as 0. A latency is kept if it is more than 0. *model_hash* is
    the model's name, or a hash of it, as *engine* is of what runs it.
    """

    tokens_in: Count = 0
    tokens_out: Count = 0
    latency_ms: float = 0.0
    model_hash: Name = ""
    engine: Name = ""


class ChatsRecordTool(ChatParams, frozen=True, kw_only=True):
    """Count one use of a tool."""

    tool_name: Name = ""


class ChatsRecordError(ChatParams, frozen=True, kw_only=True):
    """Count one error."""


class ChatsRecordResult(Result, frozen=True, kw_only=True):
    """Given only after the record is on the disk; *segment* is the open one's number."""

    segment: int


class ChatsEndSession(SegmentParams, frozen=True, kw_only=True):
    """Close the open segment of a session; of one without, nothing comes."""

    session_id: Id
    agent: AgentName = CHAT


class ChatsEndSessionResult(Result, frozen=True, kw_only=True):
    """The number of the segment that was closed; None if none was open."""

    segment: int | None


SEGMENT_METHODS: dict[str, tuple[type[Params], type[msgspec.Struct]]] = {
    "segments.list": (SegmentsList, SegmentsListResult),
    "record_inference": (ChatsRecordInference, ChatsRecordResult),
    "record_tool": (ChatsRecordTool, ChatsRecordResult),
    "record_error": (ChatsRecordError, ChatsRecordResult),
    "end_session": (ChatsEndSession, ChatsEndSessionResult),
}
