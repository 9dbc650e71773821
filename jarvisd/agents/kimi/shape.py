"""The shape of a line of Kimi's wire: only the fields that mean something to us.

Kimi Code writes flat records. kimi-cli, its predecessor, wrapped a payload into a
message; `decode_wrapped` unwraps it. A field that other records use for something else
is Raw.
"""

from msgspec import Raw, Struct, field

from jarvisd.agents._shared.decode import ABSENT
from jarvisd.agents._shared.numbers import (
    HttpStatus,
    Milliseconds,
    Requests,
    Time,
    TokenCount,
    WholeTime,
)


class KimiUsage(Struct, gc=False, rename="camel"):
    """Token counts of a response, which are disjoint; *output* holds the reasoning."""

    input_other: TokenCount | None = None
    output: TokenCount | None = None
    input_cache_read: TokenCount | None = None
    input_cache_creation: TokenCount | None = None


class KimiPart(Struct, gc=False):
    """A part of a prompt or of an answer."""

    type: str = ""
    text: Raw = ABSENT


class KimiOrigin(Struct, gc=False):
    """Where a prompt is from."""

    kind: str = ""


class KimiResult(Struct, gc=False, rename="camel"):
    """What came back of a tool call."""

    is_error: bool | None = None
    duration_ms: Milliseconds | None = None


class LoopEvent(Struct, gc=False, rename="camel"):
    """An event of a step: a request, its answer, and the calls in it."""

    type: str = ""
    uuid: str | None = None
    step_uuid: str | None = None
    tool_call_id: str | None = None
    name: str | None = None
    args: Raw = ABSENT
    part: KimiPart | None = None
    result: KimiResult | None = None
    usage: KimiUsage | None = None
    finish_reason: str | None = None


class ErrorDetails(Struct, gc=False, rename="camel"):
    """What the provider said of a request that it refused."""

    status_code: HttpStatus | None = None


class KimiError(Struct, gc=False):
    """The error that ended a turn."""

    code: str | None = None
    details: ErrorDetails | None = None


class Environment(Struct, gc=False):
    """What the model is told of its surroundings."""

    cwd: str | None = None


class InteractionRequest(Struct, gc=False, rename="camel"):
    """What a person is asked for."""

    tool_call_id: str | None = None
    tool_name: str | None = None


class InteractionResponse(Struct, gc=False):
    """What the person answered."""

    decision: str | None = None


class WrappedMessage(Struct, gc=False):
    """A message of kimi-cli: a type and its payload."""

    type: str = ""
    payload: Raw = ABSENT


class WireRecord(Struct, gc=False, rename="camel"):
    """One line: a record of Kimi Code, or the envelope of a message of kimi-cli."""

    type: str = ""
    time: WholeTime | Time | None = None
    agent_id: str | None = None
    # kimi-cli
    timestamp: str | WholeTime | Time | None = None
    message: WrappedMessage | None = None
    # metadata
    app_version: str | None = None
    # turns
    input: Raw = ABSENT
    origin: KimiOrigin | None = None
    prompt_id: str | None = None
    message_id: str | None = None
    turn_id: Raw = ABSENT
    reason: str | None = None
    duration_ms: Milliseconds | None = None
    # requests
    model: str | None = None
    model_alias: str | None = None
    usage: KimiUsage | None = None
    usage_scope: str | None = None
    event: LoopEvent | None = None
    error: KimiError | None = None
    error_name: str | None = None
    status_code: HttpStatus | None = None
    failed_attempt: Requests | None = None
    # profile.bind, config.update
    environment_disclosure: Environment | None = None
    # permission.set_mode
    mode: str | None = None
    # interaction.*
    id: str | None = None
    kind: str | None = None
    tool_call_id: str | None = None
    request: Raw = ABSENT
    response: Raw = ABSENT
    # subagent.*
    subagent_id: str | None = None
    run_in_background: bool | None = None
    # compaction
    source: Raw = ABSENT
    tokens_before: TokenCount | None = None
    tokens_after: TokenCount | None = None


# Payloads of kimi-cli


class ClientUsage(Struct, gc=False):
    """Token counts of a response, as kimi-cli wrote them."""

    input_other: TokenCount | None = None
    output: TokenCount | None = None
    input_cache_read: TokenCount | None = None
    input_cache_creation: TokenCount | None = None


class ClientFunction(Struct, gc=False):
    """The tool that a call is of."""

    name: str | None = None
    arguments: Raw = ABSENT


class ClientResult(Struct, gc=False):
    """What came back of a tool call."""

    is_error: bool | None = None


class ClientPayload(Struct, gc=False):
    """The payload of a message of kimi-cli."""

    user_input: Raw = ABSENT
    type: str | None = None
    text: Raw = ABSENT
    id: str | None = None
    function: ClientFunction | None = None
    tool_call_id: str | None = None
    return_value: ClientResult | None = None
    token_usage: ClientUsage | None = None
    context_tokens: TokenCount | None = None
    max_context_tokens: TokenCount | None = None
    message_id: str | None = None
    status_code: HttpStatus | None = None
    request_id: str | None = None
    response: Raw = ABSENT
    sender: str | None = None
    agent_id: str | None = None
    event: WrappedMessage | None = None
    parent_tool_call_id: str | None = None
    task_tool_call_id: str | None = field(default=None)


PASSED_OVER = frozenset(
    {
        *("runtime.set_binding", "mcp.tools_discovered", "context.append_message"),
        *("agent.message.appended", "agent.turn.started", "agent.turn.ended"),
        *("plugin.session_start", "llm.tools_snapshot", "token_counting.measured"),
        *("token_counting.turn_recorded", "token_counting.truncated"),
        *("token_counting.rebased", "prompt.completed", "prompt.accepted"),
        *("prompt.aborted", "prompt.steered", "file_history.tracked"),
        *("file_history.checkpoint", "turn.step.interrupted", "turn.cancel", "forked"),
        *("subagent.started", "full_compaction.complete", "full_compaction.cancel"),
        *("context.undo", "context.clear", "goal.create", "goal.update", "goal.clear"),
        *("goal.account_usage", "goal.continuation", "plan_mode.enter"),
        *("plan_mode.cancel", "plan_mode.exit", "permission.record_approval_result"),
        *("tools.update_store", "tools.set_active_tools", "tools.reset_active_tools"),
        *("task.started", "task.terminated", "task.waitDelivered", "cron.add"),
        *("cron.cursor", "cron.delete", "plan.revision", "swarm.enter", "swarm.exit"),
        *("tower_mode.enter", "tower_mode.exit", "metadata", "llm.retry"),
    }
)
"""Records without anything that is counted or judged."""

MESSAGES_PASSED_OVER = frozenset(
    {
        *("StepBegin", "ToolCallPart", "Notification", "MCPStatusSnapshot", "BtwBegin"),
        *("BtwEnd", "HookTriggered", "HookResolved", "PlanDisplay", "CompactionBegin"),
        *("ToolCallRequest", "MCPLoadingBegin", "MCPLoadingEnd"),
    }
)
"""The same of messages of kimi-cli."""
