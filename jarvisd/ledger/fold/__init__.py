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
from jarvisd.ledger.fold.calls import tool_called, tool_returned
from jarvisd.ledger.fold.context import measured
from jarvisd.ledger.fold.line_context import LineContext, RowCaches, newer
from jarvisd.ledger.fold.marks import (
    api_failed,
    command,
    compacted,
    interrupted,
    prompt,
)
from jarvisd.ledger.fold.responses import superseded, usage
from jarvisd.ledger.fold.surroundings import (
    limited,
    mode_changed,
    note_limits,
    session_opened,
    titled,
    turn_ended,
    turn_started,
)
from jarvisd.ledger.lane import Lane
from jarvisd.ledger.session_totals import Session

__all__ = ["RowCaches", "fold", "note_limits"]

_USER = Speaker.USER


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
        line = LineContext(shelves, lane, session, record)
        for event in record.events:
            handler = _HANDLERS.get(event.__class__)
            if handler is not None:
                handler(line, event)


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
