"""One row of Hermes -> what it says happened.

Messages are inserted when they are whole, so none comes again but at a second reading.
Token counts are in the counters of the session alone (`counters.py`).
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress

import msgspec
from msgspec import Struct

from jarvisd.agents._shared.cue import asks
from jarvisd.agents._shared.decode import UNDECODED, decode_strange, text_of, unix_ms
from jarvisd.agents._shared.long_lines import condenser_of
from jarvisd.agents.hermes.counters import (
    MAX_PENDING,
    Answer,
    Counters,
    answer_key,
    responses_of,
    sums_of,
)
from jarvisd.agents.hermes.shape import HermesRow
from jarvisd.agents.hermes.tools import calls_of, result_of
from jarvisd.base.usage import NO_TOKENS
from jarvisd.core.agent import ReaderContext
from jarvisd.core.event import (
    MAX_TITLE_CHARS,
    Asked,
    ContextMeasured,
    Cue,
    Event,
    Instructed,
    Interrupted,
    MessageWritten,
    PromptGiven,
    TaskEnded,
    TitleGiven,
    TitleRank,
    TurnEnded,
    UsageReported,
)
from jarvisd.core.origin import SessionId
from jarvisd.core.record import Drift, DriftKind, Record, Speaker

_DECODE = msgspec.json.Decoder(HermesRow).decode
_SPEAKERS = {"user": Speaker.USER, "assistant": Speaker.ASSISTANT}
_SILENT = frozenset({"system", "session_meta"})
_GOES_ON = frozenset({"tool_calls", "verification_required", "continue"})
"""Why an answer ends where another one follows."""

_INTERRUPTED = "Operation interrupted"
_DELEGATED = re.compile(r"\[ASYNC DELEGATION\b[^\]]*?(deleg_\w+)")
_MAX_MODELS = 64
condense = condenser_of(HermesRow)


class HermesMemory(Struct, array_like=True):
    """What a reader remembers: answers without counters, and the counters of models."""

    pending: list[Answer] = []
    models: dict[str, Counters] = {}


_ENCODER = msgspec.msgpack.Encoder()
_MEMORY = msgspec.msgpack.Decoder(HermesMemory)


class HermesReader:
    """Reads the rows of one session."""

    def __init__(self, context: ReaderContext, saved: bytes) -> None:
        del context  # each row names its session, and the one that delegated to it
        self._memory = HermesMemory()
        # A memory that is damaged is none.
        with suppress(msgspec.DecodeError, UnicodeDecodeError):
            self._memory = _MEMORY.decode(saved)

    def read(self, text: bytes, *, offset: int) -> Record | None:
        """Return the record of the row *text*, or None if it is malformed."""
        left_out = 0
        try:
            row = _DECODE(text)
        except UNDECODED as error:
            found, left_out = decode_strange(text, HermesRow, error)
            if found is None:
                return None

            row = found

        kind = row.table
        events: tuple[Event, ...] = ()
        drift: tuple[Drift, ...] = ()
        at_ms = unix_ms(row.at)
        if row.table == "messages":
            kind = row.role
            events = tuple(self._message(row, at_ms))
            if kind not in _SPEAKERS and kind not in _SILENT and kind != "tool":
                drift = (Drift(DriftKind.RECORD_TYPE, kind),)
        elif row.table == "session_model_usage":
            events = tuple(self._counted(row))
        elif row.table != "sessions":
            drift = (Drift(DriftKind.RECORD_TYPE, kind),)
        elif row.title:
            title = row.title[:MAX_TITLE_CHARS]
            events = (TitleGiven(title=title, rank=TitleRank.AI),)

        return Record(
            kind=kind,
            at_ms=at_ms,
            parent_session_id=SessionId(row.parent) if row.parent else None,
            cwd=row.folder,
            branch=row.branch,
            key=answer_key(row.session, row.id) if row.id is not None else None,
            offset=offset,
            speaker=_SPEAKERS.get(row.role) if row.table == "messages" else None,
            drift=drift,
            left_out=left_out,
            events=events,
        )

    def memory(self) -> bytes:
        """Return the answers and counters that are remembered."""
        return _ENCODER.encode(self._memory)

    def _message(self, row: HermesRow, at_ms: int | None) -> Iterable[Event]:
        match row.role:
            case "tool":
                return result_of(row)
            case "user":
                return _asked_for(row, text_of(row.content) or "")
            case "assistant":
                return self._answer(row, at_ms)
            case _:
                return ()

    def _answer(self, row: HermesRow, at_ms: int | None) -> Iterator[Event]:
        """Return the events of an answer; it counts before its tokens are known."""
        goes_on = bool(row.calls) or row.finish in _GOES_ON
        text = "" if goes_on and row.finish else text_of(row.content) or ""
        if row.finish is None and text.startswith(_INTERRUPTED):
            yield Interrupted(reason="user")
            return

        key = answer_key(row.session, row.id)
        if row.id is not None and at_ms is not None:
            self._memory.pending.append(Answer(row.id, at_ms))
            del self._memory.pending[:-MAX_PENDING]
            yield UsageReported(response=key, tokens=NO_TOKENS, in_context=False)

        stop = "tool_use" if goes_on else row.finish or "stop"
        yield MessageWritten(message_id=key, stop_reason=stop)
        yield from calls_of(row.calls, key)
        if not goes_on:
            yield TurnEnded()
            if asks(text):
                yield Asked(cue=Cue.QUESTION)

    def _counted(self, row: HermesRow) -> Iterator[Event]:
        """Return the responses that counters grew by."""
        memory, name = self._memory, f"{row.key}\0{row.model}\0{row.task}"
        before = memory.models.pop(name, Counters())
        if len(memory.models) >= _MAX_MODELS:
            del memory.models[next(iter(memory.models))]

        for used in responses_of(row, before, memory.pending):
            yield used
            if used.in_context:
                yield ContextMeasured(tokens=used.tokens.prompt_total)

        memory.models[name] = sums_of(row)


def _asked_for(row: HermesRow, text: str) -> Iterator[Event]:
    """Return the prompt in a message of a user: reports of subagents are none."""
    delegated = _DELEGATED.match(text)
    if delegated is not None:
        yield TaskEnded(task_id=delegated[1], status="complete")
        yield Instructed(by_agent=True)
    elif row.parent is not None:
        yield Instructed(by_agent=True)
    else:
        yield PromptGiven(chars=len(text), key=answer_key(row.session, row.id))
