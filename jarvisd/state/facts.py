"""The facts of one block about its session's state: a few words, times and ids.

It is saved with the position of the block, so that reading can stop behind any line.
Each event has a handler in the table at the end. Only those events wake a session:
bookkeeping (titles, snapshots, last prompts, modes) says nothing of work. Every line of
history passes here, so a handler sets a few attributes and no more.
"""

from collections.abc import Callable
from contextlib import suppress
from enum import IntEnum
from operator import attrgetter
from typing import Any

import msgspec

from jarvisd.base.session_words import Activity
from jarvisd.core.event import (
    ApiFailed,
    ApprovalAnswered,
    ApprovalRequested,
    Asked,
    ClosingWritten,
    CommandGiven,
    Compacted,
    Cue,
    Instructed,
    Interrupted,
    LimitReached,
    LimitsReported,
    MessageWritten,
    ModeChanged,
    Outcome,
    PromptGiven,
    SessionClosed,
    SessionOpened,
    TaskEnded,
    TaskKind,
    TaskStarted,
    ToolCalled,
    ToolReturned,
    Trouble,
    TurnEnded,
    TurnStarted,
)
from jarvisd.core.record import Record
from jarvisd.ledger.ledger_stream import LedgerStream
from jarvisd.state.model import OpenApproval

GOES_ON = frozenset({"tool_use", "pause_turn"})
"""Stop reasons that do not end a turn; without any, more of the message will come."""

FEEDBACK = "hook feedback"

MAX_TASKS = 64
INTERRUPTED = "interrupted"
"""The word for a turn that somebody cut short."""


class Phase(IntEnum):
    """Whose turn it is."""

    NONE = 0
    """Nothing is known so far."""
    WORKING = 1
    DONE = 2


class StateFacts(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The facts of one block, as of its last line; times are Unix ms.

    Attributes:
        phase: Whose turn it is, *word* the evidence for it, *since_ms* since when.
        settled: The turn's end was announced; else it was concluded from a message.
        announced: Turns are announced, so that nothing else begins or ends one.
        commanded: A slash command was given, which may begin a turn.
        turn_ms: When the turn began; calls older than that will not come back.
        active_ms: The newest sign of work; bookkeeping is none.
        doing: What the newest sign of work was.
        attempt: How often the provider was asked again.
        cue: What the last words ask for.
        approvals: Open dialogs by the call that each is about; "" if it is not named.
        agents: Agents at work in the background, and since when.
        pending: How many of them, in the agent's own count.
        workflows: Groups of agents at work in the background, which it does not count.
        shells: Commands that go on in the background.
        mode: How leave is asked for; *reviewed*: of a program, not of a person.
        failed: What ended the last turn and only a person can put right, in words.
        limited_ms: When the provider refused to serve; None once it serves again.
        until_ms: When it will serve again; *full_ms*: when a window that is used up
            starts anew.
        compacted_ms: When the context was compacted last.
        closing: The newest line is one that the agent writes before it ends in order.
        closed_ms: When the agent wrote that it is over; None once it was opened again.
        headless: The process ends with its turn.
        call: Digest and name of the newest call, and how often in a row it was made
            since *call_ms*.
        former: Digest, name and time of the last other call, and how often the newest
            call was that one again (A-B-A-B) since *alternating_ms*.

    """

    phase: Phase = Phase.NONE
    word: str = ""
    since_ms: int | None = None
    settled: bool = False
    announced: bool = False
    commanded: bool = False
    turn_ms: int | None = None
    active_ms: int | None = msgspec.field(default=None, name="heard_ms")  # as stored
    doing: Activity | None = None
    attempt: int = 0
    cue: Cue | None = None
    approvals: dict[str, OpenApproval] = {}
    agents: dict[str, int | None] = {}
    pending: int = 0
    workflows: dict[str, int | None] = {}
    shells: dict[str, int | None] = {}
    mode: str | None = None
    reviewed: bool = False
    failed: str = ""
    limited_ms: int | None = None
    until_ms: int | None = None
    full_ms: int | None = None
    compacted_ms: int | None = None
    closing: bool = False
    closed_ms: int | None = None
    headless: bool = False
    call: int = 0
    call_tool: str = ""
    call_count: int = 0
    call_ms: int | None = None
    former: int = 0
    former_tool: str = ""
    former_ms: int | None = None
    alternated: int = 0
    alternating_ms: int | None = None


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(StateFacts)


class StateStream:
    """One block as the state engine sees it: the facts that its lines left.

    Attributes:
        ledger: The block as the ledger sees it, with its open tool calls.
        facts: What is remembered; saved with the block's position.

    """

    __slots__ = ("facts", "ledger")

    def __init__(self, ledger: LedgerStream, saved: bytes = b"") -> None:
        self.ledger = ledger
        self.facts = StateFacts()
        if saved:
            with suppress(msgspec.DecodeError):  # a memory that is bad is none
                self.facts = _DECODER.decode(saved)

    @property
    def parser_version(self) -> int:
        """Return the version of the parser whose records were applied."""
        return self.ledger.parser_version

    def encode(self) -> dict[str, bytes]:
        """Return the memories of the ledger and of the states by feature."""
        return {"ledger": self.ledger.encode(), "states": self.memory()}

    def memory(self) -> bytes:
        """Return the encoded facts; b"" if they cannot be encoded."""
        try:
            return _ENCODER.encode(self.facts)
        except (OverflowError, TypeError, ValueError):
            return b""


_WORKING, _DONE = Phase.WORKING, Phase.DONE
_THINKING, _STREAMING = Activity.THINKING, Activity.STREAMING
_TOOL, _RETRYING = Activity.TOOL, Activity.RETRYING


def note(stream: StateStream, record: Record) -> None:
    """Fold what *record* says into the facts of its *stream*."""
    facts, ledger, at_ms = stream.facts, stream.ledger, record.at_ms
    if at_ms is None:
        at_ms = ledger.memory.last_ms

    if record.sidechain and ledger.parent_session_id is None:
        facts.active_ms = at_ms  # a subagent in its parent's transcript
        return

    for event in record.events:
        handler = _handler_of(event.__class__)
        if handler is not None:
            facts.closing = False
            handler(facts, event, at_ms)


# Turns


def _begin(facts: StateFacts, word: str, at_ms: int | None) -> None:
    facts.turn_ms, facts.closed_ms = at_ms, None
    _go_on(facts, word, at_ms)


def _go_on(facts: StateFacts, word: str, at_ms: int | None) -> None:
    """Begin to work without a turn of one's own: calls that are open still count."""
    facts.phase, facts.word = _WORKING, word
    facts.since_ms = facts.active_ms = at_ms
    facts.doing, facts.cue, facts.settled = _THINKING, None, False
    facts.commanded, facts.failed = False, ""
    if facts.approvals:
        facts.approvals.clear()


def _end(facts: StateFacts, word: str, at_ms: int | None, *, settled: bool) -> None:
    facts.active_ms = at_ms
    if facts.phase is not _DONE:
        facts.phase, facts.word, facts.since_ms = _DONE, word, at_ms

    facts.settled = settled or facts.settled
    facts.doing, facts.attempt = None, 0
    if facts.approvals:
        facts.approvals.clear()


def _prompt(facts: StateFacts, event: PromptGiven, at_ms: int | None) -> None:
    if facts.phase is _WORKING and (event.queued or facts.announced):
        facts.active_ms = at_ms
        facts.cue = None
    else:
        _begin(facts, "prompt", at_ms)

    facts.limited_ms = facts.until_ms = None
    facts.attempt = facts.call_count = facts.alternated = 0


def _command(facts: StateFacts, _: CommandGiven, __: int | None) -> None:
    facts.commanded = True  # most are done by the agent's program alone


def _instructed(facts: StateFacts, event: Instructed, at_ms: int | None) -> None:
    if event.by_hook:
        _begin(facts, FEEDBACK, at_ms)
    elif event.by_agent:
        _begin(facts, "message of an agent", at_ms)
    elif facts.commanded and facts.phase is not _WORKING:
        _begin(facts, "command", at_ms)


def _turn_started(facts: StateFacts, _: TurnStarted, at_ms: int | None) -> None:
    _begin(facts, "turn started", at_ms)
    facts.announced = True


def _turn_ended(facts: StateFacts, event: TurnEnded, at_ms: int | None) -> None:
    if facts.word == FEEDBACK and facts.active_ms == facts.since_ms:
        return  # the hook that sent the agent on is summed up behind its words

    _end(facts, "turn ended", at_ms, settled=True)
    if facts.announced:
        facts.shells.clear()  # nothing shows when they end

    if event.pending is not None:
        facts.pending = event.pending
        if not event.pending:
            facts.agents.clear()


def _interrupted(facts: StateFacts, _: Interrupted, at_ms: int | None) -> None:
    facts.phase, facts.cue, facts.failed = _WORKING, None, ""
    _end(facts, INTERRUPTED, at_ms, settled=True)


def _message(facts: StateFacts, event: MessageWritten, at_ms: int | None) -> None:
    if facts.approvals:
        facts.approvals.clear()  # the agent goes on only once it was answered

    if facts.announced:  # words before a tool call look like the last ones
        facts.active_ms = at_ms
        if facts.phase is _WORKING:
            facts.doing = _STREAMING

        return

    stop = event.stop_reason
    if stop is None or stop in GOES_ON:
        if facts.phase is not _WORKING:
            _begin(facts, "message", at_ms)

        facts.active_ms = at_ms
        facts.doing = _STREAMING if stop is None else _THINKING
    else:
        _end(facts, stop, at_ms, settled=False)

    facts.attempt = 0


def _asked(facts: StateFacts, event: Asked, _: int | None) -> None:
    facts.cue = event.cue


# Calls


def _called(facts: StateFacts, event: ToolCalled, at_ms: int | None) -> None:
    if facts.phase is not _WORKING and not facts.announced:
        _begin(facts, "call", at_ms)

    facts.active_ms = at_ms
    facts.doing, facts.attempt = _TOOL, 0
    if event.digest == facts.call and event.tool == facts.call_tool and event.digest:
        facts.call_count += 1
        facts.alternated = 0
        return

    newest = event.digest, event.tool
    if event.digest and newest == (facts.former, facts.former_tool):
        if not facts.alternated:
            facts.alternating_ms = facts.former_ms

        facts.alternated += 1
    else:
        facts.alternated = 0

    facts.former, facts.former_tool = facts.call, facts.call_tool
    facts.former_ms = facts.call_ms
    facts.call, facts.call_tool = newest
    facts.call_count, facts.call_ms = 1, at_ms


def _returned(facts: StateFacts, event: ToolReturned, at_ms: int | None) -> None:
    if (
        facts.phase is _DONE
        and not facts.announced
        and event.outcome is not Outcome.DENIED
    ):
        _go_on(facts, "result", at_ms)  # an answer that came after the turn

    facts.active_ms = at_ms
    if facts.approvals:
        facts.approvals.pop(event.call_id, None)

    if facts.phase is _WORKING:
        facts.doing = _THINKING


def _approval_requested(
    facts: StateFacts, event: ApprovalRequested, at_ms: int | None
) -> None:
    if facts.phase is not _WORKING:
        _begin(facts, "approval requested", at_ms)

    facts.active_ms = at_ms
    asked = OpenApproval(event.tool, at_ms, event.after_ms)
    facts.approvals.setdefault(event.call_id or "", asked)
    if len(facts.approvals) > MAX_TASKS:
        del facts.approvals[next(iter(facts.approvals))]


def _approval_answered(
    facts: StateFacts, event: ApprovalAnswered, at_ms: int | None
) -> None:
    facts.active_ms = at_ms
    if event.call_id is None:
        facts.approvals.clear()
    else:
        facts.approvals.pop(event.call_id, None)


# The background


def _task_started(facts: StateFacts, event: TaskStarted, at_ms: int | None) -> None:
    tasks = _TASKS[event.kind](facts)
    tasks[event.task_id] = at_ms
    if len(tasks) > MAX_TASKS:
        del tasks[next(iter(tasks))]


def _task_ended(facts: StateFacts, event: TaskEnded, at_ms: int | None) -> None:
    known = [each(facts) for each in _TASKS.values()]
    if not any(event.task_id in tasks for tasks in known) or (
        event.task_id in facts.agents
    ):
        facts.pending = max(0, facts.pending - 1)

    for tasks in known:
        tasks.pop(event.task_id, None)

    if facts.phase is not _WORKING:
        _begin(facts, "task ended", at_ms)  # the agent is notified, and goes on

    facts.active_ms = at_ms


# What stands in the way


def _failed(facts: StateFacts, event: ApiFailed, at_ms: int | None) -> None:
    if not event.retrying:
        _end(facts, "API error", at_ms, settled=True)
        facts.failed = _words(event)
        return

    if facts.phase is not _WORKING:
        if event.attempt is None:
            return  # a request, and perhaps one beside the conversation

        _begin(facts, "API error", at_ms)

    facts.active_ms = at_ms
    facts.doing, facts.attempt = _RETRYING, event.attempt or 1


def _words(event: ApiFailed) -> str:
    if event.trouble is Trouble.API_ERROR and event.status is not None:
        return f"{event.trouble} {event.status}"

    return event.trouble or ""


def _limited(facts: StateFacts, event: LimitReached, at_ms: int | None) -> None:
    facts.limited_ms, facts.until_ms = at_ms, event.resets_at_ms
    facts.failed = ""
    _end(facts, "limit reached", at_ms, settled=True)
    facts.word = "limit reached"  # and not the error that reported it


def _limits(facts: StateFacts, event: LimitsReported, _: int | None) -> None:
    facts.full_ms = None
    for each in event.windows:
        if each.used_percent >= 100 and each.resets_at_ms is not None:
            facts.full_ms = max(facts.full_ms or 0, each.resets_at_ms)


def _compacted(facts: StateFacts, event: Compacted, at_ms: int | None) -> None:
    facts.compacted_ms = at_ms
    if event.trigger == "manual":
        _end(facts, "compacted", at_ms, settled=True)


def _mode(facts: StateFacts, event: ModeChanged, _: int | None) -> None:
    facts.mode, facts.reviewed = event.mode, event.reviewed


def _closing(
    facts: StateFacts, event: ClosingWritten | SessionClosed, at_ms: int | None
) -> None:
    facts.closing = True
    if isinstance(event, SessionClosed):
        facts.closed_ms = at_ms or facts.active_ms


def _opened(facts: StateFacts, event: SessionOpened, _: int | None) -> None:
    facts.closed_ms, facts.headless = None, facts.headless or event.headless


_TASKS: dict[TaskKind, Callable[[StateFacts], dict[str, int | None]]] = {
    TaskKind.COMMAND: attrgetter("shells"),
    TaskKind.AGENT: attrgetter("agents"),
    TaskKind.WORKFLOW: attrgetter("workflows"),
}

_HANDLERS: dict[type, Callable[[StateFacts, Any, int | None], None]] = {
    PromptGiven: _prompt,
    CommandGiven: _command,
    Instructed: _instructed,
    TurnStarted: _turn_started,
    TurnEnded: _turn_ended,
    Interrupted: _interrupted,
    MessageWritten: _message,
    Asked: _asked,
    ToolCalled: _called,
    ToolReturned: _returned,
    ApprovalRequested: _approval_requested,
    ApprovalAnswered: _approval_answered,
    TaskStarted: _task_started,
    TaskEnded: _task_ended,
    ApiFailed: _failed,
    LimitReached: _limited,
    LimitsReported: _limits,
    Compacted: _compacted,
    ClosingWritten: _closing,
    SessionClosed: _closing,
    ModeChanged: _mode,
    SessionOpened: _opened,
}

_handler_of = _HANDLERS.get
