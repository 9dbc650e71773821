"""Tool calls of Gemini CLI: what is called, and how it ended.

A call has the provider's id, which is unique within its message only.
"""

import re
from collections.abc import Iterator

from msgspec import Struct

from jarvisd.agents._shared.decode import decode_raw, digest_of, text_of, unix_ms
from jarvisd.agents._shared.last_number import last_number
from jarvisd.agents.gemini.shape import GeminiCall, GeminiMessage, GeminiPart
from jarvisd.core.event import Event, Outcome, ToolCalled, ToolKind, ToolReturned

_SUBAGENTS = {"invoke_agent", "delegate_to_agent", "codebase_investigator"}
_SKILL = "activate_skill"
_SERVER = re.compile(r"(.+) \((.+) MCP Server\)", re.DOTALL)
_SERVER_END = " MCP Server)"
_MCP = "mcp_"
_SHELL = "run_shell_command"
_EXIT = re.compile(r"^Exit Code: (-?\d+)$", re.MULTILINE)
_EXIT_MARK = "Exit Code: "
"""Of the commands that a command ran, too: the last one is its own."""
_REFUSED = ("User did not allow tool call", "denied by policy", "Tool execution denied")


class _Arguments(Struct, gc=False):
    agent_name: str | None = None
    name: str | None = None


def calls_in(message: GeminiMessage) -> Iterator[Event]:
    """Yield the calls of *message*, and their ends."""
    answered_ms = unix_ms(message.timestamp)
    for call in message.tool_calls:
        if not call.id:
            continue

        call_id = f"{message.id}/{call.id}"
        yield _called(call, call_id, message.id)
        ended_ms = unix_ms(call.timestamp)
        duration_ms = None
        if answered_ms is not None and ended_ms is not None:
            duration_ms = max(0, ended_ms - answered_ms)

        outcome = _outcome_of(call)
        if outcome is not None:
            yield ToolReturned(
                call_id=call_id, outcome=outcome, duration_ms=duration_ms
            )


def newest_ms(message: GeminiMessage) -> int | None:
    """Return when the last thing in *message* happened."""
    stamps = (message.timestamp, *(each.timestamp for each in message.tool_calls))
    return max(filter(None, map(unix_ms, stamps)), default=None)


def _called(call: GeminiCall, call_id: str, response: str | None) -> ToolCalled:
    tool, kind, server, given = call.name, ToolKind.TOOL, None, None
    shown = call.display_name or ""
    of_server = _SERVER.fullmatch(shown) if shown.endswith(_SERVER_END) else None
    if of_server is not None:
        kind, server = ToolKind.MCP, of_server[2]
        prefix = f"{_MCP}{server}_"
        tool = call.name.removeprefix(prefix) or call.name
    elif call.name in _SUBAGENTS or call.name == _SKILL:
        given = decode_raw(call.args, _Arguments)
        kind = ToolKind.TOOL if call.name == _SKILL else ToolKind.SUBAGENT
    elif call.name.startswith(_MCP):
        kind = ToolKind.MCP

    return ToolCalled(
        call_id=call_id,
        tool=tool,
        response=response,
        kind=kind,
        server=server,
        skill=given.name if given and call.name == _SKILL else None,
        subagent=(given and given.agent_name) or call.name
        if kind is ToolKind.SUBAGENT
        else None,
        digest=digest_of(call.args),
    )


def _outcome_of(call: GeminiCall) -> Outcome | None:
    """Return how *call* ended; None if it is still open."""
    match call.status:
        case "success" if call.name == _SHELL:
            output = _text_of_result(call, "output")
            code = last_number(_EXIT, _EXIT_MARK, output)
            failed = code is not None and int(code[:12]) != 0
            return Outcome.ERROR if failed else Outcome.OK
        case "success":
            return Outcome.OK
        case "error" | "cancelled":
            reason = "".join(
                _text_of_result(call, each) for each in ("error", "output")
            )
            refused = any(each in reason for each in _REFUSED)
            return Outcome.DENIED if refused else Outcome.ERROR
        case _:
            return None


def _text_of_result(call: GeminiCall, name: str) -> str:
    result = call.result
    parts = result if isinstance(result, tuple) else (result,)
    for each in parts:
        if isinstance(each, GeminiPart) and each.function_response is not None:
            response = each.function_response.response
            return "" if response is None else text_of(getattr(response, name)) or ""

    return ""
