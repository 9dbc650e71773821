"""The shape of an item of Mistral Vibe: only the fields that mean something to us.

An item is a record of the journal, an entry or a state of a document of version 3 (both
are marked by a `type` of ours), the metadata of a session, or a message of an older
version. A field that others use for something else is Raw.
"""

from msgspec import Raw, Struct, field

from jarvisd.agents._shared.decode import ABSENT
from jarvisd.agents._shared.numbers import (
    Dollars,
    ExitCode,
    HttpStatus,
    Time,
    TokenCount,
    WholeTime,
)
from jarvisd.core.origin import SessionId

Stamp = str | WholeTime | Time | None


class VibeUsage(Struct, gc=False, rename="camel"):
    """Token counts so far; *input_tokens* includes what was read from the cache."""

    input_tokens: TokenCount | None = None
    cached_input_tokens: TokenCount | None = None
    output_tokens: TokenCount | None = None


class VibeText(Struct, gc=False):
    """A part of a message."""

    type: str = ""
    text: Raw = ABSENT


class EffectDetail(Struct, gc=False, rename="camel"):
    """What a call is of."""

    kind: str | None = None
    tool_name: str | None = None
    input: Raw = ABSENT


class StructuredContent(Struct, gc=False):
    """What a command came to."""

    returncode: ExitCode | None = None


class EffectOutput(Struct, gc=False):
    """What a call came back with."""

    type: str | None = None
    structured_content: StructuredContent | None = None


class EffectError(Struct, gc=False):
    """Why a call failed."""

    code: str | None = None


class EffectState(Struct, gc=False):
    """How far a call is."""

    status: str | None = None
    decision: str | None = None
    output: EffectOutput | None = None
    error: EffectError | None = None


class VibeEntry(Struct, gc=False, rename="camel"):
    """One entry of a session: a message, reasoning, or a call."""

    type: str = ""
    id: str | None = None
    role: str | None = None
    source: str | None = None
    content: tuple[VibeText, ...] | None = None
    detail: EffectDetail | None = None
    state: EffectState | None = None
    created_at: Stamp = None
    updated_at: Stamp = None


class TurnErrorDetails(Struct, gc=False, rename="camel"):
    """What the provider said of a request that it refused."""

    http_status: HttpStatus | None = None


class TurnError(Struct, gc=False):
    """Why a turn failed."""

    code: str | None = None
    details: TurnErrorDetails | None = None


class LatestTurn(Struct, gc=False):
    """The newest turn of a session."""

    id: str | None = None
    status: str | None = None
    error: TurnError | None = None


class SessionState(Struct, gc=False, rename="camel"):
    """A session as a whole."""

    id: str | None = None
    parent_session_id: SessionId | None = None
    title: str | None = None
    title_source: str | None = None
    token_usage: VibeUsage | None = None
    context_usage: VibeUsage | None = None
    updated_at: Stamp = None


class Envelope(Struct, gc=False, rename="camel"):
    """The state of a session, without its entries."""

    latest_turn: LatestTurn | None = None
    session: SessionState | None = None


class DeltaOperation(Struct, gc=False):
    """One change of what a person sees of a session."""

    op: str = ""
    entry: VibeEntry | None = None
    state: Envelope | None = None


class RoutingDetail(Struct, gc=False, rename="camel"):
    """What a person is asked for."""

    related_entry_id: str | None = None
    effect: EffectDetail | None = None


class CallbackRouting(Struct, gc=False, rename="camel"):
    """A dialog that was opened."""

    created_at: Stamp = None
    detail: RoutingDetail | None = None


class JournalPayload(Struct, gc=False):
    """What a record of the journal is about."""

    delta: tuple[DeltaOperation, ...] | None = None
    callback_id: str | None = None
    kind: str | None = None
    routing: CallbackRouting | None = None


class MetaModel(Struct, gc=False):
    """A model of the configuration."""

    name: str | None = None
    alias: str | None = None


class MetaConfig(Struct, gc=False):
    """The configuration of a session."""

    active_model: str | None = None
    model_name: str | None = None
    models: tuple[MetaModel, ...] | None = None


class MetaStats(Struct, gc=False):
    """What an older version counted of a session so far."""

    session_prompt_tokens: TokenCount | None = None
    session_cached_tokens: TokenCount | None = None
    session_completion_tokens: TokenCount | None = None
    context_tokens: TokenCount | None = None
    session_cost: Dollars | None = None


class MetaEnvironment(Struct, gc=False):
    """Where a session works."""

    working_directory: str | None = None


class VibeMeta(Struct, gc=False):
    """The metadata of a session."""

    session_id: str | None = None
    parent_session_id: SessionId | None = None
    start_time: Stamp = None
    end_time: Stamp = None
    git_branch: str | None = None
    environment: MetaEnvironment | None = None
    title: str | None = None
    title_source: str | None = None
    config: MetaConfig | None = None
    stats: MetaStats | None = None


class OldFunction(Struct, gc=False):
    """The tool that a call of an older version is of."""

    name: str | None = None
    arguments: Raw = ABSENT


class OldCall(Struct, gc=False):
    """A call in a message of an older version."""

    id: str | None = None
    function: OldFunction | None = None


class VibeItem(Struct, gc=False):
    """One item."""

    type: str = ""
    payload: JournalPayload | None = None
    # documents
    entry: VibeEntry | None = None
    state: Envelope | None = None
    meta: VibeMeta | None = None
    # a message of an older version
    role: str | None = None
    content: Raw = ABSENT
    injected: bool | None = None
    message_id: str | None = None
    reasoning_message_id: str | None = None
    tool_calls: tuple[OldCall, ...] | None = None
    tool_call_id: str | None = None
    name: str | None = field(default=None)


PASSED_OVER = frozenset(
    {
        *("command_reserved", "core_input", "action_intent", "action_result"),
        *("receipt_succeeded", "receipt_failed", "action_progress", "action_cancelled"),
        "command_settled",
    }
)
"""Records of the journal without anything that is counted or judged."""
