"""What each event means to the ledger: copies of rows, and facts about the session.

A handler for each sort of event; those that mean nothing here have none. Rules that a
reader might wonder about are in docs/ledger.md.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from jarvisd.accumulators.keys import KeySet
from jarvisd.accumulators.lane import MAX_UNNAMED, Lane
from jarvisd.accumulators.samples import Samples, followed
from jarvisd.accumulators.session import Session, tool_name
from jarvisd.accumulators.shelf import Name, Shelf
from jarvisd.model.events import (
    ApiFailed,
    CommandGiven,
    Compacted,
    Event,
    Interrupted,
    LimitsReported,
    ModeChanged,
    ModelChanged,
    PromptGiven,
    ResponseStarted,
    ThreadOpened,
    TitleGiven,
    ToolCalled,
    ToolReturned,
    TotalsReported,
    TurnEnded,
    TurnStarted,
    UsageReported,
)
from jarvisd.model.ledger import (
    NO_INPUT,
    UNKNOWN_START_MS,
    VOID_RANK,
    CallRow,
    LimitRow,
    Mark,
    MarkRow,
    ResponseRow,
)
from jarvisd.model.record import Record, Speaker
from jarvisd.model.usage import STANDARD, Tokens

_USER = Speaker.USER
_NAMELESS_BETWEEN = {ThreadOpened, TotalsReported, LimitsReported, TurnStarted}
"""Between a report without a model and the model that it is of only these may be."""


@dataclass(slots=True)
class Shelves:
    """The rows at hand, and the newest word on each limit."""

    responses: Shelf[ResponseRow]
    calls: Shelf[CallRow]
    marks: Shelf[MarkRow]
    limits: dict[tuple[str, str], LimitRow] = field(default_factory=dict)
    samples: dict[tuple[str, str], tuple[Samples, ...]] = field(default_factory=dict)

    @classmethod
    def empty(cls, known: KeySet, window: int) -> "Shelves":
        """Return shelves with nothing on them, to keep *window* rows of each kind."""
        return cls(
            Shelf(known, "response", window),
            Shelf(known, "call", window),
            Shelf(known, "mark", window),
        )

    def all(self) -> tuple[Shelf[ResponseRow], Shelf[CallRow], Shelf[MarkRow]]:
        """Return all three."""
        return self.responses, self.calls, self.marks

    def put_limit(self, row: LimitRow) -> None:
        """Keep *row* as the newest word on its limit, and a sample of each window."""
        key = (row.agent, row.limit)
        self.limits[key] = row
        self.samples[key] = followed(self.samples.get(key, ()), row)


def fold(shelves: Shelves, lane: Lane, session: Session, record: Record) -> None:
    """Put what *record* says on the *shelves*, and into its *session* and *lane*."""
    if record.at_ms is not None:
        session.spans.add(record.at_ms)

    speaker = record.speaker
    if speaker is not None:
        if speaker is _USER:
            lane.carry.user_lines += 1
        else:
            lane.carry.assistant_lines += 1

    cwd, place = record.cwd, session.place
    if cwd is not None and (place is None or cwd != place[1]):
        session.place = _newer(place, (lane.carry.last_ms or 0, cwd))

    if record.events:
        line, carry = _Line(shelves, lane, session, record), lane.carry
        for event in record.events:
            kind = event.__class__
            if carry.unnamed and kind not in _NAMELESS_BETWEEN:
                _name(line, event)

            handler = _HANDLERS.get(kind)
            if handler is not None:
                handler(line, event)


class _Line:
    """One line on its way into the books."""

    __slots__ = (
        "agent",
        "at_ms",
        "lane",
        "rank",
        "record",
        "session",
        "shelves",
        "since_ms",
    )

    def __init__(
        self, shelves: Shelves, lane: Lane, session: Session, record: Record
    ) -> None:
        self.shelves, self.lane, self.session = shelves, lane, session
        self.record, self.agent = record, lane.agent
        # A line without a time has that of the line before; 0 is for comparing only.
        self.at_ms = lane.carry.last_ms
        self.since_ms = self.at_ms or 0
        self.rank = 1 if record.sidechain or lane.parent_session_id is not None else 0

    @property
    def start_ms(self) -> int:
        """Return when the transcript starts; one that the line is copied into, never."""
        lane, record = self.lane, self.record
        named = record.session_id
        if record.copied or (named != lane.session_id and named is not None):
            return UNKNOWN_START_MS if lane.copies(record) else lane.start_ms

        return lane.start_ms

    @property
    def is_own(self) -> bool:
        """Say whether the line is the session's own, and no copied history."""
        return self.lane.carry.thread.owns(self.record.ordinal)

    @property
    def name(self) -> str:
        """Return what the line is called: by the agent, or else by its place."""
        return self.record.key or f"@{self.lane.session_id}:{self.record.offset}"


# Responses


def _usage(line: _Line, event: UsageReported) -> None:
    carry, tokens = line.lane.carry, event.tokens
    thread = carry.thread
    thread.by_response = True
    called = carry.streaming if event.follows else event.response or line.name
    if called is None or not thread.owns(line.record.ordinal):
        return

    if not thread.told:
        _void_printed(line)

    latency_ms = None
    if called != carry.answered:
        latency_ms = _answer(line, called, event)

    name, shelf = (line.agent, called), line.shelves.responses
    row = shelf.at_hand(name)
    if row is None or not _repeats(row, event, line):
        read = tokens.input if event.has_input else NO_INPUT
        _put_response(
            line,
            name,
            event,
            input_cached=read if event.has_cache else NO_INPUT,
            input_bare=NO_INPUT if event.has_cache else read,
            latency_ms=latency_ms,
        )
    elif tokens.output > row.output:
        shelf.change(name, row, replace(row, output=tokens.output))

    if event.in_context and not line.rank:
        split = tokens.cache_write_5m + tokens.cache_write_1h
        flat = event.cache_write_flat
        written = max(split, flat)
        _occupy(line, tokens.input + tokens.cache_read + written)


def _answer(line: _Line, called: str, event: UsageReported) -> float | None:
    """Note the first line of a response; return how long it took, if that is known."""
    carry, at_ms = line.lane.carry, line.at_ms
    handed_ms, carry.handed_ms, carry.answered = carry.handed_ms, None, called
    if event.latency_ms is not None:
        return event.latency_ms

    if handed_ms is None or at_ms is None or at_ms < handed_ms:
        return None

    return float(at_ms - handed_ms)


def _repeats(row: ResponseRow, event: UsageReported, line: _Line) -> bool:
    """Say that merging could change the output at most, as with nearly every copy."""
    tokens, lane = event.tokens, line.lane
    return (
        event.has_cache
        and row.input_cached >= tokens.input
        and row.cache_read >= tokens.cache_read
        and row.cache_write_flat >= event.cache_write_flat
        and row.cache_write_5m >= tokens.cache_write_5m
        and row.cache_write_1h >= tokens.cache_write_1h
        and row.reasoning >= tokens.reasoning
        and row.web_searches >= event.web_searches
        and row.variant == event.variant
        and row.model == event.model
        and row.session_id == lane.session_id
        and row.version == lane.version
        and row.rank <= line.rank
        and row.model_ms <= line.since_ms
        and row.at_ms is not None
        and row.at_ms <= line.since_ms
        and row.start_ms <= lane.start_ms
    )


def _put_response(
    line: _Line,
    name: Name,
    event: UsageReported,
    *,
    input_cached: int,
    input_bare: int = NO_INPUT,
    latency_ms: float | None = None,
) -> None:
    lane, shelf, tokens = line.lane, line.shelves.responses, event.tokens
    model = event.model or lane.carry.model
    row = ResponseRow(
        key=shelf.key_of(name),
        agent=line.agent,
        session_id=lane.session_id,
        rank=line.rank,
        start_ms=line.start_ms,
        version=lane.version,
        at_ms=line.at_ms,
        model=model,
        model_ms=0 if model is None else line.since_ms,
        variant=event.variant if event.variant is not STANDARD else lane.variant,
    )
    # In two steps: a call with more than fifteen keywords makes a dict of them first,
    # and takes 2.5 microseconds where these two take half of one.
    row = replace(
        row,
        input_cached=input_cached,
        input_bare=input_bare,
        cache_read=tokens.cache_read,
        cache_write_flat=event.cache_write_flat,
        cache_write_5m=tokens.cache_write_5m,
        cache_write_1h=tokens.cache_write_1h,
        output=tokens.output,
        reasoning=tokens.reasoning,
        web_searches=event.web_searches,
        latency_ms=latency_ms,
    )
    shelf.put(name, row)
    if model is not None:
        _hear_of(line, model)
    elif lane.carry.thread.thread_id and len(lane.carry.unnamed) < MAX_UNNAMED:
        lane.carry.unnamed.append(name[1])


def _totals(line: _Line, event: TotalsReported) -> None:
    thread, own = line.lane.carry.thread, line.is_own
    if own:
        _measure(line, event)

    tokens = thread.spent(event, own=own)
    if tokens is None:
        return

    if thread.printed is not None:
        thread.printed += tokens
        _put_printed(line, thread.printed)
        return

    if not thread.told:
        _void_printed(line)

    if thread.by_response:
        return

    usage = UsageReported(
        model=event.model, tokens=tokens, variant=event.variant or STANDARD
    )
    called = _report_name(thread.root, event.total) or line.name
    _put_response(
        line,
        (line.agent, called),
        usage,
        input_cached=tokens.input,
        latency_ms=_answer(line, called, usage),
    )


# All that `codex exec` prints of one thread, by however many processes, is one row, for
# the totals go on from one to the next. The row is void as soon as a rollout tells the
# same, and so that it does not matter which is read first, every rollout says that.


def _put_printed(line: _Line, tokens: Tokens) -> None:
    printed = replace(
        _printed_row(line, line.rank),
        input_cached=tokens.input,
        cache_read=tokens.cache_read,
        cache_write_5m=tokens.cache_write_5m,
        output=tokens.output,
        reasoning=tokens.reasoning,
    )
    line.shelves.responses.put(_printed_name(line), printed)


def _void_printed(line: _Line) -> None:
    thread = line.lane.carry.thread
    thread.told = True
    if thread.thread_id is not None:
        row = _printed_row(line, VOID_RANK)
        line.shelves.responses.put(_printed_name(line), row)


def _printed_row(line: _Line, rank: int) -> ResponseRow:
    lane = line.lane
    return ResponseRow(
        key=line.shelves.responses.key_of(_printed_name(line)),
        agent=line.agent,
        session_id=lane.session_id,
        rank=rank,
        start_ms=lane.start_ms,
        version=lane.version,
    )


def _printed_name(line: _Line) -> Name:
    return line.agent, f"{line.lane.carry.thread.thread_id}:printed"


def _report_name(root: str | None, total: Tokens | None) -> str | None:
    """Return what every copy of a report of *total* is called.

    Copies have new times, so they are known by the numbers and the oldest ancestor.
    """
    if root is None or total is None:
        return None

    parts = (
        total.input,
        total.cache_read,
        total.cache_write_5m,
        total.output,
        total.reasoning,
    )
    return ":".join((root, *map(str, parts)))


def _measure(line: _Line, event: TotalsReported) -> None:
    if event.window_tokens:
        _widen(line, event.window_tokens)

    if event.last is not None and event.last.total:
        _occupy(line, event.last.prompt_total)
    elif event.last_total_tokens:  # an estimate, after a compaction
        _occupy(line, event.last_total_tokens)
    elif event.total_tokens and event.total is not None and not event.total.total:
        _occupy(line, event.total_tokens)  # the context is full


def _occupy(line: _Line, tokens: int) -> None:
    session, now = line.session, (line.since_ms, tokens)
    if session.context is None or now > session.context:
        session.context = now

    session.widest_prompt = max(session.widest_prompt, tokens)


def _widen(line: _Line, tokens: int) -> None:
    line.session.window = _newer(line.session.window, (line.since_ms, tokens))


def _response_started(line: _Line, event: ResponseStarted) -> None:
    line.lane.carry.streaming = event.response


def _model_changed(line: _Line, event: ModelChanged) -> None:
    carry = line.lane.carry
    carry.model = event.model or carry.model
    if event.for_turn:
        carry.fleeting = event.variant
    elif event.variant is not None:
        carry.sticky = event.variant


def _name(line: _Line, event: Event) -> None:
    """Give the responses without a model the one that *event* is the first to name."""
    names, line.lane.carry.unnamed = line.lane.carry.unnamed, []
    if not isinstance(event, ModelChanged) or event.model is None:
        return

    usage = UsageReported(model=event.model, tokens=Tokens())
    for called in names:
        _put_response(line, (line.agent, called), usage, input_cached=NO_INPUT)


def _hear_of(line: _Line, model: str) -> None:
    first_ms, at_ms = line.session.first_ms, line.since_ms
    if first_ms.setdefault(model, at_ms) > at_ms:
        first_ms[model] = at_ms


# Tool calls


def _tool_called(line: _Line, event: ToolCalled) -> None:
    if not line.is_own:
        return

    lane, shelf = line.lane, line.shelves.calls
    name = (line.agent, event.call_id or line.name)
    row = CallRow(
        key=shelf.key_of(name),
        agent=line.agent,
        session_id=lane.session_id,
        rank=line.rank,
        start_ms=line.start_ms,
        version=lane.version,
        tool=event.tool,
        kind=event.kind,
        server=event.server,
        skill=event.skill,
        subagent=event.subagent,
        called_ms=line.at_ms,
    )
    shelf.put(name, row)
    called = tool_name(event.server, event.tool)
    line.session.last_tool = _newer(line.session.last_tool, (line.since_ms, called))
    if event.call_id:
        lane.opens(event.call_id, called)


def _tool_returned(line: _Line, event: ToolReturned) -> None:
    if not line.is_own:
        return

    lane, shelf = line.lane, line.shelves.calls
    name = (line.agent, event.call_id)
    lane.carry.handed_ms = line.at_ms
    lane.closes(event.call_id)
    row = shelf.at_hand(name)
    if (
        row is not None
        and row.outcome is None
        and row.session_id == lane.session_id
        and row.version == lane.version
        and row.start_ms <= lane.start_ms
    ):
        new = replace(
            row,
            returned_ms=line.at_ms,
            measured_ms=event.duration_ms,
            outcome=event.outcome,
        )
        shelf.change(name, row, new)
    else:
        shelf.put(name, _result(line, event, shelf.key_of(name)))


def _result(line: _Line, event: ToolReturned, key: int) -> CallRow:
    """Return the row of a result whose call is in another file, or not at hand."""
    return CallRow(
        key=key,
        agent=line.agent,
        session_id=line.lane.session_id,
        rank=line.rank,
        start_ms=line.start_ms,
        version=line.lane.version,
        returned_ms=line.at_ms,
        measured_ms=event.duration_ms,
        outcome=event.outcome,
    )


# Marks


def _prompt(line: _Line, event: PromptGiven) -> None:
    carry = line.lane.carry
    again = carry.aborted and event.digest != 0 and event.digest == carry.asked
    carry.aborted, carry.asked, carry.in_turn = False, event.digest, True
    carry.handed_ms = line.at_ms
    if not again:
        _mark(line, Mark.PROMPT, key=event.key, chars=event.chars)


def _command(line: _Line, event: CommandGiven) -> None:
    _mark(line, Mark.COMMAND, name=event.name)


def _compacted(line: _Line, event: Compacted) -> None:
    carry = line.lane.carry
    announced, carry.boundary = carry.boundary, not event.is_summary
    if not (event.is_summary and announced):
        _mark(line, Mark.COMPACTION, name=event.trigger)


def _interrupted(line: _Line, event: Interrupted) -> None:
    line.lane.carry.aborted = True
    _mark(line, Mark.INTERRUPT, name=event.reason)


def _api_failed(line: _Line, event: ApiFailed) -> None:
    if not event.retrying:
        _mark(line, Mark.API_ERROR, name=event.error)


def _mark(
    line: _Line,
    mark: Mark,
    *,
    key: str | None = None,
    name: str | None = None,
    chars: int = 0,
) -> None:
    if not line.is_own:
        return

    lane, shelf = line.lane, line.shelves.marks
    called = (line.agent, f"{key or line.name}:{mark.value}")
    row = MarkRow(
        key=shelf.key_of(called),
        agent=line.agent,
        session_id=lane.session_id,
        rank=line.rank,
        start_ms=line.start_ms,
        version=lane.version,
        mark=mark,
        at_ms=line.at_ms,
        name=name,
        chars=chars,
    )
    shelf.put(called, row)


# Threads, turns, and what is known of the session


def _thread_opened(line: _Line, event: ThreadOpened) -> None:
    thread = line.lane.carry.thread
    thread.opened(event, line.at_ms)
    if event.thread_id == thread.thread_id:
        line.session.reviewer = line.session.reviewer or event.reviewer


def _turn_started(line: _Line, event: TurnStarted) -> None:
    carry = line.lane.carry
    carry.thread.turned(event, line.at_ms)
    carry.in_turn, carry.turn_ms = True, line.at_ms
    if event.window_tokens and line.is_own:
        _widen(line, event.window_tokens)


def _turn_ended(line: _Line, _: TurnEnded) -> None:
    line.lane.settle_turn()


def _titled(line: _Line, event: TitleGiven) -> None:
    title = (int(event.rank), line.since_ms, event.title)
    line.session.title = _newer(line.session.title, title)


def _mode_changed(line: _Line, event: ModeChanged) -> None:
    mode = (line.since_ms, event.mode)
    line.session.mode = _newer(line.session.mode, mode)


def _limited(line: _Line, event: LimitsReported) -> None:
    note_limits(line.shelves, line.agent, event, line.since_ms)


def note_limits(
    shelves: Shelves, agent: str, event: LimitsReported, at_ms: int
) -> None:
    """Keep what *event* says of an account, unless something newer is known."""
    limit = event.limit or agent
    known = shelves.limits.get((agent, limit))
    if known is None or at_ms > known.at_ms:
        row = LimitRow(
            agent=agent,
            limit=limit,
            at_ms=at_ms,
            plan=event.plan,
            windows=event.windows,
        )
        shelves.put_limit(row)


def _newer(old: Any, new: Any) -> Any:
    """Return the greater of two (time, value); of one time the greater value."""
    return new if old is None or new > old else old


_HANDLERS: dict[type, Callable[[_Line, Any], None]] = {
    UsageReported: _usage,
    TotalsReported: _totals,
    ResponseStarted: _response_started,
    ModelChanged: _model_changed,
    ToolCalled: _tool_called,
    ToolReturned: _tool_returned,
    PromptGiven: _prompt,
    CommandGiven: _command,
    Compacted: _compacted,
    Interrupted: _interrupted,
    ApiFailed: _api_failed,
    ThreadOpened: _thread_opened,
    TurnStarted: _turn_started,
    TurnEnded: _turn_ended,
    TitleGiven: _titled,
    ModeChanged: _mode_changed,
    LimitsReported: _limited,
}
