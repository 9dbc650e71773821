"""The answer to `sessions.prompts`: the first words of a session, from its own file.

They are read when somebody asks, in a thread, and kept nowhere: not in memory, not in
the store, not in the log.
"""

import os
from functools import partial
from typing import NamedTuple

import anyio.to_thread
from anyio import lowlevel

from jarvisd.base.errors import SourceError
from jarvisd.base.ids import SessionId
from jarvisd.base.work_in_turns import with_turns
from jarvisd.core.agent import Agent, AgentRegistry, ReaderContext
from jarvisd.core.message import Role
from jarvisd.core.origin import Kind
from jarvisd.core.sources.jsonlines.compressed_file import TranscriptText
from jarvisd.core.sources.jsonlines.handles import open_regular
from jarvisd.overview.sessions import Sessions
from jarvisd.overview.wire import SessionPrompt, SessionsPrompts, SessionsPromptsResult

HEAD_BYTES = 128 * 1024
"""Of a transcript; the first prompt is among its first lines."""

MAX_LINES = 100
MAX_CHARS = 120
STARTS = 128
"""Sessions to look up in one step: each takes five microseconds."""


class _Start(NamedTuple):
    """Where the beginning of a session lies."""

    agent: Agent
    session_id: SessionId
    started_ms: int | None
    path: str | None
    end: int


async def prompts(
    sessions: Sessions, agents: AgentRegistry, params: SessionsPrompts
) -> SessionsPromptsResult:
    """Return the first words of the sessions that are known, in the order asked for."""
    starts = []
    for each in with_turns(params.sessions, STARTS):
        if each is None:
            await lowlevel.checkpoint()
            continue

        start = _start(sessions, agents.named(each.agent), each.session_id)
        if start is not None:
            starts.append(start)

    words = await anyio.to_thread.run_sync(
        partial(_all_words, starts), abandon_on_cancel=True
    )
    return SessionsPromptsResult(
        sessions=[
            SessionPrompt(
                agent=start.agent.name,
                session_id=start.session_id,
                words=found,
                started_ms=start.started_ms,
            )
            for start, found in zip(starts, words, strict=True)
        ]
    )


def _start(sessions: Sessions, agent: Agent, session_id: SessionId) -> _Start | None:
    entry = sessions.entry_of(agent.name, session_id)
    if entry is None:
        return None

    first = min(
        (each for each in entry.blocks if each.origin.kind is Kind.TRANSCRIPT),
        key=lambda block: block.start_ts_ms or 0,
        default=None,
    )
    return _Start(
        agent,
        session_id,
        entry.session.spans.first_ms,
        None if first is None else first.origin.path,
        0 if first is None else first.position.offset,
    )


def _all_words(starts: list[_Start]) -> list[str | None]:
    return list(map(_words, starts))


def _words(start: _Start) -> str | None:
    if start.path is None:
        return None

    try:
        fd = open_regular(start.path)
    except (SourceError, OSError):
        return None

    try:
        text, head = TranscriptText(start.path, fd), b""
        while (left := min(start.end, HEAD_BYTES) - len(head)) > 0 and not text.ended:
            head += text.read(left)
    except (SourceError, OSError):
        return None
    finally:
        os.close(fd)

    return first_words(start.agent, head)


def first_words(agent: Agent, head: bytes) -> str | None:
    """Return the beginning of the first prompt in *head*, whole lines of a transcript."""
    reader = agent.reader(ReaderContext(), b"")
    # What stands behind the last line end is no whole line.
    for text in head.split(b"\n", MAX_LINES)[:-1]:
        record = reader.read(text, offset=0)
        if record is None or record.speaker is None:
            continue

        message = agent.messages(text)
        if message is not None and message.role is Role.USER:
            return (
                " ".join(message.content[: 2 * MAX_CHARS].split())[:MAX_CHARS] or None
            )

    return None
