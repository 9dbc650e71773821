"""What is asked: the sessions whose processes somebody wants to know."""

from collections.abc import Iterator, Sequence

import msgspec

from jarvisd.base.clock import Clock
from jarvisd.blocks.registry import Blocks
from jarvisd.core.origin import SessionId
from jarvisd.overview.sessions import SessionEntry, Sessions
from jarvisd.state.model import OVER

MAX_AGE_S = 60.0
"""How old the time of a session's newest line may be."""

MAX_QUIET_AGE_S = 600.0
"""The same while no block changes: then all of it is as it was."""


class WantedSession(msgspec.Struct, frozen=True, kw_only=True, gc=False):
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


def wanted_of(books: Sessions) -> Iterator[WantedSession]:
    """Return the sessions that people started, are alive or recent, and are not over."""
    for key in books.states.roots():
        entry = None if books.states.state_of(key) in OVER else books.entry_of(*key)
        if entry is not None:
            yield _wanted(entry)


class Wanting:
    """Knows the sessions of `wanted_of`, without going through all at each look.

    The list is made anew when a session comes, goes or changes its state, and now and
    then for the times of the newest lines, if any have come.
    """

    def __init__(self, blocks: Blocks, clock: Clock) -> None:
        self._blocks = blocks
        self._clock = clock
        self._version = self._changes = -1
        self._made_at = 0.0
        self._wanted: list[WantedSession] = []

    def __call__(self) -> Sequence[WantedSession]:
        """Return the sessions that are wanted: the same list until it is made anew."""
        books, now = self._blocks.books, self._clock.monotonic()
        quiet = self._changes == self._blocks.changes
        age_s = MAX_QUIET_AGE_S if quiet else MAX_AGE_S
        if self._version != books.states.version or now - self._made_at > age_s:
            self._version, self._changes = books.states.version, self._blocks.changes
            self._made_at, self._wanted = now, list(wanted_of(books))

        return self._wanted


def _wanted(entry: SessionEntry) -> WantedSession:
    session, blocks = entry
    # Plain loops: made for each of thousands in one go, while everybody waits.
    paths, last_ms = [], 0
    for block in blocks:
        if block.origin.path:
            paths.append(block.origin.path)

        last_ms = max(last_ms, block.last_activity_ms or 0)

    return WantedSession(
        agent=session.agent,
        session_id=session.session_id,
        cwd=None if session.place is None else session.place[1],
        paths=tuple(paths),
        last_ms=last_ms or None,
    )
