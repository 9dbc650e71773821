"""Turns events into copies of rows, and facts about the session.

There is a handler for each kind of event that the ledger uses. Rules that a
reader might wonder about are in docs/internals/ledger.md.
"""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from jarvisd.base.usage import Tokens, each_bucket
from jarvisd.core.event import (
    ApiFailed,
    CommandGiven,
    Compacted,
    ContextMeasured,
    Interrupted,
    LimitsReported,
    ModeChanged,
    PromptGiven,
    SessionOpened,
    TitleGiven,
    ToolCalled,
    ToolReturned,
    TurnEnded,
    TurnStarted,
    UsageReported,
    UsageSuperseded,
)
from jarvisd.core.record import Record, Speaker
from jarvisd.ledger.ledger_stream import LedgerStream
from jarvisd.ledger.model import (
    NO_INPUT,
    UNKNOWN_START_MS,
    VOID_RANK,
    CallRow,
    Mark,
    MarkRow,
    ResponseRow,
)
from jarvisd.ledger.row_cache import Name, RowCaches
from jarvisd.ledger.session_totals import Session, tool_name

_USER = Speaker.USER

_covers: Callable[[Tokens, Tokens], bool] = each_bucket(
    "{}", "a.{0} >= b.{0}", " and ", but={"input", "output"}
)
"""Whether *a* has as much as *b* in each bucket that the copies of a response repeat."""


def fold(line: "LineContext", record: Record) -> None:
    """Apply *record*, of the next line, to the row caches, its session and its stream."""
    memory, session, speaker = line.stream.memory, line.session, record.speaker
    if speaker is not None:
        if speaker is _USER:
            memory.user_lines += 1
        else:
            memory.assistant_lines += 1

    cwd, place = record.cwd, session.place
    if cwd is not None and (place is None or cwd != place[1]):
        session.place = newer(place, (memory.last_ms or 0, cwd))

    if record.events:
        line.turn_to(record)
        for event in record.events:
            handler = _handler_of(event.__class__)
            if handler is not None:
                handler(line, event)


class LineContext:
    """The line of *stream* that is being folded; one object for all of its lines."""

    __slots__ = (
        "agent",
        "at_ms",
        "caches",
        "rank",
        "record",
        "session",
        "since_ms",
        "stream",
    )

    record: Record
    at_ms: int | None
    since_ms: int
    rank: int

    def __init__(
        self, caches: RowCaches, stream: LedgerStream, session: Session
    ) -> None:
        self.caches, self.stream, self.session = caches, stream, session
        self.agent = stream.agent

    def turn_to(self, record: Record) -> None:
        """Go on to the line of *record*, which the stream has met."""
        stream, self.record = self.stream, record
        # A line without a time has that of the line before; 0 is for comparing only.
        at_ms = self.at_ms = stream.memory.last_ms
        self.since_ms = at_ms or 0
        self.rank = 1 if record.sidechain or stream.parent_session_id is not None else 0

    @property
    def start_ms(self) -> int:
        """Return when the transcript starts; for a copied line, `UNKNOWN_START_MS`."""
        stream, record = self.stream, self.record
        named, copies = record.session_id, record.copied or stream.memory.copied_ms
        if copies or (named != stream.session_id and named is not None):
            return UNKNOWN_START_MS if stream.copies(record) else stream.start_ms

        return stream.start_ms

    @property
    def name(self) -> str:
        """Return the name of the line: the agent's, or else its place."""
        return self.record.key or f"@{self.stream.session_id}:{self.record.offset}"


def newer(old: Any, new: Any) -> Any:
    """Return the greater of two (time, value); of one time the greater value."""
    return new if old is None or new > old else old


def usage(line: LineContext, event: UsageReported) -> None:
    """Record the usage of one response, unless it is copied history."""
    if line.record.inherited:
        return

    memory, tokens = line.stream.memory, event.tokens
    called = event.response or line.name
    latency_ms = event.latency_ms
    if event.in_context and called != memory.answered:
        latency_ms = _answer(line, called, event)

    name, cache = (line.agent, called), line.caches.responses
    row = cache.find(name)
    if row is None or not _repeats(row, event, line):
        _put_response(line, name, event, latency_ms)
    elif tokens.output > row.counts.output:
        grown = replace(row, counts=replace(row.counts, output=tokens.output))
        cache.change(name, row, grown, by=line.stream.session_id)

    if event.in_context and not line.rank:
        split = tokens.cache_write_5m + tokens.cache_write_1h
        occupy(line, tokens.prompt_total + max(0, event.cache_write_flat - split))


def _answer(line: LineContext, called: str, event: UsageReported) -> float | None:
    """Record the first line of a response; return its latency, if that is known."""
    memory, at_ms = line.stream.memory, line.at_ms
    handed_ms, memory.handed_ms, memory.answered = memory.handed_ms, None, called
    if event.latency_ms is not None:
        return event.latency_ms

    if handed_ms is None or at_ms is None or at_ms < handed_ms:
        return None

    return float(at_ms - handed_ms)


def _repeats(row: ResponseRow, event: UsageReported, line: LineContext) -> bool:
    """Whether merging could change only the output, as with nearly every copy."""
    tokens, stream = event.tokens, line.stream
    return (
        event.has_cache
        and row.input_cached >= tokens.input
        and row.cache_write_flat >= event.cache_write_flat
        and _covers(row.counts, tokens)
        and row.web_searches >= event.web_searches
        and row.variant == event.variant
        and row.model == event.model
        and row.session_id == stream.session_id
        and row.version == stream.version
        and row.rank <= line.rank
        and row.model_ms <= line.since_ms
        and row.at_ms is not None
        and row.at_ms <= line.since_ms
        and row.start_ms <= stream.start_ms
        and row.branch == stream.memory.branch
        and row.account == stream.account
        and (event.stated_micros is None or row.stated_micros == event.stated_micros)
    )


def _put_response(
    line: LineContext, name: Name, event: UsageReported, latency_ms: float | None
) -> None:
    stream, cache, tokens = line.stream, line.caches.responses, event.tokens
    model, at_ms = event.model, line.since_ms
    read = tokens.input if event.has_input else NO_INPUT
    row = ResponseRow(
        key=cache.key_of(name),
        agent=line.agent,
        session_id=stream.session_id,
        rank=line.rank,
        start_ms=line.start_ms,
        branch=stream.memory.branch,
        account=stream.account,
        version=stream.version,
        at_ms=line.at_ms,
        model=model,
        model_ms=0 if model is None else at_ms,
        variant=event.variant,
    )
    # In two steps: a call with more than fifteen keywords makes a dict of them first,
    # and takes 2.5 microseconds where these two take half of one.
    row = replace(
        row,
        input_cached=read if event.has_cache else NO_INPUT,
        input_bare=NO_INPUT if event.has_cache else read,
        cache_write_flat=event.cache_write_flat,
        counts=replace(tokens, input=0) if tokens.input else tokens,
        web_searches=event.web_searches,
        latency_ms=latency_ms,
        stated_micros=event.stated_micros,
    )
    cache.put(name, row)
    if model is not None:
        first_ms = line.session.first_ms
        if first_ms.setdefault(model, at_ms) > at_ms:
            first_ms[model] = at_ms


def superseded(line: LineContext, event: UsageSuperseded) -> None:
    """Make the response under a key void, whichever is read first."""
    stream, cache = line.stream, line.caches.responses
    name = (line.agent, event.key)
    row = ResponseRow(
        key=cache.key_of(name),
        agent=line.agent,
        session_id=stream.session_id,
        rank=VOID_RANK,
        start_ms=stream.start_ms,
        account=stream.account,
        version=stream.version,
    )
    cache.put(name, row)


def tool_called(line: LineContext, event: ToolCalled) -> None:
    """Record a call, unless it is copied history."""
    if line.record.inherited:
        return

    stream, cache = line.stream, line.caches.calls
    name, response = _call_name(line, event.call_id, event.response), event.response
    row = CallRow(
        key=cache.key_of(name),
        agent=line.agent,
        session_id=stream.session_id,
        rank=line.rank,
        start_ms=line.start_ms,
        branch=stream.memory.branch,
        account=stream.account,
        version=stream.version,
        response=(
            None
            if response is None
            else line.caches.responses.key_of((line.agent, response))
        ),
        tool=event.tool,
        kind=event.kind,
        server=event.server,
        skill=event.skill,
        subagent=event.subagent,
        called_ms=line.at_ms,
    )
    cache.put(name, row, former=event.call_id)
    called = tool_name(event.server, event.tool)
    line.session.last_tool = newer(line.session.last_tool, (line.since_ms, called))
    if event.call_id:
        stream.opens(event.call_id, called)
        if response is not None:
            stream.asks(event.call_id, response)


def tool_returned(line: LineContext, event: ToolReturned) -> None:
    """Record a result, wherever its call is."""
    if line.record.inherited:
        return

    stream, cache = line.stream, line.caches.calls
    name = _call_name(line, event.call_id, stream.asked_by(event.call_id))
    stream.memory.handed_ms = line.at_ms
    stream.closes(event.call_id)
    row = cache.find(name)
    if (
        row is not None
        and row.outcome is None
        and row.session_id == stream.session_id
        and row.account == stream.account
        and row.version == stream.version
        and row.start_ms <= stream.start_ms
    ):
        new = replace(
            row,
            returned_ms=line.at_ms,
            measured_ms=event.duration_ms,
            outcome=event.outcome,
        )
        cache.change(name, row, new, by=stream.session_id)
    else:  # its call is in another file, or not in memory
        row = CallRow(
            key=cache.key_of(name),
            agent=line.agent,
            session_id=stream.session_id,
            rank=line.rank,
            start_ms=line.start_ms,
            account=stream.account,
            version=stream.version,
            returned_ms=line.at_ms,
            measured_ms=event.duration_ms,
            outcome=event.outcome,
        )
        cache.put(name, row)


def _call_name(line: LineContext, call_id: str, response: str | None) -> Name:
    """Return the name that all copies of a call have, and no other call.

    Ids of calls are the provider's, and some providers start again in each session.
    """
    if not call_id:
        return line.agent, line.name

    return line.agent, f"{response or line.stream.session_id}\0{call_id}"


def prompt(line: LineContext, event: PromptGiven) -> None:
    """Mark a prompt; the same words right after an interrupt are no second one."""
    memory = line.stream.memory
    again = memory.aborted and event.digest != 0 and event.digest == memory.asked
    memory.aborted, memory.asked = False, event.digest
    memory.handed_ms = line.at_ms
    if not again:
        _mark(line, Mark.PROMPT, key=event.key, chars=event.chars)


def command(line: LineContext, event: CommandGiven) -> None:
    """Mark a slash command."""
    _mark(line, Mark.COMMAND, name=event.name)


def compacted(line: LineContext, event: Compacted) -> None:
    """Mark a compaction, once for its boundary and its summary."""
    memory = line.stream.memory
    announced, memory.boundary = memory.boundary, not event.is_summary
    if not (event.is_summary and announced):
        _mark(line, Mark.COMPACTION, name=event.trigger)


def interrupted(line: LineContext, event: Interrupted) -> None:
    """Mark an interrupt."""
    line.stream.memory.aborted = True
    _mark(line, Mark.INTERRUPT, name=event.reason)


def api_failed(line: LineContext, event: ApiFailed) -> None:
    """Mark an error that is not tried again."""
    if not event.retrying:
        _mark(line, Mark.API_ERROR, name=event.error)


def plan(line: LineContext, name: str) -> None:
    """Mark that the account has the plan *name*, unless that was said before."""
    memory = line.stream.memory
    if not line.record.inherited and name != memory.plan:
        memory.plan = name
        _mark(line, Mark.PLAN, name=name)


def _mark(
    line: LineContext,
    mark: Mark,
    *,
    key: str | None = None,
    name: str | None = None,
    chars: int = 0,
) -> None:
    if line.record.inherited:
        return

    stream, cache = line.stream, line.caches.marks
    called = (line.agent, f"{key or line.name}:{mark.value}")
    row = MarkRow(
        key=cache.key_of(called),
        agent=line.agent,
        session_id=stream.session_id,
        rank=line.rank,
        start_ms=line.start_ms,
        branch=stream.memory.branch,
        account=stream.account,
        version=stream.version,
        mark=mark,
        at_ms=line.at_ms,
        name=name,
        chars=chars,
    )
    cache.put(called, row)


def measured(line: LineContext, event: ContextMeasured) -> None:
    """Keep how full the context is, unless it is that of copied history."""
    if line.record.inherited:
        return

    if event.window_tokens:
        widen(line, event.window_tokens)

    if event.tokens is not None:
        occupy(line, event.tokens)


def occupy(line: LineContext, tokens: int) -> None:
    """Record that the context holds *tokens*."""
    session, now = line.session, (line.since_ms, tokens)
    if session.context is None or now > session.context:
        session.context = now

    session.widest_prompt = max(session.widest_prompt, tokens)


def widen(line: LineContext, tokens: int) -> None:
    """Record that the context window is *tokens* long."""
    line.session.window = newer(line.session.window, (line.since_ms, tokens))


def session_opened(line: LineContext, event: SessionOpened) -> None:
    """Record the kind of session."""
    line.session.reviewer = line.session.reviewer or event.reviewer


def turn_started(line: LineContext, event: TurnStarted) -> None:
    """Record the length of the window of a turn."""
    if event.window_tokens and not line.record.inherited:
        widen(line, event.window_tokens)


def turn_ended(line: LineContext, _: TurnEnded) -> None:
    """Record that the turn is over."""
    line.stream.settle_turn()


def titled(line: LineContext, event: TitleGiven) -> None:
    """Set the title of the session, by rank and time."""
    title = (int(event.rank), line.since_ms, event.title)
    line.session.title = newer(line.session.title, title)


def mode_changed(line: LineContext, event: ModeChanged) -> None:
    """Record the approval mode."""
    mode = (line.since_ms, event.mode)
    line.session.mode = newer(line.session.mode, mode)


def limited(line: LineContext, event: LimitsReported) -> None:
    """Record the account's limits and plan."""
    if event.plan is not None:
        plan(line, event.plan)

    line.caches.put_limits(line.agent, event, line.since_ms)


_HANDLERS: dict[type, Callable[[LineContext, Any], None]] = {
    UsageReported: usage,
    UsageSuperseded: superseded,
    ContextMeasured: measured,
    ToolCalled: tool_called,
    ToolReturned: tool_returned,
    PromptGiven: prompt,
    CommandGiven: command,
    Compacted: compacted,
    Interrupted: interrupted,
    ApiFailed: api_failed,
    SessionOpened: session_opened,
    TurnStarted: turn_started,
    TurnEnded: turn_ended,
    TitleGiven: titled,
    ModeChanged: mode_changed,
    LimitsReported: limited,
}

_handler_of = _HANDLERS.get
