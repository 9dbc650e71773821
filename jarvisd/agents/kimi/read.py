"""One line of Kimi's wire -> the record of its events.

Records of Kimi Code are read here, the wrapped messages of kimi-cli, its predecessor,
in `wrapped.py`.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

import msgspec
from msgspec import Raw

from jarvisd.agents._shared.cue import asks
from jarvisd.agents._shared.decode import (
    ABSENT,
    UNDECODED,
    decode_raw,
    decode_strange,
    digest_of,
    head_of,
    text_of,
    unix_ms,
)
from jarvisd.agents._shared.long_lines import condenser_of
from jarvisd.agents.kimi.shape import (
    PASSED_OVER,
    InteractionRequest,
    InteractionResponse,
    KimiPart,
    KimiUsage,
    LoopEvent,
    WireRecord,
)
from jarvisd.agents.kimi.wrapped import WrappedMemory, wrapped_record
from jarvisd.base.usage import Tokens
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
    TaskEnded,
    TaskKind,
    TaskStarted,
    ToolCalled,
    ToolKind,
    ToolReturned,
    Trouble,
    TurnEnded,
    TurnStarted,
    UsageReported,
)
from jarvisd.core.record import Drift, DriftKind, Record, Speaker

QUESTION = "AskUserQuestion"
_SUBAGENTS = {"Agent", "Task"}
_OWN = "kimi-code/"
_MCP = "mcp__"
_MAX_OPEN = 64
_ID_BYTES = 64


class KimiMemory(msgspec.Struct, omit_defaults=True):
    """What is remembered of a wire from line to line.

    Attributes:
        model: The model of the newest request, as the provider calls it.
        alias: The same as the configuration calls it.
        step: The step that goes on.
        answers: How many answers of that step were reported.
        asks: The newest words ask something.
        approvals: The calls that open dialogs are about, by dialog.
        denied: Calls that a person refused, until they come back.
        background: Subagents that go on in the background.
        trigger: Who began the newest compaction.
        wrapped: What is remembered of messages of kimi-cli.

    """

    model: str | None = None
    alias: str | None = None
    step: str | None = None
    answers: int = 0
    asks: bool = False
    approvals: dict[str, str | None] = {}
    denied: list[str] = []
    background: list[str] = []
    trigger: str | None = None
    wrapped: WrappedMemory = msgspec.field(default_factory=WrappedMemory)


_DECODE = msgspec.json.Decoder(WireRecord).decode
_PARTS = msgspec.json.Decoder(tuple[KimiPart, ...])
_MEMORY = msgspec.msgpack.Decoder(KimiMemory)
_ENCODE = msgspec.msgpack.Encoder().encode
condense = condenser_of(WireRecord)


class KimiReader:
    """Reads the lines of one wire: of a session, or of a subagent.

    Attributes:
        known: What is remembered of the lines so far.

    """

    def __init__(self, context: ReaderContext, saved: bytes) -> None:
        del context  # the name says whose it is
        self.known = KimiMemory()
        if saved:
            with suppress(msgspec.DecodeError):  # a memory that is damaged is none
                self.known = _MEMORY.decode(saved)

    def read(self, text: bytes, *, offset: int) -> Record | None:
        """Return the record of the line *text*, or None if it is malformed."""
        left_out = 0
        try:
            line = _DECODE(text)
        except UNDECODED as error:
            found, left_out = decode_strange(text, WireRecord, error)
            if found is None:
                return None

            line = found

        if line.message is not None and line.message.type:
            return wrapped_record(
                line, self.known.wrapped, offset=offset, left_out=left_out
            )

        event, environment = line.event, line.environment_disclosure
        inner = "" if event is None else event.type
        table = _RECORDS if event is None else _LOOP_EVENTS
        read = table.get(line.type if event is None else inner)
        kind = f"{line.type}:{inner}" if inner else line.type
        is_known = read is not None or (event is None and line.type in PASSED_OVER)
        return Record(
            kind=kind,
            at_ms=unix_ms(line.time or line.timestamp),
            cwd=None if environment is None else environment.cwd or None,
            key=_key_of(line),
            offset=offset,
            speaker=_speaker_of(line),
            version=line.app_version or None,
            drift=() if is_known else (Drift(DriftKind.RECORD_TYPE, kind),),
            lacks_tokens=line.type == "usage.record" and _lacks_counts(line.usage),
            left_out=left_out,
            events=() if read is None else tuple(read(line, self.known)),
        )

    def memory(self) -> bytes:
        """Return the encoded memory; b"" if it cannot be encoded."""
        try:
            return _ENCODE(self.known)
        except (OverflowError, TypeError, ValueError):
            return b""


def texts_in(given: Raw) -> list[str]:
    """Return the texts in *given*, the input of a prompt: a text or parts."""
    text = text_of(given)
    if text is not None:
        return [text]

    try:
        parts = () if given is ABSENT else _PARTS.decode(given)
    except UNDECODED:
        return []

    return [text_of(each.text) or "" for each in parts if each.type == "text"]


def _key_of(line: WireRecord) -> str | None:
    event = line.event
    return (line.prompt_id or line.message_id if event is None else event.uuid) or None


def _speaker_of(line: WireRecord) -> Speaker | None:
    """Return the speaker of *line*; its twins in the context of the model have none."""
    if line.event is not None:
        part = line.event.part
        is_text = line.event.type == "content.part" and part is not None
        return Speaker.ASSISTANT if is_text and part.type == "text" else None  # type: ignore[union-attr]

    is_prompt = line.type in {"turn.prompt", "turn.steer"} and is_human(line)
    return Speaker.USER if is_prompt else None


def is_human(line: WireRecord) -> bool:
    """Whether a person gave the prompt *line*: others are of the program, or of agents."""
    return line.origin is None or line.origin.kind in {"", "user"}


def _lacks_counts(usage: KimiUsage | None) -> bool:
    return usage is None or (usage.input_other is None and usage.output is None)


# Records


def _prompt(line: WireRecord, known: KimiMemory) -> Iterator[Event]:
    known.asks = False
    turn_id = head_of(line.turn_id, _ID_BYTES).strip(b'"').decode(errors="replace")
    yield TurnStarted(turn_id=turn_id or None)
    if is_human(line):
        chars = sum(map(len, texts_in(line.input)))
        yield PromptGiven(chars=chars, key=_key_of(line))


def _steer(line: WireRecord, known: KimiMemory) -> Iterator[Event]:
    known.asks = False
    if is_human(line):
        chars = sum(map(len, texts_in(line.input)))
        yield PromptGiven(chars=chars, key=_key_of(line), queued=True)
    else:
        yield Instructed(by_agent=True)


def _turn_ended(line: WireRecord, known: KimiMemory) -> Iterator[Event]:
    if line.reason == "cancelled":
        yield Interrupted(reason="user")
    elif line.reason in {"failed", "blocked"}:
        error = line.error
        code = None if error is None else error.code
        details = None if error is None else error.details
        status = None if details is None else details.status_code
        if code is not None and ("quota" in code or "limit" in code):
            yield LimitReached()
        else:
            logged_out = status == 401 or (code or "").startswith("auth")
            trouble = Trouble.LOGGED_OUT if logged_out else Trouble.API_ERROR
            yield ApiFailed(error=code, status=status, trouble=trouble)
    elif known.asks:
        yield Asked(cue=Cue.QUESTION)

    turn_id = head_of(line.turn_id, _ID_BYTES).strip(b'"').decode(errors="replace")
    yield TurnEnded(turn_id=turn_id or None, duration_ms=line.duration_ms)


def _request(line: WireRecord, known: KimiMemory) -> Iterable[Event]:
    known.model, known.alias = line.model or known.model, line.model_alias
    return ()


def _usage_record(line: WireRecord, known: KimiMemory) -> Iterable[Event]:
    """Return the usage of an answer: of a step, or of a request beside the steps."""
    alias = line.model or known.alias or ""
    is_named = alias and alias != known.alias and not alias.startswith("__")
    model = alias.removeprefix(_OWN) if is_named else known.model
    in_step = line.usage_scope == "turn" and known.step is not None
    if in_step:
        known.answers += 1
        more = f":{known.answers}" if known.answers > 1 else ""
        response = f"{known.step}{more}"
    else:
        # Copies in forks have the same time and the same counts.
        counts = [] if line.usage is None else msgspec.structs.astuple(line.usage)
        response = f"{line.agent_id}@{line.time}:{':'.join(map(str, counts))}"

    return _usage(line.usage, response, model, in_context=in_step)


def _retrying(line: WireRecord, _: KimiMemory) -> Iterator[Event]:
    yield ApiFailed(
        error=line.error_name,
        status=line.status_code,
        attempt=line.failed_attempt,
        retrying=True,
    )


def _mode(line: WireRecord, _: KimiMemory) -> Iterator[Event]:
    if line.mode:
        yield ModeChanged(mode=line.mode)


def _asked(line: WireRecord, known: KimiMemory) -> Iterator[Event]:
    if not line.id or line.kind == "user_tool":
        return

    request = decode_raw(line.request, InteractionRequest)
    named = None if request is None else request.tool_call_id
    call_id = line.tool_call_id or named or line.id
    tool = None if request is None else request.tool_name
    known.approvals[line.id] = call_id
    if len(known.approvals) > _MAX_OPEN:
        del known.approvals[next(iter(known.approvals))]

    is_question = line.kind == "question"
    yield ApprovalRequested(call_id=call_id, tool=QUESTION if is_question else tool)


def _answered(line: WireRecord, known: KimiMemory) -> Iterator[Event]:
    if line.id not in known.approvals:
        return

    call_id = known.approvals.pop(line.id)
    response = decode_raw(line.response, InteractionResponse)
    if call_id and response is not None and response.decision == "rejected":
        known.denied = [*known.denied[-_MAX_OPEN:], call_id]

    yield ApprovalAnswered(call_id=call_id)


def _spawned(line: WireRecord, known: KimiMemory) -> Iterator[Event]:
    if line.run_in_background and line.subagent_id:
        known.background = [*known.background[-_MAX_OPEN:], line.subagent_id]
        yield TaskStarted(task_id=line.subagent_id, kind=TaskKind.AGENT)


def _subagent_over(line: WireRecord, known: KimiMemory) -> Iterator[Event]:
    # Its usage is in its own wire.
    if line.subagent_id in known.background:
        known.background.remove(line.subagent_id)
        status = line.type.rpartition(".")[2]
        yield TaskEnded(task_id=line.subagent_id, status=status)


def _compacting(line: WireRecord, known: KimiMemory) -> Iterable[Event]:
    known.step = None  # the request of a compaction is in no step
    known.trigger = text_of(line.source)
    return ()


def _compacted(line: WireRecord, known: KimiMemory) -> Iterator[Event]:
    trigger, known.trigger = known.trigger, None
    yield Compacted(
        trigger=trigger,
        before_tokens=line.tokens_before,
        after_tokens=line.tokens_after,
    )


# Events of a step


def _event(line: WireRecord) -> LoopEvent:
    assert line.event is not None, "the table of loop events is for those alone"
    return line.event


def _step_begun(line: WireRecord, known: KimiMemory) -> Iterable[Event]:
    known.step, known.answers = _event(line).uuid, 0
    return ()


def _part(line: WireRecord, known: KimiMemory) -> Iterator[Event]:
    event = _event(line)
    if event.part is not None and event.part.type == "text":
        known.asks = asks(text_of(event.part.text) or "")

    yield MessageWritten(message_id=event.step_uuid)


def _call(line: WireRecord, known: KimiMemory) -> Iterator[Event]:
    event = _event(line)
    known.asks = False
    if not event.tool_call_id:
        return

    tool, server, kind = event.name or "", None, ToolKind.TOOL
    if tool.startswith(_MCP):
        server, _, tool = tool.removeprefix(_MCP).partition("__")
        kind = ToolKind.MCP
    elif tool in _SUBAGENTS:
        kind = ToolKind.SUBAGENT

    yield ToolCalled(
        call_id=event.tool_call_id,
        response=event.step_uuid,
        tool=tool,
        server=server,
        kind=kind,
        subagent=tool if kind is ToolKind.SUBAGENT else None,
        digest=digest_of(event.args),
    )


def _result(line: WireRecord, known: KimiMemory) -> Iterator[Event]:
    event = _event(line)
    if not event.tool_call_id:
        return

    result, outcome = event.result, Outcome.OK
    if event.tool_call_id in known.denied:
        known.denied.remove(event.tool_call_id)
        outcome = Outcome.DENIED
    elif result is not None and result.is_error:
        outcome = Outcome.ERROR

    yield ToolReturned(
        call_id=event.tool_call_id,
        outcome=outcome,
        duration_ms=None if result is None else result.duration_ms,
    )


def _step_ended(line: WireRecord, known: KimiMemory) -> Iterable[Event]:
    """Return the usage of a step of an old version, which has no record of it."""
    event = _event(line)
    if known.answers and known.step == event.uuid:
        return ()

    return _usage(event.usage, event.uuid, known.model, in_context=True)


def _usage(
    usage: KimiUsage | None,
    response: str | None,
    model: str | None,
    *,
    in_context: bool,
) -> Iterator[Event]:
    if usage is None or _lacks_counts(usage):
        return

    tokens = Tokens(
        input=usage.input_other or 0,
        cache_read=usage.input_cache_read or 0,
        cache_write_5m=usage.input_cache_creation or 0,
        output=usage.output or 0,
    )
    if tokens.total:
        yield UsageReported(
            response=response, model=model, tokens=tokens, in_context=in_context
        )


_Read = Callable[[WireRecord, KimiMemory], Iterable[Event]]
_RECORDS: dict[str, _Read] = {
    "turn.prompt": _prompt,
    "turn.steer": _steer,
    "turn.ended": _turn_ended,
    "turn.step.retrying": _retrying,
    "llm.request": _request,
    "usage.record": _usage_record,
    "permission.set_mode": _mode,
    "interaction.request": _asked,
    "interaction.resolved": _answered,
    "subagent.spawned": _spawned,
    "subagent.completed": _subagent_over,
    "subagent.failed": _subagent_over,
    "subagent.cancelled": _subagent_over,
    "full_compaction.begin": _compacting,
    "context.apply_compaction": _compacted,
    "profile.bind": _request,
    "config.update": _request,
}
_LOOP_EVENTS: dict[str, _Read] = {
    "step.begin": _step_begun,
    "content.part": _part,
    "tool.call": _call,
    "tool.result": _result,
    "step.end": _step_ended,
}
