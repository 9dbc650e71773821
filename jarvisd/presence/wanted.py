"""What is asked: the sessions whose processes somebody wants to know."""

from collections.abc import Iterator

import msgspec

from jarvisd.accumulators.books import Books, Entry
from jarvisd.model.block import SessionId
from jarvisd.model.state import OVER


class Wanted(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A session that is not over, by all that is known, and was heard of lately.

    Attributes:
        agent: Whose it is.
        session_id: The session; that of a subagent has its parent's process, and need
            not be asked for.
        cwd: Its working folder.
        paths: Its transcripts.
        last_ms: The time of its newest line, Unix ms.

    """

    agent: str
    session_id: SessionId
    cwd: str | None = None
    paths: tuple[str, ...] = ()
    last_ms: int | None = None


def wanted_of(books: Books) -> Iterator[Wanted]:
    """Return the sessions that people started, are alive or recent, and are not over."""
    for agent, session_id in books.states.roots():
        entry = books.entry_of(agent, session_id)
        if entry is None or books.states.view(agent, session_id).state in OVER:
            continue

        yield _wanted(entry)


def _wanted(entry: Entry) -> Wanted:
    session, blocks = entry
    times = (each.last_activity_ms for each in blocks)
    return Wanted(
        agent=session.agent,
        session_id=session.session_id,
        cwd=None if session.place is None else session.place[1],
        paths=tuple(each.origin.path for each in blocks if each.origin.path),
        last_ms=max((each for each in times if each is not None), default=None),
    )
