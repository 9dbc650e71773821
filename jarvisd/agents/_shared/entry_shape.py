"""The shape of an entry of a session tree: one line of pi, one event of OpenClaw.

One Struct holds the fields of all kinds of entry. A text that may be long, and one that
other entries use for something else, is Raw.
"""

from msgspec import Raw, Struct, field

from jarvisd.agents._shared.decode import ABSENT
from jarvisd.agents._shared.numbers import (
    Dollars,
    ExitCode,
    Milliseconds,
    Time,
    TokenCount,
    WholeTime,
)
from jarvisd.core.origin import SessionId


class EntryCost(Struct, gc=False):
    """The cost of a response, as the agent computed it or the provider reported it."""

    total: Dollars | None = None


class EntryUsage(Struct, gc=False, rename="camel"):
    """Token counts of a response; *output* includes the reasoning, *input* no cache."""

    input: TokenCount | None = None
    output: TokenCount | None = None
    cache_read: TokenCount | None = None
    cache_write: TokenCount | None = None
    cache_write_1h: TokenCount | None = field(default=None, name="cacheWrite1h")
    reasoning: TokenCount | None = None
    reasoning_tokens: TokenCount | None = None
    total_tokens: TokenCount | None = None
    cost: EntryCost | None = None


class EntryBlock(Struct, gc=False):
    """One item of a message's content."""

    type: str = ""
    id: str | None = None
    name: str | None = None
    arguments: Raw = ABSENT
    text: Raw = ABSENT


class ResultDetails(Struct, gc=False, rename="camel"):
    """What a tool noted of its run."""

    status: str | None = None
    exit_code: ExitCode | None = None
    duration_ms: Milliseconds | None = None


class EntryMessage(Struct, gc=False, rename="camel"):
    """A message: of a person, of the model, or of a tool."""

    role: str = ""
    content: str | tuple[EntryBlock, ...] | None = None
    attribution: str | None = None
    model: str | None = None
    response_model: str | None = None
    usage: EntryUsage | None = None
    stop_reason: str | None = None
    error_message: Raw = ABSENT
    tool_call_id: str | None = None
    is_error: bool | None = None
    duration_ms: Milliseconds | None = None
    details: Raw = ABSENT


class TreeEntry(Struct, gc=False, rename="camel"):
    """One entry, or the header of a session."""

    type: str = ""
    id: str | None = None
    timestamp: str | WholeTime | Time | None = None
    message: EntryMessage | None = None
    # session
    cwd: str | None = None
    parent_session: Raw = ABSENT
    # model_change, usage
    model_id: str | None = None
    model: str | None = None
    # compaction, branch_summary, usage
    tokens_before: TokenCount | None = None
    tokens_after: TokenCount | None = None
    usage: EntryUsage | None = None
    # session_info, title
    name: str | None = None
    title: str | None = None
    source: str | None = None
    title_source: str | None = None
    updated_at: str | WholeTime | Time | None = None
    started_by: SessionId | None = None
    # context_edit
    target_id: str | None = None

    @property
    def key(self) -> str | None:
        """Return the id that all copies of the entry have, and no other entry.

        Ids of eight digits repeat after some ten thousand entries; of one millisecond
        they do not.
        """
        return None if self.id is None else f"{self.id}@{self.timestamp}"

    @property
    def header_session(self) -> SessionId | None:
        """Return the session of a header; None for other entries."""
        return SessionId(self.id) if self.type == "session" and self.id else None
