"""Selects the sessions whose processes are worth searching for."""

from collections.abc import Iterator, Sequence

from jarvisd.base.clock import Clock
from jarvisd.base.session_words import OVER
from jarvisd.overview.sessions import SessionEntry, Sessions
from jarvisd.presence.wanted import WantedSession

MAX_AGE_S = 60.0
"""Seconds after which the list is built again, for the times of the newest lines."""

MAX_QUIET_AGE_S = 600.0
"""The same while no block has changed."""


def wanted_sessions(sessions: Sessions) -> Iterator[WantedSession]:
    """Return the root sessions that are alive or recent and have not ended."""
    for key in sessions.states.roots():
        entry = (
            None if sessions.states.state_of(key) in OVER else sessions.entry_of(*key)
        )
        if entry is not None:
            yield _wanted(entry)


class WantedSessions:
    """Caches `wanted_sessions`, so that a scan does not go through all sessions.

    The list is rebuilt when a session is added, removed or changes its state, and
    after MAX_AGE_S or MAX_QUIET_AGE_S.
    """

    def __init__(self, sessions: Sessions, clock: Clock) -> None:
        self._sessions = sessions
        self._clock = clock
        self._version = self._changes = -1
        self._built_at = 0.0
        self._wanted: list[WantedSession] = []

    def __call__(self) -> Sequence[WantedSession]:
        """Return the wanted sessions: the same list object until it is rebuilt."""
        sessions, now = self._sessions, self._clock.monotonic()
        quiet = self._changes == sessions.blocks.changes
        age_s = MAX_QUIET_AGE_S if quiet else MAX_AGE_S
        if self._version != sessions.states.version or now - self._built_at > age_s:
            self._version, self._changes = (
                sessions.states.version,
                sessions.blocks.changes,
            )
            self._built_at, self._wanted = now, list(wanted_sessions(sessions))

        return self._wanted


def _wanted(entry: SessionEntry) -> WantedSession:
    session, blocks = entry
    # Plain loops: this runs for each of thousands of sessions without a checkpoint.
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
