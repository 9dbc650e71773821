"""What a person can name: sessions, plain output, and sessions that only hooks reported."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from jarvisd.base.folder import is_named
from jarvisd.base.ids import SessionId
from jarvisd.base.session_words import State
from jarvisd.base.work_in_turns import with_turns
from jarvisd.core.block import Block
from jarvisd.core.origin import Life
from jarvisd.overview.matching import is_in_project, is_session_in
from jarvisd.overview.names_wire import Meant
from jarvisd.overview.sessions import SessionEntry, Sessions

CANDIDATES: Final = 128
"""Candidates to make in one step: each takes two to five microseconds."""


class NameCandidate(NamedTuple):
    """A session with its newest block, a block by itself, or a session that only hooks reported."""

    agent: str
    session_id: SessionId | None
    entry: SessionEntry | None
    block: Block | None
    ids: tuple[str, ...]


class NameCandidates:
    """Finds what a person can name; iterating yields what people start, no subagents.

    None is a turn for others.
    """

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._blocks = sessions.blocks

    def ids(self) -> Iterator[str | None]:
        """Yield every id of a block or a session that is known."""
        for block in with_turns(self._blocks):
            if block is None:
                yield None
                continue

            yield block.origin.block_id
            if block.origin.session_id is not None:
                yield block.origin.session_id

        for session in with_turns(self._sessions.ledger.sessions()):
            yield None if session is None else session.session_id

        for key in with_turns(self._sessions.states.sessions()):
            yield None if key is None else key[1]

    def beginning_with(self, name: str) -> Iterator[NameCandidate | None]:
        """Yield candidates with an id that begins with *name*."""
        for session in with_turns(self._sessions.ledger.sessions(), CANDIDATES):
            if session is None:
                yield None
            elif begins(session.session_id, name):
                yield _session(self._sessions.entry(session))

        for block in with_turns(self._blocks, CANDIDATES):
            if block is None:
                yield None
                continue

            origin = block.origin
            if origin.block_id.startswith(name) or (
                block.session is None and begins(origin.session_id or "", name)
            ):
                yield self._block(block)

        for hooked in self._hooked():
            if hooked is None or begins(hooked.ids[0], name):
                yield hooked

    def __iter__(self) -> Iterator[NameCandidate | None]:
        """Yield the sessions and the plain output that people start; no subagents."""
        for session in with_turns(self._sessions.ledger.sessions(), CANDIDATES):
            if session is None:
                yield None
            elif session.parent_session_id is None:
                yield _session(self._sessions.entry(session))

        for block in with_turns(self._blocks, CANDIDATES):
            if block is None:
                yield None
            elif block.session is None and block.origin.parent_session_id is None:
                yield self._block(block)

        for hooked in self._hooked():
            if hooked is None or self.parent(hooked) is None:
                yield hooked

    def _hooked(self) -> Iterator[NameCandidate | None]:
        """Yield the sessions that only hooks have reported."""
        for key in with_turns(self._sessions.states.sessions(), CANDIDATES):
            if key is None:
                yield None
            elif self._sessions.entry_of(*key) is None:
                yield NameCandidate(*key, None, None, (key[1],))

    def _block(self, block: Block) -> NameCandidate:
        origin, owner = block.origin, block.session
        if owner is None:
            ids = (origin.block_id, *filter(None, [origin.session_id]))
            return NameCandidate(origin.agent, origin.session_id, None, block, ids)

        entry = self._sessions.entry(owner)
        return NameCandidate(
            owner.agent, owner.session_id, entry, block, (origin.block_id,)
        )

    def is_in(self, candidate: NameCandidate, project: str) -> bool:
        """Whether *candidate* is in the project that people call *project*."""
        if candidate.entry is not None:
            return is_session_in(candidate.entry, project)

        if candidate.block is not None:
            return is_in_project(candidate.block, project)

        folder = self._signalled_origin(candidate)[1]
        places = (folder, folder and self._sessions.projects.of(folder))
        return any(is_named(each, project) for each in places)

    def _signalled_origin(
        self, candidate: NameCandidate
    ) -> tuple[SessionId | None, str | None]:
        """Return the starter and the folder of a session known by hooks alone."""
        assert candidate.session_id is not None, "what has no block is a session"
        return self._sessions.states.origin_of((candidate.agent, candidate.session_id))

    def parent(self, candidate: NameCandidate) -> SessionId | None:
        """Return the session that started *candidate*, if one did."""
        if candidate.entry is not None:
            return candidate.entry.session.parent_session_id

        if candidate.block is not None:
            return candidate.block.origin.parent_session_id

        return self._signalled_origin(candidate)[0]

    def is_over(self, candidate: NameCandidate, now_ms: int) -> bool:
        """Whether the session or the block of *candidate* has ended."""
        agent, session_id, _, block, _ = candidate
        if session_id is not None:
            state = self._sessions.states.view(agent, session_id).state
            if state is State.ENDED:
                return True

        return block is not None and block.life(now_ms) is Life.ENDED

    def meant(self, candidate: NameCandidate, now_ms: int) -> Meant:
        """Return *candidate* as an answer shows it."""
        agent, session_id, entry, block, _ = candidate
        origin = None if block is None else block.origin
        project = None if origin is None else origin.project or origin.cwd
        if session_id is not None:
            if entry is not None:
                project = self._sessions.project(entry.session)
            elif block is None:
                folder = self._signalled_origin(candidate)[1]
                project = folder and self._sessions.projects.of(folder)

        return Meant(
            agent=agent,
            session_id=session_id,
            parent_session_id=self.parent(candidate),
            block_id=None if origin is None else origin.block_id,
            project=project,
            title=candidate_title(candidate),
            last_activity_ms=last_active_ms(candidate),
            is_over=self.is_over(candidate, now_ms),
        )


def _session(entry: SessionEntry) -> NameCandidate:
    session, blocks = entry
    newest = max(blocks, key=lambda each: each.last_activity_ms or 0, default=None)
    ids = (session.session_id,)
    return NameCandidate(session.agent, session.session_id, entry, newest, ids)


def candidate_title(candidate: NameCandidate) -> str | None:
    """Return the title of a session, if it has one."""
    title = None if candidate.entry is None else candidate.entry.session.title
    return None if title is None else title[2]


def last_active_ms(candidate: NameCandidate) -> int | None:
    """Return the time of the last activity, Unix ms, if it is known."""
    if candidate.block is not None:
        return candidate.block.last_activity_ms

    return None if candidate.entry is None else candidate.entry.session.spans.last_ms


def begins(session_id: str, name: str) -> bool:
    """Return True if *name* begins a session, or each part of a subagent's id."""
    if "/" not in name:
        return session_id.startswith(name)

    (head, _, rest), (own, _, part) = session_id.partition("/"), name.partition("/")
    return bool(own) and head.startswith(own) and rest.startswith(part)
