"""Codex's tool calls and what came back of them.

A call and its result share a call id. Whether a call failed is in its output's header,
in the item that Codex completes beside it, or in neither: then it went well, because a
false error is worse than a missed one.
"""

import re
from collections.abc import Iterator

import msgspec
from msgspec import Raw

from jarvisd.agents._shared.decode import ABSENT, decode_raw, digest_of, head_of
from jarvisd.agents.codex.shape import Item, RolloutPayload
from jarvisd.core.event import (
    Event,
    Outcome,
    TaskStarted,
    ToolCalled,
    ToolKind,
    ToolReturned,
)

_HEAD_BYTES = 600
"""An output's header is at its start; the output itself may be megabytes."""

_HEADER_END = b"Output:"
_EXIT_WORD = b"xit"
_EXIT = re.compile(rb"(?:Process exited with code|[Ee]xit code:) (-?\d+)")
_OLD_CODE = b"exit_code"
_OLD_EXIT = re.compile(rb'\\"exit_code\\":\s?(-?\d+)')
_RUNNING = b"Process running"
_STARTED = re.compile(rb"Process running with session ID (\w+)")
_BY_USER = b" by user"
_TEXT = rb'"?(?:\[[^\]]{0,200}"text":\s?")?'
"""What stands before the text of an output: it may be the first of several blocks."""

_REFUSED = re.compile(
    _TEXT + rb"(?:(?:Wall time:? [\d.]{1,12} seconds\\n)?aborted by user"
    rb"|(?:exec command|patch) rejected by user)"
)
"""An approval that was refused. A command that was interrupted reads the same."""

_SCRIPT_ERROR = re.compile(_TEXT + rb"Script (?:failed|error:)")
_OK = Outcome.OK
_SPAWN = "spawn_agent"
_NESTED = "exec-"
"""What a script of code mode runs has ids of its own. The script is the call."""


class _Result(msgspec.Struct, gc=False):
    is_error: bool | None = msgspec.field(default=None, name="isError")
    err: Raw = msgspec.field(default=ABSENT, name="Err")


def call_of(
    call_id: str | None,
    name: str | None,
    namespace: str | None = None,
    given: Raw = ABSENT,
) -> tuple[Event, ...]:
    """Return the call of the tool *name* with *given*, if it can be told from others."""
    if not call_id:
        return ()

    tool, server = _tool(name or "", namespace)
    digest = digest_of(given)
    if server is not None:
        kind, subagent = ToolKind.MCP, None
    elif tool == _SPAWN:
        kind, subagent = ToolKind.SUBAGENT, tool
    else:
        return (ToolCalled(call_id=call_id, tool=tool, digest=digest),)

    call = ToolCalled(
        call_id=call_id,
        tool=tool,
        kind=kind,
        server=server,
        subagent=subagent,
        digest=digest,
    )
    return (call,)


def result_of(call_id: str | None, output: Raw) -> tuple[Event, ...]:
    """Return how the call *call_id* ended, from its *output* alone."""
    if not call_id:
        return ()

    head = head_of(output, _HEAD_BYTES)
    header = head.partition(_HEADER_END)[0]
    returned = ToolReturned(call_id=call_id, outcome=_outcome(head, header))
    started = _STARTED.search(header) if _RUNNING in header else None
    if started is None:
        return (returned,)

    return returned, TaskStarted(task_id=started.group(1).decode())


def ended_of(payload: RolloutPayload) -> Iterator[Event]:
    """Return how a call ended, from one of the older `..._end` events."""
    if not payload.call_id:
        return

    failed = (
        payload.success is False
        or payload.exit_code not in {None, 0}
        or payload.status == "failed"
        or _is_error(payload.result)
    )
    yield _returned(payload.call_id, failed=failed)


def item_of(item: Item) -> Iterator[Event]:
    """Return how a call ended, from the *item* that was completed."""
    if not item.id or item.id.startswith(_NESTED):
        return

    failed = (
        item.status == "failed"
        or item.exit_code not in {None, 0}
        or _is_error(item.result)
    )
    yield _returned(item.id, failed=failed)


def _tool(name: str, namespace: str | None) -> tuple[str, str | None]:
    if namespace and namespace.startswith("mcp__"):
        return name, namespace.removeprefix("mcp__").rstrip("_")

    server, separator, tool = name.removeprefix("mcp__").partition("__")
    if separator and server and tool and not namespace:
        return tool, server

    return name, None


def _outcome(head: bytes, header: bytes) -> Outcome:
    if _BY_USER in head and _REFUSED.match(head):
        return Outcome.DENIED

    code = _EXIT.search(header) if _EXIT_WORD in header else None
    if code is None and _OLD_CODE in head:
        code = _OLD_EXIT.search(head)

    failed = code is not None and int(code.group(1)) != 0
    return Outcome.ERROR if failed or _SCRIPT_ERROR.match(head) else _OK


def _returned(call_id: str, *, failed: bool) -> ToolReturned:
    return ToolReturned(
        call_id=call_id, outcome=Outcome.ERROR if failed else Outcome.OK
    )


def _is_error(raw: Raw) -> bool:
    result = decode_raw(raw, _Result)
    return result is not None and (
        bool(result.is_error) or bool(memoryview(result.err))
    )
