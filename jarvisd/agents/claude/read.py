"""One line of Claude Code's output -> the record of its events.

Lines of unknown type, of bookkeeping and of attachments that mean nothing pass in
silence: a record without events.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress

import msgspec
from msgspec.structs import replace

from jarvisd.agents._shared.cue import asks
from jarvisd.agents._shared.decode import (
    ABSENT,
    UNDECODED,
    decode_counted,
    decode_strange,
    text_of,
    unix_ms,
)
from jarvisd.agents._shared.long_lines import condenser_of
from jarvisd.agents.claude.limits import api_failure, retried
from jarvisd.agents.claude.printed import printed_key
from jarvisd.agents.claude.prose import (
    command_in,
    instructions_in,
    notices_in,
    own_words,
)
from jarvisd.agents.claude.shape import (
    SYSTEM_TYPES_PASSED_OVER,
    TYPES_PASSED_OVER,
    ClaudeMessage,
    ContentBlock,
    ResultLine,
    TranscriptLine,
    key_of,
)
from jarvisd.agents.claude.stream_memory import ClaudeMemory
from jarvisd.agents.claude.tools import call_of, results_in
from jarvisd.agents.claude.usage import SYNTHETIC, report, usage_in
from jarvisd.core.agent import ReaderContext
from jarvisd.core.event import (
    MAX_TITLE_CHARS,
    ApiFailed,
    Asked,
    ClosingWritten,
    Compacted,
    Cue,
    Event,
    MessageWritten,
    ModeChanged,
    PromptGiven,
    TitleGiven,
    TitleRank,
    TurnEnded,
    UsageSuperseded,
)
from jarvisd.core.origin import SessionId
from jarvisd.core.record import Drift, DriftKind, Record, Speaker

_DECODE = msgspec.json.Decoder(TranscriptLine).decode
_RESULT_LINE = msgspec.json.Decoder(ResultLine)
condense = condenser_of(ResultLine)

# Copies of whole requests, a hundred kB each, and backups: nothing in them is wanted.
# Quotes that are not escaped cannot be inside a string, so a match is what it seems.
_SKIPPED = (
    b'{"type":"api-request-blob",',
    b'{"type":"api-request-shape",',
    b'{"type":"file-history-snapshot",',
)
_SESSION = re.compile(rb'"sessionId":"([0-9A-Za-z-]{1,64})"')
_SESSION_WITHIN = 200
_BACKGROUND = "bg"
"""The kind of session that goes on with a copy of another's lines."""

_PICTURES = {"image", "document"}
_CALL, _RESULT = "tool_use", "tool_result"
_TERMINAL = "cli"
"""The entry point of a person, to whom nothing is printed that is a log as well."""

MAX_SUPERSEDED = 32

_THOUGHTS = {"thinking", "redacted_thinking"}
_LAST_WORDS = {"end_turn", "stop_sequence"}


_ENCODER = msgspec.msgpack.Encoder()
_MEMORY = msgspec.msgpack.Decoder(ClaudeMemory)


class ClaudeReader:
    """Reads the lines of one transcript, or of what is printed of a session."""

    def __init__(self, context: ReaderContext, saved: bytes) -> None:
        del context  # the content says whose it is
        self._memory = ClaudeMemory()
        if saved:
            with suppress(msgspec.DecodeError):  # a memory that is bad is none
                self._memory = _MEMORY.decode(saved)

    def read(self, text: bytes, *, offset: int) -> Record | None:
        """Return the record of the line *text*, or None if it is malformed."""
        if text.startswith(_SKIPPED) and text.endswith(b"}"):
            return _skip(text, offset=offset)

        left_out = 0
        try:
            line = _DECODE(text)
        except UNDECODED as error:
            found, left_out = decode_strange(text, TranscriptLine, error)
            if found is None:
                return None

            line = found

        if line.forked_from is not None:
            line.uuid = key_of(line)

        kind, subtype = line.type, line.subtype
        if kind == "result":
            result, left_out = decode_counted(text, _RESULT_LINE)
            line = result or line

        session_id, printed_id = line.session_id, line.stdout_session_id
        memory = self._memory_of(line)
        read = _EVENTS.get(kind)
        events = () if read is None else tuple(read(line, memory))
        sidechain, parent_id = _is_sidechain(line), None
        if printed_id is not None:
            if session_id is None and kind != "result":
                retold = memory.printed.retell(events, sidechain=sidechain)
                events = tuple(retold)

            session_id = session_id or printed_id

        if sidechain and line.agent_id and session_id:
            parent_id = session_id
            session_id = SessionId(f"{session_id}/agent-{line.agent_id}")

        record = Record(
            kind=kind if subtype is None else f"{kind}:{subtype}",
            at_ms=unix_ms(line.timestamp),
            session_id=session_id or None,
            parent_session_id=parent_id,
            cwd=line.cwd or None,
            branch=line.git_branch,
            key=line.uuid,
            offset=offset,
            speaker=_SPEAKERS.get(kind),
            sidechain=sidechain,
            copied=line.forked_from is not None or line.session_kind == _BACKGROUND,
            version=line.version,
            events=events,
        )
        lacks_tokens = read is _assistant and _lacks_tokens(line.message)
        if lacks_tokens or left_out or read is None or read is _system:
            # Apart, because a call with more than fifteen keywords makes a dict of them
            # first: with these, which few lines have, reading took an eighth longer.
            return replace(
                record,
                drift=_unknown_type(kind, subtype),
                lacks_tokens=lacks_tokens,
                left_out=left_out,
            )

        return record

    def _memory_of(self, line: TranscriptLine) -> ClaudeMemory:
        """Return the memory, turned to the session of which *line* was printed, if any."""
        if line.stdout_session_id is not None and line.session_id is None:
            self._memory.turn_to(line.stdout_session_id)

        return self._memory

    def memory(self) -> bytes:
        """Return the encoded state of the reader; b"" if it cannot be encoded."""
        try:
            return _ENCODER.encode(self._memory)
        except (OverflowError, TypeError, ValueError):
            return b""


def _nothing(_: TranscriptLine, __: ClaudeMemory) -> Iterable[Event]:
    return ()


def _unknown_type(kind: str, subtype: str | None) -> tuple[Drift, ...]:
    if kind not in _EVENTS:
        return (Drift(DriftKind.RECORD_TYPE, kind),)

    if kind == "system" and subtype not in _SYSTEM:
        return (Drift(DriftKind.RECORD_TYPE, f"system:{subtype or ''}"),)

    return ()


def _lacks_tokens(message: ClaudeMessage | None) -> bool:
    usage = None if message is None else message.usage
    if (
        usage is not None
        and usage.input_tokens is not None
        and usage.output_tokens is not None
    ):
        return False  # nearly always

    return message is not None and message.model != SYNTHETIC and bool(message.id)


def _skip(text: bytes, *, offset: int) -> Record:
    kind, session = text.split(b'"', 4)[3], _SESSION.search(text, 0, _SESSION_WITHIN)
    return Record(
        kind=kind.decode(),
        session_id=None if session is None else SessionId(session.group(1).decode()),
        offset=offset,
    )


def _is_sidechain(line: TranscriptLine) -> bool:
    return (
        line.is_sidechain
        or line.parent_tool_use_id is not None
        or (line.data is not None and line.data.message is not None)
    )


def _user(line: TranscriptLine, memory: ClaudeMemory) -> Iterable[Event]:
    content = None if line.message is None else line.message.content
    if line.is_compact_summary:
        return (Compacted(is_summary=True),)

    if isinstance(content, str):
        return _said(line, (content,))

    return _shown(line, content, memory) if content else ()


def _shown(
    line: TranscriptLine, blocks: tuple[ContentBlock, ...], memory: ClaudeMemory
) -> Iterable[Event]:
    if len(blocks) == 1 and blocks[0].type == _RESULT:  # nearly always
        return results_in(blocks, line, memory.speaking)

    kinds = {block.type for block in blocks}
    events = results_in(blocks, line, memory.speaking) if _RESULT in kinds else []
    if "text" in kinds:
        texts = [text_of(each.text) or "" for each in blocks if each.type == "text"]
        events.extend(_said(line, texts))
    elif kinds <= _PICTURES:
        events.extend(_prompt(line, chars=0))

    return events


def _said(line: TranscriptLine, texts: Sequence[str]) -> Iterator[Event]:
    if line.is_meta:
        yield from instructions_in(next(iter(texts), ""))
        return

    human = [own for text in texts if (own := own_words(text))]
    prompts = [own for own in human if command_in(own) is None]
    if len(prompts) < len(texts):
        for text in texts:
            yield from notices_in(own_words(text) or text)

    if prompts:
        yield from _prompt(line, chars=sum(map(len, prompts)))


def _prompt(line: TranscriptLine, *, chars: int) -> Iterator[Event]:
    if line.is_meta or _is_injected(line):
        return

    yield PromptGiven(chars=chars, key=line.uuid)
    if line.permission_mode:
        yield ModeChanged(mode=line.permission_mode)


def _is_injected(line: TranscriptLine) -> bool:
    return _is_sidechain(line) or line.prompt_source == "system"


def _assistant(line: TranscriptLine, memory: ClaudeMemory) -> Iterable[Event]:
    message = line.message
    if message is None:
        return ()

    events: list[Event] = []
    if line.is_api_error_message:
        events.extend(api_failure(line, message))
    elif message.model != SYNTHETIC:
        stop = message.stop_reason
        if stop in _LAST_WORDS:
            events += _last_words(message)
        else:
            events.append(MessageWritten(message_id=message.id, stop_reason=stop))

    events += _usage(message, line, memory, key=line.uuid)
    if isinstance(message.content, tuple):
        response = message.id or line.uuid
        events += [
            call_of(each, response) for each in message.content if each.type == _CALL
        ]

    return events


def _usage(
    message: ClaudeMessage,
    line: TranscriptLine,
    memory: ClaudeMemory,
    *,
    key: str | None,
) -> list[Event]:
    found = usage_in(message, key=key, dollars=line.cost_usd)
    if found and message.model:
        memory.speaking = message.model
        if line.session_id is not None and line.entrypoint != _TERMINAL:
            printed = printed_key(line.session_id, message.model)
            if printed not in memory.superseded:
                memory.superseded = [*memory.superseded[-MAX_SUPERSEDED:], printed]
                found.append(UsageSuperseded(key=printed))

    return found


def _last_words(message: ClaudeMessage) -> Iterable[Event]:
    words = _words(message.content)
    if words is None:  # thoughts alone: the words have a line of their own
        return (MessageWritten(message_id=message.id),)

    said = MessageWritten(message_id=message.id, stop_reason=message.stop_reason)
    return (said, Asked(cue=Cue.QUESTION)) if asks(words) else (said,)


def _words(content: str | tuple[ContentBlock, ...] | None) -> str | None:
    """Return the last text in *content*; None if it holds thoughts and nothing else."""
    if not isinstance(content, tuple):
        return content or ""

    texts = [each.text for each in content if each.type == "text"]
    if texts:
        return text_of(texts[-1]) or ""

    return None if content and all(each.type in _THOUGHTS for each in content) else ""


def _system(line: TranscriptLine, memory: ClaudeMemory) -> Iterable[Event]:
    return _SYSTEM.get(line.subtype, _nothing)(line, memory)


def _turn_duration(line: TranscriptLine, _: ClaudeMemory) -> Iterable[Event]:
    # The agent leaves the field out when nothing is pending.
    pending = line.pending_background_agent_count or 0
    return (TurnEnded(duration_ms=line.duration_ms, pending=pending),)


def _stop_hooks(line: TranscriptLine, _: ClaudeMemory) -> Iterable[Event]:
    return (TurnEnded(pending=line.pending_background_agent_count),)


def _api_error(line: TranscriptLine, _: ClaudeMemory) -> Iterable[Event]:
    return (retried(line),)


def _compaction(line: TranscriptLine, _: ClaudeMemory) -> Iterator[Event]:
    meta = line.compact_metadata
    if meta is None:
        yield Compacted()
    else:
        yield Compacted(
            trigger=meta.trigger,
            before_tokens=meta.preTokens,
            after_tokens=meta.postTokens,
        )


def _attachment(line: TranscriptLine, _: ClaudeMemory) -> Iterator[Event]:
    attachment = line.attachment
    if attachment is None or attachment.type != "queued_command":
        return

    text = text_of(attachment.prompt) or ""
    typed = not text or own_words(text)
    if attachment.commandMode == "prompt" and typed and not _is_injected(line):
        yield PromptGiven(chars=len(text), key=line.uuid, queued=True)
    else:
        yield from notices_in(text)


def _progress(line: TranscriptLine, memory: ClaudeMemory) -> Iterator[Event]:
    inner = None if line.data is None else line.data.message
    if inner is not None and inner.message is not None:
        yield from _usage(inner.message, line, memory, key=inner.uuid or line.uuid)


def _result(line: TranscriptLine, memory: ClaudeMemory) -> Iterator[Event]:
    if isinstance(line, ResultLine):
        yield from memory.printed.settle(line, memory.speaking)

    yield TurnEnded()


def _stream_event(line: TranscriptLine, memory: ClaudeMemory) -> Iterator[Event]:
    event = line.event
    if event is None:
        return

    message, usage = event.message, event.usage
    if event.type == "message_start" and message is not None:
        memory.streaming = None if message.model == SYNTHETIC else message.id
        yield from _usage(message, line, memory, key=line.uuid)
    elif event.type == "message_delta" and usage is not None and memory.streaming:
        yield report(
            usage,
            response=memory.streaming,
            model=memory.speaking,
            in_context=False,
        )


def _title(line: TranscriptLine, _: ClaudeMemory) -> Iterator[Event]:
    named = (
        (line.custom_title, TitleRank.CUSTOM),
        (line.ai_title, TitleRank.AI),
        (line.summary, TitleRank.SUMMARY),
    )
    for title, rank in named:
        if title and title.strip():
            yield TitleGiven(title=title.strip()[:MAX_TITLE_CHARS], rank=rank)
            return


def _mode(line: TranscriptLine, _: ClaudeMemory) -> Iterator[Event]:
    if line.permission_mode:
        yield ModeChanged(mode=line.permission_mode)


def _request(line: TranscriptLine, _: ClaudeMemory) -> Iterable[Event]:
    """Return that the provider is asked again: the same request, and nothing new."""
    again = line.base is not ABSENT and line.tail is not ABSENT
    return (ApiFailed(retrying=True),) if again and bytes(line.tail) == b"[]" else ()


def _closing(_: TranscriptLine, __: ClaudeMemory) -> Iterable[Event]:
    return (ClosingWritten(),)


def _late_result(line: TranscriptLine, memory: ClaudeMemory) -> Iterator[Event]:
    block = ContentBlock(
        type=_RESULT,
        tool_use_id=line.tool_use_id or line.other_tool_use_id,
        is_error=line.is_error or line.other_is_error,
    )
    yield from results_in((block,), line, memory.speaking)


_Read = Callable[[TranscriptLine, ClaudeMemory], Iterable[Event]]

_EVENTS: dict[str, _Read] = dict.fromkeys(TYPES_PASSED_OVER, _nothing) | {
    "user": _user,
    "assistant": _assistant,
    "system": _system,
    "attachment": _attachment,
    "progress": _progress,
    "result": _result,
    "stream_event": _stream_event,
    "ai-title": _title,
    "custom-title": _title,
    "summary": _title,
    "permission-mode": _mode,
    "tool_use_result": _late_result,
    "cost-state": _closing,
    "api-request": _request,
}

_SYSTEM: dict[str | None, _Read] = dict.fromkeys(
    (None, *SYSTEM_TYPES_PASSED_OVER), _nothing
)
_SYSTEM |= {
    "turn_duration": _turn_duration,
    "stop_hook_summary": _stop_hooks,
    "compact_boundary": _compaction,
    "api_error": _api_error,
}

_SPEAKERS = {"user": Speaker.USER, "assistant": Speaker.ASSISTANT}
