"""One line, or one element of a document, of Gemini CLI -> what it says happened.

A message comes again with the same id when its tokens or the ends of its calls are
known; all its events have ids, so that they are counted once. What is rewound, or
replaced by a compressed history, was spent all the same.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

import msgspec

from jarvisd.agents._shared.cue import asks
from jarvisd.agents._shared.decode import UNDECODED, decode_strange, unix_ms
from jarvisd.agents._shared.long_lines import condenser_of
from jarvisd.agents.gemini.prose import (
    folder_in,
    is_snapshot,
    own_words,
    texts_in,
)
from jarvisd.agents.gemini.shape import GeminiLine, GeminiMessage, GeminiUpdate
from jarvisd.agents.gemini.tools import calls_in, newest_ms
from jarvisd.agents.gemini.usage import lacks_tokens, usage_of
from jarvisd.core.agent import ReaderContext
from jarvisd.core.event import (
    MAX_TITLE_CHARS,
    ApiFailed,
    Asked,
    Compacted,
    Cue,
    Event,
    Instructed,
    Interrupted,
    LimitReached,
    MessageWritten,
    PromptGiven,
    TitleGiven,
    TitleRank,
    Trouble,
    TurnEnded,
)
from jarvisd.core.record import Drift, DriftKind, Record, Speaker

_DECODE = msgspec.json.Decoder(GeminiLine).decode
condense = condenser_of(GeminiLine)

_SUBAGENT = "subagent"
_END, _CALLS = "end_turn", "tool_use"
_CANCELLED = "Request cancelled"
_ENDINGS = (_CANCELLED, "This request failed")
_API_ERROR = "[API Error"
_STATUS = re.compile(r'"code":\s*(\d{3})\b')
_QUOTA = re.compile(r"\bquota\b", re.IGNORECASE)


class GeminiMemory(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What must be remembered of one session from line to line.

    Attributes:
        is_subagent: Its prompts are those of another session, not of a person.
        snapshot: The id of the message that stands for a compressed history.

    """

    is_subagent: bool = False
    snapshot: str | None = None


_ENCODER = msgspec.msgpack.Encoder()
_MEMORY = msgspec.msgpack.Decoder(GeminiMemory)


class GeminiReader:
    """Reads the lines of one session, or the elements of its document."""

    def __init__(self, context: ReaderContext, saved: bytes) -> None:
        self._memory = GeminiMemory(is_subagent=context.parent_session_id is not None)
        if saved:
            with suppress(msgspec.DecodeError):  # a memory that is bad is none
                self._memory = _MEMORY.decode(saved)

    def read(self, text: bytes, *, offset: int) -> Record | None:
        """Return the record of the item *text*, or None if it is malformed."""
        left_out = 0
        try:
            line = _DECODE(text)
        except UNDECODED as error:
            found, left_out = decode_strange(text, GeminiLine, error)
            if found is None:
                return None

            line = found

        if line.type:
            return self._message(line, offset=offset, left_out=left_out)

        if line.update is not None:
            return self._update(line.update, offset=offset, left_out=left_out)

        return self._other(line, offset=offset, left_out=left_out)

    def memory(self) -> bytes:
        """Return the encoded state of the reader."""
        return _ENCODER.encode(self._memory)

    def _message(self, line: GeminiLine, *, offset: int, left_out: int) -> Record:
        kind = line.type
        read = _EVENTS.get(kind)
        return Record(
            kind=kind,
            at_ms=newest_ms(line) if line.tool_calls else unix_ms(line.timestamp),
            cwd=folder_in(line) if kind == "user" else None,
            key=line.id,
            offset=offset,
            speaker=_SPEAKERS.get(kind),
            drift=() if read is not None else (Drift(DriftKind.RECORD_TYPE, kind),),
            lacks_tokens=kind == "gemini" and lacks_tokens(line.tokens),
            left_out=left_out,
            events=() if read is None else tuple(read(line, self._memory)),
        )

    def _update(self, update: GeminiUpdate, *, offset: int, left_out: int) -> Record:
        return Record(
            kind="$set",
            at_ms=unix_ms(update.last_updated),
            session_id=update.session_id or None,
            cwd=_folder(update.directories, update.messages),
            offset=offset,
            left_out=left_out,
            events=(*_titles(update.summary), *self._restated(update.messages)),
        )

    def _restated(self, messages: tuple[GeminiMessage, ...]) -> Iterator[Event]:
        """Yield the usage in a whole conversation, and whether it was compressed."""
        for each in messages:
            usage = usage_of(each, in_context=False)
            if usage is not None:
                yield usage

        snapshot = next(filter(is_snapshot, messages), None)
        if snapshot is not None and snapshot.id != self._memory.snapshot:
            self._memory.snapshot = snapshot.id
            yield Compacted()

    def _other(self, line: GeminiLine, *, offset: int, left_out: int) -> Record:
        """Return the record of the header, of a rewind, or of what is neither."""
        drift: tuple[Drift, ...] = ()
        kind = "session" if line.session_id else "$rewindTo"
        if line.session_id is None and line.rewind_to is None:
            kind, drift = "", (Drift(DriftKind.RECORD_TYPE, ""),)

        if line.kind is not None:
            self._memory.is_subagent = line.kind == _SUBAGENT

        return Record(
            kind=kind,
            at_ms=unix_ms(line.start_time),
            session_id=line.session_id or None,
            cwd=_folder(line.directories),
            offset=offset,
            drift=drift,
            left_out=left_out,
            events=tuple(_titles(line.summary)),
        )


def _folder(
    directories: tuple[str, ...], messages: tuple[GeminiMessage, ...] = ()
) -> str | None:
    return next(filter(None, (*directories, *map(folder_in, messages[:1]))), None)


def _titles(summary: str | None) -> Iterator[Event]:
    title = (summary or "").strip()[:MAX_TITLE_CHARS]
    if title:
        yield TitleGiven(title=title, rank=TitleRank.SUMMARY)


def _user(line: GeminiMessage, memory: GeminiMemory) -> Iterator[Event]:
    words = own_words(line)
    if words is None:
        return

    if memory.is_subagent:
        yield Instructed(by_agent=True)
    else:
        yield PromptGiven(chars=len(words), key=line.id)


def _model(line: GeminiMessage, _: GeminiMemory) -> Iterator[Event]:
    words = "" if line.tool_calls else "\n".join(texts_in(line.content))
    # A message without words asks for calls, which come when they have ended.
    stop = _END if words.strip() else _CALLS
    yield MessageWritten(message_id=line.id, stop_reason=stop)
    if words and asks(words):
        yield Asked(cue=Cue.QUESTION)

    usage = usage_of(line)
    if usage is not None:
        yield usage

    yield from calls_in(line)


def _error(line: GeminiMessage, _: GeminiMemory) -> Iterator[Event]:
    words = " ".join(texts_in(line.content))
    if not words.startswith(_API_ERROR):
        yield TurnEnded()
    elif _QUOTA.search(words):
        yield LimitReached()
    else:
        status = _STATUS.search(words)
        yield ApiFailed(
            error="api_error",
            trouble=Trouble.API_ERROR,
            status=None if status is None else int(status[1]),
        )


def _info(line: GeminiMessage, _: GeminiMemory) -> Iterator[Event]:
    words = " ".join(texts_in(line.content))
    if words.startswith(_CANCELLED):
        yield Interrupted(reason="user")
    elif words.startswith(_ENDINGS):
        yield TurnEnded()


def _nothing(_: GeminiMessage, __: GeminiMemory) -> Iterable[Event]:
    return ()


_EVENTS: dict[str, Callable[[GeminiMessage, GeminiMemory], Iterable[Event]]] = {
    "user": _user,
    "gemini": _model,
    "error": _error,
    "info": _info,
    "warning": _nothing,
}

_SPEAKERS = {"user": Speaker.USER, "gemini": Speaker.ASSISTANT}
