"""Lines without an envelope: what `codex exec --json` prints, and the oldest rollouts.

What is printed says what its thread spent so far, also before it was resumed, without
times or models. Lines of the oldest rollouts are the items that newer ones wrap.
"""

from collections.abc import Iterator

from jarvisd.agents.codex.prose import SPEAKERS, prompt_in, texts_in
from jarvisd.agents.codex.shape import Item, RolloutLine
from jarvisd.agents.codex.thread import RolloutThread
from jarvisd.agents.codex.tools import call_of, result_of
from jarvisd.agents.codex.usage import RunningTotals, buckets, is_partial
from jarvisd.core.event import (
    Event,
    MessageWritten,
    SessionOpened,
    TurnEnded,
    TurnStarted,
)
from jarvisd.core.origin import SessionId
from jarvisd.core.record import Drift, Record, Speaker

PRINTED_TYPES = frozenset(
    {
        "",  # the first line of the oldest rollouts, and their states
        "error",
        "item.completed",
        "item.started",
        "item.updated",
        "thread.started",
        "turn.completed",
        "turn.failed",
        "turn.started",
    }
)
"""Types of lines that never have an envelope."""

_HEADERS = {"thread.started", "turn.started"}
"""Between a response without a model and the model that it is of only these may be."""

_ROLES = {"user": Speaker.USER, "assistant": Speaker.ASSISTANT}


def printed_record(
    line: RolloutLine,
    thread: RolloutThread,
    *,
    at_ms: int | None,
    offset: int,
    drift: tuple[Drift, ...],
    left_out: int,
) -> Record:
    """Return the record of *line*, which has no envelope, of *thread*."""
    events = tuple(_events(line, thread, at_ms=at_ms, offset=offset))
    if thread.unnamed and line.type not in _HEADERS:
        thread.unnamed = []

    speaker = None
    if line.type == "message":
        speaker = _ROLES.get(line.role or "")
    elif line.item is not None:
        speaker = SPEAKERS.get(line.item.type)

    return Record(
        kind=line.type,
        at_ms=at_ms,
        session_id=SessionId(line.thread_id) if line.thread_id else None,
        offset=offset,
        speaker=speaker,
        inherited=not thread.owns(None),
        drift=drift,
        lacks_tokens=line.type == "turn.completed" and is_partial(line.usage),
        left_out=left_out,
        events=events,
    )


def _events(
    line: RolloutLine, thread: RolloutThread, *, at_ms: int | None, offset: int
) -> Iterator[Event]:
    match line.type:
        case "thread.started" if line.thread_id:
            thread.open_printed(line.thread_id)
            yield SessionOpened(headless=True)
        case "turn.started":
            thread.begin_turn(None, at_ms=at_ms)
            yield TurnStarted()
        case "turn.completed" | "turn.failed":
            yield from _totals(line, thread, offset)
            yield TurnEnded()
        case "item.completed" if line.item is not None:
            yield from _completed(line.item)
        case "message" if line.role == "user":
            for text in texts_in(line.content):
                yield from prompt_in(text, key=line.id)
        case "message" if line.role == "assistant":
            yield MessageWritten(message_id=line.id)
        case "function_call":
            yield from call_of(line.call_id, line.name, given=line.arguments)
        case "function_call_output":
            yield from result_of(line.call_id, line.output)
        case _:
            yield from _totals(line, thread, offset)


def _totals(line: RolloutLine, thread: RolloutThread, offset: int) -> Iterator[Event]:
    usage = line.usage or (None if line.data is None else line.data.usage)
    if usage is not None:
        total, own = buckets(usage), thread.owns(line.ordinal)
        report = RunningTotals(total=total, total_tokens=usage.total_tokens or 0)
        yield from thread.count_totals(report, own=own, offset=offset)


def _completed(item: Item) -> Iterator[Event]:
    if item.type == "agent_message":
        yield MessageWritten(message_id=item.id)
