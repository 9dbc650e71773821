"""One row of opencode -> what it says happened.

Messages and their parts are inserted when they begin, and updated in place: they come
again, with everything that they said before. The ledger merges that by keys that are
alike in every copy (`usage.py`). Whose turn it is, only the newest message tells, so the
reader remembers how far it has come.

A part comes before its message at a first reading, and while it is written mostly behind
it. What ends a turn is in both: in the last step of a message, and in the message.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress

import msgspec
from msgspec import Struct

from jarvisd.agents._shared.cue import asks
from jarvisd.agents._shared.decode import UNDECODED, decode_strange, text_of, unix_ms
from jarvisd.agents._shared.long_lines import condenser_of
from jarvisd.agents.opencode import tools
from jarvisd.agents.opencode.failures import failure_of
from jarvisd.agents.opencode.shape import (
    CallState,
    OpencodeRow,
    RowData,
    RowTimes,
    StepTokens,
    is_transient,
)
from jarvisd.agents.opencode.usage import (
    buckets,
    duration_of,
    message_key,
    response_key,
    stated_micros,
)
from jarvisd.base.usage import NO_TOKENS
from jarvisd.core.agent import ReaderContext
from jarvisd.core.event import (
    MAX_TITLE_CHARS,
    ApiFailed,
    ApprovalAnswered,
    ApprovalRequested,
    Asked,
    Compacted,
    Cue,
    Event,
    Instructed,
    MessageWritten,
    PromptGiven,
    TitleGiven,
    TitleRank,
    TurnEnded,
    UsageReported,
)
from jarvisd.core.origin import SessionId
from jarvisd.core.record import Drift, DriftKind, Record, Speaker

_DECODER = msgspec.json.Decoder(OpencodeRow)
_PLACEHOLDERS = ("New session - ", "Child session - ")
_ASSISTANT = "assistant"
_USER = "user"
_SUMMARY = "compaction"
_CALLS = frozenset({"tool-calls", "unknown"})
"""Why a message ends where another one follows."""

_GOES_ON = "tool_use"
_SILENT = frozenset({"patch", "snapshot", "file", "agent", "subtask", "compaction"})
_MAX_CALLS = 64
_PENDING, _ASKED, _RUNS = range(3)
"""How far a call has come: without arguments, without a sign that it runs, with one."""

SILENT_MS = 3_000
"""How long a call may take until it shows that it runs: one took 1.2 s on a busy machine,
and people are hardly faster to answer."""

_NO_TIMES, _NO_DATA, _NO_COUNTS = RowTimes(), RowData(), StepTokens()
condense = condenser_of(OpencodeRow)


class OpencodeMemory(Struct, array_like=True):
    """What a reader remembers from row to row.

    Attributes:
        newest_ms: When the newest message so far was created.
        owner_ms: That of the message whose steps are being read.
        stepped: The message whose steps were counted last.
        asked_ms: When the provider was asked for the step that is being read.
        streamed_ms: When something of that step came last.
        cue: The last words ask something.
        manual: A compaction was asked for by a person.
        calls: Calls that are open, and how far each has come.

    """

    newest_ms: int = 0
    owner_ms: int = 0
    stepped: str = ""
    asked_ms: int = 0
    streamed_ms: int = 0
    cue: bool = False
    manual: bool = False
    calls: dict[str, int] = {}


PartMeaning = tuple[int | None, tuple[Event, ...]]
"""When a part was written, and what it says."""

_ENCODER = msgspec.msgpack.Encoder()
_MEMORY = msgspec.msgpack.Decoder(OpencodeMemory)


class OpencodeReader:
    """Reads the rows of one session, or older documents of one.

    *has_begun* says whether a call that is running shows that it was allowed to.
    """

    def __init__(
        self,
        context: ReaderContext,
        saved: bytes,
        has_begun: Callable[[str, CallState], bool] = tools.has_begun,
    ) -> None:
        del context  # each row names the session of its stream, and its parent
        self._has_begun = has_begun
        self._handlers = {
            "text": self._words,
            "reasoning": self._at_work,
            "step-start": self._at_work,
            "step-finish": self._step,
            "tool": self._call,
            "retry": self._retry,
        }
        self._memory = OpencodeMemory()
        # A memory that is damaged is none.
        with suppress(msgspec.DecodeError, UnicodeDecodeError):
            self._memory = _MEMORY.decode(saved)

    def read(self, text: bytes, *, offset: int) -> Record | None:
        """Return the record of the row *text*, or None if it is malformed."""
        left_out = 0
        row: OpencodeRow | None
        try:
            row = _DECODER.decode(text)
        except UNDECODED as error:
            row, left_out = decode_strange(text, OpencodeRow, error)
            if row is None:
                return None

        data = row.data
        table = row.table
        if data is None:
            data, table = (row, _table_of(row)) if not table else (_NO_DATA, table)

        if table == "part":
            return self._part(row, data, offset, left_out)

        if table == "message":
            return self._message(row, data, offset, left_out)

        return self._other(row, data, table, offset, left_out)

    def memory(self) -> bytes:
        """Return how far the reader has come."""
        return _ENCODER.encode(self._memory)

    def _part(
        self, row: OpencodeRow, data: RowData, offset: int, left_out: int
    ) -> Record:
        owner_ms = row.owner_created or 0
        self._turn_to(owner_ms)
        kind, is_copy = data.type, _is_copy(row, owner_ms)
        at_ms = row.owner_completed if is_copy else row.created
        drift: tuple[Drift, ...] = ()
        events: tuple[Event, ...] = ()
        if row.owner_role == _USER:
            at_ms, events = row.owner_created, self._asked_for(row, data)
        elif (handler := self._handlers.get(kind)) is not None:
            at_ms, events = handler(row, data, at_ms)
        elif kind not in _SILENT:
            drift = (Drift(DriftKind.RECORD_TYPE, f"part:{kind}"),)

        return Record(
            kind=kind,
            at_ms=unix_ms(at_ms or owner_ms or None),
            parent_session_id=_session(row.parent),
            cwd=row.directory,
            key=row.id,
            offset=offset,
            speaker=_speaker_of(row, data),
            copied=is_copy,
            version=row.version,
            drift=drift,
            lacks_tokens=kind == "step-finish" and data.tokens is None,
            left_out=left_out,
            events=events,
        )

    def _message(
        self, row: OpencodeRow, data: RowData, offset: int, left_out: int
    ) -> Record:
        times = data.time or _NO_TIMES
        created_ms = times.created or row.created or 0
        self._turn_to(created_ms)
        key = message_key(created_ms, row.id)
        drift: tuple[Drift, ...] = ()
        events: tuple[Event, ...] = ()
        if data.role == _ASSISTANT:
            events = tuple(self._answer(row, data, key, created_ms))
        elif data.role != _USER:
            drift = (Drift(DriftKind.RECORD_TYPE, data.role),)
        elif row.data is None:  # an older document, whose words are elsewhere
            events = (PromptGiven(chars=0, key=key),)

        return Record(
            kind=data.role,
            at_ms=unix_ms(times.completed or created_ms or None),
            session_id=_session(data.session_id),
            parent_session_id=_session(row.parent),
            cwd=row.directory or (data.path.cwd if data.path is not None else None),
            key=key,
            offset=offset,
            copied=_is_copy(row, created_ms),
            version=row.version,
            drift=drift,
            lacks_tokens=data.finish is not None and data.tokens is None,
            left_out=left_out,
            events=events,
        )

    def _other(
        self, row: OpencodeRow, data: RowData, table: str, offset: int, left_out: int
    ) -> Record:
        drift: tuple[Drift, ...] = ()
        events: tuple[Event, ...] = ()
        times = row.time or _NO_TIMES
        if table != "session":
            drift = (Drift(DriftKind.RECORD_TYPE, table),)
        elif row.title and not row.title.startswith(_PLACEHOLDERS):
            events = (TitleGiven(title=row.title[:MAX_TITLE_CHARS], rank=TitleRank.AI),)

        return Record(
            kind=table,
            at_ms=unix_ms(row.updated or times.updated or times.created),
            parent_session_id=_session(row.parent or data.parent_id),
            cwd=row.directory,
            key=row.id,
            offset=offset,
            version=row.version,
            drift=drift,
            left_out=left_out,
            events=events,
        )

    def _turn_to(self, owner_ms: int) -> None:
        """Set the message that is being read."""
        memory = self._memory
        memory.newest_ms = max(owner_ms, memory.newest_ms)
        if owner_ms != memory.owner_ms:
            memory.owner_ms = memory.asked_ms = owner_ms
            memory.streamed_ms, memory.cue = 0, False

    def _is_open(self, row: OpencodeRow) -> bool:
        """Whether a part is of the newest message, and that is being written."""
        newest = (row.owner_created or 0) >= self._memory.newest_ms
        return newest and row.owner_completed is None

    def _asked_for(self, row: OpencodeRow, data: RowData) -> tuple[Event, ...]:
        """Return the prompt in a part of a user: what programs write is none."""
        owner_ms = row.owner_created or 0
        if data.type == "compaction":
            self._memory.manual = not data.auto

        if data.type != "text" or data.ignored or owner_ms < self._memory.newest_ms:
            return ()

        if row.parent is not None:
            return (Instructed(by_agent=True),)

        key, chars = message_key(owner_ms, row.message), len(text_of(data.text) or "")
        return () if data.synthetic else (PromptGiven(chars=chars, key=key),)

    def _at_work(
        self, row: OpencodeRow, data: RowData, at_ms: int | None
    ) -> PartMeaning:
        """Return that a message is being written: words behind a call say nothing."""
        times = data.time or _NO_TIMES
        if times.end is not None:
            self._memory.streamed_ms = max(times.end, self._memory.streamed_ms)

        at_ms = times.end or times.start or at_ms
        if self._memory.calls or not self._is_open(row):
            return at_ms, ()

        return at_ms, (MessageWritten(message_id=row.message),)

    def _words(self, row: OpencodeRow, data: RowData, at_ms: int | None) -> PartMeaning:
        """Return that the agent writes; whether its words ask something is noted."""
        times = data.time
        if not is_transient(data) and (times is None or times.end is not None):
            self._memory.cue = asks(text_of(data.text) or "")

        return self._at_work(row, data, at_ms)

    def _retry(self, row: OpencodeRow, data: RowData, at_ms: int | None) -> PartMeaning:
        """Return that the provider is asked again."""
        status = data.error.data.status if data.error and data.error.data else None
        again = ApiFailed(retrying=True, attempt=data.attempt, status=status)
        return at_ms, (again,) if self._is_open(row) else ()

    def _call(self, row: OpencodeRow, data: RowData, at_ms: int | None) -> PartMeaning:
        """Return when what became of a tool call."""
        state, memory = data.state or CallState(), self._memory
        times = state.time or _NO_TIMES
        if times.start is not None:
            memory.streamed_ms = max(times.start, memory.streamed_ms)

        at_ms = times.end or times.start or at_ms
        call_id = data.call_id
        owner_ms = row.owner_created or 0
        is_newest = owner_ms >= memory.newest_ms
        # The output of an old call is dropped from the context: it came back long ago.
        if not call_id or (times.compacted is not None and not is_newest):
            return at_ms, ()

        memory.cue = False
        events: list[Event] = []
        known = memory.calls.get(call_id)
        stage = _PENDING
        if state.status != "pending":
            stage = _RUNS if self._has_begun(data.tool, state) else _ASKED

        if known is None or known == _PENDING < stage:
            response = message_key(owner_ms, row.message)
            events.append(tools.call_of(data, call_id, response))

        if tools.is_over(state):
            memory.calls.pop(call_id, None)
            events += tools.result_of(data, call_id)
            if row.owner_completed is not None and row.owner_finish not in _CALLS:
                # It ended with an error, and its result sets nobody to work again.
                events += self._ends(row.message, row.owner_finish or row.owner_error)

            return at_ms, tuple(events)

        if stage == _ASKED and known != _ASKED and self._is_open(row):
            events.append(ApprovalRequested(call_id=call_id, after_ms=SILENT_MS))
        elif stage == _RUNS and known == _ASKED:
            at_ms = row.updated or at_ms
            events.append(ApprovalAnswered(call_id=call_id))

        memory.calls[call_id] = stage
        if len(memory.calls) > _MAX_CALLS:
            del memory.calls[next(iter(memory.calls))]

        return at_ms, tuple(events)

    def _step(self, row: OpencodeRow, data: RowData, at_ms: int | None) -> PartMeaning:
        """Return the response of a step, and whether the turn ends with it."""
        memory = self._memory
        message = message_key(row.owner_created or 0, row.message)
        tokens = data.tokens or _NO_COUNTS
        latency_ms = duration_of(memory.asked_ms or None, memory.streamed_ms or None)
        used = UsageReported(
            response=response_key(message, tokens),
            model=row.owner_model,
            tokens=buckets(tokens, row.owner_provider),
            latency_ms=None if latency_ms is None else float(latency_ms),
            stated_micros=stated_micros(data.cost),
        )
        memory.stepped = row.message or ""
        memory.asked_ms, memory.streamed_ms = row.created or 0, 0
        if row.owner_mode == _SUMMARY:
            return at_ms, (used,)

        return at_ms, (used, *self._ends(row.message, data.reason))

    def _answer(
        self, row: OpencodeRow, data: RowData, key: str, created_ms: int
    ) -> Iterator[Event]:
        """Return the events of a message of the agent as a whole."""
        tokens, times = data.tokens, data.time or _NO_TIMES
        counts = NO_TOKENS if tokens is None else buckets(tokens, data.provider)
        if tokens is not None and counts.total and row.id != self._memory.stepped:
            yield UsageReported(
                response=response_key(key, tokens),
                model=data.model,
                tokens=counts,
                stated_micros=stated_micros(data.cost),
            )

        if data.error is not None:
            yield failure_of(data.error)
            return

        if times.completed is None and data.finish is None:
            if created_ms >= self._memory.newest_ms:
                yield MessageWritten(message_id=row.id)

            return

        if data.mode == _SUMMARY or bytes(data.summary) == b"true":
            manual = self._memory.manual
            yield Compacted(trigger="manual" if manual else "auto", is_summary=True)
        elif created_ms >= self._memory.newest_ms:
            yield from self._ends(row.id, data.finish)

    def _ends(self, message_id: str | None, reason: str | None) -> Iterator[Event]:
        """Return how a message of the newest turn ends; without a *reason*, it is done."""
        memory = self._memory
        if memory.owner_ms < memory.newest_ms:
            return  # somebody has asked for something else meanwhile

        stop = _GOES_ON if reason in _CALLS else reason or "stop"
        yield MessageWritten(message_id=message_id, stop_reason=stop)
        if stop != _GOES_ON:
            yield TurnEnded()
            if memory.cue:
                yield Asked(cue=Cue.QUESTION)


def _table_of(document: OpencodeRow) -> str:
    """Return the table that an older document would be a row of."""
    if document.role:
        return "message"

    is_session = document.title is not None or document.directory is not None
    return "session" if is_session else ""


def _is_copy(row: OpencodeRow, owner_ms: int) -> bool:
    """Whether a message is older than its session: it was copied from another one."""
    return row.opened is not None and 0 < owner_ms < row.opened


def _speaker_of(row: OpencodeRow, data: RowData) -> Speaker | None:
    """Return the speaker of the words in a part; None if it has none."""
    if data.type != "text" or data.synthetic or data.ignored or is_transient(data):
        return None

    return Speaker.USER if row.owner_role == _USER else Speaker.ASSISTANT


def _session(name: str | None) -> SessionId | None:
    return SessionId(name) if name else None
