"""The shape of a Claude Code line: only the fields that mean something to us.

One Struct holds the fields of all kinds of line, because `type` may come after the
message that it is about. A field that other lines use for other things is Raw, so
that no line of theirs is strange.
"""

from msgspec import Raw, Struct, field

from jarvisd.agents._shared.decode import ABSENT
from jarvisd.agents._shared.numbers import (
    Dollars,
    HttpStatus,
    Milliseconds,
    Requests,
    Time,
    TokenCount,
    WholeTime,
)
from jarvisd.core.origin import SessionId


class ContentBlock(Struct, gc=False):
    """One item of a message's content."""

    type: str = ""
    id: str | None = None
    name: str | None = None
    input: Raw = ABSENT
    text: Raw = ABSENT
    tool_use_id: str | None = None
    is_error: bool | None = None
    content: Raw = ABSENT


class CacheCreation(Struct, gc=False):
    """Tokens written to the cache, by how long it keeps them."""

    ephemeral_5m_input_tokens: TokenCount | None = None
    ephemeral_1h_input_tokens: TokenCount | None = None


class ServerToolUse(Struct, gc=False):
    """What the provider did by itself."""

    web_search_requests: Requests | None = None


class OutputDetails(Struct, gc=False):
    """What the output is made of."""

    thinking_tokens: TokenCount | None = None


class MessageUsage(Struct, gc=False):
    """What the provider says a response took."""

    input_tokens: TokenCount | None = None
    output_tokens: TokenCount | None = None
    cache_read_input_tokens: TokenCount | None = None
    cache_creation_input_tokens: TokenCount | None = None
    cache_creation: CacheCreation | None = None
    output_tokens_details: OutputDetails | None = None
    server_tool_use: ServerToolUse | None = None
    service_tier: str | None = None
    speed: str | None = None
    inference_geo: str | None = None
    iterations: tuple["Iteration", ...] | None = None


class Iteration(MessageUsage, gc=False):
    """One of several answers that a response was put together from."""

    type: str = ""
    model: str | None = None


class ModelUsage(Struct, gc=False):
    """What one model took in a printed session, with all its subagents."""

    inputTokens: TokenCount | None = None
    outputTokens: TokenCount | None = None
    thinkingTokens: TokenCount | None = None
    cacheReadInputTokens: TokenCount | None = None
    cacheCreationInputTokens: TokenCount | None = None
    cacheCreationEphemeral5mInputTokens: TokenCount | None = None
    cacheCreationEphemeral1hInputTokens: TokenCount | None = None
    webSearchRequests: Requests | None = None
    costUSD: Dollars | None = None


class ClaudeMessage(Struct, gc=False):
    """What was said."""

    id: str | None = None
    model: str | None = None
    content: str | tuple[ContentBlock, ...] | None = None
    stop_reason: str | None = None
    usage: MessageUsage | None = None


class Attachment(Struct, gc=False):
    """Something put beside the conversation."""

    type: str = ""
    commandMode: str | None = None
    prompt: Raw = ABSENT


class ToolOutcome(Struct, gc=False):
    """What the agent itself notes of a tool's result."""

    agentId: Raw = ABSENT
    backgroundTaskId: Raw = ABSENT
    taskId: Raw = ABSENT
    status: Raw = ABSENT
    durationMs: Raw = ABSENT
    totalDurationMs: Raw = ABSENT
    searchCount: Requests | None = None


class CompactMetadata(Struct, gc=False):
    """Why and how far the context was compacted."""

    trigger: str | None = None
    preTokens: TokenCount | None = None
    postTokens: TokenCount | None = None


class ProgressData(Struct, gc=False):
    """A sign of life; old versions put whole messages of subagents in it."""

    type: str = ""
    message: "TranscriptLine | None" = None


class StreamEvent(Struct, gc=False):
    """One event of the provider's stream, as it came."""

    type: str = ""
    message: ClaudeMessage | None = None
    usage: MessageUsage | None = None


class Fork(Struct, gc=False, rename="camel"):
    """Where a line was copied from."""

    session_id: SessionId | None = None
    message_uuid: str | None = None


class TranscriptLine(Struct, gc=False, rename="camel"):
    """One line of a transcript, or of the agent's standard output."""

    type: str = ""
    subtype: str | None = None
    timestamp: str | WholeTime | Time | None = None
    session_id: SessionId | None = None
    stdout_session_id: SessionId | None = field(default=None, name="session_id")
    agent_id: str | None = None
    cwd: str | None = None
    version: str | None = None
    git_branch: str | None = None
    cost_usd: Dollars | None = field(default=None, name="costUSD")
    uuid: str | None = None
    forked_from: Fork | None = None
    session_kind: str | None = None
    is_sidechain: bool = False
    is_meta: bool = False
    is_compact_summary: bool = False
    is_api_error_message: bool = False
    message: ClaudeMessage | None = None
    tool_use_result: "ToolOutcome | str | tuple[Raw, ...] | None" = None
    stdout_tool_use_result: "ToolOutcome | str | tuple[Raw, ...] | None" = field(
        default=None, name="tool_use_result"
    )
    tool_denial_kind: str | None = None
    parent_tool_use_id: str | None = field(default=None, name="parent_tool_use_id")
    prompt_source: str | None = None
    entrypoint: str | None = None
    permission_mode: str | None = None
    mode: str | None = None
    attachment: Attachment | None = None
    data: ProgressData | None = None
    event: StreamEvent | None = None
    ai_title: str | None = None
    custom_title: str | None = None
    summary: str | None = None
    compact_metadata: CompactMetadata | None = None
    duration_ms: Milliseconds | None = None
    pending_background_agent_count: Requests | None = None
    base: Raw = ABSENT
    tail: Raw = ABSENT
    error: Raw = ABSENT
    api_error_status: HttpStatus | None = None
    retry_attempt: Requests | None = None
    tool_use_id: str | None = field(default=None, name="tool_use_id")
    is_error: bool | None = field(default=None, name="is_error")
    other_tool_use_id: str | None = field(default=None, name="toolUseId")
    other_is_error: bool | None = field(default=None, name="isError")


class ResultLine(TranscriptLine, gc=False, rename="camel"):
    """The line that ends what is printed of a run: read apart, as it comes once."""

    usage: MessageUsage | None = None
    model_usage: Raw = ABSENT
    total_cost_usd: Dollars | None = field(default=None, name="total_cost_usd")


def key_of(line: TranscriptLine) -> str | None:
    """Return the id of *line*, or of the one that it is a copy of."""
    fork = line.forked_from
    return line.uuid if fork is None else fork.message_uuid or line.uuid


TYPES_PASSED_OVER = (
    # Transcripts: bookkeeping
    "",  # `sessionId` and times alone, in old versions
    "agent-color",
    "agent-name",
    "agent-setting",
    "api-request-blob",
    "api-request-shape",
    "atis-latch",
    "attribution-snapshot",
    "bridge-session",
    "content-replacement",
    "context-collapse-commit",
    "context-collapse-snapshot",
    "file-history-snapshot",
    "fork-context-ref",
    "last-prompt",
    "mode",
    "pr-link",
    "queue-operation",
    "speculation-accept",
    "tag",
    "task-summary",
    "tools-used",
    "worktree-state",
    # Transcripts that wrappers write: calls and results without a message
    "tool_result",
    "tool_use",
    # Standard output
    "auth_status",
    "control_cancel_request",
    "control_request",
    "control_response",
    "keep_alive",
    "prompt_suggestion",
    "rate_limit_event",
    "tool_progress",
    "tool_use_summary",
)
"""Types of lines without anything that is counted or judged."""

SYSTEM_TYPES_PASSED_OVER = (
    "",
    "agents_killed",
    "api_retry",
    "away_summary",
    "bridge_status",
    "elicitation_complete",
    "files_persisted",
    "hook_progress",
    "hook_response",
    "hook_started",
    "informational",
    "init",
    "local_command",
    "local_command_output",
    "memory_saved",
    "microcompact_boundary",
    "permission_denied",
    "permission_retry",
    "plugin_install",
    "post_turn_summary",
    "scheduled_task_fire",
    "session_state_changed",
    "status",
    "task_notification",
    "task_progress",
    "task_started",
    "task_updated",
    "thinking",
    "thinking_tokens",
)
"""The same of lines of the type `system`, by their subtype."""
