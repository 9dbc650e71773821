"""Answers of `states.*`: who needs somebody, and what state each was in before."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import anyio

from jarvisd.base.clock import Clock
from jarvisd.base.errors import protocol_error
from jarvisd.base.folder import is_named
from jarvisd.base.ids import SessionId
from jarvisd.base.json_guard import encode_safe
from jarvisd.base.paging import ROWS
from jarvisd.base.session_words import NEEDS, State
from jarvisd.base.work_in_turns import PAUSE, sorted_runs, with_turns
from jarvisd.core.feature import SessionKey
from jarvisd.core.status_line import StatusLineRead
from jarvisd.core.storage.readable_store import ReadableStore
from jarvisd.state.engine import StateEngine
from jarvisd.state.journal import Journal, TransitionReported
from jarvisd.state.model import StateView, Transition, need_words
from jarvisd.state.store import Which, read_transitions
from jarvisd.state.wire import (
    LiveSession,
    StatesHistory,
    StatesHistoryResult,
    StatesList,
)

ORDER = (
    *NEEDS,
    State.IDLE,
    State.UNKNOWN,
    State.WORKING,
    State.COMPACTING,
    State.ENDED,
)
"""Who needs somebody most comes first."""

_RANK = {state: rank for rank, state in enumerate(ORDER)}
SESSIONS = 64
"""Sessions to show in one step: each takes ten microseconds."""

WAIT_S = 2.0
"""The longest time that history waits for a transition to be stored: milliseconds do."""

MAX_CAUGHT_UP = 10_000
"""Transitions given at once to a follower who was away; for longer, `states.history`."""


class SessionPlace(NamedTuple):
    """Where a session works, who started it, and its title; *folders* are all its folders."""

    parent_session_id: SessionId | None
    project: str | None
    cwd: str | None
    title: str | None
    folders: tuple[str | None, ...]


class _Listed(NamedTuple):
    """A session in the order of who needs somebody most; *number* makes it unique."""

    rank: int
    since_ms: int
    session_id: SessionId
    number: int
    agent: str
    state: StateView


class LiveStates:
    """Answers from the states in memory, and from the store for what has been.

    Args:
        states: The states of sessions now.
        journal: Transitions that are not stored yet.
        store: The transitions before.
        clock: The time of answers.
        place_of: Returns what lines say of a session; None if no line of it was read.
        project_of: Returns the project of a folder.

    """

    def __init__(
        self,
        states: StateEngine,
        journal: Journal,
        store: ReadableStore,
        clock: Clock,
        *,
        place_of: Callable[[str, SessionId], SessionPlace | None],
        project_of: Callable[[str], str | None],
    ) -> None:
        self._states = states
        self._journal = journal
        self._store = store
        self._clock = clock
        self._place_of = place_of
        self._project_of = project_of
        self._reported = anyio.Event()

    def current(self, wanted: StatesList) -> Iterator[bytes]:
        """Yield the states of sessions, those first that need a person, in steps."""
        # The number of before the first step: whoever follows from there misses nothing.
        head = self._clock.unix_ms(), self._journal.reported_number
        found: list[_Listed] = []
        for each in self._listed(wanted):
            if each is None:
                yield PAUSE
            else:
                found.append(each)

        yield b'{"now_ms":%d,"number":%d,"sessions":[' % head
        left, comma = wanted.limit, b""
        for run in sorted_runs(found, lambda each: each):
            for start in range(0, min(left, len(run)), ROWS):
                rows = list(map(self._shown, run[start : min(left, start + ROWS)]))
                yield comma + encode_safe(rows)[1:-1]
                comma = b","

            left = max(0, left - len(run))
            if not left:
                break

            yield PAUSE

        yield b"]}"

    def needs(self, read: StatusLineRead) -> str:
        """Return how many other sessions than that of a status line need somebody."""
        own = (read.agent, read.session_id)
        return need_words(self._states.counts().need - self._states.is_needy(own))

    async def history(self, wanted: StatesHistory) -> StatesHistoryResult:
        """Return transitions from the store, and those reported that are not stored yet.

        What `current` showed before is among them.
        """
        await self._wait_until_reported()
        which = Which(
            after=wanted.after, agent=wanted.agent, session_id=wanted.session_id
        )
        if wanted.since_ms is not None:
            which = which._replace(since_ms=wanted.since_ms)

        if wanted.until_ms is not None:
            which = which._replace(until_ms=wanted.until_ms)

        found = await self._read(which._replace(limit=wanted.limit + 1))
        page = found[: wanted.limit]
        more = len(found) > wanted.limit and page
        return StatesHistoryResult(
            transitions=page, next=page[-1].number if more else None
        )

    async def missed(self, after: int) -> list[Transition]:
        """Return the transitions after the number *after*, which a follower has missed.

        Raises:
            ProtocolError: That is more than is sent at once (cursor_expired).

        """
        missed: list[Transition] = []
        if after < self._journal.floor:
            missed = await self._read(Which(after=after, limit=MAX_CAUGHT_UP + 1))
            after = missed[-1].number if missed else after

        if len(missed) > MAX_CAUGHT_UP:
            message = (
                f"more than {MAX_CAUGHT_UP} transitions since then; "
                "read on with states.history, and subscribe from its last number"
            )
            raise protocol_error("cursor_expired", message, limit=MAX_CAUGHT_UP)

        # Behind the last await: nothing can come between this and the subscription.
        return missed + self._journal.after(after)

    async def _read(self, which: Which) -> list[Transition]:
        """Return transitions stored or reported unstored, as one list without duplicates."""
        reported = [each for each in self._journal.unstored() if _is_asked(each, which)]
        query = partial(read_transitions, which=which)
        found = {each.number: each for each in reported}
        found |= {each.number: each for each in await self._store.read(query)}
        return [found[number] for number in sorted(found)][: which.limit]

    async def _wait_until_reported(self) -> None:
        """Return once what has been made is stored, or reported because it cannot be."""
        made = self._journal.last_number
        with anyio.move_on_after(WAIT_S):
            while self._journal.reported_number < made:
                await self._reported.wait()

    def transition_reported(self, _: TransitionReported) -> None:
        """Go on with answers that wait for a transition to be stored."""
        self._reported.set()
        self._reported = anyio.Event()

    def _listed(self, wanted: StatesList) -> Iterator[_Listed | None]:
        """Yield the sessions that *wanted* asks for. None is a turn for others.

        One that only signals report is among them: it has no transcript yet, or one
        that lies where nobody reads, and its need is counted all the same.
        """
        for number, key in enumerate(with_turns(self._states.sessions(), SESSIONS)):
            if key is None:
                yield None
                continue

            state = self._states.view(*key)
            if (
                wanted.agent in {None, key[0]}
                and (wanted.over or state.state is not State.ENDED)
                and (state.state in NEEDS or not wanted.need)
                and (wanted.project is None or self._is_in(key, wanted.project))
            ):
                rank, since_ms = _RANK[state.state], state.since_ms or 0
                yield _Listed(rank, since_ms, key[1], number, key[0], state)

    def _is_in(self, key: SessionKey, project: str) -> bool:
        return any(is_named(each, project) for each in self._place(*key).folders)

    def _shown(self, listed: _Listed) -> LiveSession:
        place = self._place(listed.agent, listed.session_id)
        return LiveSession(
            agent=listed.agent,
            session_id=listed.session_id,
            parent_session_id=place.parent_session_id,
            project=place.project,
            cwd=place.cwd,
            title=place.title,
            state=listed.state,
        )

    def _place(self, agent: str, session_id: SessionId) -> SessionPlace:
        place = self._place_of(agent, session_id)
        return self._signalled_place(agent, session_id) if place is None else place

    def _signalled_place(self, agent: str, session_id: SessionId) -> SessionPlace:
        """Return the place of a session that only signals name, without a line read."""
        parent_id, cwd = self._states.origin_of((agent, session_id))
        project = cwd and self._project_of(cwd)
        return SessionPlace(parent_id, project, cwd, None, (project, cwd))


def _is_asked(each: Transition, which: Which) -> bool:
    return (
        each.number > which.after
        and which.agent in {None, each.agent}
        and which.session_id in {None, each.session_id}
        and which.since_ms <= each.at_ms < which.until_ms
    )
