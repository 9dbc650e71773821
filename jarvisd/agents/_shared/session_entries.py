"""Entries of a session tree, as pi and its descendants write them -> events.

Branches of the tree lie in one file, and what an abandoned one took stays spent: each
entry counts, whatever its parent. A fork begins with copies, which have the ids and the
times of the originals.
"""

import re
from collections.abc import Iterator

import msgspec

from jarvisd.agents._shared.cue import asks
from jarvisd.agents._shared.decode import decode_raw, digest_of, head_of, text_of
from jarvisd.agents._shared.entry_shape import (
    EntryBlock,
    EntryMessage,
    EntryUsage,
    ResultDetails,
    TreeEntry,
)
from jarvisd.agents._shared.troubles import TROUBLES
from jarvisd.base.usage import Tokens
from jarvisd.core.event import (
    MAX_TITLE_CHARS,
    ApiFailed,
    Asked,
    Compacted,
    Cue,
    Event,
    Instructed,
    Interrupted,
    LimitReached,
    MessageWritten,
    Outcome,
    PromptGiven,
    TitleGiven,
    TitleRank,
    ToolCalled,
    ToolKind,
    ToolReturned,
    Trouble,
    UsageReported,
)
from jarvisd.core.record import Speaker

MICROS = 1_000_000
_NO_DETAILS = ResultDetails()
SPEAKERS = {"user": Speaker.USER, "assistant": Speaker.ASSISTANT}
ROLES = {
    *("system", "user", "assistant", "toolResult", "bashExecution", "custom"),
    *("branchSummary", "compactionSummary", "developer", "hookMessage"),
    *("pythonExecution", "fileMention"),
}
TYPES = {
    *("session", "message", "model_change", "thinking_level_change", "compaction"),
    *("branch_summary", "custom", "custom_message", "label", "session_info"),
    *("context_edit", "usage", "leaf"),
    # oh-my-pi
    *("title", "title_change", "model_usage", "service_tier_change", "reset_boundary"),
    *("ttsr_injection", "session_init", "mode_change", "credential_pin"),
    # What is printed of a run, whose session is in a file besides
    *("agent_start", "agent_end", "agent_settled", "turn_start", "turn_end"),
    *("message_start", "message_update", "message_end", "tool_execution_start"),
    *("tool_execution_update", "tool_execution_end", "auto_retry_start"),
    *("auto_retry_end", "compaction_start", "compaction_end", "queue_update"),
}

MAX_ATTEMPTS = 3
"""How often a request is tried again by default."""

_CUT_SHORT = {"error", "aborted"}
_NO_MODELS = {"delivery-mirror", "gateway-injected"}
"""Of answers that no model gave: copies of what OpenClaw sent to a channel."""

_STOPS = {"toolUse": "tool_use", "deferred": None, "pending": None}
_LIMIT = re.compile(
    rb"usage.?limit|quota.?exceeded|insufficient_quota|out of budget", re.IGNORECASE
)
_RETRIED = re.compile(
    rb"overloaded|rate.?limit|too many requests|(?<![a-z0-9])(?:429|50[0234]|52[049])"
    rb"(?![a-z0-9])|service.?unavailable|server.?error|internal.?error|network.?error"
    rb"|connection.?(?:error|refused|lost|closed)|fetch failed|socket hang up"
    rb"|ECONN|ETIMEDOUT|timed? ?out|terminated|stream ended",
    re.IGNORECASE,
)
"""Errors that pi tries again, as far as they are common; `retry.ts` lists them all."""

_STATUS = re.compile(rb"[^0-9a-z]{0,2}([45][0-9]{2})\b")
_ERROR_WORD = re.compile(rb'"(?:type|code)\\?":\s?\\?"([a-z_]{1,48}_[a-z_]{1,48})\\?"')
_ERROR_BYTES = 2_048
_MCP = "mcp__"
_AGENTS = {"task", "subagent", "sessions_spawn"}


class EntryMemory(msgspec.Struct, omit_defaults=True):
    """What is remembered of a session from entry to entry.

    Attributes:
        model: The model of the newest response, or the one that was chosen since.
        failures: How many requests have failed in a row.
        given_up: The id of the newest failed message, if its error seemed to be final.
        forked_ms: When the session was made of another one: what is older is copied.

    """

    model: str | None = None
    failures: int = 0
    given_up: str | None = None
    forked_ms: int | None = None


def events_of(entry: TreeEntry, memory: EntryMemory) -> Iterator[Event]:
    """Yield the events of *entry*, and update *memory*."""
    match entry.type:
        case "message" if entry.message is not None:
            yield from _message(entry, entry.message, memory)
        case "model_change":
            memory.model = entry.model_id or (entry.model or "").rpartition("/")[2]
        case "compaction":
            yield Compacted(
                before_tokens=entry.tokens_before, after_tokens=entry.tokens_after
            )
            yield from _usage_beside(entry, memory.model)
        case "branch_summary":
            yield from _usage_beside(entry, memory.model)
        case "usage" | "model_usage":
            yield from _usage_beside(entry, entry.model)
        case "session_info" if entry.name:
            title = entry.name[:MAX_TITLE_CHARS]
            yield TitleGiven(title=title, rank=TitleRank.CUSTOM)
        case "session" | "session_info" | "title" | "title_change" if entry.title:
            is_own = "user" in {entry.source, entry.title_source}
            yield TitleGiven(
                title=entry.title[:MAX_TITLE_CHARS],
                rank=TitleRank.CUSTOM if is_own else TitleRank.AI,
            )
        case "context_edit" if memory.given_up == entry.target_id is not None:
            # The failed message leaves the context, so that it can be tried again.
            memory.given_up = None
            yield ApiFailed(attempt=memory.failures, retrying=True)


def lacks_counts(usage: EntryUsage | None) -> bool:
    """Whether *usage*, that of a response, does not tell input and output apart."""
    return usage is None or (usage.input is None and usage.output is None)


def texts_in(message: EntryMessage) -> list[str]:
    """Return the texts in the content of *message*."""
    if isinstance(message.content, str):
        return [message.content]

    texts = (each for each in message.content or () if each.type == "text")
    return [text_of(each.text) or "" for each in texts]


def _message(
    entry: TreeEntry, message: EntryMessage, memory: EntryMemory
) -> Iterator[Event]:
    match message.role:
        case "user" if message.attribution == "agent":
            yield Instructed(by_agent=True)
        case "user":
            yield PromptGiven(
                chars=sum(map(len, texts_in(message))), key=entry.key or None
            )
        case "assistant":
            yield from _answer(entry, message, memory)
        case "toolResult":
            if message.tool_call_id:
                yield _returned(message, message.tool_call_id)

            # Models that the tool asked; which they were is not written.
            yield from _usage(message.usage, f"{entry.key}:tool", None)


def _returned(message: EntryMessage, call_id: str) -> ToolReturned:
    details = decode_raw(message.details, ResultDetails) or _NO_DETAILS
    failed = (
        message.is_error
        or details.exit_code not in {None, 0}
        or details.status == "error"
    )
    measured_ms = message.duration_ms
    return ToolReturned(
        call_id=call_id,
        outcome=Outcome.ERROR if failed else Outcome.OK,
        duration_ms=details.duration_ms if measured_ms is None else measured_ms,
    )


def _answer(
    entry: TreeEntry, message: EntryMessage, memory: EntryMemory
) -> Iterator[Event]:
    key, stop = entry.key, message.stop_reason
    if message.model in _NO_MODELS:
        return

    for usage in _usage(
        message.usage,
        key,
        message.response_model or message.model or memory.model,
        in_context=stop not in _CUT_SHORT,
        latency_ms=message.duration_ms,
    ):
        memory.model = usage.model
        yield usage

    if stop == "aborted":
        yield Interrupted(reason="user")
    elif stop == "error":
        memory.failures += 1
        yield from _failure(message, memory, entry.id)
        return
    else:
        yield MessageWritten(message_id=key, stop_reason=_STOPS.get(stop or "", stop))
        blocks = message.content if isinstance(message.content, tuple) else ()
        calls = [each for each in blocks if each.type == "toolCall" and each.id]
        yield from (_call(each, key) for each in calls)
        if not calls and stop == "stop" and asks("\n".join(texts_in(message))):
            yield Asked(cue=Cue.QUESTION)

    memory.failures, memory.given_up = 0, None


def _failure(
    message: EntryMessage, memory: EntryMemory, entry_id: str | None
) -> Iterator[Event]:
    text = head_of(message.error_message, _ERROR_BYTES)
    if _LIMIT.search(text):
        yield LimitReached()
        return

    retrying = memory.failures <= MAX_ATTEMPTS and _RETRIED.search(text) is not None
    memory.given_up = None if retrying else entry_id
    status, words = _STATUS.match(text), _ERROR_WORD.findall(text)
    word = words[-1].decode() if words else None
    trouble = TROUBLES.get(word or "", Trouble.API_ERROR)
    if status is not None and status[1] == b"401":
        trouble = Trouble.LOGGED_OUT

    yield ApiFailed(
        error=word,
        status=None if status is None else int(status[1]),
        attempt=memory.failures,
        retrying=retrying,
        trouble=None if retrying else trouble,
    )


def _call(block: EntryBlock, response: str | None) -> ToolCalled:
    tool, server, kind = block.name or "", None, ToolKind.TOOL
    if tool.startswith(_MCP):
        server, _, tool = tool.removeprefix(_MCP).partition("__")
        kind = ToolKind.MCP
    elif tool in _AGENTS:
        kind = ToolKind.SUBAGENT

    return ToolCalled(
        call_id=block.id or "",
        response=response,
        tool=tool,
        server=server,
        kind=kind,
        subagent=tool if kind is ToolKind.SUBAGENT else None,
        digest=digest_of(block.arguments),
    )


def _usage_beside(entry: TreeEntry, model: str | None) -> Iterator[UsageReported]:
    return _usage(entry.usage, entry.key, model)


def _usage(
    usage: EntryUsage | None,
    response: str | None,
    model: str | None,
    *,
    in_context: bool = False,
    latency_ms: int | None = None,
) -> Iterator[UsageReported]:
    """Yield the usage of a response, unless nothing was used, as by one that failed."""
    if usage is None or lacks_counts(usage):
        return

    reasoning = usage.reasoning or usage.reasoning_tokens or 0
    output, written = usage.output or 0, usage.cache_write or 0
    for_an_hour = min(usage.cache_write_1h or 0, written)
    tokens = Tokens(
        input=usage.input or 0,
        cache_read=usage.cache_read or 0,
        cache_write_5m=written - for_an_hour,
        cache_write_1h=for_an_hour,
        output=output,
        reasoning=min(reasoning, output),
    )
    if not tokens.total:
        return

    dollars = None if usage.cost is None else usage.cost.total
    yield UsageReported(
        response=response,
        model=model,
        tokens=tokens,
        in_context=in_context,
        latency_ms=latency_ms,
        # Without a price for the model, the agent writes 0.
        stated_micros=round(dollars * MICROS) if dollars else None,
    )
