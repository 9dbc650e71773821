"""One line that Aider wrote -> the record of its events.

A chat history is Markdown for people. What Aider itself puts into it begins with `> `,
prompts with `#### `; both end with two spaces. All else are the words of the model,
which may look like anything. A history has many starts of Aider and is one session.

An analytics log reports the same messages without project and prompts. What it reports
of one start is one sum, and void where a history tells of a start of that moment.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime

import msgspec

from jarvisd.agents._shared.cue import asks
from jarvisd.agents._shared.decode import decode_counted, unix_ms
from jarvisd.agents._shared.long_lines import Objects
from jarvisd.agents.aider.shape import (
    ASKING_COMMANDS,
    COST,
    ERROR,
    INTERRUPTED,
    LAST_DELAY_S,
    MODEL,
    NOT_RETRIED,
    REFLECTED,
    RETRY,
    START,
    STOPPED,
    TOKENS,
    VERSION,
    AnalyticsEvent,
    AnalyticsProperties,
)
from jarvisd.base.usage import NO_TOKENS, Tokens
from jarvisd.core.agent import ReaderContext
from jarvisd.core.event import (
    ApiFailed,
    Asked,
    CommandGiven,
    Cue,
    Event,
    Instructed,
    Interrupted,
    MessageWritten,
    PromptGiven,
    Trouble,
    TurnEnded,
    TurnStarted,
    UsageReported,
    UsageSuperseded,
)
from jarvisd.core.record import Record, Speaker
from jarvisd.core.sources.jsonlines.lines import is_blank

MAX_BYTES = 64 * 1024
"""Of a line as much is looked at; of a longer prompt the length is that of its start."""

LAUNCH_S = 5
"""The analytics log starts so many seconds after the history at most."""

_MAX_ASKING_BYTES = 8_192
_MS_PER_S = 1_000
_DOLLAR_MICROS = 1_000_000
_UNITS = {b"k": 1_000, b"M": 1_000_000}
_MAX_COUNT = 2**40
_MAX_DOLLARS = 1e9
_SPACE = b"\xef\xbb\xbf \t\r\v\f\0"
"""Also a byte order mark."""

_TROUBLES = {"AuthenticationError": Trouble.LOGGED_OUT}
_DECODER = msgspec.json.Decoder(AnalyticsEvent)


class AiderMemory(msgspec.Struct, array_like=True):
    """What is remembered of the lines so far.

    Attributes:
        is_analytics: The stream is an analytics log; None before its first line.
        stamp: When this start of Aider was, as it is written; "" before the first.
        start: Where its line is; keys count from there, alike in every copy.
        end: Where the line before ends.
        model: The model in use.
        working: A prompt is not answered yet.
        in_prompt: The line before is a line of a prompt.
        in_reply: The line before is of the model's words.
        asking: The last words of the model ask something.
        costless: The response of the line before, if its cost may be in this one.
        delay_s: The pause that Aider announced last before it tries again.
        launched_ms: Of an analytics log: when Aider was started.
        spent: And the sum since then.
        spent_micros: And its cost.

    """

    is_analytics: bool | None = None
    stamp: str = ""
    start: int = 0
    end: int = 0
    model: str | None = None
    working: bool = False
    in_prompt: bool = False
    in_reply: bool = False
    asking: bool = False
    costless: str = ""
    delay_s: float = 0.0
    launched_ms: int = 0
    spent: Tokens = NO_TOKENS
    spent_micros: int | None = None


_MEMORY = msgspec.msgpack.Decoder(AiderMemory)
_ENCODE = msgspec.msgpack.Encoder().encode


class AiderReader:
    """Reads a chat history, or an analytics log."""

    def __init__(self, context: ReaderContext, saved: bytes) -> None:
        self._cwd = context.cwd
        self._last_words = b""
        self._memory = AiderMemory()
        if saved:
            with suppress(msgspec.DecodeError):  # a memory that is damaged is none
                self._memory = _MEMORY.decode(saved)

    def read(self, text: bytes, *, offset: int) -> Record | None:
        """Return the record of the line *text*, or None if it is blank."""
        if is_blank(text):
            return None

        memory, kept = self._memory, text[:MAX_BYTES]
        if memory.is_analytics is None:
            memory.is_analytics = _is_object(kept)

        if memory.is_analytics:
            return self._event(text, offset)

        follows_blank = offset != memory.end
        memory.end = offset + len(text) + 1
        if kept.startswith(b"> ") and (kept.endswith(b"  ") or TOKENS.fullmatch(kept)):
            return self._note(kept, offset)

        is_prompt = kept.startswith(b"#### ") and kept.endswith(b"  ")
        if is_prompt and (follows_blank or memory.in_prompt):
            return self._prompt(kept, offset)

        if kept.startswith(b"# aider chat") and (follows_blank or not offset):
            found = START.fullmatch(kept)
            if found is not None:
                return self._started(found[1].decode(), offset)

        return self._reply(kept, offset)

    def memory(self) -> bytes:
        """Return the encoded memory."""
        self._judge_last_words()
        return _ENCODE(self._memory)

    def _judge_last_words(self) -> None:
        """Remember whether the newest line of the model asks something.

        Not at each line of an answer: only the last one before a note counts.
        """
        if self._last_words:
            words = self._last_words.decode(errors="replace")
            self._memory.asking, self._last_words = asks(words), b""

    def _key(self, offset: int) -> str:
        memory = self._memory
        return f"{memory.stamp}+{offset - memory.start}"

    def _record(
        self,
        kind: str,
        offset: int,
        events: tuple[Event, ...] = (),
        speaker: Speaker | None = None,
    ) -> Record:
        return Record(
            kind=kind,
            key=self._key(offset),
            offset=offset,
            speaker=speaker,
            events=events,
        )

    # A chat history

    def _started(self, stamp: str, offset: int) -> Record:
        memory = self._memory
        events: list[Event] = [TurnEnded()] if memory.working else []
        at_ms = _local_ms(stamp)
        self._last_words = b""
        self._memory = AiderMemory(
            is_analytics=False, stamp=stamp, start=offset, end=memory.end
        )
        if at_ms is not None:
            events += (
                UsageSuperseded(key=_launch_key(at_ms + late_s * _MS_PER_S))
                for late_s in range(LAUNCH_S)
            )

        return Record(
            kind="start",
            at_ms=at_ms,
            cwd=self._cwd,
            key=self._key(offset),
            offset=offset,
            events=tuple(events),
        )

    def _prompt(self, text: bytes, offset: int) -> Record:
        memory = self._memory
        words = text[5:].strip().decode(errors="replace")
        self._judge_last_words()
        goes_on, memory.in_prompt, memory.in_reply = memory.in_prompt, True, False
        command, _, rest = words.partition(" ")
        events: tuple[Event, ...] = ()
        if goes_on or words == "<blank>":
            pass
        elif command.startswith("/"):
            events = (CommandGiven(name=command[1:]),)
            if command[1:] in ASKING_COMMANDS and rest.strip():
                events += _turn(memory, PromptGiven(chars=len(rest.strip())))
        else:
            events = _turn(memory, PromptGiven(chars=len(words)))

        return self._record("prompt", offset, events, Speaker.USER)

    def _reply(self, text: bytes, offset: int) -> Record:
        memory = self._memory
        cost = COST.fullmatch(text) if memory.costless else None
        if cost is not None:
            usage = UsageReported(
                response=memory.costless,
                model=memory.model,
                tokens=NO_TOKENS,
                has_cache=True,
                in_context=False,
                stated_micros=_micros(cost[1]),
            )
            memory.costless = ""
            return self._record("cost", offset, (usage,))

        events: tuple[Event, ...] = ()
        if not memory.in_reply and memory.working:
            events = (MessageWritten(message_id=self._key(offset)),)

        memory.in_prompt, memory.in_reply, memory.costless = False, True, ""
        is_short = len(text) < _MAX_ASKING_BYTES and not _is_object(text)
        memory.asking, self._last_words = False, text if is_short else b""
        return self._record("reply", offset, events, Speaker.ASSISTANT)

    def _note(self, text: bytes, offset: int) -> Record:
        """Return the record of a line that Aider itself has written."""
        self._judge_last_words()
        memory = self._memory
        memory.in_prompt = memory.in_reply = False
        memory.costless = ""
        for kind, pattern, handler in _NOTES:
            found = pattern.fullmatch(text)
            if found is not None:
                events = tuple(handler(memory, found, self._key(offset)))
                return self._record(kind, offset, events)

        version = VERSION.fullmatch(text)
        if version is None:
            return self._record("note", offset)

        return msgspec.structs.replace(
            self._record("version", offset), version=version[1].decode()
        )

    # An analytics log

    def _event(self, text: bytes, offset: int) -> Record:
        event, left_out = decode_counted(text, _DECODER)
        if event is None:
            return Record(kind="unreadable", offset=offset)

        memory, at_ms = self._memory, unix_ms(event.time)
        if event.event == "launched":
            memory.launched_ms = at_ms or 0
            memory.spent, memory.spent_micros = NO_TOKENS, None

        said, events = event.properties or AnalyticsProperties(), list[Event]()
        if event.event == "message_send":
            memory.spent += Tokens(
                input=said.prompt_tokens, output=said.completion_tokens
            )
            if said.cost is not None:
                spent = memory.spent_micros or 0
                memory.spent_micros = spent + round(said.cost * _DOLLAR_MICROS)

            events.append(
                UsageReported(
                    response=_launch_key(memory.launched_ms),
                    model=_named(said.main_model),
                    tokens=memory.spent,
                    has_cache=False,
                    in_context=False,
                    stated_micros=memory.spent_micros,
                )
            )
        elif event.event == "message_send_exception":
            events.append(ApiFailed(error=event.event))

        return Record(
            kind=event.event,
            at_ms=at_ms,
            offset=offset,
            left_out=left_out,
            events=tuple(events),
        )


def _turn(memory: AiderMemory, *events: Event) -> tuple[Event, ...]:
    """Return *events* and the start of a turn."""
    memory.working, memory.asking, memory.delay_s = True, False, 0.0
    return (*events, TurnStarted())


def _used(memory: AiderMemory, found: re.Match[bytes], key: str) -> Iterator[Event]:
    cost = found[5]
    sent, written, hit, received = map(_count, found.groups()[:4])
    if cost is None:
        memory.costless = key

    yield UsageReported(
        response=key,
        model=memory.model,
        tokens=Tokens(
            input=max(0, sent - written - hit),
            cache_read=min(hit, sent),
            output=received,
        ),
        cache_write_flat=min(written, max(0, sent - hit)),
        stated_micros=None if cost is None else _micros(cost),
    )
    if memory.working:
        memory.working = False
        yield TurnEnded()
        if memory.asking:
            yield Asked(cue=Cue.QUESTION)


def _chose_model(
    memory: AiderMemory, found: re.Match[bytes], _key: str
) -> Iterator[Event]:
    memory.model = found[1].decode(errors="replace")
    yield from ()


def _failed(memory: AiderMemory, found: re.Match[bytes], _key: str) -> Iterator[Event]:
    error = found[1].decode()
    is_last = error in NOT_RETRIED or memory.delay_s >= LAST_DELAY_S
    if is_last:
        memory.working = False

    trouble = _TROUBLES.get(error, Trouble.API_ERROR) if is_last else None
    yield ApiFailed(error=error, trouble=trouble, retrying=not is_last)


def _waits(memory: AiderMemory, found: re.Match[bytes], _key: str) -> Iterator[Event]:
    memory.delay_s = _number(found[1])
    yield from ()


def _interrupted(
    memory: AiderMemory, _found: re.Match[bytes], _key: str
) -> Iterator[Event]:
    if memory.working:
        memory.working = False
        yield Interrupted(reason="user")


def _reflected(
    memory: AiderMemory, _found: re.Match[bytes], _key: str
) -> Iterator[Event]:
    yield from _turn(memory, Instructed())


def _stopped(
    memory: AiderMemory, _found: re.Match[bytes], _key: str
) -> Iterator[Event]:
    if memory.working:
        memory.working = False
        yield TurnEnded()


_NOTES = (
    ("tokens", TOKENS, _used),
    ("model", MODEL, _chose_model),
    ("error", ERROR, _failed),
    ("retry", RETRY, _waits),
    ("interrupt", INTERRUPTED, _interrupted),
    ("reflection", REFLECTED, _reflected),
    ("stop", STOPPED, _stopped),
)
"""Lines of Aider that say something: kind, pattern, and what is made of it."""


class LineStart:
    """Condenses a line of Markdown to as much of it as is looked at."""

    def __init__(self) -> None:
        self._kept = b""

    def feed(self, piece: bytes) -> None:
        """Apply the next bytes of the line."""
        if len(self._kept) < MAX_BYTES:
            self._kept += piece[: MAX_BYTES - len(self._kept)]

    def finish(self) -> bytes:
        """Return the start of the line."""
        return self._kept


class AiderLine:
    """Condenses a long line: an event of an analytics log, or a line of Markdown."""

    def __init__(self) -> None:
        self._begun = b""
        self._condenser: Objects | LineStart | None = None

    def feed(self, piece: bytes) -> None:
        """Apply the next bytes of the line."""
        if self._condenser is not None:
            self._condenser.feed(piece)
            return

        self._begun += piece
        if self._begun.strip(_SPACE):
            is_object = _is_object(self._begun)
            self._condenser = Objects(AnalyticsEvent) if is_object else LineStart()
            self._condenser.feed(self._begun)

    def finish(self) -> bytes:
        """Return the small line, or a blank one."""
        return b"" if self._condenser is None else self._condenser.finish()


def _is_object(text: bytes) -> bool:
    return text.lstrip(_SPACE).startswith(b"{")


def _named(model: str | None) -> str | None:
    """Return *model*, or None if the log hides which one it is."""
    is_hidden = model is None or model == "None" or model.endswith("/REDACTED")
    return None if is_hidden else model


def _local_ms(stamp: str) -> int | None:
    """Return the Unix ms of *stamp*, which is in the time zone of this machine."""
    try:
        return round(datetime.fromisoformat(stamp).timestamp() * _MS_PER_S)
    except (ValueError, OverflowError, OSError):
        return None


def _launch_key(at_ms: int) -> str:
    """Return the key of all that the analytics log reports of one start of Aider."""
    return f"aider launched at {at_ms // _MS_PER_S}"


def _count(text: bytes | None) -> int:
    """Return the tokens in *text*, such as `785` or `1.2k`; 0 if it is no count."""
    if text is None:
        return 0

    unit = _UNITS.get(text[-1:], 1)
    count = round(_number(text[:-1] if unit > 1 else text) * unit)
    return count if count <= _MAX_COUNT else 0


def _micros(dollars: bytes) -> int | None:
    amount = _number(dollars)
    return round(amount * _DOLLAR_MICROS) if amount <= _MAX_DOLLARS else None


def _number(text: bytes) -> float:
    """Return the number in *text*, which has digits and points only; 0 if it is none."""
    try:
        return float(text)
    except ValueError:
        return 0.0
