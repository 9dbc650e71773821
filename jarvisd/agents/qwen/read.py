"""One line of Qwen Code -> what it says happened.

Telemetry has each response under its id, those of subagents and helpers too, and comes
before the message of the same response. So a message counts only where no telemetry was
written, and a subagent's own file counts no tokens.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

import msgspec

from jarvisd.agents._shared.cue import asks
from jarvisd.agents._shared.decode import (
    ABSENT,
    UNDECODED,
    decode_strange,
    text_of,
    unix_ms,
)
from jarvisd.agents._shared.long_lines import condenser_of
from jarvisd.agents.qwen.shape import (
    SYSTEM_TYPES_PASSED_OVER,
    CompressionInfo,
    QwenLine,
    SystemPayload,
    UiEvent,
)
from jarvisd.agents.qwen.tools import calls_in, end_in, result_in
from jarvisd.agents.qwen.usage import RESPONSE, tokens_of_event, tokens_of_message
from jarvisd.core.agent import ReaderContext
from jarvisd.core.event import (
    MAX_TITLE_CHARS,
    ApiFailed,
    Asked,
    CommandGiven,
    Compacted,
    Cue,
    Event,
    Instructed,
    LimitReached,
    MessageWritten,
    ModeChanged,
    PromptGiven,
    TitleGiven,
    TitleRank,
    Trouble,
    UsageReported,
)
from jarvisd.core.origin import SessionId
from jarvisd.core.record import Drift, DriftKind, Record, Speaker

_DECODE = msgspec.json.Decoder(QwenLine).decode
condense = condenser_of(QwenLine)

_END, _CALLS = "end_turn", "tool_use"
_PERSON = {None, "real_user"}
_TYPED_MEANWHILE = "mid_turn_user_message"
_TELEMETRY = "ui_telemetry"
_FAILURE, _CALL = "qwen-code.api_error", "qwen-code.tool_call"
_EVENTS_PASSED_OVER = {"qwen-code.user_prompt", "qwen-code.user_feedback"}


class QwenMemory(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What must be remembered of one stream from line to line.

    Attributes:
        is_announced: Telemetry of a response came, and its message may follow.
        response: The provider's id of that response.
        open_calls: Calls without an end, by the provider's id.

    """

    is_announced: bool = False
    response: str | None = None
    open_calls: dict[str, str] = {}


_ENCODER = msgspec.msgpack.Encoder()
_MEMORY = msgspec.msgpack.Decoder(QwenMemory)


class QwenReader:
    """Reads the lines of one session or subagent."""

    def __init__(self, context: ReaderContext, saved: bytes) -> None:
        del context  # the lines say whose they are
        self._memory = QwenMemory()
        if saved:
            with suppress(msgspec.DecodeError):  # a memory that is bad is none
                self._memory = _MEMORY.decode(saved)

    def read(self, text: bytes, *, offset: int) -> Record | None:
        """Return the record of the line *text*, or None if it is malformed."""
        left_out = 0
        try:
            line = _DECODE(text)
        except UNDECODED as error:
            found, left_out = decode_strange(text, QwenLine, error)
            if found is None:
                return None

            line = found

        kind, payload = line.type, line.system_payload
        event = None if payload is None else payload.ui_event
        read = _EVENTS.get(kind)
        session_id, parent_id = line.session_id or None, None
        if line.is_sidechain and session_id and line.agent_id:
            parent_id = session_id
            session_id = SessionId(f"{session_id}/agent-{line.agent_id}")
        elif payload is not None and line.subtype == "parent_session":
            parent_id = payload.parent_session_id

        return Record(
            kind=f"{kind}:{line.subtype}" if line.subtype else kind,
            at_ms=unix_ms(line.timestamp),
            session_id=session_id,
            parent_session_id=parent_id,
            cwd=line.cwd or None,
            branch=line.git_branch,
            key=line.uuid,
            offset=offset,
            speaker=_SPEAKERS.get(kind),
            copied=line.forked_from is not ABSENT,
            version=line.version,
            drift=_drift_in(line, event),
            lacks_tokens=event is not None
            and event.name == RESPONSE
            and tokens_of_event(event) is None,
            left_out=left_out,
            events=() if read is None else tuple(read(line, self._memory)),
        )

    def memory(self) -> bytes:
        """Return the encoded state of the reader; b"" if it cannot be encoded."""
        try:
            return _ENCODER.encode(self._memory)
        except (OverflowError, TypeError, ValueError):
            return b""


def _drift_in(line: QwenLine, event: UiEvent | None) -> tuple[Drift, ...]:
    name = line.type if line.type not in _EVENTS else None
    if line.type == "system" and line.subtype not in _SYSTEM:
        name = f"system:{line.subtype or ''}"
    elif (
        line.subtype == _TELEMETRY
        and event is not None
        and event.name not in _TELEMETRY_EVENTS
    ):
        name = event.name

    return () if name is None else (Drift(DriftKind.RECORD_TYPE, name),)


def _texts(line: QwenLine) -> Iterator[str]:
    for part in () if line.message is None else line.message.parts:
        text = None if part.thought else text_of(part.text)
        if text is not None:
            yield text


def words_of(line: QwenLine) -> str:
    """Return the words of a message, as a person typed or sees them."""
    payload = line.system_payload
    shown = None if payload is None else text_of(payload.display_text)
    return "\n".join(_texts(line)) if shown is None else shown


def is_persons(line: QwenLine) -> bool:
    """Whether a person wrote the prompt *line*."""
    return (
        line.provenance in _PERSON
        and line.subtype in {None, _TYPED_MEANWHILE}
        and line.external_input_kind is None
        and not line.is_sidechain
    )


def _user(line: QwenLine, _: QwenMemory) -> Iterator[Event]:
    if is_persons(line):
        queued = line.subtype == _TYPED_MEANWHILE
        yield PromptGiven(chars=len(words_of(line)), key=line.uuid, queued=queued)
    else:
        yield Instructed(by_agent=True)


def _assistant(line: QwenLine, memory: QwenMemory) -> Iterator[Event]:
    response = memory.response if memory.is_announced else line.uuid
    calls = tuple(calls_in(line, response, memory.open_calls))
    words = "" if calls else "\n".join(_texts(line))
    stop = _CALLS if calls else _END if words.strip() else None
    yield MessageWritten(message_id=line.uuid, stop_reason=stop)
    if asks(words):
        yield Asked(cue=Cue.QUESTION)

    usage, is_announced, memory.is_announced = (
        line.usage_metadata,
        memory.is_announced,
        False,
    )
    if usage is not None and not is_announced and not line.is_sidechain:
        tokens = tokens_of_message(usage)
        if tokens is not None:
            yield UsageReported(
                response=line.uuid, model=line.model or None, tokens=tokens
            )

    yield from calls


def _system(line: QwenLine, memory: QwenMemory) -> Iterable[Event]:
    payload = line.system_payload
    read = _SYSTEM.get(line.subtype)
    return () if payload is None or read is None else read(payload, memory)


def _telemetry(payload: SystemPayload, memory: QwenMemory) -> Iterable[Event]:
    event = payload.ui_event
    read = None if event is None else _TELEMETRY_EVENTS.get(event.name)
    return () if event is None or read is None else read(event, memory)


def _response(event: UiEvent, memory: QwenMemory) -> Iterator[Event]:
    tokens = tokens_of_event(event)
    # Of no prompt are requests beside the conversation, such as that of /compress.
    is_own = not event.subagent_id and event.prompt_id != ""
    if is_own:
        memory.is_announced, memory.response = True, event.response_id or None

    if tokens is not None:
        yield UsageReported(
            response=event.response_id or None,
            model=event.model or None,
            tokens=tokens,
            in_context=is_own,
            latency_ms=event.duration_ms,
        )


def _failure(event: UiEvent, _: QwenMemory) -> Iterator[Event]:
    if event.subagent_id:
        return  # the turn of a subagent, or a request beside the conversation

    if "quota" in (event.error_message or "").lower():
        yield LimitReached()
    else:
        yield ApiFailed(
            error=event.error_type, trouble=Trouble.API_ERROR, status=event.status_code
        )


def _ended(event: UiEvent, memory: QwenMemory) -> Iterable[Event]:
    return end_in(event, memory.open_calls)


def _compression(payload: SystemPayload, _: QwenMemory) -> Iterator[Event]:
    info = payload.info or CompressionInfo()
    yield Compacted(
        trigger=info.trigger_reason,
        before_tokens=info.original_token_count,
        after_tokens=info.new_token_count,
    )


def _command(payload: SystemPayload, _: QwenMemory) -> Iterator[Event]:
    words = (payload.raw_command or "").split()
    if payload.phase == "invocation" and words:
        yield CommandGiven(name=words[0].lstrip("/"))


def _title(payload: SystemPayload, _: QwenMemory) -> Iterator[Event]:
    title = (payload.custom_title or "").strip()[:MAX_TITLE_CHARS]
    if title:
        is_auto = payload.title_source == "auto"
        yield TitleGiven(
            title=title, rank=TitleRank.AI if is_auto else TitleRank.CUSTOM
        )


def _mode(payload: SystemPayload, _: QwenMemory) -> Iterator[Event]:
    if payload.mode:
        yield ModeChanged(mode=payload.mode)


def _result(line: QwenLine, memory: QwenMemory) -> Iterable[Event]:
    return result_in(line, memory.open_calls)


def _nothing(_: object, __: QwenMemory) -> Iterable[Event]:
    return ()


_EVENTS: dict[str, Callable[[QwenLine, QwenMemory], Iterable[Event]]] = {
    "user": _user,
    "assistant": _assistant,
    "tool_result": _result,
    "system": _system,
}

_SYSTEM: dict[str | None, Callable[[SystemPayload, QwenMemory], Iterable[Event]]]
_SYSTEM = dict.fromkeys((*SYSTEM_TYPES_PASSED_OVER, "cron", "parent_session"), _nothing)
_SYSTEM |= {
    _TELEMETRY: _telemetry,
    "chat_compression": _compression,
    "slash_command": _command,
    "custom_title": _title,
    "session_approval_mode": _mode,
}

_TELEMETRY_EVENTS: dict[str, Callable[[UiEvent, QwenMemory], Iterable[Event]]]
_TELEMETRY_EVENTS = dict.fromkeys(_EVENTS_PASSED_OVER, _nothing)
_TELEMETRY_EVENTS |= {RESPONSE: _response, _FAILURE: _failure, _CALL: _ended}

_SPEAKERS = {"user": Speaker.USER, "assistant": Speaker.ASSISTANT}
