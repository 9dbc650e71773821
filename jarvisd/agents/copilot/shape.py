"""The shape of a line of GitHub Copilot CLI: only the fields that mean something to us.

What an event says is in `data`. One Struct holds the fields of all types; what other
types use for something else is Raw.
"""

from typing import Annotated

from msgspec import Meta, Raw, Struct, field

from jarvisd.agents._shared.decode import ABSENT
from jarvisd.agents._shared.numbers import (
    ExitCode,
    HttpStatus,
    Requests,
    TokenCount,
)
from jarvisd.core.origin import SessionId

NanoCredits = Annotated[float, Meta(ge=0, le=1e20)]
"""Billing units of the provider, of which 1e11 are a dollar: up to 1e9 dollars."""

Latency = Annotated[float, Meta(ge=0, le=2**40)]
"""How long a request took, in ms."""

FloatCode = Annotated[float, Meta(ge=-(2**31), le=2**32 - 1)]
"""An exit code, which telemetry writes as a float."""


class Billed(Struct, gc=False, rename="camel"):
    """What the provider bills."""

    total_nano_aiu: NanoCredits | None = None


class CopilotUsage(Struct, gc=False, rename="camel"):
    """Token counts: *input_tokens* hold the cache, *output_tokens* the reasoning."""

    model: str | None = None
    input_tokens: TokenCount | None = None
    output_tokens: TokenCount | None = None
    cache_read_tokens: TokenCount | None = None
    cache_write_tokens: TokenCount | None = None
    reasoning_tokens: TokenCount | None = None
    duration: Latency | None = None
    api_call_id: str | None = None
    copilot_usage: Billed | None = None
    total_nano_aiu: NanoCredits | None = None


class ModelMetrics(Struct, gc=False, rename="camel"):
    """What one model took in a session so far."""

    usage: CopilotUsage | None = None
    total_nano_aiu: NanoCredits | None = None


class WorkContext(Struct, gc=False):
    """Where the session works."""

    cwd: str | None = None
    branch: str | None = None


class PermissionRequest(Struct, gc=False, rename="camel"):
    """A call that somebody is asked about."""

    tool_call_id: str | None = None


class Completed(Struct, gc=False):
    """How something ended; of a permission *kind* says it."""

    kind: str = ""


class ShellExecution(Struct, gc=False, rename="camel"):
    """How a command ended."""

    exit_code: ExitCode | None = None


class CallMetrics(Struct, gc=False):
    """How a command ended, in older versions."""

    exit_code: FloatCode | None = None


class CallTelemetry(Struct, gc=False):
    """Telemetry of a call."""

    metrics: CallMetrics | None = None


class Failure(Struct, gc=False):
    """Why a call failed."""

    code: str | None = None


class ToolArguments(Struct, gc=False):
    """The arguments that say what is started."""

    agent_type: str | None = None
    skill: str | None = None


class EventData(Struct, gc=False, rename="camel"):
    """What an event says."""

    session_id: SessionId | None = None
    copilot_version: str | None = None
    context: WorkContext | None = None
    content: Raw = ABSENT
    source: str | None = None
    delivery: str | None = None
    is_autopilot_continuation: bool | None = None
    message_id: str | None = None
    api_call_id: str | None = None
    model: str | None = None
    output_tokens: TokenCount | None = None
    chunk_index: Requests | None = None
    chunk_count: Requests | None = None
    tool_requests: tuple[Raw, ...] | None = None
    tool_call_id: str | None = None
    tool_name: str | None = None
    arguments: Raw = ABSENT
    mcp_server_name: str | None = None
    mcp_tool_name: str | None = None
    is_user_requested: bool | None = None
    success: bool | None = None
    error: Failure | str | None = None
    shell_execution: ShellExecution | None = None
    tool_telemetry: CallTelemetry | None = None
    request_id: str | None = None
    permission_request: PermissionRequest | None = None
    result: Completed | str | None = None
    usage: CopilotUsage | None = None
    model_metrics: Raw = ABSENT
    compaction_tokens_used: CopilotUsage | None = None
    pre_compaction_tokens: TokenCount | None = None
    post_compaction_tokens: TokenCount | None = None
    trigger: str | None = None
    error_type: str | None = None
    status_code: HttpStatus | None = None
    reason: str | None = None
    allow_all_permissions: bool | None = None


class CopilotLine(Struct, gc=False):
    """One line: an event."""

    type: str = ""
    id: str | None = None
    timestamp: str | None = None
    agent_id: str | None = field(default=None, name="agentId")
    data: EventData | None = None


TYPES_PASSED_OVER = (
    "assistant.intent",
    "assistant.reasoning",
    "assistant.turn_start",
    "hook.end",
    "hook.start",
    "session.auto_mode_resolved",
    "session.binary_asset",
    "session.context_changed",
    "session.handoff",
    "session.import_legacy",
    "session.info",
    "session.mode_changed",
    "session.model_change",
    "session.plan_changed",
    "session.snapshot_rewind",
    "session.task_complete",
    "session.title_changed",
    "session.todos_changed",
    "session.truncation",
    "session.usage_checkpoint",
    "session.warning",
    "session.workspace_file_changed",
    "skill.invoked",
    "subagent.configured",
    "subagent.deselected",
    "subagent.selected",
    "system.message",
    "system.notification",
    "tool.user_requested",
)
"""Types of events without anything that is counted or judged."""
