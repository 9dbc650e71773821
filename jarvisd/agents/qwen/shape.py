"""The shape of a line of Qwen Code: only the fields that mean something to us."""

from msgspec import Raw, Struct, field

from jarvisd.agents._shared.decode import ABSENT
from jarvisd.agents._shared.numbers import HttpStatus, Milliseconds, TokenCount
from jarvisd.core.origin import SessionId


class QwenCall(Struct, gc=False):
    """A tool call."""

    id: str = ""
    name: str = ""
    args: Raw = ABSENT


class ReturnedText(Struct, gc=False):
    """What a tool returned to the model."""

    error: Raw = ABSENT


class QwenResponse(Struct, gc=False):
    """The result of a tool, as the model gets it."""

    response: ReturnedText | None = None


class QwenPart(Struct, gc=False, rename="camel"):
    """One part of a message."""

    text: Raw = ABSENT
    thought: bool | None = None
    function_call: QwenCall | None = None
    function_response: QwenResponse | None = None


class QwenContent(Struct, gc=False):
    """What was said."""

    parts: tuple[QwenPart, ...] = ()


class UsageMetadata(Struct, gc=False):
    """Token counts as a message has them."""

    promptTokenCount: TokenCount | None = None
    candidatesTokenCount: TokenCount | None = None
    cachedContentTokenCount: TokenCount | None = None
    thoughtsTokenCount: TokenCount | None = None
    totalTokenCount: TokenCount | None = None


class UiEvent(Struct, gc=False):
    """Telemetry of one request to the provider, or of one tool call."""

    name: str = field(default="", name="event.name")
    call_id: str | None = None
    response_id: str | None = None
    model: str | None = None
    status_code: HttpStatus | None = None
    duration_ms: Milliseconds | None = None
    input_token_count: TokenCount | None = None
    output_token_count: TokenCount | None = None
    cached_content_token_count: TokenCount | None = None
    thoughts_token_count: TokenCount | None = None
    total_token_count: TokenCount | None = None
    status: str | None = None
    decision: str | None = None
    subagent_id: str | None = None
    prompt_id: str | None = None
    error_type: str | None = None
    error_message: str | None = None


class CompressionInfo(Struct, gc=False, rename="camel"):
    """How far the context was compressed."""

    original_token_count: TokenCount | None = None
    new_token_count: TokenCount | None = None
    trigger_reason: str | None = None


class SystemPayload(Struct, gc=False, rename="camel"):
    """What a line of the type `system`, or a prompt, says besides its message."""

    ui_event: UiEvent | None = None
    info: CompressionInfo | None = None
    display_text: Raw = ABSENT
    phase: str | None = None
    raw_command: str | None = None
    custom_title: str | None = None
    title_source: str | None = None
    mode: str | None = None
    parent_session_id: SessionId | None = None


class CallResult(Struct, gc=False, rename="camel"):
    """How a tool call ended."""

    call_id: str | None = None
    status: str | None = None
    duration_ms: Milliseconds | None = None


class QwenLine(Struct, gc=False, rename="camel"):
    """One line of a session or of a subagent."""

    uuid: str | None = None
    session_id: SessionId | None = None
    timestamp: str | None = None
    type: str = ""
    subtype: str | None = None
    provenance: str | None = None
    cwd: str | None = None
    version: str | None = None
    git_branch: str | None = None
    model: str | None = None
    message: QwenContent | None = None
    usage_metadata: UsageMetadata | None = None
    tool_call_result: CallResult | None = None
    system_payload: SystemPayload | None = None
    agent_id: str | None = None
    is_sidechain: bool = False
    external_input_kind: str | None = None
    forked_from: Raw = ABSENT


SYSTEM_TYPES_PASSED_OVER = (
    "agent_bootstrap",
    "agent_launch_prompt",
    "agent_retry",
    "agent_session_ready",
    "at_command",
    "attribution_snapshot",
    "background_task_completed",
    "branch_checkpoint",
    "file_history_snapshot",
    "goal_runtime",
    "goal_state",
    "goal_turn_end",
    "managed_session_commit_v1",
    "managed_session_event_v1",
    "managed_session_header_v1",
    "notification",
    "omni_recall",
    "realtime_message",
    "rewind",
    "session_artifact_event",
    "session_artifact_snapshot",
    "session_execution_engine",
    "session_model",
    "session_notes",
    "session_source",
    "session_sources_snapshot",
    "turn_result",
    "user_text_elements",
)
"""Subtypes of lines of the type `system` without anything that is counted or judged."""
