"""One row of Notebook DB -> what it says happened.

A message is written when it begins and updated in place until it is done: it comes
again, with everything that it said before. The ledger merges that by the ids of
responses and calls. Whose turn it is, only the newest message tells: an older one may
be updated long after its turn, so the reader remembers how far it has come.
"""

from collections.abc import Iterator
from contextlib import suppress

import msgspec

from jarvisd.agents._shared.decode import decode_counted, text_of, unix_ms
from jarvisd.agents._shared.long_lines import condenser_of
from jarvisd.base.usage import Tokens
from jarvisd.core.agent import ReaderContext
from jarvisd.core.event import (
    MAX_TITLE_CHARS,
    Event,
    MessageWritten,
    Outcome,
    PromptGiven,
    TitleGiven,
    TitleRank,
    ToolCalled,
    ToolReturned,
    UsageReported,
)
from jarvisd.core.record import Drift, DriftKind, Record, Speaker
from tests.toy_agents.notebook_db.shape import (
    DatabaseCall,
    DatabaseRow,
    DatabaseTokens,
    MessageData,
)

_DECODER = msgspec.json.Decoder(DatabaseRow)
_NEWEST = msgspec.msgpack.Decoder(int)
_OUTCOMES = {"done": Outcome.OK, "failed": Outcome.ERROR, "refused": Outcome.DENIED}
_SPEAKERS = {"user": Speaker.USER, "assistant": Speaker.ASSISTANT}
condense = condenser_of(DatabaseRow)


class DatabaseRowReader:
    """Reads the rows of one session.

    Attributes:
        newest_ms: When the newest message so far was begun.

    """

    def __init__(self, context: ReaderContext, saved: bytes) -> None:
        del context  # each row belongs to the session of its stream
        self.newest_ms = 0
        with suppress(msgspec.DecodeError):  # a memory that is damaged is none
            self.newest_ms = _NEWEST.decode(saved)

    def read(self, text: bytes, *, offset: int) -> Record | None:
        """Return the record of the row *text*, or None if it is malformed."""
        row, left_out = decode_counted(text, _DECODER)
        if row is None:
            return None

        data = row.data or MessageData()
        kind = data.role if row.table == "message" else row.table
        drift: tuple[Drift, ...] = ()
        if row.table != "session" and data.role not in _SPEAKERS:
            drift = (Drift(DriftKind.RECORD_TYPE, kind),)

        return Record(
            kind=kind,
            at_ms=unix_ms(row.updated or row.created),
            cwd=row.folder,
            key=row.id,
            offset=offset,
            speaker=_SPEAKERS.get(data.role),
            version=data.version,
            drift=drift,
            lacks_tokens=bool(data.finish) and data.tokens is None,
            left_out=left_out,
            events=tuple(self._events(row, data)),
        )

    def memory(self) -> bytes:
        """Return how far the reader has come."""
        return msgspec.msgpack.encode(self.newest_ms)

    def _events(self, row: DatabaseRow, data: MessageData) -> Iterator[Event]:
        if row.table == "session":
            if row.title:
                yield TitleGiven(title=row.title[:MAX_TITLE_CHARS], rank=TitleRank.AI)

            return

        begun_ms = unix_ms(row.created) or 0
        is_newest = begun_ms >= self.newest_ms
        self.newest_ms = max(begun_ms, self.newest_ms)
        if data.role == "user" and is_newest:
            yield PromptGiven(chars=len(text_of(data.text) or ""), key=row.id)
        elif data.role == "assistant":
            for call in data.calls:
                yield from _call_events(call, row.id)

            if is_newest:  # behind its calls, which would set it to work again
                yield MessageWritten(message_id=row.id, stop_reason=_stop_of(data))

            if data.tokens is not None:
                yield UsageReported(
                    response=row.id,
                    model=data.model,
                    tokens=_disjoint(data.tokens),
                )


def _stop_of(data: MessageData) -> str | None:
    return "tool_use" if data.finish == "calls" else data.finish


def _call_events(call: DatabaseCall, response: str | None) -> Iterator[Event]:
    if not call.id:
        return

    yield ToolCalled(call_id=call.id, tool=call.tool, response=response)
    outcome = _OUTCOMES.get(call.status)
    if outcome is not None:
        yield ToolReturned(call_id=call.id, outcome=outcome, duration_ms=call.ms)


def _disjoint(tokens: DatabaseTokens) -> Tokens:
    return Tokens(
        input=max(0, tokens.input - tokens.cached),
        cache_read=tokens.cached,
        output=tokens.output,
        reasoning=min(tokens.reasoning, tokens.output),
    )
