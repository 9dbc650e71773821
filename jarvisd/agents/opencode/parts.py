"""The parts of messages of opencode: words, tool calls and steps -> what they say.

A step is a response. A call is one part that is updated until it has come back.
"""

from collections.abc import Callable

from jarvisd.agents._shared.cue import asks
from jarvisd.agents._shared.decode import text_of
from jarvisd.agents.opencode import tools
from jarvisd.agents.opencode.shape import (
    CallState,
    OpencodeRow,
    RowData,
    RowTimes,
    StepTokens,
    is_transient,
)
from jarvisd.agents.opencode.turn_memory import CALLS, OpencodeMemory
from jarvisd.agents.opencode.usage import (
    buckets,
    duration_of,
    message_key,
    response_key,
    stated_micros,
)
from jarvisd.core.event import (
    ApiFailed,
    ApprovalAnswered,
    ApprovalRequested,
    Event,
    Instructed,
    MessageWritten,
    PromptGiven,
    UsageReported,
)

HasBegun = Callable[[str, CallState], bool]
"""(tool, state) -> whether a call that is running shows that it was allowed to."""

PartMeaning = tuple[int | None, tuple[Event, ...]]
"""When a part was written, and what it says."""

SUMMARY = "compaction"
SILENT_MS = 3_000
"""How long a call may take until it shows that it runs: one took 1.2 s on a busy machine,
and people are hardly faster to answer."""

_SILENT = frozenset({"patch", "snapshot", "file", "agent", "subtask", "compaction"})
_MAX_CALLS = 64
_PENDING, _ASKED, _RUNS = range(3)
"""How far a call has come: without arguments, without a sign that it runs, with one."""

_NO_TIMES, _NO_COUNTS = RowTimes(), StepTokens()


class PartEvents:
    """Finds out what parts of messages say, with the *memory* of their reader."""

    def __init__(self, memory: OpencodeMemory, has_begun: HasBegun) -> None:
        self._memory = memory
        self._has_begun = has_begun
        self._handlers = {
            "text": self._words,
            "reasoning": self._at_work,
            "step-start": self._at_work,
            "step-finish": self._step,
            "tool": self._call,
            "retry": self._retry,
        }

    def meaning(
        self, row: OpencodeRow, data: RowData, at_ms: int | None
    ) -> PartMeaning | None:
        """Return when a part was written and what it says; None if it is unknown."""
        if row.owner_role == "user":
            return row.owner_created, self._asked_for(row, data)

        handler = self._handlers.get(data.type)
        if handler is not None:
            return handler(row, data, at_ms)

        return (at_ms, ()) if data.type in _SILENT else None

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
            if row.owner_completed is not None and row.owner_finish not in CALLS:
                # It ended with an error, and its result sets nobody to work again.
                events += self._memory.ends(
                    row.message, row.owner_finish or row.owner_error
                )

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
        if row.owner_mode == SUMMARY:
            return at_ms, (used,)

        return at_ms, (used, *self._memory.ends(row.message, data.reason))
