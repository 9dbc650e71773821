"""One item of OpenHands -> what it says happened.

Events have times, the usage of a response has none: it comes with the end of the turn,
and gets the time of the event of the same response. A status has that of its document.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress

import msgspec

from jarvisd.agents._shared.cue import asks
from jarvisd.agents._shared.decode import (
    UNDECODED,
    decode_raw,
    decode_strange,
    digest_of,
    text_of,
)
from jarvisd.agents._shared.gross_usage import disjoint_buckets, micros_of
from jarvisd.agents._shared.local_time import local_ms
from jarvisd.agents._shared.long_lines import condenser_of
from jarvisd.agents._shared.status_turns import StatusMemory, StatusWords
from jarvisd.agents.openhands.shape import (
    OpenHandsItem,
    OpenHandsKind,
    OpenHandsObservation,
    OpenHandsUsage,
)
from jarvisd.core.agent import ReaderContext
from jarvisd.core.event import (
    ApiFailed,
    Asked,
    Compacted,
    Cue,
    Event,
    Instructed,
    Interrupted,
    MessageWritten,
    ModeChanged,
    Outcome,
    PromptGiven,
    ToolCalled,
    ToolKind,
    ToolReturned,
    Trouble,
    UsageReported,
)
from jarvisd.core.record import Drift, DriftKind, Record, Speaker

_DECODE = msgspec.json.Decoder(OpenHandsItem).decode
condense = condenser_of(OpenHandsItem)

MAX_TIMES = 512
"""Responses whose usage is still to come: more than a turn may have."""

_TASK = "task:"
"""How the usage of a subagent is called, which the parent's state repeats."""

_STATUSES = StatusWords(
    running="running",
    pending="waiting_for_confirmation",
    over=frozenset({"idle", "finished", "error", "stuck"}),
    interrupted=frozenset({"paused"}),
)
PASSED_OVER = {
    "SystemPromptEvent",
    "CondensationRequest",
    "CondensationSummaryEvent",
    "ConversationStateUpdateEvent",
    "HookExecutionEvent",
    "LLMCompletionLogEvent",
    "StreamingDeltaEvent",
    "TokenEvent",
    "ACPToolCallEvent",
}


class OpenHandsMemory(StatusMemory, kw_only=True, omit_defaults=True):
    """What must be remembered of one conversation.

    Attributes:
        times: When the responses came whose usage is still to come.
        last_ms: When the newest event was.
        mode: How permissions are asked for.

    """

    times: dict[str, int] = msgspec.field(default_factory=dict)
    last_ms: int | None = None
    mode: str = ""


_MEMORY = msgspec.msgpack.Decoder(OpenHandsMemory)


class OpenHandsReader:
    """Reads the items of one conversation."""

    def __init__(self, context: ReaderContext, saved: bytes) -> None:
        self.is_subagent = context.parent_session_id is not None
        self.memory_of = OpenHandsMemory()
        with suppress(msgspec.DecodeError):  # a memory that is damaged is none
            self.memory_of = _MEMORY.decode(saved)

    def read(self, text: bytes, *, offset: int) -> Record | None:
        """Return the record of the item *text*, or None if it is malformed."""
        left_out = 0
        try:
            item = _DECODE(text)
        except UNDECODED as error:
            found, left_out = decode_strange(text, OpenHandsItem, error)
            if found is None:
                return None

            item = found

        if item.usage is not None:
            return self._response(item, item.usage, offset, left_out)

        if item.execution_status:
            return self._status(item, offset, left_out)

        return self._event(item, offset, left_out)

    def memory(self) -> bytes:
        """Return the encoded memory."""
        return msgspec.msgpack.encode(self.memory_of)

    def _event(self, item: OpenHandsItem, offset: int, left_out: int) -> Record:
        at_ms, memory = local_ms(item.timestamp), self.memory_of
        memory.last_ms = at_ms or memory.last_ms
        if item.llm_response_id and at_ms is not None:
            memory.times.setdefault(item.llm_response_id, at_ms)
            if len(memory.times) > MAX_TIMES:
                del memory.times[next(iter(memory.times))]

        read, is_known = _EVENTS.get(item.kind), item.kind in PASSED_OVER
        drift = Drift(DriftKind.RECORD_TYPE, item.kind)
        return Record(
            kind=item.kind,
            at_ms=at_ms,
            key=item.id,
            offset=offset,
            speaker=_speaker(item),
            drift=() if is_known or read is not None else (drift,),
            left_out=left_out,
            events=() if read is None else tuple(read(item, self)),
        )

    def _response(
        self, item: OpenHandsItem, usage: OpenHandsUsage, offset: int, left_out: int
    ) -> Record:
        """Return the record of one response, as of the event that it gave."""
        # A subagent has it in its own state, and counts it there if that is found.
        is_repeated = item.usage_id.startswith(_TASK)
        known = usage.prompt_tokens is not None or usage.completion_tokens is not None
        response = usage.response_id or None
        at_ms = self.memory_of.times.pop(response or "", self.memory_of.last_ms)
        reported = UsageReported(
            response=response,
            model=usage.model or None,
            tokens=disjoint_buckets(
                usage.prompt_tokens or 0,
                usage.completion_tokens or 0,
                read=usage.cache_read_tokens,
                written=usage.cache_write_tokens,
                reasoning=usage.reasoning_tokens,
            ),
            in_context=item.usage_id == "agent",
            latency_ms=None if item.seconds is None else item.seconds * 1000,
            stated_micros=micros_of(item.cost),
        )
        return Record(
            kind="usage",
            at_ms=None if is_repeated else at_ms,
            key=None if response is None else f"usage:{response}",
            offset=offset,
            sidechain=is_repeated,
            copied=is_repeated,
            lacks_tokens=not known,
            left_out=left_out,
            events=(reported,) if known else (),
        )

    def _status(self, item: OpenHandsItem, offset: int, left_out: int) -> Record:
        memory, policy = self.memory_of, item.confirmation_policy
        events = list(memory.change_to(item.execution_status, _STATUSES))
        if policy is not None and policy.kind and policy.kind != memory.mode:
            memory.mode = policy.kind
            events.append(ModeChanged(mode=policy.kind))

        return Record(
            kind="status",
            cwd=None if item.workspace is None else item.workspace.working_dir,
            offset=offset,
            left_out=left_out,
            events=tuple(events),
        )


def words_of(item: OpenHandsItem) -> str:
    """Return the text of a message."""
    parts = () if item.llm_message is None else item.llm_message.content
    texts = (text_of(each.text) for each in parts if each.type == "text")
    return "\n".join(each for each in texts if each)


def _speaker(item: OpenHandsItem) -> Speaker | None:
    if item.kind == "ActionEvent":
        return Speaker.ASSISTANT

    if item.kind != "MessageEvent":
        return None

    return Speaker.USER if item.source == "user" else Speaker.ASSISTANT


def message_in(item: OpenHandsItem, reader: OpenHandsReader) -> Iterator[Event]:
    """Yield the events of a message: a prompt, or the last words of a turn."""
    words = words_of(item)
    reader.memory_of.is_open = item.source == "user"
    if item.source != "user":
        yield MessageWritten(message_id=item.llm_response_id, stop_reason="end_turn")
        if asks(words):
            yield Asked(cue=Cue.QUESTION)
    elif reader.is_subagent:
        yield Instructed(by_agent=True)
    else:
        yield PromptGiven(chars=len(words), key=item.id)


def action_in(item: OpenHandsItem, reader: OpenHandsReader) -> Iterator[Event]:
    """Yield the events of a tool call."""
    reader.memory_of.is_open = True
    action = decode_raw(item.action, OpenHandsKind)
    is_subagent = item.tool_name == "task"
    is_mcp = action is not None and action.kind == "MCPToolAction"
    yield MessageWritten(message_id=item.llm_response_id, stop_reason="tool_use")
    if item.tool_call_id:
        yield ToolCalled(
            call_id=item.tool_call_id,
            tool=item.tool_name,
            response=item.llm_response_id,
            kind=ToolKind.SUBAGENT
            if is_subagent
            else ToolKind.MCP
            if is_mcp
            else ToolKind.TOOL,
            subagent="task" if is_subagent else None,
            digest=digest_of(item.action),
        )


def observation_in(item: OpenHandsItem, _: OpenHandsReader) -> Iterator[Event]:
    """Yield the result of a tool call."""
    found = item.observation or OpenHandsObservation()
    status = found.exit_code
    if status is None and found.metadata is not None:
        status = found.metadata.exit_code

    # The shell's own number for a command that still runs is -1.
    failed = found.is_error or (status is not None and status > 0)
    outcome = Outcome.ERROR if failed else Outcome.OK
    yield from _returned(item, outcome)


def refusal_in(item: OpenHandsItem, _: OpenHandsReader) -> Iterator[Event]:
    """Yield that a person or a hook did not let a call run."""
    yield from _returned(item, Outcome.DENIED)


def failure_in(item: OpenHandsItem, _: OpenHandsReader) -> Iterator[Event]:
    """Yield that a call could not be made."""
    yield from _returned(item, Outcome.ERROR)


def _returned(item: OpenHandsItem, outcome: Outcome) -> Iterator[Event]:
    if item.tool_call_id:
        yield ToolReturned(call_id=item.tool_call_id, outcome=outcome)


def error_in(item: OpenHandsItem, reader: OpenHandsReader) -> Iterator[Event]:
    """Yield that an error of the provider ended the turn."""
    reader.memory_of.is_open = False
    yield ApiFailed(error=item.code, trouble=Trouble.API_ERROR)


def pause_in(_: OpenHandsItem, reader: OpenHandsReader) -> Iterator[Event]:
    """Yield that a person stopped the agent."""
    reader.memory_of.is_open = False
    yield Interrupted(reason="paused")


def condensation_in(_: OpenHandsItem, __: OpenHandsReader) -> Iterator[Event]:
    """Yield that the context was replaced by a summary."""
    yield Compacted()


_EVENTS: dict[str, Callable[[OpenHandsItem, OpenHandsReader], Iterator[Event]]] = {
    "MessageEvent": message_in,
    "ActionEvent": action_in,
    "ObservationEvent": observation_in,
    "UserRejectObservation": refusal_in,
    "AgentErrorEvent": failure_in,
    "ConversationErrorEvent": error_in,
    "PauseEvent": pause_in,
    "Condensation": condensation_in,
}
