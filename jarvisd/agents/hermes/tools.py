"""Tool calls of Hermes, and how they ended: results are messages of their own."""

import re
from collections.abc import Iterator

import msgspec

from jarvisd.agents._shared.decode import ABSENT, decode, digest_of, text_of
from jarvisd.agents.hermes.shape import CallContent, HermesCall, HermesRow
from jarvisd.core.event import (
    Event,
    Outcome,
    TaskKind,
    TaskStarted,
    ToolCalled,
    ToolKind,
    ToolReturned,
)

_CONTENT = msgspec.json.Decoder(CallContent)
_DELEGATE = "delegate_task"
_DISPATCHED = "dispatched"
_DENIED = re.compile(
    r"BLOCKED: (?:user denied|approval)|denied by (?:the )?user", re.IGNORECASE
)
_DENIAL_PARTS = ("blocked: ", "ed by ")
"""A part of every denial, in letters with one small form each: most output has none."""
_FAILED = frozenset({"error", "failed", "timeout"})
_REFUSED = frozenset({"blocked", "denied", "rejected"})
_HEAD = 4_000
"""Where a refusal stands; results may be megabytes."""


def calls_of(calls: tuple[HermesCall, ...] | None, response: str) -> Iterator[Event]:
    """Return the calls that an answer asks for."""
    for each in calls or ():
        call_id, function = each.id or each.call_id, each.function
        if not call_id or function is None:
            continue

        tool, server, kind = function.name, None, ToolKind.TOOL
        if tool == _DELEGATE:
            kind = ToolKind.SUBAGENT
        elif tool.startswith("mcp_"):
            # A server's name with an underscore cannot be told from that of its tool.
            before, _, after = tool.removeprefix("mcp_").lstrip("_").partition("_")
            if before and after:
                kind, server, tool = ToolKind.MCP, before, after.lstrip("_")

        yield ToolCalled(
            call_id=call_id,
            tool=tool,
            response=response,
            kind=kind,
            server=server,
            subagent=tool if kind is ToolKind.SUBAGENT else None,
            digest=digest_of(function.arguments),
        )


def result_of(row: HermesRow) -> Iterator[Event]:
    """Return how a call ended, and the subagents that it left at work."""
    if not row.call:
        return

    text = text_of(row.content) or ""
    found = None
    if text.startswith("{"):
        found = decode(text.encode("utf-8", "replace"), _CONTENT)

    yield ToolReturned(call_id=row.call, outcome=_outcome(text, found))
    if found is not None and found.status == _DISPATCHED and found.delegation_id:
        yield TaskStarted(task_id=found.delegation_id, kind=TaskKind.WORKFLOW)


def _outcome(text: str, content: CallContent | None) -> Outcome:
    words = text[:_HEAD].lower()
    if any(part in words for part in _DENIAL_PARTS) and _DENIED.search(text[:_HEAD]):
        return Outcome.DENIED

    if content is None:
        return Outcome.OK

    if content.status in _REFUSED:
        return Outcome.DENIED

    error = content.error is not ABSENT and bytes(content.error) not in {b"null", b'""'}
    failed = error or bool(content.exit_code) or content.success is False
    return Outcome.ERROR if failed or content.status in _FAILED else Outcome.OK
