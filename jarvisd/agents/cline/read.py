"""One element of Cline -> what it says happened.

Messages tell what was done, the manifest of a session whose turn it is: its status is
`running`, `pending` while a person is asked for permission, `idle` between turns, and at
the end `completed`, `failed` or `cancelled`. The manifest is written for other reasons
too, so the reader remembers its status.
"""

from collections.abc import Iterator
from contextlib import suppress

import msgspec

from jarvisd.agents._shared.cue import asks
from jarvisd.agents._shared.decode import (
    UNDECODED,
    decode_raw,
    decode_strange,
    digest_of,
    text_of,
    unix_ms,
)
from jarvisd.agents._shared.gross_usage import disjoint_buckets, micros_of
from jarvisd.agents._shared.long_lines import condenser_of
from jarvisd.agents._shared.status_turns import StatusMemory, StatusWords
from jarvisd.agents.cline.places import SUBAGENT
from jarvisd.agents.cline.prose import prompt_of, words_of
from jarvisd.agents.cline.shape import ClineBlock, ClineItem, ClineMetrics
from jarvisd.core.agent import ReaderContext
from jarvisd.core.event import (
    MAX_TITLE_CHARS,
    ApiFailed,
    Asked,
    CommandGiven,
    Cue,
    Event,
    Instructed,
    MessageWritten,
    ModeChanged,
    Outcome,
    PromptGiven,
    SessionClosed,
    SessionOpened,
    TitleGiven,
    TitleRank,
    ToolCalled,
    ToolKind,
    ToolReturned,
    Trouble,
    UsageReported,
)
from jarvisd.core.origin import SessionId
from jarvisd.core.record import Drift, DriftKind, Record, Speaker

_DECODER = msgspec.json.Decoder(ClineItem)
_DECODE = _DECODER.decode
condense = condenser_of(ClineItem)

_SPEAKERS = {"user": Speaker.USER, "assistant": Speaker.ASSISTANT}
_DENIED = b"This tool call was rejected by the user"
_HEAD_BYTES = 4096
"""A denial and a failure say so at once; results may be megabytes."""

_STATUSES = StatusWords(
    running="running",
    pending="pending",
    over=frozenset({"idle", "completed", "failed"}),
    interrupted=frozenset({"cancelled"}),
)
_ENDED = {"completed", "failed", "cancelled"}


class ClineMemory(StatusMemory, kw_only=True, omit_defaults=True):
    """What must be remembered of one stream.

    Attributes:
        version: That of the program, which the origin of a document names.
        mode: How permissions are asked for, as a prompt said last.
        is_headless: The manifest said that nobody can prompt the session again.

    """

    version: str | None = None
    mode: str = ""
    is_headless: bool = False


_MEMORY = msgspec.msgpack.Decoder(ClineMemory)


class ClineToolResult(msgspec.Struct, gc=False):
    """What one of the parts of a tool call came to."""

    success: bool = True


_RESULTS = msgspec.json.Decoder(ClineToolResult | list[ClineToolResult])


class ClineReader:
    """Reads the elements of one session, or of one of its subagents."""

    def __init__(self, context: ReaderContext, saved: bytes) -> None:
        parent, subagent, _ = (context.session_id or "").partition(SUBAGENT)
        self.parent = SessionId(parent) if subagent else None
        self.memory_of = ClineMemory()
        with suppress(msgspec.DecodeError):  # a memory that is damaged is none
            self.memory_of = _MEMORY.decode(saved)

    def read(self, text: bytes, *, offset: int) -> Record | None:
        """Return the record of the element *text*, or None if it is malformed."""
        left_out = 0
        try:
            item = _DECODE(text)
        except UNDECODED as error:
            found, left_out = decode_strange(text, ClineItem, error)
            if found is None:
                return None

            item = found

        if item.role in _SPEAKERS:
            return self._message(item, offset, left_out)

        if item.session_id is not None:
            return self._manifest(item, offset, left_out)

        return self._noted(item, offset, left_out)

    def memory(self) -> bytes:
        """Return the encoded memory."""
        return msgspec.msgpack.encode(self.memory_of)

    def _message(self, item: ClineItem, offset: int, left_out: int) -> Record:
        is_error = item.metadata is not None and item.metadata.display_role == "error"
        if is_error:
            events: list[Event] = [ApiFailed(trouble=Trouble.API_ERROR)]
            self.memory_of.is_open = False
        elif item.role == "assistant":
            events = self._answer(item)
        else:
            events = list(self._given(item))
            self.memory_of.is_open = True

        metrics = item.metrics
        has_tokens = metrics is not None and metrics.input_tokens is not None
        return Record(
            kind=item.role,
            at_ms=unix_ms(item.ts),
            key=item.id,
            offset=offset,
            parent_session_id=self.parent,
            speaker=_SPEAKERS[item.role],
            version=self.memory_of.version,
            lacks_tokens=item.role == "assistant" and not is_error and not has_tokens,
            left_out=left_out,
            events=tuple(events),
        )

    def _answer(self, item: ClineItem) -> list[Event]:
        blocks = item.content if isinstance(item.content, tuple) else ()
        calls = [each for each in blocks if each.type == "tool_use" and each.id]
        self.memory_of.is_open = bool(calls)
        stop = "tool_use" if calls else "end_turn"
        events: list[Event] = [MessageWritten(message_id=item.id, stop_reason=stop)]
        if not calls and asks(words_of(item)):
            events.append(Asked(cue=Cue.QUESTION))

        events += [_call(each, item.id) for each in calls]
        if item.metrics is not None:
            model = None if item.model_info is None else item.model_info.id or None
            events.append(_usage(item.metrics, item.id, model))

        return events

    def _given(self, item: ClineItem) -> Iterator[Event]:
        blocks = item.content if isinstance(item.content, tuple) else ()
        for each in blocks:
            if each.type == "tool_result" and each.tool_use_id:
                yield ToolReturned(call_id=each.tool_use_id, outcome=_outcome(each))

        prompt = prompt_of(item)
        if not prompt.text.strip():
            return

        if self.parent is not None:
            yield Instructed(by_agent=True)
            return

        if prompt.mode is not None and prompt.mode != self.memory_of.mode:
            self.memory_of.mode = prompt.mode
            yield ModeChanged(mode=prompt.mode)

        if prompt.slash is not None:
            yield CommandGiven(name=prompt.slash)

        yield PromptGiven(chars=len(prompt.text), key=item.id)

    def _noted(self, item: ClineItem, offset: int, left_out: int) -> Record:
        """Return the record of title, branch and version, as two documents have them."""
        program = item.session_history_origin
        version = item.version if program is None else program.version
        if isinstance(version, str):
            self.memory_of.version = version

        is_known = program or item.session_of or item.title or item.git
        title = (item.title or "")[:MAX_TITLE_CHARS]
        return Record(
            kind="origin" if item.session_of else "metadata" if is_known else item.role,
            offset=offset,
            parent_session_id=self.parent,
            branch=None if item.git is None else item.git.branch,
            version=self.memory_of.version,
            drift=() if is_known else (Drift(DriftKind.RECORD_TYPE, item.role),),
            left_out=left_out,
            events=(TitleGiven(title=title, rank=TitleRank.AI),) if title else (),
        )

    def _manifest(self, item: ClineItem, offset: int, left_out: int) -> Record:
        events: list[Event] = []
        if not item.interactive and not self.memory_of.is_headless:
            self.memory_of.is_headless = True
            events.append(SessionOpened(headless=True))

        noted = item.metadata
        was_killed = noted is not None and noted.terminal_marker is not None
        is_news = item.status != self.memory_of.status
        events += self.memory_of.change_to(
            item.status, _STATUSES, cut_short="killed" if was_killed else ""
        )
        if is_news and item.status in _ENDED:
            events.append(SessionClosed())

        return Record(
            kind="manifest",
            offset=offset,
            cwd=item.cwd,
            version=self.memory_of.version,
            left_out=left_out,
            events=tuple(events),
        )


class ClineSkill(msgspec.Struct, gc=False):
    """The input of the tool that loads a skill."""

    skill: str | None = None


def _call(block: ClineBlock, response: str | None) -> ToolCalled:
    is_subagent = block.name == "spawn_agent"
    server, found, tool = block.name.partition("__")
    given = decode_raw(block.input, ClineSkill) if block.name == "skills" else None
    return ToolCalled(
        call_id=block.id,
        tool=tool if found else block.name,
        response=response,
        kind=ToolKind.SUBAGENT
        if is_subagent
        else ToolKind.MCP
        if found
        else ToolKind.TOOL,
        server=server if found else None,
        skill=None if given is None else given.skill,
        subagent="spawn_agent" if is_subagent else None,
        digest=digest_of(block.input),
    )


def _outcome(block: ClineBlock) -> Outcome:
    """Return how a call came back: parts are in a list, or one as JSON in a text."""
    head = bytes(memoryview(block.content)[:_HEAD_BYTES])
    if _DENIED in head:
        return Outcome.DENIED

    if block.is_error:
        return Outcome.ERROR

    text = text_of(block.content)
    results: ClineToolResult | list[ClineToolResult] = []
    with suppress(*UNDECODED):  # any other form says nothing of a failure
        results = _RESULTS.decode(block.content if text is None else text)

    found = results if isinstance(results, list) else [results]
    failed = any(not each.success for each in found)
    return Outcome.ERROR if failed else Outcome.OK


def _usage(metrics: ClineMetrics, response: str | None, model: str | None) -> Event:
    return UsageReported(
        response=response,
        model=model,
        tokens=disjoint_buckets(
            metrics.input_tokens or 0,
            metrics.output_tokens or 0,
            read=metrics.cache_read_tokens,
            written=metrics.cache_write_tokens,
        ),
        stated_micros=micros_of(metrics.cost),
    )
