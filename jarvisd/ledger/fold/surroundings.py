"""Threads and turns, and what is known of a session or an account besides."""

from jarvisd.core.event import (
    LimitsReported,
    ModeChanged,
    SessionOpened,
    TitleGiven,
    TurnEnded,
    TurnStarted,
)
from jarvisd.ledger.fold.context import widen
from jarvisd.ledger.fold.line_context import LineContext, RowCaches, newer
from jarvisd.ledger.fold.marks import plan
from jarvisd.ledger.model import LimitRow


def session_opened(line: LineContext, event: SessionOpened) -> None:
    """Note which sort of session it is."""
    line.session.reviewer = line.session.reviewer or event.reviewer


def turn_started(line: LineContext, event: TurnStarted) -> None:
    """Note how long the window of a turn is."""
    if event.window_tokens and not line.record.inherited:
        widen(line, event.window_tokens)


def turn_ended(line: LineContext, _: TurnEnded) -> None:
    """Note that the turn is over."""
    line.lane.settle_turn()


def titled(line: LineContext, event: TitleGiven) -> None:
    """Give the session its title, by rank and time."""
    title = (int(event.rank), line.since_ms, event.title)
    line.session.title = newer(line.session.title, title)


def mode_changed(line: LineContext, event: ModeChanged) -> None:
    """Note how leave is asked for."""
    mode = (line.since_ms, event.mode)
    line.session.mode = newer(line.session.mode, mode)


def limited(line: LineContext, event: LimitsReported) -> None:
    """Keep what is said of the account's limits, and of its plan."""
    if event.plan is not None:
        plan(line, event.plan)

    note_limits(line.shelves, line.agent, event, line.since_ms)


def note_limits(
    shelves: RowCaches, agent: str, event: LimitsReported, at_ms: int
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
