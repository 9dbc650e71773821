"""One element of Continue -> what it says happened.

An item comes again when a tool call of it has come further. Nothing has a time, so all
are of the time at which the document was written with them. An item that is not the
newest says nothing of whose turn it is.
"""

from collections.abc import Iterator
from contextlib import suppress

import msgspec

from jarvisd.agents._shared.cue import asks
from jarvisd.agents._shared.decode import (
    ABSENT,
    UNDECODED,
    decode_strange,
    digest_of,
    text_of,
)
from jarvisd.agents._shared.gross_usage import disjoint_buckets
from jarvisd.agents._shared.long_lines import condenser_of
from jarvisd.agents.continue_cli.shape import (
    ContinueCallState,
    ContinueItem,
    ContinueMessage,
    ContinueTotals,
    ContinueUsage,
)
from jarvisd.core.agent import ReaderContext
from jarvisd.core.event import (
    MAX_TITLE_CHARS,
    ApprovalAnswered,
    ApprovalRequested,
    Asked,
    Compacted,
    Cue,
    Event,
    MessageWritten,
    Outcome,
    PromptGiven,
    TitleGiven,
    TitleRank,
    ToolCalled,
    ToolKind,
    ToolReturned,
    UsageReported,
)
from jarvisd.core.record import Drift, DriftKind, Record, Speaker

_DECODE = msgspec.json.Decoder(ContinueItem).decode
condense = condenser_of(ContinueItem)

MAX_COUNTED = 4096
"""Responses that the remainder of a session's sums can be found beside."""

_UNTITLED = "Untitled Session"
_SPEAKERS = {"user": Speaker.USER, "assistant": Speaker.ASSISTANT}
_OUTCOMES = {
    "done": Outcome.OK,
    "errored": Outcome.ERROR,
    "canceled": Outcome.DENIED,
}
_WAITS = "generated"
"""The status of a call that was not permitted so far: they are asked about in turn."""

_SUBAGENTS = {"Subagent", "subagent"}
_MICROS_PER_CENT = 10_000


class ContinueMemory(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What must be remembered of one session.

    Attributes:
        counted: Tokens of prompt and output that each response has counted.
        newest: The item that is the newest.
        asking: The call that permission is asked for.
        returned: The calls of it that came back.
        is_settled: It is a last answer, so that the sums hold no more than the history.
        has_totals: The session has sums: it is of the command line.

    """

    counted: dict[int, tuple[int, int]] = msgspec.field(default_factory=dict)
    newest: int = -1
    asking: str = ""
    returned: list[str] = msgspec.field(default_factory=list)
    is_settled: bool = False
    has_totals: bool = False


_MEMORY = msgspec.msgpack.Decoder(ContinueMemory)


class ContinueReader:
    """Reads the elements of one session."""

    def __init__(self, context: ReaderContext, saved: bytes) -> None:
        self.session_id = context.session_id or ""
        self.memory_of = ContinueMemory()
        with suppress(msgspec.DecodeError):  # a memory that is damaged is none
            self.memory_of = _MEMORY.decode(saved)

    def read(self, text: bytes, *, offset: int) -> Record | None:
        """Return the record of the element *text*, or None if it is malformed."""
        left_out = 0
        try:
            item = _DECODE(text)
        except UNDECODED as error:
            found, left_out = decode_strange(text, ContinueItem, error)
            if found is None:
                return None

            item = found

        message = item.message
        if message is None:
            return self._session(item, offset, left_out)

        lacks = (
            message.role == "assistant"
            and message.usage is None
            and item.conversation_summary is ABSENT
            and self.memory_of.has_totals
        )
        return Record(
            kind=message.role,
            offset=offset,
            speaker=_SPEAKERS.get(message.role),
            inherited=item.inherited,
            drift=()
            if message.role in _ROLES
            else (Drift(DriftKind.RECORD_TYPE, message.role),),
            lacks_tokens=lacks,
            left_out=left_out,
            events=tuple(self._happened(item, message, offset)),
        )

    def memory(self) -> bytes:
        """Return the encoded memory."""
        return msgspec.msgpack.encode(self.memory_of)

    def _session(self, item: ContinueItem, offset: int, left_out: int) -> Record:
        events: list[Event] = []
        if item.title and item.title != _UNTITLED:
            title = item.title[:MAX_TITLE_CHARS]
            events.append(TitleGiven(title=title, rank=TitleRank.AI))

        is_known = item.workspace is not None or item.title is not None
        if item.totals is not None:
            is_known = self.memory_of.has_totals = True
            events += self._remainder(item.totals)

        drift = Drift(DriftKind.RECORD_TYPE, "")
        return Record(
            kind="session" if is_known else "",
            cwd=item.workspace,
            offset=offset,
            drift=() if is_known else (drift,),
            left_out=left_out,
            events=tuple(events),
        )

    def _remainder(self, totals: ContinueTotals) -> Iterator[Event]:
        """Yield the tokens of the sums that no response of the history has.

        In a turn they may have a response that the history will have next.
        """
        counted = self.memory_of.counted
        prompt = totals.prompt_tokens - sum(each for each, _ in counted.values())
        output = totals.completion_tokens - sum(each for _, each in counted.values())
        is_known = self.memory_of.is_settled and len(counted) < MAX_COUNTED
        if not is_known or max(prompt, output) <= 0:
            return

        yield UsageReported(
            response=f"{self.session_id}:beyond the history",
            tokens=disjoint_buckets(max(0, prompt), max(0, output)),
            has_cache=False,
            in_context=False,
        )

    def _happened(
        self, item: ContinueItem, message: ContinueMessage, offset: int
    ) -> Iterator[Event]:
        memory = self.memory_of
        if item.conversation_summary is not ABSENT:
            memory.is_settled = True
            yield Compacted(is_summary=True)
            return

        if message.role not in _SPEAKERS:
            return

        is_first = offset not in memory.counted
        if is_first:
            memory.counted[offset] = 0, 0
            memory.newest, memory.asking, memory.returned = offset, "", []
            memory.is_settled = False
            if len(memory.counted) > MAX_COUNTED:
                del memory.counted[next(iter(memory.counted))]

        response = f"{self.session_id}:{offset:x}"
        if message.role == "user":
            yield PromptGiven(chars=len(words_of(message)), key=response)
        else:
            yield from self._answered(item, message, response, is_first=is_first)
            if message.usage is not None and not item.inherited:
                memory.counted[offset] = (
                    message.usage.prompt_tokens or 0,
                    message.usage.completion_tokens or 0,
                )

            states = item.tool_call_states
            yield from self._came_further(states, is_newest=offset == memory.newest)

    def _answered(
        self,
        item: ContinueItem,
        message: ContinueMessage,
        response: str,
        *,
        is_first: bool,
    ) -> Iterator[Event]:
        states = item.tool_call_states
        if is_first:
            self.memory_of.is_settled = not states
            stop = "tool_use" if states else "end_turn"
            yield MessageWritten(message_id=response, stop_reason=stop)
            if not states and asks(words_of(message)):
                yield Asked(cue=Cue.QUESTION)

        for each in states:
            if each.tool_call_id:
                yield _call(each, response)

        if message.usage is not None:
            yield _usage(message.usage, response)

    def _came_further(
        self, states: tuple[ContinueCallState, ...], *, is_newest: bool
    ) -> Iterator[Event]:
        """Yield results, and the dialog that is open about the first call that waits."""
        memory = self.memory_of
        waits = next((e.tool_call_id for e in states if e.status == _WAITS), "")
        if is_newest and memory.asking and memory.asking != waits:
            yield ApprovalAnswered(call_id=memory.asking)

        for each in states:
            outcome = _OUTCOMES.get(each.status)
            call_id = each.tool_call_id
            if outcome is not None and call_id and call_id not in memory.returned:
                if is_newest:
                    memory.returned.append(call_id)

                yield ToolReturned(call_id=call_id, outcome=outcome)

        if is_newest and waits != memory.asking:
            memory.asking = waits
            if waits:
                yield ApprovalRequested(call_id=waits)


_ROLES = {"user", "assistant", "system", "tool", "thinking"}


def words_of(message: ContinueMessage) -> str:
    """Return the text of a message."""
    if isinstance(message.content, str):
        return message.content

    texts = (text_of(each.text) for each in message.content if each.type == "text")
    return "\n".join(each for each in texts if each)


def _call(state: ContinueCallState, response: str) -> ToolCalled:
    call = state.tool_call
    function = None if call is None else call.function
    name = "" if function is None else function.name
    is_subagent = name in _SUBAGENTS
    return ToolCalled(
        call_id=state.tool_call_id,
        tool=name,
        response=response,
        kind=ToolKind.SUBAGENT if is_subagent else ToolKind.TOOL,
        subagent=name if is_subagent else None,
        digest=0 if function is None else digest_of(function.arguments),
    )


def _usage(usage: ContinueUsage, response: str) -> UsageReported:
    cached, details = usage.prompt_tokens_details, usage.completion_tokens_details
    cents = usage.cost_cents
    return UsageReported(
        response=response,
        model=usage.model or None,
        tokens=disjoint_buckets(
            usage.prompt_tokens or 0,
            usage.completion_tokens or 0,
            read=0 if cached is None else cached.cached_tokens,
            written=0 if cached is None else cached.cache_write_tokens,
            reasoning=0 if details is None else details.reasoning_tokens,
        ),
        stated_micros=round(cents * _MICROS_PER_CENT) if cents else None,
    )
