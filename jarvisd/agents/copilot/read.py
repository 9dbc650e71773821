"""One line of GitHub Copilot CLI -> what it says happened.

Subagents are in the session's own file, marked by the id of the agent. Ids of calls are
the provider's, which come again in other sessions, so the session's is put before them.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

import msgspec

from jarvisd.agents._shared.cue import asks
from jarvisd.agents._shared.decode import (
    ABSENT,
    UNDECODED,
    decode_raw,
    decode_strange,
    digest_of,
    text_of,
    unix_ms,
)
from jarvisd.agents._shared.long_lines import condenser_of
from jarvisd.agents.copilot.shape import (
    TYPES_PASSED_OVER,
    CopilotLine,
    EventData,
    Failure,
    ToolArguments,
)
from jarvisd.agents.copilot.traits import ALLOWS_ALL, ASKS
from jarvisd.agents.copilot.usage import (
    RECORD,
    ModelSum,
    announce,
    lacks_tokens,
    settle,
    usage_of,
)
from jarvisd.core.agent import ReaderContext
from jarvisd.core.event import (
    ApiFailed,
    ApprovalAnswered,
    ApprovalRequested,
    Asked,
    Compacted,
    Cue,
    Event,
    Instructed,
    Interrupted,
    LimitReached,
    MessageWritten,
    ModeChanged,
    Outcome,
    PromptGiven,
    SessionClosed,
    SessionOpened,
    TaskEnded,
    TaskKind,
    TaskStarted,
    ToolCalled,
    ToolKind,
    ToolReturned,
    Trouble,
    TurnEnded,
)
from jarvisd.core.record import Drift, DriftKind, Record, Speaker

_DECODE = msgspec.json.Decoder(CopilotLine).decode
condense = condenser_of(CopilotLine)

MAX_DIALOGS = 64

_END, _CALLS = "end_turn", "tool_use"
_SUBAGENT, _SKILL = "task", "skill"
_DENIALS = ("denied", "rejected", "cancelled")
_LIMITS = {"quota", "rate_limit"}
_OF_SUBAGENTS = "subagent."
"""What is said of a subagent, and not by it."""


class CopilotMemory(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What must be remembered of one session from line to line.

    Attributes:
        session_id: Its id.
        version: That of the program that writes it.
        response: The newest response of the main agent.
        is_final: The newest message of the main agent asks for no call.
        has_records: Usage records are written, so that sums say nothing new.
        sums: By model, where no usage records are written.
        compacted: Billing units of compactions since the last sums, by model.
        dialogs: Calls that somebody is asked about, by the id of the request.
        refused: Calls that were refused, and have not returned so far.

    """

    session_id: str = ""
    version: str | None = None
    response: str | None = None
    is_final: bool = False
    has_records: bool = False
    sums: dict[str, ModelSum] = {}
    compacted: dict[str, float] = {}
    dialogs: dict[str, str] = {}
    refused: list[str] = []


_ENCODER = msgspec.msgpack.Encoder()
_MEMORY = msgspec.msgpack.Decoder(CopilotMemory)


class CopilotReader:
    """Reads the lines of one session."""

    def __init__(self, context: ReaderContext, saved: bytes) -> None:
        self._memory = CopilotMemory(session_id=context.session_id or "")
        if saved:
            with suppress(msgspec.DecodeError):  # a memory that is bad is none
                self._memory = _MEMORY.decode(saved)

    def read(self, text: bytes, *, offset: int) -> Record | None:
        """Return the record of the line *text*, or None if it is malformed."""
        left_out = 0
        try:
            line = _DECODE(text)
        except UNDECODED as error:
            found, left_out = decode_strange(text, CopilotLine, error)
            if found is None:
                return None

            line = found

        kind, memory = line.type, self._memory
        data = line.data or EventData()
        read = _EVENTS.get(kind)
        memory.version = data.copilot_version or memory.version
        context = data.context
        is_own = line.agent_id is None
        return Record(
            kind=kind,
            at_ms=unix_ms(line.timestamp),
            session_id=data.session_id if kind == "session.start" else None,
            cwd=context.cwd or None if context else None,
            branch=context.branch or "" if context else None,
            key=line.id,
            offset=offset,
            speaker=_SPEAKERS.get(kind),
            sidechain=not is_own and not kind.startswith(_OF_SUBAGENTS),
            version=memory.version,
            drift=() if read is not None else (Drift(DriftKind.RECORD_TYPE, kind),),
            lacks_tokens=kind == RECORD and lacks_tokens(data.usage),
            left_out=left_out,
            events=() if read is None else tuple(read(line, data, memory)),
        )

    def memory(self) -> bytes:
        """Return the encoded state of the reader; b"" if it cannot be encoded."""
        try:
            return _ENCODER.encode(self._memory)
        except (OverflowError, TypeError, ValueError):
            return b""


def _start(_: CopilotLine, data: EventData, memory: CopilotMemory) -> Iterator[Event]:
    memory.session_id = data.session_id or memory.session_id
    yield SessionOpened()


def _prompt(line: CopilotLine, data: EventData, _: CopilotMemory) -> Iterator[Event]:
    if is_persons(line, data):
        yield PromptGiven(
            chars=len(text_of(data.content) or ""),
            key=line.id,
            queued=data.delivery not in {None, "idle"},
        )
    else:
        yield Instructed(by_agent=True)


def is_persons(line: CopilotLine, data: EventData) -> bool:
    """Whether a person wrote the prompt *line*."""
    return (
        line.agent_id is None
        and data.source in {None, "user"}
        and data.is_autopilot_continuation is not True
    )


def _message(
    line: CopilotLine, data: EventData, memory: CopilotMemory
) -> Iterator[Event]:
    words, has_calls = text_of(data.content) or "", bool(data.tool_requests)
    is_whole = (data.chunk_index or 0) + 1 >= (data.chunk_count or 1)
    is_final = is_whole and not has_calls and bool(words.strip())
    if line.agent_id is None:
        memory.response = data.api_call_id or data.message_id
        memory.is_final = is_final

    stop = _CALLS if has_calls else _END if is_final else None
    yield MessageWritten(message_id=data.message_id, stop_reason=stop)
    if is_final and asks(words):
        yield Asked(cue=Cue.QUESTION)

    if not memory.has_records:
        yield from announce(data, memory.sums)


def _turn_end(
    line: CopilotLine, _: EventData, memory: CopilotMemory
) -> Iterator[Event]:
    # Each request is a turn to it: others follow until a message asks for no call.
    if line.agent_id is None and memory.is_final:
        yield TurnEnded()


def _call_id(memory: CopilotMemory, call_id: str | None) -> str | None:
    return f"{memory.session_id}/{call_id}" if call_id else None


def _called(
    line: CopilotLine, data: EventData, memory: CopilotMemory
) -> Iterator[Event]:
    call_id, tool = _call_id(memory, data.tool_call_id), data.tool_name or ""
    if call_id is None or data.is_user_requested:
        return

    kind, server, given = ToolKind.TOOL, data.mcp_server_name, None
    if server:
        kind, tool = ToolKind.MCP, data.mcp_tool_name or tool
    elif tool in {_SUBAGENT, _SKILL}:
        given = decode_raw(data.arguments, ToolArguments)
        kind = ToolKind.SUBAGENT if tool == _SUBAGENT else ToolKind.TOOL

    yield ToolCalled(
        call_id=call_id,
        tool=tool,
        response=memory.response if line.agent_id is None else None,
        kind=kind,
        server=server,
        skill=given.skill if given and tool == _SKILL else None,
        subagent=given.agent_type if given and tool == _SUBAGENT else None,
        digest=digest_of(data.arguments),
    )


def _returned(
    _: CopilotLine, data: EventData, memory: CopilotMemory
) -> Iterator[Event]:
    call_id = _call_id(memory, data.tool_call_id)
    if call_id is None or data.is_user_requested:
        return

    error = data.error.code if isinstance(data.error, Failure) else None
    is_refused = call_id in memory.refused or error in _DENIALS
    if is_refused:
        memory.refused = [each for each in memory.refused if each != call_id]
        outcome = Outcome.DENIED
    else:
        failed = data.success is False or _exit_code(data) not in {None, 0}
        outcome = Outcome.ERROR if failed else Outcome.OK

    yield ToolReturned(call_id=call_id, outcome=outcome)


def _exit_code(data: EventData) -> float | None:
    """Return the exit code of a command; it is a success for the agent anyway."""
    if data.shell_execution is not None:
        return data.shell_execution.exit_code

    telemetry = data.tool_telemetry
    if telemetry is None or telemetry.metrics is None:
        return None

    return telemetry.metrics.exit_code


def _asked(_: CopilotLine, data: EventData, memory: CopilotMemory) -> Iterator[Event]:
    request = data.permission_request
    call_id = None if request is None else _call_id(memory, request.tool_call_id)
    if data.request_id and call_id:
        memory.dialogs[data.request_id] = call_id
        if len(memory.dialogs) > MAX_DIALOGS:
            del memory.dialogs[next(iter(memory.dialogs))]

    yield ApprovalRequested(call_id=call_id)


def _answered(
    _: CopilotLine, data: EventData, memory: CopilotMemory
) -> Iterator[Event]:
    call_id = memory.dialogs.pop(data.request_id or "", None)
    answer = "" if data.result is None else data.result
    word = answer if isinstance(answer, str) else answer.kind
    if call_id is not None and word.startswith(_DENIALS):
        memory.refused = [*memory.refused[-MAX_DIALOGS:], call_id]

    yield ApprovalAnswered(call_id=call_id)


def _usage(
    line: CopilotLine, data: EventData, memory: CopilotMemory
) -> Iterator[Event]:
    memory.has_records = True
    if data.usage is not None and not lacks_tokens(data.usage):
        yield usage_of(data.usage, line.id)


def _compacted(
    line: CopilotLine, data: EventData, memory: CopilotMemory
) -> Iterator[Event]:
    usage = data.compaction_tokens_used
    if usage is not None and not lacks_tokens(usage):
        report = usage_of(usage, line.id)
        yield msgspec.structs.replace(report, in_context=False)
        nanos = (report.stated_micros or 0) * 100_000
        if nanos and usage.model and not memory.has_records:
            memory.compacted[usage.model] = memory.compacted.get(usage.model, 0) + nanos

    if data.success is not False:
        yield Compacted(
            trigger=data.trigger,
            before_tokens=data.pre_compaction_tokens,
            after_tokens=data.post_compaction_tokens,
        )


def _background(
    line: CopilotLine, data: EventData, _: CopilotMemory
) -> Iterator[Event]:
    task_id = line.agent_id or data.tool_call_id
    if task_id:
        yield TaskStarted(task_id=task_id, kind=TaskKind.AGENT)


def _done(line: CopilotLine, data: EventData, _: CopilotMemory) -> Iterator[Event]:
    task_id = line.agent_id or data.tool_call_id
    if task_id:
        yield TaskEnded(task_id=task_id, status=line.type.removeprefix(_OF_SUBAGENTS))


def _aborted(_: CopilotLine, data: EventData, memory: CopilotMemory) -> Iterator[Event]:
    memory.is_final = False
    yield Interrupted(reason=data.reason or "")


def _failed(_: CopilotLine, data: EventData, __: CopilotMemory) -> Iterator[Event]:
    if data.error_type in _LIMITS:
        yield LimitReached()
    else:
        yield ApiFailed(
            error=data.error_type, trouble=Trouble.API_ERROR, status=data.status_code
        )


def _mode(_: CopilotLine, data: EventData, __: CopilotMemory) -> Iterator[Event]:
    if data.allow_all_permissions is not None:
        yield ModeChanged(mode=ALLOWS_ALL if data.allow_all_permissions else ASKS)


def _closed(
    line: CopilotLine, data: EventData, memory: CopilotMemory
) -> Iterator[Event]:
    if not memory.has_records and data.model_metrics is not ABSENT:
        name = line.id or ""
        yield from settle(data.model_metrics, name, memory.sums, memory.compacted)

    yield SessionClosed()


def _nothing(_: CopilotLine, __: EventData, ___: CopilotMemory) -> Iterable[Event]:
    return ()


_Read = Callable[[CopilotLine, EventData, CopilotMemory], Iterable[Event]]

_EVENTS: dict[str, _Read] = dict.fromkeys(TYPES_PASSED_OVER, _nothing) | {
    "session.start": _start,
    "session.resume": _start,
    "user.message": _prompt,
    "assistant.message": _message,
    "assistant.turn_end": _turn_end,
    "tool.execution_start": _called,
    "tool.execution_complete": _returned,
    "permission.requested": _asked,
    "permission.completed": _answered,
    RECORD: _usage,
    "session.compaction_start": _nothing,
    "session.compaction_complete": _compacted,
    "subagent.started": _background,
    "subagent.completed": _done,
    "subagent.failed": _done,
    "abort": _aborted,
    "session.error": _failed,
    "session.permissions_changed": _mode,
    "session.shutdown": _closed,
}

_SPEAKERS = {"user.message": Speaker.USER, "assistant.message": Speaker.ASSISTANT}
