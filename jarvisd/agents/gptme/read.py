"""One line of gptme -> what it says happened.

A response is written when its tool has ended, right before the result. Messages have no
ids: they are known by their times, which copies in branches and forks keep.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from zlib import crc32

import msgspec
from msgspec import Raw

from jarvisd.agents._shared.cue import asks
from jarvisd.agents._shared.decode import UNDECODED, decode_strange, text_of
from jarvisd.agents._shared.last_number import last_number
from jarvisd.agents._shared.local_time import local_ms
from jarvisd.agents._shared.long_lines import condenser_of
from jarvisd.agents.gptme.places import SUBAGENT
from jarvisd.agents.gptme.shape import GptmeLine
from jarvisd.agents.gptme.usage import counts_in, usage_of
from jarvisd.core.agent import ReaderContext
from jarvisd.core.event import (
    Asked,
    Cue,
    Event,
    Instructed,
    Interrupted,
    MessageWritten,
    Outcome,
    PromptGiven,
    ToolCalled,
    ToolReturned,
    TurnEnded,
)
from jarvisd.core.record import Drift, DriftKind, Record, Speaker

_DECODE = msgspec.json.Decoder(GptmeLine).decode
condense = condenser_of(GptmeLine)

MAX_OPEN = 64

_CALL = re.compile(r"\n@([\w.-]{1,64})\(([^()\s]{1,128})\): ?(?=[{\[])")
_CODE = re.compile(r"^Return code: (-?\d{1,9})$", re.MULTILINE)
_CODE_MARK = "Return code: "
_CODE_BYTES = _CODE_MARK.encode()
_ERRORS = (b"Error", b"error:", b"Failed ")
_DENIED = re.compile(rb"\b(?:declined|user chose not to|denied by)\b")
_DENIAL_PARTS = (b"declined", b"user chose", b"denied by")
"""A part of every denial: a search for the words at each byte costs more."""
_HEAD = 200
"""Where the words of a result are that tell an error or a denial."""
_SETTING = b":** "
"""In the messages that name the folder and the branch."""
_FOLDER, _BRANCH = "**Working Directory:** ", "**Branch:** `"
_THINK, _THOUGHT = "<think>", "</think>"
_BY_PROGRAM = "<system>"
_INTERRUPTED = "^C Interrupted"
_COMPLETE = "complete"
_END, _CALLS = "end_turn", "tool_use"


class GptmeMemory(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What must be remembered of one conversation from line to line.

    Attributes:
        open_calls: Calls without a result, by the provider's id: their names here, and
            how long they took.

    """

    open_calls: dict[str, tuple[str, int | None]] = {}


_ENCODER = msgspec.msgpack.Encoder()
_MEMORY = msgspec.msgpack.Decoder(GptmeMemory)


class GptmeReader:
    """Reads the lines of one conversation.

    Attributes:
        is_subagent: It is a subagent's, by its name.
        open_calls: See `GptmeMemory`.

    """

    def __init__(self, context: ReaderContext, saved: bytes) -> None:
        self.is_subagent = (context.session_id or "").startswith(SUBAGENT)
        self.open_calls: dict[str, tuple[str, int | None]] = {}
        if saved:
            with suppress(msgspec.DecodeError):  # a memory that is bad is none
                self.open_calls = _MEMORY.decode(saved).open_calls

    def read(self, text: bytes, *, offset: int) -> Record | None:
        """Return the record of the line *text*, or None if it is malformed."""
        left_out = 0
        try:
            line = _DECODE(text)
        except UNDECODED as error:
            found, left_out = decode_strange(text, GptmeLine, error)
            if found is None:
                return None

            line = found

        role, metadata = line.role, line.metadata
        read = _EVENTS.get(role)
        cwd = branch = None
        if role == "system" and _SETTING in text:
            content = text_of(line.content) or ""
            cwd = _behind(_FOLDER, content, "\n")
            branch = _behind(_BRANCH, content, "`")

        return Record(
            kind=role,
            at_ms=local_ms(line.timestamp),
            cwd=cwd,
            branch=branch,
            key=key_of(line),
            offset=offset,
            speaker=_SPEAKERS.get(role),
            drift=() if read is not None else (Drift(DriftKind.RECORD_TYPE, role),),
            lacks_tokens=role == "assistant"
            and metadata is not None
            and metadata.usage is not None
            and counts_in(metadata) is None,
            left_out=left_out,
            events=() if read is None else tuple(read(line, self)),
        )

    def memory(self) -> bytes:
        """Return the encoded state of the reader; b"" if it cannot be encoded."""
        try:
            return _ENCODER.encode(GptmeMemory(open_calls=self.open_calls))
        except (OverflowError, TypeError, ValueError):
            return b""


def _behind(mark: str, content: str, end: str) -> str | None:
    """Return the words of *content* behind *mark*, up to *end*; None if it has none."""
    at = content.find(mark)
    if at < 0 or (at and content[at - 1] != "\n"):
        return None

    return content[at + len(mark) :].partition(end)[0].strip() or None


def key_of(line: GptmeLine) -> str | None:
    """Return the name of a message, alike in copies; None if it has no time."""
    if line.timestamp is None:
        return None

    metadata = line.metadata
    name = f"{line.role}/{line.timestamp}"
    if metadata is None or metadata.input_log_digest is None:
        return name

    return f"{name}/{metadata.input_log_digest}"


def words_of(line: GptmeLine) -> str:
    """Return the words of a message, without thoughts and calls."""
    words = text_of(line.content) or ""
    if line.role != "assistant":
        return words

    words = _without_thoughts(words)
    call = _CALL.search(f"\n{words}")
    return words if call is None else words[: max(0, call.start() - 1)]


def _without_thoughts(words: str) -> str:
    """Return *words* without thoughts, and without the space behind each of them."""
    said = []
    while _THINK in words:
        before, _, words = words.partition(_THINK)
        said.append(before)
        words = words.partition(_THOUGHT)[2].lstrip()

    return "".join([*said, words])


def _user(line: GptmeLine, reader: GptmeReader) -> Iterator[Event]:
    content = text_of(line.content) or ""
    if reader.is_subagent:
        yield Instructed(by_agent=True)
    elif content.startswith(_BY_PROGRAM):
        yield Instructed(by_hook=True)
    else:
        yield PromptGiven(chars=len(content), key=key_of(line))


def _assistant(line: GptmeLine, reader: GptmeReader) -> Iterator[Event]:
    content = text_of(line.content) or ""
    key, metadata = key_of(line), line.metadata
    said = _without_thoughts(content) if content.startswith(_THINK) else content
    marked = f"\n{said}" if "@" in said else ""
    calls = list(_CALL.finditer(marked))
    is_cut = content.endswith(_INTERRUPTED)
    yield MessageWritten(message_id=key, stop_reason=_CALLS if calls else _END)
    if is_cut:
        yield Interrupted(reason="user")
    elif not calls and asks(said):
        yield Asked(cue=Cue.QUESTION)

    usage = None if metadata is None else usage_of(metadata, key)
    if usage is not None:
        yield usage

    timings = None if metadata is None else metadata.timings
    took_ms = None if timings is None else timings.tool_ms
    for found in calls:
        tool, call_id = found[1], found[2]
        name = f"{key}/{call_id}"
        reader.open_calls[call_id] = (name, None if took_ms is None else round(took_ms))
        if len(reader.open_calls) > MAX_OPEN:
            del reader.open_calls[next(iter(reader.open_calls))]

        given = marked[found.end() : found.end() + 256]
        yield ToolCalled(
            call_id=name, tool=tool, response=key, digest=crc32(given.encode())
        )


def _system(line: GptmeLine, reader: GptmeReader) -> Iterator[Event]:
    tool = None if line.metadata is None else line.metadata.tool
    if tool is None and line.call_id is None:
        return

    name, took_ms = reader.open_calls.pop(line.call_id or "", (None, None))
    if name is None:
        if tool is None:
            return

        # In other formats a call is a block of code without an id.
        name = f"{key_of(line)}/{tool}"
        yield ToolCalled(call_id=name, tool=tool)

    yield ToolReturned(
        call_id=name, outcome=_outcome(line.content), duration_ms=took_ms
    )
    if tool == _COMPLETE:
        yield TurnEnded()


def _outcome(content: Raw) -> Outcome:
    """Return how a call ended, which only its output tells."""
    raw = bytes(memoryview(content))
    if _CODE_BYTES in raw:  # rarely: most output need not be decoded
        code = last_number(_CODE, _CODE_MARK, text_of(content) or "")
        if code is not None:
            return Outcome.ERROR if int(code) else Outcome.OK

    head = raw[1:_HEAD]
    words = head.lower()
    if any(part in words for part in _DENIAL_PARTS) and _DENIED.search(words):
        return Outcome.DENIED

    return Outcome.ERROR if head.startswith(_ERRORS) else Outcome.OK


_Read = Callable[[GptmeLine, GptmeReader], Iterable[Event]]

_EVENTS: dict[str, _Read] = {
    "system": _system,
    "user": _user,
    "assistant": _assistant,
}

_SPEAKERS = {"user": Speaker.USER, "assistant": Speaker.ASSISTANT}
