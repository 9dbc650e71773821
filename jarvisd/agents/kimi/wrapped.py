"""Messages of kimi-cli, the predecessor of Kimi Code -> records.

A line has a time and a message, whose payload depends on its type. Messages of a
subagent are wrapped once more. No line names the model.
"""

from collections.abc import Callable, Iterator

import msgspec

from jarvisd.agents._shared.cue import asks
from jarvisd.agents._shared.decode import (
    decode_raw,
    digest_of,
    text_of,
    unix_ms,
)
from jarvisd.agents.kimi.shape import (
    MESSAGES_PASSED_OVER,
    ClientPayload,
    KimiPart,
    WireRecord,
    WrappedMessage,
)
from jarvisd.base.usage import Tokens
from jarvisd.core.event import (
    ApiFailed,
    ApprovalAnswered,
    ApprovalRequested,
    Asked,
    Compacted,
    ContextMeasured,
    Cue,
    Event,
    Interrupted,
    MessageWritten,
    Outcome,
    PromptGiven,
    ToolCalled,
    ToolKind,
    ToolReturned,
    TurnEnded,
    TurnStarted,
    UsageReported,
)
from jarvisd.core.record import Drift, DriftKind, Record, Speaker

_SUBAGENT = "SubagentEvent"
_MAX_OPEN = 64
_REFUSED = {"reject", "rejected"}


class WrappedMemory(msgspec.Struct, omit_defaults=True):
    """What is remembered of a wire of kimi-cli.

    Attributes:
        asks: The newest words ask something.
        approvals: The calls that open dialogs are about, by dialog.
        denied: Calls that a person refused, until they come back.

    """

    asks: bool = False
    approvals: dict[str, str] = {}
    denied: list[str] = []


def wrapped_record(
    line: WireRecord, known: WrappedMemory, *, offset: int, left_out: int
) -> Record:
    """Return the record of *line*, which has a message."""
    message, sidechain = line.message or WrappedMessage(), False
    payload = decode_raw(message.payload, ClientPayload) or ClientPayload()
    kind = message.type
    if message.type == _SUBAGENT and payload.event is not None:
        message, sidechain = payload.event, True
        payload = decode_raw(message.payload, ClientPayload) or ClientPayload()
        kind = f"{_SUBAGENT}:{message.type}"

    read = _TYPES.get(message.type)
    is_known = read is not None or message.type in {*MESSAGES_PASSED_OVER, _SUBAGENT}
    speaker = _SPEAKERS.get(message.type)
    if speaker is Speaker.ASSISTANT and payload.type != "text":
        speaker = None

    return Record(
        kind=kind,
        at_ms=unix_ms(line.timestamp),
        offset=offset,
        speaker=None if sidechain else speaker,
        sidechain=sidechain,
        drift=() if is_known else (Drift(DriftKind.RECORD_TYPE, kind),),
        lacks_tokens=_lacks_counts(payload),
        left_out=left_out,
        events=() if read is None else tuple(read(payload, known)),
    )


def said_in(message: WrappedMessage) -> tuple[Speaker, list[str]] | None:
    """Return the speaker of *message* and the texts; None if it has no words."""
    speaker = _SPEAKERS.get(message.type)
    payload = decode_raw(message.payload, ClientPayload)
    if speaker is None or payload is None:
        return None

    if speaker is Speaker.ASSISTANT:
        return speaker, [text_of(payload.text) or ""] if payload.type == "text" else []

    return speaker, _texts(payload)


def _texts(payload: ClientPayload) -> list[str]:
    text = text_of(payload.user_input)
    if text is not None:
        return [text]

    try:
        parts = msgspec.json.decode(payload.user_input, type=tuple[KimiPart, ...])
    except (ValueError, RecursionError):
        return []

    return [text_of(each.text) or "" for each in parts if each.type == "text"]


def _lacks_counts(payload: ClientPayload) -> bool:
    usage = payload.token_usage
    return usage is not None and usage.input_other is None and usage.output is None


def _turn_begun(payload: ClientPayload, known: WrappedMemory) -> Iterator[Event]:
    known.asks = False
    yield TurnStarted()
    yield PromptGiven(chars=sum(map(len, _texts(payload))))


def _steered(payload: ClientPayload, known: WrappedMemory) -> Iterator[Event]:
    known.asks = False
    yield PromptGiven(chars=sum(map(len, _texts(payload))), queued=True)


def _turn_ended(_: ClientPayload, known: WrappedMemory) -> Iterator[Event]:
    if known.asks:
        yield Asked(cue=Cue.QUESTION)

    yield TurnEnded()


def _interrupted(_: ClientPayload, __: WrappedMemory) -> Iterator[Event]:
    yield Interrupted(reason="user")


def _retrying(payload: ClientPayload, _: WrappedMemory) -> Iterator[Event]:
    yield ApiFailed(status=payload.status_code, retrying=True, attempt=1)


def _compacted(_: ClientPayload, __: WrappedMemory) -> Iterator[Event]:
    yield Compacted()


def _part(payload: ClientPayload, known: WrappedMemory) -> Iterator[Event]:
    if payload.type == "text":
        known.asks = asks(text_of(payload.text) or "")

    yield MessageWritten()


def _called(payload: ClientPayload, known: WrappedMemory) -> Iterator[Event]:
    known.asks = False
    if not payload.id:
        return

    function = payload.function
    tool = "" if function is None else function.name or ""
    is_agent = tool in {"Task", "Agent"}
    yield ToolCalled(
        call_id=payload.id,
        tool=tool,
        kind=ToolKind.SUBAGENT if is_agent else ToolKind.TOOL,
        subagent=tool if is_agent else None,
        digest=0 if function is None else digest_of(function.arguments),
    )


def _asked(payload: ClientPayload, known: WrappedMemory) -> Iterator[Event]:
    if not payload.id:
        return

    call_id = payload.tool_call_id or payload.id
    known.approvals[payload.id] = call_id
    if len(known.approvals) > _MAX_OPEN:
        del known.approvals[next(iter(known.approvals))]

    yield ApprovalRequested(call_id=call_id, tool=payload.sender)


def _questioned(payload: ClientPayload, known: WrappedMemory) -> Iterator[Event]:
    return _asked(msgspec.structs.replace(payload, sender="AskUserQuestion"), known)


def _answered(payload: ClientPayload, known: WrappedMemory) -> Iterator[Event]:
    call_id = known.approvals.pop(payload.request_id or "", None)
    if call_id is not None:
        if text_of(payload.response) in _REFUSED:
            known.denied = [*known.denied[-_MAX_OPEN:], call_id]

        yield ApprovalAnswered(call_id=call_id)


def _returned(payload: ClientPayload, known: WrappedMemory) -> Iterator[Event]:
    call_id, result, outcome = payload.tool_call_id, payload.return_value, Outcome.OK
    if not call_id:
        return

    if call_id in known.denied:
        known.denied.remove(call_id)
        outcome = Outcome.DENIED
    elif result is not None and result.is_error:
        outcome = Outcome.ERROR

    yield ToolReturned(call_id=call_id, outcome=outcome)


def _status(payload: ClientPayload, _: WrappedMemory) -> Iterator[Event]:
    usage = payload.token_usage
    if usage is not None and not _lacks_counts(payload):
        tokens = Tokens(
            input=usage.input_other or 0,
            cache_read=usage.input_cache_read or 0,
            cache_write_5m=usage.input_cache_creation or 0,
            output=usage.output or 0,
        )
        if tokens.total:
            yield UsageReported(response=payload.message_id, tokens=tokens)

    if payload.context_tokens is not None or payload.max_context_tokens is not None:
        yield ContextMeasured(
            tokens=payload.context_tokens, window_tokens=payload.max_context_tokens
        )


_SPEAKERS = {
    "TurnBegin": Speaker.USER,
    "SteerInput": Speaker.USER,
    "ContentPart": Speaker.ASSISTANT,
}
_TYPES: dict[str, Callable[[ClientPayload, WrappedMemory], Iterator[Event]]] = {
    "TurnBegin": _turn_begun,
    "SteerInput": _steered,
    "TurnEnd": _turn_ended,
    "StepInterrupted": _interrupted,
    "StepRetry": _retrying,
    "CompactionEnd": _compacted,
    "ContentPart": _part,
    "ToolCall": _called,
    "ToolResult": _returned,
    "StatusUpdate": _status,
    "ApprovalRequest": _asked,
    "QuestionRequest": _questioned,
    "ApprovalResponse": _answered,
    "ApprovalRequestResolved": _answered,
    "QuestionResponse": _answered,
}
