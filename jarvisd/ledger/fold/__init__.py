"""What each event means to the ledger: copies of rows, and facts about the session.

A handler for each sort of event; those that mean nothing here have none. Rules that a
reader might wonder about are in docs/internals/ledger.md.
"""

from collections.abc import Callable
from typing import Any

from jarvisd.core.event import (
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
from jarvisd.core.record import Record, Speaker
from jarvisd.ledger.fold.calls import tool_called, tool_returned
from jarvisd.ledger.fold.line_context import LineContext, RowCaches, newer
from jarvisd.ledger.fold.marks import (
    api_failed,
    command,
    compacted,
    interrupted,
    prompt,
)
from jarvisd.ledger.fold.responses import (
    give_name,
    model_changed,
    response_started,
    totals,
    usage,
)
from jarvisd.ledger.fold.surroundings import (
    limited,
    mode_changed,
    note_limits,
    thread_opened,
    titled,
    turn_ended,
    turn_started,
)
from jarvisd.ledger.lane import Lane
from jarvisd.ledger.session_totals import Session

__all__ = ["RowCaches", "fold", "note_limits"]

_USER = Speaker.USER
_NAMELESS_BETWEEN = {ThreadOpened, TotalsReported, LimitsReported, TurnStarted}
"""Between a report without a model and the model that it is of only these may be."""


def fold(shelves: RowCaches, lane: Lane, session: Session, record: Record) -> None:
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
        session.place = newer(place, (lane.carry.last_ms or 0, cwd))

    if record.events:
        line, carry = LineContext(shelves, lane, session, record), lane.carry
        for event in record.events:
            kind = event.__class__
            if carry.unnamed and kind not in _NAMELESS_BETWEEN:
                give_name(line, event)

            handler = _HANDLERS.get(kind)
            if handler is not None:
                handler(line, event)
    elif lane.carry.unnamed:  # what says nothing is no header
        lane.carry.unnamed = []


_HANDLERS: dict[type, Callable[[LineContext, Any], None]] = {
    UsageReported: usage,
    TotalsReported: totals,
    ResponseStarted: response_started,
    ModelChanged: model_changed,
    ToolCalled: tool_called,
    ToolReturned: tool_returned,
    PromptGiven: prompt,
    CommandGiven: command,
    Compacted: compacted,
    Interrupted: interrupted,
    ApiFailed: api_failed,
    ThreadOpened: thread_opened,
    TurnStarted: turn_started,
    TurnEnded: turn_ended,
    TitleGiven: titled,
    ModeChanged: mode_changed,
    LimitsReported: limited,
}
