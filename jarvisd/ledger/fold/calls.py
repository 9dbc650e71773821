"""Calls of tools, joined with their results whenever these come."""

from msgspec.structs import replace

from jarvisd.core.event import ToolCalled, ToolReturned
from jarvisd.ledger.fold.line_context import LineContext, newer
from jarvisd.ledger.model import CallRow
from jarvisd.ledger.row_cache import Name
from jarvisd.ledger.session_totals import tool_name


def tool_called(line: LineContext, event: ToolCalled) -> None:
    """Take in a call, unless a result told of it already."""
    if line.record.inherited:
        return

    lane, shelf = line.lane, line.shelves.calls
    name = _name(line, event.call_id, event.response)
    row = CallRow(
        key=shelf.key_of(name),
        agent=line.agent,
        session_id=lane.session_id,
        rank=line.rank,
        start_ms=line.start_ms,
        branch=lane.carry.branch,
        account=lane.account,
        version=lane.version,
        response=_response(line, event),
        tool=event.tool,
        kind=event.kind,
        server=event.server,
        skill=event.skill,
        subagent=event.subagent,
        called_ms=line.at_ms,
    )
    shelf.put(name, row, former=event.call_id)
    called = tool_name(event.server, event.tool)
    line.session.last_tool = newer(line.session.last_tool, (line.since_ms, called))
    if event.call_id:
        lane.opens(event.call_id, called)
        if event.response is not None:
            lane.asks(event.call_id, event.response)


def tool_returned(line: LineContext, event: ToolReturned) -> None:
    """Take in a result, wherever its call is."""
    if line.record.inherited:
        return

    lane, shelf = line.lane, line.shelves.calls
    name = _name(line, event.call_id, lane.asked_by(event.call_id))
    lane.carry.handed_ms = line.at_ms
    lane.closes(event.call_id)
    row = shelf.at_hand(name)
    if (
        row is not None
        and row.outcome is None
        and row.session_id == lane.session_id
        and row.account == lane.account
        and row.version == lane.version
        and row.start_ms <= lane.start_ms
    ):
        new = replace(
            row,
            returned_ms=line.at_ms,
            measured_ms=event.duration_ms,
            outcome=event.outcome,
        )
        shelf.change(name, row, new, by=lane.session_id)
    else:
        shelf.put(name, _result(line, event, shelf.key_of(name)))


def _name(line: LineContext, call_id: str, response: str | None) -> Name:
    """Return what every copy of a call has, and no other call.

    Ids of calls are the provider's, and some providers begin anew with each session.
    """
    if not call_id:
        return line.agent, line.name

    return line.agent, f"{response or line.lane.session_id}\0{call_id}"


def _response(line: LineContext, event: ToolCalled) -> int | None:
    """Return the key of the response that asks for a call, if it is named."""
    if event.response is None:
        return None

    return line.shelves.responses.key_of((line.agent, event.response))


def _result(line: LineContext, event: ToolReturned, key: int) -> CallRow:
    """Return the row of a result whose call is in another file, or not at hand."""
    return CallRow(
        key=key,
        agent=line.agent,
        session_id=line.lane.session_id,
        rank=line.rank,
        start_ms=line.start_ms,
        account=line.lane.account,
        version=line.lane.version,
        returned_ms=line.at_ms,
        measured_ms=event.duration_ms,
        outcome=event.outcome,
    )
