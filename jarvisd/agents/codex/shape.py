"""The shape of a Codex rollout line: only the fields that mean something to us.

A line is an envelope round a payload whose own `type` says what it is; one Struct
holds the fields of all payloads. A field that is different things in different
payloads is Raw.
"""

from msgspec import Raw, Struct

from jarvisd.agents._shared.decode import ABSENT
from jarvisd.agents._shared.numbers import (
    ExitCode,
    Milliseconds,
    Minutes,
    Ordinal,
    OrdinalText,
    Percent,
    Seconds,
    Time,
    TokenCount,
    WholeTime,
)


class TokenUsage(Struct, gc=False):
    """Token counts as the provider writes them: the parts are inside their sums."""

    input_tokens: TokenCount | None = None
    cached_input_tokens: TokenCount | None = None
    cache_read_input_tokens: TokenCount | None = None
    cache_write_input_tokens: TokenCount | None = None
    output_tokens: TokenCount | None = None
    reasoning_output_tokens: TokenCount | None = None
    total_tokens: TokenCount | None = None
    service_tier: str | None = None


class Info(Struct, gc=False):
    """The body of a token_count."""

    total_token_usage: TokenUsage | None = None
    last_token_usage: TokenUsage | None = None
    model_context_window: TokenCount | None = None
    model: str | None = None
    service_tier: str | None = None


class Window(Struct, gc=False):
    """One window of a rate limit."""

    used_percent: Percent | None = None
    window_minutes: Minutes | None = None
    resets_at: WholeTime | None = None
    resets_in_seconds: Seconds | None = None


class RateLimits(Struct, gc=False):
    """What is left."""

    limit_id: str | None = None
    plan_type: str | None = None
    primary: Window | None = None
    secondary: Window | None = None


class ModelInfo(Struct, gc=False):
    """The model in newer turn contexts."""

    slug: str | None = None


class Settings(Struct, gc=False):
    """The settings of a thread; a tier that is absent is a tier taken back."""

    model: str | None = None
    service_tier: str | None = None


class Invocation(Struct, gc=False):
    """Which MCP tool was called."""

    server: str | None = None
    tool: str | None = None


class Item(Struct, gc=False):
    """A thing that is complete: a message, a command, a change."""

    type: str = ""
    id: str | None = None
    status: str | None = None
    exit_code: ExitCode | None = None
    content: Raw = ABSENT
    text: Raw = ABSENT
    result: Raw = ABSENT


class HistoryBase(Struct, gc=False):
    """Where a resumed thread goes on from."""

    thread_id: str | None = None


class GitInfo(Struct, gc=False):
    """The repository that a thread was started in."""

    branch: str | None = None


class RolloutPayload(Struct, gc=False):
    """What an envelope holds."""

    type: str = ""
    id: str | None = None
    turn_id: str | None = None
    cwd: str | None = None
    # session_meta
    cli_version: str | None = None
    source: Raw = ABSENT
    thread_source: str | None = None
    git: GitInfo | None = None
    forked_from_id: str | None = None
    history_base: HistoryBase | None = None
    parent_thread_id: str | None = None
    subagent_history_start_ordinal: Ordinal | OrdinalText | None = None
    # turn_context, thread_settings_applied
    model: str | None = None
    model_info: ModelInfo | None = None
    service_tier: str | None = None
    approval_policy: str | None = None
    approvals_reviewer: str | None = None
    thread_settings: Settings | None = None
    # token_count, token_usage_record
    info: Info | None = None
    rate_limits: RateLimits | None = None
    response_id: str | None = None
    usage: TokenUsage | None = None
    # turns
    started_at: WholeTime | None = None
    duration_ms: Milliseconds | None = None
    model_context_window: TokenCount | None = None
    reason: str | None = None
    last_agent_message: Raw = ABSENT
    codex_error_info: Raw = ABSENT
    error: Raw = ABSENT
    # messages, calls and results
    role: str | None = None
    phase: str | None = None
    message: Raw = ABSENT
    name: str | None = None
    namespace: str | None = None
    call_id: str | None = None
    arguments: Raw = ABSENT
    input: Raw = ABSENT
    action: Raw = ABSENT
    output: Raw = ABSENT
    status: str | None = None
    exit_code: ExitCode | None = None
    success: bool | None = None
    invocation: Invocation | None = None
    result: Raw = ABSENT
    item: Item | None = None


class RolloutLine(Struct, gc=False):
    """One line: an envelope, or a bare item of the oldest and of the printed kind."""

    type: str = ""
    timestamp: str | WholeTime | Time | None = None
    ordinal: Ordinal | None = None
    payload: RolloutPayload | None = None
    # Bare lines
    id: str | None = None
    role: str | None = None
    name: str | None = None
    call_id: str | None = None
    arguments: Raw = ABSENT
    content: Raw = ABSENT
    output: Raw = ABSENT
    thread_id: str | None = None
    usage: TokenUsage | None = None
    item: Item | None = None
    data: "RolloutLine | None" = None


ENVELOPES_PASSED_OVER = (
    "ghost_snapshot",
    "inter_agent_communication",
    "inter_agent_communication_metadata",
    "realtime_item",
    "retained_context",
    "world_state",
)
"""Envelopes without anything that is counted or judged."""

ITEMS_PASSED_OVER = (
    "additional_tools",
    "agent_message",
    "compaction",
    "compaction_summary",
    "compaction_trigger",
    "context_compaction",
    "ghost_snapshot",
    "image_generation_call",
    "message",
    "other",
    "reasoning",
)
"""The same of types of a `response_item`."""

MESSAGES_PASSED_OVER = (
    "agent_reasoning",
    "agent_reasoning_raw_content",
    "agent_reasoning_section_break",
    "background_event",
    "context_compacted",
    "deprecation_notice",
    "dynamic_tool_call_request",
    "dynamic_tool_call_response",
    "entered_review_mode",
    "exec_command_begin",
    "exited_review_mode",
    "image_generation_end",
    "item_started",
    "mcp_tool_call_begin",
    "patch_apply_begin",
    "plan_update",
    "session_configured",
    "stream_error",
    "sub_agent_activity",
    "thread_goal_updated",
    "thread_name_updated",
    "thread_rolled_back",
    "turn_diff",
    "undo_completed",
    "undo_started",
    "view_image_tool_call",
    "warning",
    "web_search_begin",
    "web_search_end",
)
"""The same of types of an `event_msg`."""

COMPLETE_ITEMS_PASSED_OVER = (
    "",
    "ContextCompaction",
    "DynamicToolCall",
    "EnteredReviewMode",
    "ExitedReviewMode",
    "HookPrompt",
    "ImageGeneration",
    "ImageView",
    "Reasoning",
    "Sleep",
    "SubAgentActivity",
    "WebSearch",
)
"""The same of kinds of complete items."""
