"""One element of mini-swe-agent -> what it says happened.

A trajectory is written after each step, with the response and what its commands came
to, so a session is never seen within a step.
"""

from collections.abc import Iterator
from contextlib import suppress

import msgspec

from jarvisd.agents._shared.decode import (
    UNDECODED,
    decode_strange,
    digest_of,
    text_of,
    unix_ms,
)
from jarvisd.agents._shared.gross_usage import disjoint_buckets, micros_of
from jarvisd.agents._shared.long_lines import condenser_of
from jarvisd.agents.mini.shape import (
    MiniExtra,
    MiniItem,
    MiniResponse,
    MiniUsage,
)
from jarvisd.core.agent import ReaderContext
from jarvisd.core.event import (
    ApiFailed,
    Event,
    Instructed,
    Interrupted,
    MessageWritten,
    ModeChanged,
    Outcome,
    PromptGiven,
    SessionClosed,
    ToolCalled,
    ToolReturned,
    Trouble,
    TurnEnded,
    UsageReported,
)
from jarvisd.core.record import Drift, DriftKind, Record, Speaker

_DECODE = msgspec.json.Decoder(MiniItem).decode
condense = condenser_of(MiniItem)

_SPEAKERS = {"user": Speaker.USER, "assistant": Speaker.ASSISTANT}
_ROLES = {"system", "user", "assistant", "tool", "exit", "run"}
_SUBMITS = b"COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"
_NOT_RUN = "action was not executed"
_SUBMITTED = "Submitted"
_LIMITS = {"LimitsExceeded", "TimeExceeded", "RepeatedFormatError"}
_WORDS = {"UserNewTask", "UserInterruption", "UserRejection"}
"""Kinds of messages in the name of a user with words of a person."""

_HEAD_BYTES = 4096


class MiniMemory(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What must be remembered of one run.

    Attributes:
        version: That of the program.
        submitting: Calls that hand in the result: they are never run.

    """

    version: str | None = None
    submitting: list[str] = msgspec.field(default_factory=list)


_MEMORY = msgspec.msgpack.Decoder(MiniMemory)


class MiniReader:
    """Reads the elements of one run."""

    def __init__(self, context: ReaderContext, saved: bytes) -> None:
        del context  # the source says whose they are
        self.memory_of = MiniMemory()
        with suppress(msgspec.DecodeError):  # a memory that is damaged is none
            self.memory_of = _MEMORY.decode(saved)

    def read(self, text: bytes, *, offset: int) -> Record | None:
        """Return the record of the element *text*, or None if it is malformed."""
        left_out = 0
        try:
            item = _DECODE(text)
        except UNDECODED as error:
            found, left_out = decode_strange(text, MiniItem, error)
            if found is None:
                return None

            item = found

        if item.version is not None:
            self.memory_of.version = item.version

        kind = item.role or ("" if item.run is None else "run")
        extra = item.extra or MiniExtra()
        drift = Drift(DriftKind.RECORD_TYPE, kind)
        has_tokens = _usage_of(extra.response) is not None
        return Record(
            kind=kind,
            at_ms=unix_ms(
                item.written_at if extra.timestamp is None else extra.timestamp
            ),
            cwd=item.cwd,
            offset=offset,
            speaker=_SPEAKERS.get(kind),
            version=self.memory_of.version,
            drift=() if kind in _ROLES else (drift,),
            lacks_tokens=kind == "assistant" and not has_tokens,
            left_out=left_out,
            events=tuple(self._happened(item, extra, kind)),
        )

    def memory(self) -> bytes:
        """Return the encoded memory."""
        return msgspec.msgpack.encode(self.memory_of)

    def _happened(self, item: MiniItem, extra: MiniExtra, kind: str) -> Iterator[Event]:
        match kind:
            case "run":
                if item.mode:
                    yield ModeChanged(mode=item.mode)
            case "user":
                yield from _given(item, extra)
            case "assistant":
                yield from self._answered(item, extra)
            case "tool":
                yield from self._returned(item, extra)
            case "exit":
                yield from _ended(extra)

        # A response in a wrong format is in a message to the model.
        response = extra.response
        usage = _usage_of(response)
        if response is not None and usage is not None:
            yield _reported(response, usage, extra.cost)

    def _answered(self, item: MiniItem, extra: MiniExtra) -> Iterator[Event]:
        response = None if extra.response is None else extra.response.id
        yield MessageWritten(message_id=response, stop_reason="tool_use")
        self.memory_of.submitting = []
        for each in item.tool_calls or ():
            function = each.function
            if not each.id or function is None:
                continue

            if _SUBMITS in bytes(memoryview(function.arguments)[:_HEAD_BYTES]):
                self.memory_of.submitting.append(each.id)

            yield ToolCalled(
                call_id=each.id,
                tool=function.name,
                response=response,
                digest=digest_of(function.arguments),
            )

    def _returned(self, item: MiniItem, extra: MiniExtra) -> Iterator[Event]:
        call_id, outcome = item.tool_call_id, Outcome.OK
        if extra.exception_info == _NOT_RUN:
            is_submitted = call_id in self.memory_of.submitting
            outcome = Outcome.OK if is_submitted else Outcome.DENIED
        elif extra.returncode:
            outcome = Outcome.ERROR

        if call_id:
            yield ToolReturned(call_id=call_id, outcome=outcome)


def words_of(item: MiniItem) -> str:
    """Return the text of a message."""
    if isinstance(item.content, str):
        return item.content

    texts = (text_of(each.text) for each in item.content or () if each.type == "text")
    return "\n".join(each for each in texts if each)


def _given(item: MiniItem, extra: MiniExtra) -> Iterator[Event]:
    """Yield the events of a message in the name of a user."""
    kind = extra.interrupt_type
    if kind and kind not in _WORDS:
        yield Instructed(by_agent=True)
        return

    if extra.response is not None:
        return  # what was wrong with a response

    if kind in {"UserInterruption", "UserRejection"}:
        yield Interrupted(reason=kind)

    yield PromptGiven(chars=len(words_of(item)))


def _ended(extra: MiniExtra) -> Iterator[Event]:
    """Yield the events of the end of a run."""
    if extra.exit_status in _LIMITS:
        yield Interrupted(reason=extra.exit_status)
    elif extra.exit_status not in {"", _SUBMITTED}:
        yield ApiFailed(error=extra.exit_status, trouble=Trouble.API_ERROR)

    yield TurnEnded()
    yield SessionClosed()


def _usage_of(response: MiniResponse | None) -> MiniUsage | None:
    usage = None if response is None else response.usage
    if usage is None or (
        usage.prompt_tokens is None and usage.completion_tokens is None
    ):
        return None

    return usage


def _reported(response: MiniResponse, usage: MiniUsage, cost: float | None) -> Event:
    cached, details = usage.prompt_tokens_details, usage.completion_tokens_details
    read, written = usage.cache_read_input_tokens, usage.cache_creation_input_tokens
    if cached is not None:
        read = cached.cached_tokens if cached.cached_tokens is not None else read
        written = written if written is not None else cached.cache_creation_tokens

    return UsageReported(
        response=response.id or None,
        model=response.model or None,
        tokens=disjoint_buckets(
            usage.prompt_tokens or 0,
            usage.completion_tokens or 0,
            read=read or 0,
            written=written or 0,
            reasoning=0 if details is None else details.reasoning_tokens or 0,
        ),
        stated_micros=micros_of(cost),
    )
