"""One line of a Codex rollout -> the record of its events.

A rollout records most things twice, as what the model saw (`response_item`) and as what
the user saw (`event_msg`); prompts are taken from the latter, calls from the former.
Which records of a fork are copies cannot be said from one line, nor what running totals
add: the reader remembers its thread for that (`RolloutThread`).
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from jarvisd.agents._shared.cue import asks
from jarvisd.agents._shared.decode import (
    ABSENT,
    UNDECODED,
    decode_raw,
    decode_strange,
    text_of,
    unix_ms,
)
from jarvisd.agents._shared.long_lines import condenser_of
from jarvisd.agents._shared.troubles import TROUBLES
from jarvisd.agents.codex.limits import limits_in
from jarvisd.agents.codex.printed import PRINTED_TYPES, printed_record
from jarvisd.agents.codex.prose import SPEAKERS, prompt_in, texts_in
from jarvisd.agents.codex.rollout_origin import is_reviewer, parent_in
from jarvisd.agents.codex.shape import (
    COMPLETE_ITEMS_PASSED_OVER,
    ENVELOPES_PASSED_OVER,
    ITEMS_PASSED_OVER,
    MESSAGES_PASSED_OVER,
    Item,
    RolloutLine,
    RolloutPayload,
)
from jarvisd.agents.codex.thread import RolloutThread
from jarvisd.agents.codex.tools import call_of, ended_of, item_of, result_of
from jarvisd.agents.codex.usage import (
    is_partial,
    response_in,
    totals_in,
    variant_of,
)
from jarvisd.core.agent import ReaderContext
from jarvisd.core.event import (
    ApiFailed,
    Asked,
    Compacted,
    Cue,
    Event,
    Interrupted,
    LimitReached,
    MessageWritten,
    ModeChanged,
    SessionOpened,
    ToolReturned,
    Trouble,
    TurnEnded,
    TurnStarted,
)
from jarvisd.core.origin import SessionId
from jarvisd.core.record import Drift, DriftKind, Record

_DECODE = msgspec.json.Decoder(RolloutLine).decode
_THREAD_ENCODER = msgspec.msgpack.Encoder()
_THREAD_DECODER = msgspec.msgpack.Decoder(RolloutThread)
condense = condenser_of(RolloutLine)
_NO_PAYLOAD = RolloutPayload()
_PLAN, _PLAN_ENDS = "<proposed_plan>", "</proposed_plan>"
_PERSON = "user"
_LIMITS = {"usage_limit_exceeded", "usage_limit_reached"}


class CodexReader:
    """Reads the lines of one rollout, or of what is printed of threads.

    Attributes:
        thread: What is remembered of the thread.
        at_ms: The time of the line that is being read.
        ordinal: Its number.
        offset: Where it starts.

    """

    def __init__(self, context: ReaderContext, saved: bytes) -> None:
        del context  # the content says whose it is
        self.thread = RolloutThread()
        if saved:
            with suppress(msgspec.DecodeError):  # a memory that is bad is none
                self.thread = _THREAD_DECODER.decode(saved)

        self.at_ms: int | None = None
        self.ordinal: int | None = None
        self.offset = 0

    def read(self, text: bytes, *, offset: int) -> Record | None:
        """Return the record of the line *text*, or None if it is malformed."""
        left_out = 0
        try:
            line = _DECODE(text)
        except UNDECODED as error:
            found, left_out = decode_strange(text, RolloutLine, error)
            if found is None:
                return None

            line = found

        self.at_ms, self.offset = unix_ms(line.timestamp), offset
        self.ordinal = line.ordinal
        payload = line.payload
        if payload is None:
            drift: tuple[Drift, ...] = ()
            if line.type not in PRINTED_TYPES and line.type not in _ITEMS:
                drift = (Drift(DriftKind.RECORD_TYPE, line.type),)

            return printed_record(
                line,
                self.thread,
                at_ms=self.at_ms,
                offset=offset,
                drift=drift,
                left_out=left_out,
            )

        return self._wrapped(line, payload, left_out)

    def memory(self) -> bytes:
        """Return the encoded state of the thread; b"" if it cannot be encoded."""
        try:
            return _THREAD_ENCODER.encode(self.thread)
        except (OverflowError, TypeError, ValueError):
            return b""

    def _wrapped(
        self, line: RolloutLine, payload: RolloutPayload, left_out: int
    ) -> Record:
        thread, cwd, item = self.thread, payload.cwd, payload.item
        kinds = _INNER.get(line.type)
        read = _ENVELOPES.get(line.type) if kinds is None else kinds.get(payload.type)
        kind = f"{line.type}:{payload.type}" if payload.type else line.type
        drift: tuple[Drift, ...] = ()
        if read is None:
            drift = (Drift(DriftKind.RECORD_TYPE, kind),)
        elif item is not None and item.type not in _ITEM_TYPES:
            name = f"{payload.type}:{item.type}"
            drift = (Drift(DriftKind.RECORD_TYPE, name),)

        unnamed = thread.unnamed
        events = () if read is None else tuple(read(payload, self))
        if unnamed and thread.unnamed is unnamed:
            is_header = read in _HEADERS and (bool(events) or read is _session_meta)
            thread.unnamed = unnamed if is_header else []

        if thread.resumed and kinds is _ITEMS and payload.role not in _ASKING:
            thread.resumed = False  # the model has answered here

        own_from = thread.own_from_ordinal
        record = Record(
            kind=kind,
            at_ms=self.at_ms,
            cwd=(cwd.rstrip("/") or "/") if cwd else None,
            ordinal=line.ordinal,
            offset=self.offset,
            speaker=SPEAKERS.get(payload.type if item is None else item.type),
            inherited=not (
                thread.own if own_from is None else thread.owns(line.ordinal)
            ),
            version=thread.version,
            events=events,
        )
        if line.type == "session_meta":
            record = self._with_thread(record, payload)

        lacks_tokens = read in _COUNTED and _lacks_tokens(payload)
        if drift or lacks_tokens or left_out:
            return replace(
                record, drift=drift, lacks_tokens=lacks_tokens, left_out=left_out
            )

        return record

    def _with_thread(self, record: Record, payload: RolloutPayload) -> Record:
        """Return *record* with the thread, parent and version that *payload* states."""
        thread, thread_id = self.thread, payload.id
        is_own = thread_id == thread.thread_id
        if is_own and payload.cli_version:
            thread.version = payload.cli_version

        return replace(
            record,
            session_id=SessionId(thread_id) if thread_id else None,
            parent_session_id=parent_in(payload),
            branch=_branch(payload) if is_own else None,
            version=thread.version,
        )


def _lacks_tokens(payload: RolloutPayload) -> bool:
    if payload.type == "token_count":
        info = payload.info
        return info is not None and is_partial(info.total_token_usage)

    return is_partial(payload.usage)


def _nothing(_: RolloutPayload, __: "CodexReader") -> Iterable[Event]:
    return ()


def _branch(payload: RolloutPayload) -> str:
    return "" if payload.git is None else payload.git.branch or ""


# What the envelope says


def _session_meta(payload: RolloutPayload, reader: CodexReader) -> Iterator[Event]:
    if not payload.id:
        return

    thread, ordinal = reader.thread, payload.subagent_history_start_ordinal
    if thread.thread_id is None:
        thread.resumed = payload.history_base is not None

    thread.open(
        payload.id,
        forked_from=payload.forked_from_id or None,
        is_subagent=parent_in(payload) is not None,
        own_from_ordinal=None if ordinal is None else int(ordinal),
        at_ms=reader.at_ms,
        has_totals=thread.usage.total is not None,
    )
    if payload.id == thread.thread_id:
        headless = text_of(payload.source) == "exec"
        yield SessionOpened(headless=headless, reviewer=is_reviewer(payload))


def _turn_context(payload: RolloutPayload, reader: CodexReader) -> Iterator[Event]:
    slug = None if payload.model_info is None else payload.model_info.slug
    thread, tier = reader.thread, payload.service_tier
    thread.go_on_with_turn(payload.turn_id, at_ms=reader.at_ms)
    yield from thread.change_model(slug or payload.model or None)
    thread.fleeting = variant_of(tier) if tier else None
    if payload.approval_policy:
        reviewer = payload.approvals_reviewer or _PERSON
        yield ModeChanged(mode=payload.approval_policy, reviewed=reviewer != _PERSON)


def _usage_record(payload: RolloutPayload, reader: CodexReader) -> Iterable[Event]:
    usage, thread = response_in(payload), reader.thread
    if usage is None:
        return ()

    return thread.count_response(usage, own=thread.owns(reader.ordinal))


def _compacted(_: RolloutPayload, __: "CodexReader") -> Iterator[Event]:
    # The usage in it is that of a response which has a record of its own.
    yield Compacted()


# What a response_item says


def _call(payload: RolloutPayload, _: "CodexReader") -> Iterable[Event]:
    given = payload.input if payload.arguments is ABSENT else payload.arguments
    return call_of(payload.call_id, payload.name, payload.namespace, given)


def _tool_search(payload: RolloutPayload, _: "CodexReader") -> Iterable[Event]:
    return call_of(payload.call_id, "tool_search", given=payload.arguments)


def _local_shell(payload: RolloutPayload, _: "CodexReader") -> Iterable[Event]:
    return call_of(payload.call_id or payload.id, "shell", given=payload.action)


def _web_search(payload: RolloutPayload, _: "CodexReader") -> Iterator[Event]:
    yield from call_of(payload.id, "web_search", given=payload.action)
    if payload.id:
        yield ToolReturned(call_id=payload.id)


def _result(payload: RolloutPayload, _: "CodexReader") -> Iterable[Event]:
    return result_of(payload.call_id, payload.output)


# What an event_msg says


def _task_started(payload: RolloutPayload, reader: CodexReader) -> Iterator[Event]:
    reader.thread.begin_turn(
        payload.turn_id, at_ms=reader.at_ms, started_s=payload.started_at
    )
    yield TurnStarted(
        turn_id=payload.turn_id, window_tokens=payload.model_context_window
    )


def _task_complete(payload: RolloutPayload, _: "CodexReader") -> Iterator[Event]:
    error = decode_raw(payload.error, _Error)
    if error is not None:
        yield from _failure(error.codex_error_info)

    words = text_of(payload.last_agent_message)
    if words:
        yield from _cue_in(words)

    yield TurnEnded(turn_id=payload.turn_id, duration_ms=payload.duration_ms)


def _turn_aborted(payload: RolloutPayload, _: "CodexReader") -> Iterator[Event]:
    yield Interrupted(reason=payload.reason or "")
    yield TurnEnded(turn_id=payload.turn_id, duration_ms=payload.duration_ms)


def _cue_in(words: str) -> Iterator[Event]:
    if _PLAN_ENDS in words and _PLAN in words:
        yield Asked(cue=Cue.PLAN)
    elif asks(words):
        yield Asked(cue=Cue.QUESTION)


class _Error(msgspec.Struct, gc=False):
    codex_error_info: Raw = ABSENT


def _error(payload: RolloutPayload, _: "CodexReader") -> Iterable[Event]:
    return _failure(payload.codex_error_info)


def _failure(info: Raw) -> Iterable[Event]:
    """Return the error that ended the turn; *info* is Codex's word or an object."""
    word = text_of(info)
    if word in _LIMITS:
        return (LimitReached(),)

    trouble = TROUBLES.get(word or "", Trouble.API_ERROR)
    return (ApiFailed(error=word, trouble=trouble),)


def _user_message(payload: RolloutPayload, _: "CodexReader") -> Iterator[Event]:
    yield from prompt_in(text_of(payload.message) or "", key=None)


def _agent_message(payload: RolloutPayload, _: "CodexReader") -> Iterable[Event]:
    return (MessageWritten(message_id=payload.id),)


def _token_count(payload: RolloutPayload, reader: CodexReader) -> Iterable[Event]:
    found: list[Event] = []
    if payload.info is not None:
        thread, report = reader.thread, totals_in(payload.info)
        own = thread.owns(reader.ordinal)
        found = thread.count_totals(report, own=own, offset=reader.offset)

    if payload.rate_limits is not None:
        found += limits_in(payload.rate_limits, at_ms=reader.at_ms)

    return found


def _settings(payload: RolloutPayload, reader: CodexReader) -> Iterator[Event]:
    settings, thread = payload.thread_settings, reader.thread
    if settings is None:
        return

    yield from thread.change_model(settings.model or None)
    # A tier that is not there has been taken back.
    thread.sticky = variant_of(settings.service_tier)


def _item_completed(payload: RolloutPayload, _: "CodexReader") -> Iterable[Event]:
    item = payload.item
    read = None if item is None else _ITEM_TYPES.get(item.type)
    return () if item is None or read is None else read(item)


def _user_item(item: Item) -> Iterable[Event]:
    return prompt_in("\n".join(texts_in(item.content)), key=item.id)


def _agent_item(item: Item) -> Iterable[Event]:
    return (MessageWritten(message_id=item.id),)


def _plan_item(_: Item) -> Iterable[Event]:
    return (Asked(cue=Cue.PLAN),)


def _no_item(_: Item) -> Iterable[Event]:
    return ()


def _ended(payload: RolloutPayload, _: "CodexReader") -> Iterator[Event]:
    yield from ended_of(payload)


_Events = Callable[[RolloutPayload, CodexReader], Iterable[Event]]

# A type that is in none of these tables is unknown, and reported as drift.
_ENVELOPES: dict[str, _Events] = dict.fromkeys(
    ENVELOPES_PASSED_OVER,
    _nothing,
) | {
    "session_meta": _session_meta,
    "turn_context": _turn_context,
    "token_usage_record": _usage_record,
    "compacted": _compacted,
}

_ITEMS: dict[str, _Events] = dict.fromkeys(
    ITEMS_PASSED_OVER,
    _nothing,
) | {
    "function_call": _call,
    "custom_tool_call": _call,
    "tool_search_call": _tool_search,
    "local_shell_call": _local_shell,
    "web_search_call": _web_search,
    "function_call_output": _result,
    "custom_tool_call_output": _result,
    "tool_search_output": _result,
}

_MESSAGES: dict[str, _Events] = dict.fromkeys(
    MESSAGES_PASSED_OVER,
    _nothing,
) | {
    "task_started": _task_started,
    "task_complete": _task_complete,
    "turn_aborted": _turn_aborted,
    "error": _error,
    "user_message": _user_message,
    "agent_message": _agent_message,
    "token_count": _token_count,
    "thread_settings_applied": _settings,
    "item_completed": _item_completed,
    "exec_command_end": _ended,
    "patch_apply_end": _ended,
    "mcp_tool_call_end": _ended,
}

_ITEM_TYPES: dict[str, Callable[[Item], Iterable[Event]]] = dict.fromkeys(
    COMPLETE_ITEMS_PASSED_OVER,
    _no_item,
) | {
    "UserMessage": _user_item,
    "AgentMessage": _agent_item,
    "Plan": _plan_item,
    "CommandExecution": item_of,
    "FileChange": item_of,
    "McpToolCall": item_of,
    "CollabAgentToolCall": item_of,
}
"""Kinds of complete items."""

_COUNTED = (_usage_record, _token_count)
"""What reads the token counts of responses."""
_HEADERS = {_session_meta, _turn_context, _settings, _task_started, _token_count}
"""Between a response without a model and the model that it is of only these may be."""

_ASKING = {"user", "developer", "system"}
"""Roles of the input of the model; every other role is its answer."""

_INNER = {"response_item": _ITEMS, "event_msg": _MESSAGES}
"""Envelopes whose payload has a type of its own, with its handlers."""
