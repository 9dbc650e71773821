"""What each event means to the ledger: copies of rows, and facts about the session.

A handler for each sort of event; those that mean nothing here have none. Rules that a
reader might wonder about are in docs/accuracy.md, with the cases that they are from.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from jarvisd.accumulators.keys import KeySet
from jarvisd.accumulators.lane import MAX_UNNAMED, Lane
from jarvisd.accumulators.session import Session, tool_name
from jarvisd.accumulators.shelf import Shelf
from jarvisd.model.events import (
    ApiFailed,
    CommandGiven,
    Compacted,
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
    CallRow,
    LimitRow,
    Mark,
    MarkRow,
    ResponseRow,
)
from jarvisd.model.record import Record, Speaker
from jarvisd.model.usage import STANDARD, Tokens

_NAMELESS_BETWEEN = {ThreadOpened, TotalsReported, LimitsReported, TurnStarted}
"""Between a report without a model and the model that it is of only these may be."""


@dataclass(slots=True)
class Shelves:
    """The rows at hand, and the newest word on each limit."""

    responses: Shelf[ResponseRow]
    calls: Shelf[CallRow]
    marks: Shelf[MarkRow]
    limits: dict[tuple[str, str], LimitRow] = field(default_factory=dict)

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


@dataclass(slots=True)
class Folding:
    """One record on its way into the books."""

    shelves: Shelves
    lane: Lane
    session: Session
    record: Record

    @property
    def at_ms(self) -> int | None:
        """Return when it happened: a record without a time inherits the last one."""
        return self.lane.carry.last_ms

    @property
    def since_ms(self) -> int:
        """Return the same for comparing; 0 if there was no time at all."""
        return self.lane.carry.last_ms or 0

    @property
    def rank(self) -> int:
        """Return 1 if the record is of a subagent."""
        return int(self.record.sidechain or self.lane.parent_session_id is not None)

    @property
    def is_own(self) -> bool:
        """Say whether the record is the session's own, and no copied history."""
        return self.lane.carry.thread.owns(self.record.ordinal)

    def line_name(self) -> str:
        """Return what the line is called: by the agent, or else by its place."""
        return self.record.key or f"@{self.lane.session_id}:{self.record.offset}"


def fold(folding: Folding) -> None:
    """Put what a record says on the shelves, and into its session and lane."""
    record, session, carry = folding.record, folding.session, folding.lane.carry
    if record.at_ms is not None:
        session.spans.add(record.at_ms)

    if record.speaker is Speaker.USER:
        session.user_lines += 1
    elif record.speaker is Speaker.ASSISTANT:
        session.assistant_lines += 1

    if record.cwd is not None and (
        session.place is None or record.cwd != session.place[1]
    ):
        session.place = _newer(session.place, (folding.since_ms, record.cwd))

    for event in record.events:
        kind = type(event)
        if carry.unnamed and kind not in _NAMELESS_BETWEEN:
            _name(folding, event)

        handler = _HANDLERS.get(kind)
        if handler is not None:
            handler(folding, event)


# Responses


def _usage(folding: Folding, event: UsageReported) -> None:
    lane = folding.lane
    lane.carry.thread.by_response = True
    name = lane.carry.streaming if event.follows else event.response
    if (event.follows and name is None) or not folding.is_own:
        return

    tokens, cached = event.tokens, event.has_cache
    _put_response(
        folding,
        name or folding.line_name(),
        event,
        input_cached=tokens.input if cached and event.has_input else NO_INPUT,
        input_bare=NO_INPUT if cached or not event.has_input else tokens.input,
    )
    if event.in_context and not folding.rank:
        written = max(
            event.cache_write_flat, tokens.cache_write_5m + tokens.cache_write_1h
        )
        _occupy(folding, tokens.input + tokens.cache_read + written)


def _put_response(
    folding: Folding,
    name: str,
    event: UsageReported,
    *,
    input_cached: int,
    input_bare: int = NO_INPUT,
) -> None:
    lane, shelf, tokens = folding.lane, folding.shelves.responses, event.tokens
    named, model = (lane.origin.agent, name), event.model or lane.carry.model
    row = ResponseRow(
        key=shelf.key_of(named),
        agent=lane.origin.agent,
        session_id=lane.session_id,
        rank=folding.rank,
        start_ms=lane.start_ms,
        at_ms=folding.at_ms,
        model=model,
        model_ms=folding.since_ms,
        variant=event.variant if event.variant is not STANDARD else lane.variant,
        input_cached=input_cached,
        input_bare=input_bare,
        cache_read=tokens.cache_read,
        cache_write_flat=event.cache_write_flat,
        cache_write_5m=tokens.cache_write_5m,
        cache_write_1h=tokens.cache_write_1h,
        output=tokens.output,
        reasoning=tokens.reasoning,
        web_searches=event.web_searches,
    )
    shelf.put(named, row)
    if model is not None:
        _hear_of(folding, model)
    elif lane.carry.thread.thread_id and len(lane.carry.unnamed) < MAX_UNNAMED:
        lane.carry.unnamed.append(name)


def _totals(folding: Folding, event: TotalsReported) -> None:
    thread, own = folding.lane.carry.thread, folding.is_own
    if own:
        _measure(folding, event)

    tokens = thread.spent(event, own=own)
    if tokens is None or thread.by_response:
        return

    usage = UsageReported(
        model=event.model, tokens=tokens, variant=event.variant or STANDARD
    )
    name = _report_name(thread.root, event.total) or folding.line_name()
    _put_response(folding, name, usage, input_cached=tokens.input)


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


def _measure(folding: Folding, event: TotalsReported) -> None:
    if event.window_tokens:
        window = (folding.since_ms, event.window_tokens)
        folding.session.window = _newer(folding.session.window, window)

    if event.last is not None and event.last.total:
        _occupy(folding, event.last.prompt_total)
    elif event.last_total_tokens:  # an estimate, after a compaction
        _occupy(folding, event.last_total_tokens)
    elif event.total_tokens and event.total is not None and not event.total.total:
        _occupy(folding, event.total_tokens)  # the context is full


def _occupy(folding: Folding, tokens: int) -> None:
    session = folding.session
    session.context = _newer(session.context, (folding.since_ms, tokens))
    session.widest_prompt = max(session.widest_prompt, tokens)


def _response_started(folding: Folding, event: ResponseStarted) -> None:
    folding.lane.carry.streaming = event.response


def _model_changed(folding: Folding, event: ModelChanged) -> None:
    carry = folding.lane.carry
    carry.model = event.model or carry.model
    if event.for_turn:
        carry.fleeting = event.variant
    elif event.variant is not None:
        carry.sticky = event.variant


def _name(folding: Folding, event: object) -> None:
    """Give the responses without a model the one that *event* is the first to name."""
    names, folding.lane.carry.unnamed = folding.lane.carry.unnamed, []
    if not isinstance(event, ModelChanged) or event.model is None:
        return

    for name in names:
        usage = UsageReported(model=event.model, tokens=Tokens())
        _put_response(folding, name, usage, input_cached=NO_INPUT)


def _hear_of(folding: Folding, model: str) -> None:
    first_ms = folding.session.first_ms
    at_ms = folding.since_ms
    if first_ms.setdefault(model, at_ms) > at_ms:
        first_ms[model] = at_ms


# Tool calls


def _tool_called(folding: Folding, event: ToolCalled) -> None:
    if not folding.is_own:
        return

    lane, shelf = folding.lane, folding.shelves.calls
    named = (lane.origin.agent, event.call_id or folding.line_name())
    shelf.put(
        named,
        CallRow(
            key=shelf.key_of(named),
            agent=lane.origin.agent,
            session_id=lane.session_id,
            rank=folding.rank,
            start_ms=lane.start_ms,
            tool=event.tool,
            kind=event.kind,
            server=event.server,
            skill=event.skill,
            subagent=event.subagent,
            called_ms=folding.at_ms,
        ),
    )
    last = (folding.since_ms, tool_name(event.server, event.tool))
    folding.session.last_tool = _newer(folding.session.last_tool, last)
    if event.call_id:
        lane.opens(event.call_id, event.tool)


def _tool_returned(folding: Folding, event: ToolReturned) -> None:
    if not folding.is_own:
        return

    lane, shelf = folding.lane, folding.shelves.calls
    lane.closes(event.call_id)
    name = (lane.origin.agent, event.call_id)
    shelf.put(
        name,
        CallRow(
            key=shelf.key_of(name),
            agent=lane.origin.agent,
            session_id=lane.session_id,
            rank=folding.rank,
            start_ms=lane.start_ms,
            returned_ms=folding.at_ms,
            measured_ms=event.duration_ms,
            outcome=event.outcome,
        ),
    )


# Marks


def _prompt(folding: Folding, event: PromptGiven) -> None:
    carry = folding.lane.carry
    again = carry.aborted and event.digest != 0 and event.digest == carry.asked
    carry.aborted, carry.asked, carry.in_turn = False, event.digest, True
    if not again:
        _mark(folding, Mark.PROMPT, key=event.key, chars=event.chars)


def _command(folding: Folding, event: CommandGiven) -> None:
    _mark(folding, Mark.COMMAND, name=event.name)


def _compacted(folding: Folding, event: Compacted) -> None:
    carry = folding.lane.carry
    announced, carry.boundary = carry.boundary, not event.is_summary
    if not (event.is_summary and announced):
        _mark(folding, Mark.COMPACTION, name=event.trigger)


def _interrupted(folding: Folding, event: Interrupted) -> None:
    folding.lane.carry.aborted = True
    _mark(folding, Mark.INTERRUPT, name=event.reason)


def _api_failed(folding: Folding, event: ApiFailed) -> None:
    if not event.retrying:
        _mark(folding, Mark.API_ERROR, name=event.error)


def _mark(
    folding: Folding,
    mark: Mark,
    *,
    key: str | None = None,
    name: str | None = None,
    chars: int = 0,
) -> None:
    if not folding.is_own:
        return

    lane, shelf = folding.lane, folding.shelves.marks
    called = (lane.origin.agent, f"{key or folding.line_name()}:{mark}")
    shelf.put(
        called,
        MarkRow(
            key=shelf.key_of(called),
            agent=lane.origin.agent,
            session_id=lane.session_id,
            rank=folding.rank,
            start_ms=lane.start_ms,
            mark=mark,
            at_ms=folding.at_ms,
            name=name,
            chars=chars,
        ),
    )


# Threads, turns, and what is known of the session


def _thread_opened(folding: Folding, event: ThreadOpened) -> None:
    thread = folding.lane.carry.thread
    thread.opened(event, folding.at_ms)
    if event.thread_id == thread.thread_id:
        folding.session.reviewer = folding.session.reviewer or event.reviewer


def _turn_started(folding: Folding, event: TurnStarted) -> None:
    carry = folding.lane.carry
    carry.thread.turned(event, folding.at_ms)
    carry.in_turn, carry.turn_ms = True, folding.at_ms
    if event.window_tokens and folding.is_own:
        window = (folding.since_ms, event.window_tokens)
        folding.session.window = _newer(folding.session.window, window)


def _turn_ended(folding: Folding, _: TurnEnded) -> None:
    folding.lane.settle_turn()


def _titled(folding: Folding, event: TitleGiven) -> None:
    title = (int(event.rank), folding.since_ms, event.title)
    folding.session.title = _newer(folding.session.title, title)


def _mode_changed(folding: Folding, event: ModeChanged) -> None:
    mode = (folding.since_ms, event.mode)
    folding.session.mode = _newer(folding.session.mode, mode)


def _limited(folding: Folding, event: LimitsReported) -> None:
    agent = folding.lane.origin.agent
    limit = event.limit or agent
    known = folding.shelves.limits.get((agent, limit))
    if known is None or folding.since_ms > known.at_ms:
        folding.shelves.limits[agent, limit] = LimitRow(
            agent=agent,
            limit=limit,
            at_ms=folding.since_ms,
            plan=event.plan,
            windows=event.windows,
        )


def _newer(old: Any, new: Any) -> Any:
    """Return the greater of two (time, value); of one time the greater value."""
    return new if old is None or new > old else old


_HANDLERS: dict[type, Callable[[Folding, Any], None]] = {
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
