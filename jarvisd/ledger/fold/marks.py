"""Marks: prompts, commands, compactions, interrupts and errors of the provider."""

from jarvisd.core.event import (
    ApiFailed,
    CommandGiven,
    Compacted,
    Interrupted,
    PromptGiven,
)
from jarvisd.ledger.fold.line_context import LineContext
from jarvisd.ledger.model import Mark, MarkRow


def prompt(line: LineContext, event: PromptGiven) -> None:
    """Mark a prompt; the same words right after an interrupt are no second one."""
    carry = line.lane.carry
    again = carry.aborted and event.digest != 0 and event.digest == carry.asked
    carry.aborted, carry.asked = False, event.digest
    carry.handed_ms = line.at_ms
    if not again:
        _mark(line, Mark.PROMPT, key=event.key, chars=event.chars)


def command(line: LineContext, event: CommandGiven) -> None:
    """Mark a slash command."""
    _mark(line, Mark.COMMAND, name=event.name)


def compacted(line: LineContext, event: Compacted) -> None:
    """Mark a compaction, once for its boundary and its summary."""
    carry = line.lane.carry
    announced, carry.boundary = carry.boundary, not event.is_summary
    if not (event.is_summary and announced):
        _mark(line, Mark.COMPACTION, name=event.trigger)


def interrupted(line: LineContext, event: Interrupted) -> None:
    """Mark an interrupt."""
    line.lane.carry.aborted = True
    _mark(line, Mark.INTERRUPT, name=event.reason)


def api_failed(line: LineContext, event: ApiFailed) -> None:
    """Mark an error that is not tried again."""
    if not event.retrying:
        _mark(line, Mark.API_ERROR, name=event.error)


def plan(line: LineContext, name: str) -> None:
    """Mark that the account has the plan *name*, unless that was said before."""
    carry = line.lane.carry
    if not line.record.inherited and name != carry.plan:
        carry.plan = name
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

    lane, shelf = line.lane, line.shelves.marks
    called = (line.agent, f"{key or line.name}:{mark.value}")
    row = MarkRow(
        key=shelf.key_of(called),
        agent=line.agent,
        session_id=lane.session_id,
        rank=line.rank,
        start_ms=line.start_ms,
        branch=lane.carry.branch,
        account=lane.account,
        version=lane.version,
        mark=mark,
        at_ms=line.at_ms,
        name=name,
        chars=chars,
    )
    shelf.put(called, row)
