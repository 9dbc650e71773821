"""Claude Code's tool calls and what came back of them."""

import re
from collections.abc import Iterable, Iterator

import msgspec
from msgspec import Raw

from jarvisd.agents._shared.decode import (
    ABSENT,
    decode_raw,
    digest_of,
    head_of,
    text_of,
)
from jarvisd.agents.claude.shape import ContentBlock, ToolOutcome, TranscriptLine
from jarvisd.base.usage import Tokens
from jarvisd.core.event import (
    Event,
    Outcome,
    TaskKind,
    TaskStarted,
    ToolCalled,
    ToolKind,
    ToolReturned,
    UsageReported,
)

_MCP = "mcp__"
_SUBAGENTS = {"Task", "Agent"}
_DENIED = re.compile(
    rb"The user doesn't want to (?:proceed with|take) this"
    rb"|Permission to use .{1,200} has been denied"
    rb"|User rejected tool use"
)
_LAUNCHED = "async_launched"
_OK = Outcome.OK
_NOTHING_NOTED = ToolOutcome()
_MAX_MS_DIGITS = 12
"""Thirty years; what took longer is damage."""

_HEAD_BYTES = 400
"""A denial says so at once; results may be megabytes."""


class _Input(msgspec.Struct, gc=False):
    skill: str | None = None
    command: str | None = None
    name: str | None = None
    subagent_type: str | None = None


def call_of(block: ContentBlock, response: str | None) -> ToolCalled:
    """Return the call that the content item *block* of *response* is."""
    tool, call_id = block.name or "", block.id or ""
    digest = digest_of(block.input)
    if tool.startswith(_MCP):
        server, _, name = tool.removeprefix(_MCP).partition("__")
        return ToolCalled(
            call_id=call_id,
            response=response,
            tool=name,
            kind=ToolKind.MCP,
            server=server,
            digest=digest,
        )

    if tool in _SUBAGENTS:
        given = decode_raw(block.input, _Input)
        subagent = (None if given is None else given.subagent_type) or tool
        return ToolCalled(
            call_id=call_id,
            response=response,
            tool=tool,
            kind=ToolKind.SUBAGENT,
            subagent=subagent,
            digest=digest,
        )

    if tool == "Skill":
        skill = _skill(block.input)
        return ToolCalled(
            call_id=call_id, response=response, tool=tool, skill=skill, digest=digest
        )

    return ToolCalled(call_id=call_id, response=response, tool=tool, digest=digest)


def results_in(
    blocks: Iterable[ContentBlock], line: TranscriptLine, model: str | None
) -> list[Event]:
    """Return the results of tool calls in the content items *blocks* of *line*.

    *model* is the one that asked for them.
    """
    found: list[Event] = []
    noted = line.tool_use_result or line.stdout_tool_use_result
    known = noted if isinstance(noted, ToolOutcome) else _NOTHING_NOTED
    for block in blocks:
        call_id = block.tool_use_id
        if block.type == "tool_result" and call_id:
            if known.searchCount and not found:
                found.append(_searches(call_id, known.searchCount, model))

            duration_ms = _duration(known)
            found.append(
                ToolReturned(
                    call_id=call_id,
                    outcome=_outcome(block, line) if block.is_error else _OK,
                    duration_ms=duration_ms,
                )
            )
            found.extend(_started(known))

    return found


def _searches(call_id: str, searches: int, model: str | None) -> UsageReported:
    """Return the response in which a call of WebSearch searched so often.

    It was given beside the conversation; a transcript does not tell its tokens.
    """
    return UsageReported(
        response=f"{call_id}:searches",
        model=model,
        tokens=Tokens(),
        web_searches=searches,
        in_context=False,
    )


def _skill(given: Raw) -> str | None:
    named = decode_raw(given, _Input)
    if named is None:
        return None

    return (named.skill or named.command or named.name or "").lstrip("/") or None


def _outcome(block: ContentBlock, line: TranscriptLine) -> Outcome:
    if line.tool_denial_kind or _DENIED.search(head_of(block.content, _HEAD_BYTES)):
        return Outcome.DENIED

    return Outcome.ERROR


def _duration(noted: ToolOutcome) -> int | None:
    if noted.totalDurationMs is ABSENT and noted.durationMs is ABSENT:
        return None

    digits = _MAX_MS_DIGITS + 1
    written = head_of(noted.totalDurationMs, digits) or head_of(
        noted.durationMs, digits
    )
    return int(written) if written.isdigit() and len(written) < digits else None


def _started(noted: ToolOutcome) -> Iterable[Event]:
    if (
        noted.agentId is ABSENT
        and noted.backgroundTaskId is ABSENT
        and noted.taskId is ABSENT
    ):
        return ()

    return _all_started(noted)


def _all_started(noted: ToolOutcome) -> Iterator[Event]:
    if task_id := text_of(noted.backgroundTaskId):
        yield TaskStarted(task_id=task_id)

    if text_of(noted.status) == _LAUNCHED:
        if agent_id := text_of(noted.agentId):
            yield TaskStarted(task_id=agent_id, kind=TaskKind.AGENT)
        elif workflow_id := text_of(noted.taskId):
            yield TaskStarted(task_id=workflow_id, kind=TaskKind.WORKFLOW)
