"""Responses of models: what was used, by which, and whose it is."""

from msgspec.structs import replace

from jarvisd.base.usage import STANDARD, Tokens
from jarvisd.core.event import (
    Event,
    ModelChanged,
    ResponseStarted,
    TotalsReported,
    UsageReported,
)
from jarvisd.ledger.fold.context import measure, occupy
from jarvisd.ledger.fold.line_context import LineContext
from jarvisd.ledger.fold.printed import put_printed, void_printed
from jarvisd.ledger.lane import MAX_UNNAMED
from jarvisd.ledger.model import NO_INPUT, ResponseRow
from jarvisd.ledger.row_cache import Name


def usage(line: LineContext, event: UsageReported) -> None:
    """Take in what one response used, unless it is copied history."""
    carry, tokens = line.lane.carry, event.tokens
    thread = carry.thread
    thread.by_response = True
    called = carry.streaming if event.follows else event.response or line.name
    if called is None or not thread.owns(line.record.ordinal):
        return

    if not thread.told:
        void_printed(line)

    latency_ms = event.latency_ms
    if event.in_context and called != carry.answered:
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
        grown = replace(row, output=tokens.output)
        shelf.change(name, row, grown, by=line.lane.session_id)

    if event.in_context and event.model is not None:
        carry.speaking = event.model

    if event.in_context and not line.rank:
        split = tokens.cache_write_5m + tokens.cache_write_1h
        flat = event.cache_write_flat
        written = max(split, flat)
        occupy(line, tokens.input + tokens.cache_read + written)


def _answer(line: LineContext, called: str, event: UsageReported) -> float | None:
    """Note the first line of a response; return how long it took, if that is known."""
    carry, at_ms = line.lane.carry, line.at_ms
    handed_ms, carry.handed_ms, carry.answered = carry.handed_ms, None, called
    if event.latency_ms is not None:
        return event.latency_ms

    if handed_ms is None or at_ms is None or at_ms < handed_ms:
        return None

    return float(at_ms - handed_ms)


def _repeats(row: ResponseRow, event: UsageReported, line: LineContext) -> bool:
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
        and row.branch == lane.carry.branch
        and row.account == lane.account
        and (event.stated_micros is None or row.stated_micros == event.stated_micros)
    )


def _put_response(
    line: LineContext,
    name: Name,
    event: UsageReported,
    *,
    input_cached: int,
    input_bare: int = NO_INPUT,
    latency_ms: float | None = None,
) -> None:
    lane, shelf, tokens = line.lane, line.shelves.responses, event.tokens
    model = event.model or lane.carry.model
    if model is None and not event.in_context:
        model = lane.carry.speaking

    row = ResponseRow(
        key=shelf.key_of(name),
        agent=line.agent,
        session_id=lane.session_id,
        rank=line.rank,
        start_ms=line.start_ms,
        branch=lane.carry.branch,
        account=lane.account,
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
        stated_micros=event.stated_micros,
    )
    shelf.put(name, row)
    if model is not None:
        _hear_of(line, model)
    elif lane.carry.thread.thread_id and len(lane.carry.unnamed) < MAX_UNNAMED:
        lane.carry.unnamed.append(name[1])


def totals(line: LineContext, event: TotalsReported) -> None:
    """Take in what a thread has used in all, as far as no response tells it."""
    thread, own = line.lane.carry.thread, line.is_own
    if own:
        measure(line, event)

    tokens = thread.spent(event, own=own)
    if tokens is None:
        return

    if thread.printed is not None:
        thread.printed += tokens
        put_printed(line, thread.printed)
        return

    if not thread.told:
        void_printed(line)

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


def response_started(line: LineContext, event: ResponseStarted) -> None:
    """Remember which response is being streamed."""
    line.lane.carry.streaming = event.response


def model_changed(line: LineContext, event: ModelChanged) -> None:
    """Remember the model, and how it is served from now on."""
    carry = line.lane.carry
    carry.model = event.model or carry.model
    if event.for_turn:
        carry.fleeting = event.variant
    elif event.variant is not None:
        carry.sticky = event.variant


def give_name(line: LineContext, event: Event) -> None:
    """Give the responses without a model the one that *event* is the first to name."""
    names, line.lane.carry.unnamed = line.lane.carry.unnamed, []
    if not isinstance(event, ModelChanged) or event.model is None:
        return

    usage = UsageReported(model=event.model, tokens=Tokens())
    for called in names:
        _put_response(line, (line.agent, called), usage, input_cached=NO_INPUT)


def _hear_of(line: LineContext, model: str) -> None:
    first_ms, at_ms = line.session.first_ms, line.since_ms
    if first_ms.setdefault(model, at_ms) > at_ms:
        first_ms[model] = at_ms
