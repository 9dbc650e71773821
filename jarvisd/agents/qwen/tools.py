"""Tool calls of Qwen Code: what is called, and how it ended.

A call has the provider's id, which is not unique, so it is known by its message's id
as well. Its end names the provider's id alone.
"""

from collections.abc import Iterator

from msgspec import Raw, Struct

from jarvisd.agents._shared.decode import ABSENT, decode_raw, digest_of
from jarvisd.agents.qwen.shape import QwenCall, QwenLine, UiEvent
from jarvisd.core.event import Event, Outcome, ToolCalled, ToolKind, ToolReturned

MAX_OPEN = 256
"""Calls without an end that are remembered."""

_WRAPPER = "tool_call"
"""Calls the tool that its arguments name."""

_SUBAGENTS = {"agent", "task"}
_SKILL = "skill"
_MCP, _SEPARATOR = "mcp__", "__"
_OUTCOMES = {
    "success": Outcome.OK,
    "error": Outcome.ERROR,
    "cancelled": Outcome.ERROR,
}


class _Arguments(Struct, gc=False):
    name: str | None = None
    arguments: Raw = ABSENT
    subagent_type: str | None = None
    skill: str | None = None


def calls_in(
    line: QwenLine, response: str | None, open_calls: dict[str, str]
) -> Iterator[Event]:
    """Yield the calls of the *response* in a message, and enter them in *open_calls*."""
    for part in () if line.message is None else line.message.parts:
        call = part.function_call
        if call is not None and call.id:
            call_id = f"{line.uuid}/{call.id}"
            open_calls[call.id] = call_id
            if len(open_calls) > MAX_OPEN:
                del open_calls[next(iter(open_calls))]

            yield _called(call, call_id, response)


def end_in(event: UiEvent, open_calls: dict[str, str]) -> Iterator[Event]:
    """Yield the end of a call by its telemetry, which knows how long it took."""
    call_id = open_calls.pop(event.call_id or "", None)
    if call_id is not None:
        outcome = _OUTCOMES.get(event.status or "", Outcome.OK)
        if event.decision == "reject":
            outcome = Outcome.DENIED

        yield ToolReturned(
            call_id=call_id, outcome=outcome, duration_ms=event.duration_ms
        )


def result_in(line: QwenLine, open_calls: dict[str, str]) -> Iterator[Event]:
    """Yield the end of a call by its result, unless its telemetry came before."""
    result = line.tool_call_result
    call_id = open_calls.pop((result and result.call_id) or "", None)
    if call_id is not None and result is not None:
        outcome = _OUTCOMES.get(result.status or "")
        if outcome is None:  # subagents' results have no status
            parts = () if line.message is None else line.message.parts
            returned = (each.function_response for each in parts)
            texts = [each.response for each in returned if each and each.response]
            failed = any(each.error is not ABSENT for each in texts)
            outcome = Outcome.ERROR if failed else Outcome.OK

        yield ToolReturned(
            call_id=call_id, outcome=outcome, duration_ms=result.duration_ms
        )


def _called(call: QwenCall, call_id: str, response: str | None) -> ToolCalled:
    tool, given, kind, server = call.name, call.args, ToolKind.TOOL, None
    found = None
    if tool in {_WRAPPER, _SKILL, *_SUBAGENTS}:
        found = decode_raw(given, _Arguments)

    if tool == _WRAPPER and found is not None and found.name:
        tool, given = found.name, found.arguments

    if tool.startswith(_MCP):
        kind = ToolKind.MCP
        server, _, named = tool.removeprefix(_MCP).partition(_SEPARATOR)
        tool = named or tool
    elif tool in _SUBAGENTS:
        kind = ToolKind.SUBAGENT

    is_subagent = kind is ToolKind.SUBAGENT
    return ToolCalled(
        call_id=call_id,
        tool=tool,
        response=response,
        kind=kind,
        server=server,
        skill=found.skill if found and tool == _SKILL else None,
        subagent=found.subagent_type if found and is_subagent else None,
        digest=digest_of(given),
    )
