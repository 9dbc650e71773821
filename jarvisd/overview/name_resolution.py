"""Answers about names of sessions and blocks, as people type and read them."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, NamedTuple

from anyio import lowlevel

from jarvisd.base.clock import Clock
from jarvisd.base.folder import is_named
from jarvisd.base.ids import SessionId
from jarvisd.base.session_words import State
from jarvisd.core.agent import AgentRegistry
from jarvisd.core.block import Block
from jarvisd.core.origin import Life
from jarvisd.core.wire import Backfill
from jarvisd.overview.filter_check import is_reading
from jarvisd.overview.matching import is_in_project, is_session_in
from jarvisd.overview.names_wire import (
    LATEST,
    IdsShorten,
    IdsShortenResult,
    Meant,
    NamesResolve,
    NamesResolveResult,
)
from jarvisd.overview.prompts import prompts
from jarvisd.overview.sessions import SessionEntry, Sessions
from jarvisd.overview.wire import SessionName, SessionsPrompts

MAX_READ = 2_000
"""Sessions whose first words are searched: a fifth of a second, in a thread."""

LEAST_CHARS = 4
"""Of a beginning, however few ids there are: the next one may come in a moment."""


_By = Literal["id", "project", "words"]


class _Candidate(NamedTuple):
    """A session with its newest block, a block by itself, or a session that only hooks reported."""

    agent: str
    session_id: SessionId | None
    entry: SessionEntry | None
    block: Block | None
    ids: tuple[str, ...]


class Names:
    """Answers from what the daemon has in memory, and from the heads of transcripts."""

    def __init__(
        self,
        sessions: Sessions,
        agents: AgentRegistry,
        clock: Clock,
        *,
        backfill: Callable[[], Backfill],
    ) -> None:
        self._blocks = sessions.blocks
        self._sessions = sessions
        self._agents = agents
        self._backfill = backfill
        self._clock = clock

    async def resolve(self, params: NamesResolve) -> NamesResolveResult:
        """Return which sessions and blocks a name means."""
        name = params.name.strip()
        by, found = await self._named(name)
        meant = sorted(map(self._meant, found), key=_by_age)
        return NamesResolveResult(
            by=by if meant else None,
            total=len(meant),
            meant=meant[: params.limit],
            complete=not is_reading(self._backfill()),
        )

    async def _named(self, name: str) -> tuple[_By, list[_Candidate]]:
        if not name:
            return "id", []

        if name == LATEST:
            return "id", sorted(self._session_candidates(), key=_newest_first)[:1]

        if found := self._by_id(name):
            return "id", found

        # Each look at all sessions takes some time, and others have questions too.
        await lowlevel.checkpoint()
        if found := [
            each for each in self._session_candidates() if self._is_in(each, name)
        ]:
            return "project", found

        await lowlevel.checkpoint()
        titled = [
            each
            for each in self._session_candidates()
            if _has_words(_title(each), name)
        ]
        return "words", titled or await self._by_first_words(name)

    def shorten(self, params: IdsShorten) -> IdsShortenResult:
        """Return the shortest beginning of each id that nothing else has."""
        near = {each[:LEAST_CHARS] for each in params.ids}
        others = {each for each in self._ids() if each[:LEAST_CHARS] in near}
        return IdsShortenResult(short=shortened(params.ids, others))

    def _ids(self) -> Iterator[str]:
        for block in self._blocks:
            yield block.origin.block_id
            if block.origin.session_id is not None:
                yield block.origin.session_id

        for session in self._sessions.ledger.sessions():
            yield session.session_id

        for _, session_id in self._sessions.states.sessions():
            yield session_id

    def _by_id(self, name: str) -> list[_Candidate]:
        near = list(self._beginning_with(name))
        found = [each for each in near if name in each.ids] or near
        # A session that was found stands for its own blocks and subagents as well.
        sessions = {(e.agent, e.session_id) for e in found if e.session_id in e.ids}
        return [
            each
            for each in found
            if (each.agent, _head(each.session_id)) not in sessions
            or (each.session_id in each.ids and _head(each.session_id) in each.ids)
        ]

    def _beginning_with(self, name: str) -> Iterator[_Candidate]:
        """Yield what has an id that begins like that; most have not, so that is quick."""
        for session in self._sessions.ledger.sessions():
            if begins(session.session_id, name):
                yield _session(self._sessions.entry(session))

        for block in self._blocks:
            origin = block.origin
            if origin.block_id.startswith(name) or (
                block.session is None and begins(origin.session_id or "", name)
            ):
                yield self._block(block)

        for agent, session_id in self._hooked_sessions():
            if begins(session_id, name):
                yield _Candidate(agent, session_id, None, None, (session_id,))

    async def _by_first_words(self, name: str) -> list[_Candidate]:
        untitled = [
            each
            for each in self._session_candidates()
            if each.session_id is not None and _title(each) is None
        ]
        untitled.sort(key=_newest_first)
        names = [
            SessionName(agent=each.agent, session_id=each.session_id)
            for each in untitled[:MAX_READ]
            if each.session_id is not None
        ]
        answer = await prompts(
            self._sessions, self._agents, SessionsPrompts(sessions=names)
        )
        found = {
            (each.agent, each.session_id)
            for each in answer.sessions
            if _has_words(each.words, name)
        }
        return [each for each in untitled if (each.agent, each.session_id) in found]

    def _session_candidates(self) -> Iterator[_Candidate]:
        """Yield what people start: sessions, and plain output; no subagents."""
        for session in self._sessions.ledger.sessions():
            if session.parent_session_id is None:
                yield _session(self._sessions.entry(session))

        for block in self._blocks:
            if block.session is None and block.origin.parent_session_id is None:
                yield self._block(block)

        for agent, session_id in self._hooked_sessions():
            candidate = _Candidate(agent, session_id, None, None, (session_id,))
            if self._parent(candidate) is None:
                yield candidate

    def _hooked_sessions(self) -> Iterator[tuple[str, SessionId]]:
        """Yield the sessions that only hooks have reported."""
        for agent, session_id in self._sessions.states.sessions():
            if self._sessions.entry_of(agent, session_id) is None:
                yield agent, session_id

    def _block(self, block: Block) -> _Candidate:
        origin, owner = block.origin, block.session
        if owner is None:
            ids = (origin.block_id, *filter(None, [origin.session_id]))
            return _Candidate(origin.agent, origin.session_id, None, block, ids)

        entry = self._sessions.entry(owner)
        return _Candidate(
            owner.agent, owner.session_id, entry, block, (origin.block_id,)
        )

    def _is_in(self, candidate: _Candidate, project: str) -> bool:
        if candidate.entry is not None:
            return is_session_in(candidate.entry, project)

        if candidate.block is not None:
            return is_in_project(candidate.block, project)

        folder = self._signalled_origin(candidate)[1]
        places = (folder, folder and self._sessions.projects.of(folder))
        return any(is_named(each, project) for each in places)

    def _signalled_origin(
        self, candidate: _Candidate
    ) -> tuple[SessionId | None, str | None]:
        """Return the starter and the folder of a session known by hooks alone."""
        assert candidate.session_id is not None, "what has no block is a session"
        return self._sessions.states.origin_of((candidate.agent, candidate.session_id))

    def _parent(self, candidate: _Candidate) -> SessionId | None:
        if candidate.entry is not None:
            return candidate.entry.session.parent_session_id

        if candidate.block is not None:
            return candidate.block.origin.parent_session_id

        return self._signalled_origin(candidate)[0]

    def _meant(self, candidate: _Candidate) -> Meant:
        agent, session_id, entry, block, _ = candidate
        origin = None if block is None else block.origin
        project = None if origin is None else origin.project or origin.cwd
        state = None
        if session_id is not None:
            state = self._sessions.states.view(agent, session_id).state
            if entry is not None:
                project = self._sessions.project(entry.session)
            elif block is None:
                folder = self._signalled_origin(candidate)[1]
                project = folder and self._sessions.projects.of(folder)

        life = None if block is None else block.life(self._clock.unix_ms())
        return Meant(
            agent=agent,
            session_id=session_id,
            parent_session_id=self._parent(candidate),
            block_id=None if origin is None else origin.block_id,
            project=project,
            title=_title(candidate),
            last_activity_ms=_last_ms(candidate),
            is_over=state is State.ENDED or life is Life.ENDED,
        )


def _session(entry: SessionEntry) -> _Candidate:
    session, blocks = entry
    newest = max(blocks, key=lambda each: each.last_activity_ms or 0, default=None)
    ids = (session.session_id,)
    return _Candidate(session.agent, session.session_id, entry, newest, ids)


def _title(candidate: _Candidate) -> str | None:
    title = None if candidate.entry is None else candidate.entry.session.title
    return None if title is None else title[2]


def _has_words(text: str | None, name: str) -> bool:
    """Return True if all words of *name* are in *text*, whatever their case."""
    words, folded = name.casefold().split(), (text or "").casefold()
    return bool(words) and all(each in folded for each in words)


def _last_ms(candidate: _Candidate) -> int | None:
    if candidate.block is not None:
        return candidate.block.last_activity_ms

    return None if candidate.entry is None else candidate.entry.session.spans.last_ms


def _newest_first(candidate: _Candidate) -> int:
    return -(_last_ms(candidate) or 0)


def _by_age(meant: Meant) -> tuple[bool, int]:
    return meant.is_over, -(meant.last_activity_ms or 0)


def begins(session_id: str, name: str) -> bool:
    """Return True if *name* begins a session, or each part of a subagent's id."""
    if "/" not in name:
        return session_id.startswith(name)

    (head, _, rest), (own, _, part) = session_id.partition("/"), name.partition("/")
    return bool(own) and head.startswith(own) and rest.startswith(part)


def _head(session_id: str | None) -> str | None:
    """Return the session that a subagent's id begins with, or the id itself."""
    return None if session_id is None else session_id.partition("/")[0]


def shortened(ids: Iterable[str], known: Iterable[str]) -> list[str]:
    """Return the shortest beginning of each of *ids* that none of *known* has.

    The id of a subagent begins with its session's: each of the two parts is cut.
    """
    parts: dict[str, list[str]] = {}
    for head, _, rest in (each.partition("/") for each in known):
        parts.setdefault(head, []).append(rest)

    heads, made = sorted(parts), []
    for head, slash, rest in (each.partition("/") for each in ids):
        short = shortest(head, heads)
        siblings = sorted(filter(None, parts.get(head, ())))
        made.append(f"{short}/{shortest(rest, siblings)}" if slash else short)

    return made


def shortest(wanted: str, known: list[str]) -> str:
    """Return the shortest beginning of *wanted* that no other of *known*, sorted, has."""
    at = bisect_left(known, wanted)
    beside: Iterable[str] = (*known[max(0, at - 1) : at], *known[at : at + 2])
    shared = max(
        (_shared(wanted, each) for each in beside if each != wanted),
        default=0,
    )
    return wanted[: max(LEAST_CHARS, shared + 1)]


def _shared(one: str, other: str) -> int:
    """Return with how many characters both begin."""
    pairs = enumerate(zip(one, other, strict=False))
    end = min(len(one), len(other))
    return next((at for at, (left, right) in pairs if left != right), end)
