"""Tool calls of opencode: a part that is updated from pending to completed or error.

Results are not apart from their calls. A command that exits with another code than 0 is
completed all the same.
"""

import re
from collections.abc import Iterator

from jarvisd.agents._shared.decode import decode_raw, digest_of, head_of
from jarvisd.agents.opencode.shape import CallInput, CallState, RowData, RowTimes
from jarvisd.agents.opencode.usage import duration_of
from jarvisd.core.event import Event, Outcome, ToolCalled, ToolKind, ToolReturned

_HEAD_BYTES = 200
_DENIED = re.compile(
    rb'"(?:Error: )?(?:The user (?:rejected permission|has specified a rule which '
    rb"prevents|dismissed this question)|Permission denied)"
)
"""Errors of calls that somebody, or a rule, did not let run, in the program's words."""

_COMMAND = "bash"
_TASK = "task"
_SKILL = "skill"
_INVALID = "invalid"
"""The tool that takes the place of a call whose arguments do not fit; it always works."""

_BUILT_IN = frozenset(
    {
        "apply_patch",
        "ask_followup_question",
        "codebase_search",
        "semantic_search",
        "plan_enter",
        "plan_exit",
        "todo_read",
        "todo_write",
        "web_fetch",
        "web_search",
    }
)
"""Tools of its own whose names look like those of MCP servers."""

_NO_STATE = CallState()


def is_over(state: CallState) -> bool:
    """Whether a call came back."""
    return state.status in {"completed", "error"}


def has_begun(tool: str, state: CallState) -> bool:
    """Whether a call that is running was allowed to, or would not show it.

    A command notes its output at once when it runs, however little that is. Other tools
    note nothing before they end.
    """
    return tool != _COMMAND or state.metadata is not None


def call_of(data: RowData, call_id: str, response: str) -> ToolCalled:
    """Return the call that a part is; *response* is the key of its message."""
    state = data.state or _NO_STATE
    tool, kind, server, skill, subagent = data.tool, ToolKind.TOOL, None, None, None
    if tool == _TASK:
        named = decode_raw(state.input, CallInput)
        kind, subagent = ToolKind.SUBAGENT, named.subagent_type if named else None
    elif tool == _SKILL:
        named = decode_raw(state.input, CallInput)
        skill = named.name if named else None
    elif "_" in tool.strip("_") and tool not in _BUILT_IN:
        # A server's name with an underscore cannot be told from that of its tool.
        before, _, after = tool.partition("_")
        if before and after:
            kind, server, tool = ToolKind.MCP, before, after

    return ToolCalled(
        call_id=call_id,
        tool=tool,
        response=response,
        kind=kind,
        server=server,
        skill=skill,
        subagent=subagent,
        digest=0 if state.status == "pending" else digest_of(state.input),
    )


def result_of(data: RowData, call_id: str) -> Iterator[Event]:
    """Return how a call came back, if it did."""
    state = data.state or _NO_STATE
    if not is_over(state):
        return

    times = state.time or RowTimes()
    duration_ms = duration_of(times.start, times.end)
    yield ToolReturned(
        call_id=call_id, outcome=_outcome(data, state), duration_ms=duration_ms
    )


def _outcome(data: RowData, state: CallState) -> Outcome:
    if state.status == "error":
        denied = _DENIED.match(head_of(state.error, _HEAD_BYTES))
        return Outcome.DENIED if denied else Outcome.ERROR

    exit_code = state.metadata.exit if state.metadata is not None else None
    return Outcome.ERROR if exit_code or data.tool == _INVALID else Outcome.OK
