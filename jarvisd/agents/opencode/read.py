"""One row of opencode -> what it says happened.

Messages and their parts are inserted when they begin, and updated in place: they come
again, with everything that they said before. The ledger merges that by keys that are
alike in every copy (`usage.py`). Whose turn it is, only the newest message tells, so the
reader remembers how far it has come.

A part comes before its message at a first reading, and while it is written mostly behind
it. What ends a turn is in both: in the last step of a message, and in the message.
"""

from collections.abc import Iterator
from contextlib import suppress

import msgspec

from jarvisd.agents._shared.decode import UNDECODED, decode_strange, unix_ms
from jarvisd.agents._shared.long_lines import condenser_of
from jarvisd.agents.opencode import tools
from jarvisd.agents.opencode.failures import failure_of
from jarvisd.agents.opencode.parts import SUMMARY, HasBegun, PartEvents
from jarvisd.agents.opencode.shape import (
    OpencodeRow,
    RowData,
    RowTimes,
    is_transient,
)
from jarvisd.agents.opencode.turn_memory import OpencodeMemory
from jarvisd.agents.opencode.usage import (
    buckets,
    message_key,
    response_key,
    stated_micros,
)
from jarvisd.base.usage import NO_TOKENS
from jarvisd.core.agent import ReaderContext
from jarvisd.core.event import (
    MAX_TITLE_CHARS,
    Compacted,
    Event,
    MessageWritten,
    PromptGiven,
    TitleGiven,
    TitleRank,
    UsageReported,
)
from jarvisd.core.origin import SessionId
from jarvisd.core.record import Drift, DriftKind, Record, Speaker

_DECODER = msgspec.json.Decoder(OpencodeRow)
_PLACEHOLDERS = ("New session - ", "Child session - ")
_ASSISTANT = "assistant"
_USER = "user"
_NO_TIMES, _NO_DATA = RowTimes(), RowData()
condense = condenser_of(OpencodeRow)


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
        has_begun: HasBegun = tools.has_begun,
    ) -> None:
        del context  # each row names the session of its stream, and its parent
        self._memory = OpencodeMemory()
        # A memory that is damaged is none.
        with suppress(msgspec.DecodeError, UnicodeDecodeError):
            self._memory = _MEMORY.decode(saved)

        self._parts = PartEvents(self._memory, has_begun)

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
        self._memory.turn_to(owner_ms)
        kind, is_copy = data.type, _is_copy(row, owner_ms)
        at_ms = row.owner_completed if is_copy else row.created
        meaning = self._parts.meaning(row, data, at_ms)
        drift: tuple[Drift, ...] = ()
        if meaning is None:
            drift, meaning = (
                (Drift(DriftKind.RECORD_TYPE, f"part:{kind}"),),
                (at_ms, ()),
            )

        at_ms, events = meaning
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
        self._memory.turn_to(created_ms)
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

        if data.mode == SUMMARY or bytes(data.summary) == b"true":
            manual = self._memory.manual
            yield Compacted(trigger="manual" if manual else "auto", is_summary=True)
        elif created_ms >= self._memory.newest_ms:
            yield from self._memory.ends(row.id, data.finish)


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
