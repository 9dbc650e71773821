"""Answers of `states.*`: who needs somebody, and what state each was in before."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import anyio

from jarvisd.base.clock import Clock
from jarvisd.base.errors import protocol_error
from jarvisd.base.folder import is_named
from jarvisd.base.ids import SessionId
from jarvisd.base.session_words import NEEDS, State
from jarvisd.core.status_line import StatusLineRead
from jarvisd.core.storage.readable_store import ReadableStore
from jarvisd.state.engine import StateEngine
from jarvisd.state.journal import Journal, TransitionReported
from jarvisd.state.model import Transition, need_words
from jarvisd.state.store import Which, read_transitions
from jarvisd.state.wire import (
    LiveSession,
    StatesHistory,
    StatesHistoryResult,
    StatesList,
    StatesListResult,
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

    def current(self, wanted: StatesList) -> StatesListResult:
        """Return the states of sessions, those first that need a person."""
        shown = sorted(self._sessions(wanted), key=_urgency)
        if not wanted.over:
            shown = [each for each in shown if each.state.state is not State.ENDED]

        if wanted.need:
            shown = [each for each in shown if each.state.state in NEEDS]

        return StatesListResult(
            now_ms=self._clock.unix_ms(),
            number=self._journal.reported_number,
            sessions=shown[: wanted.limit],
        )

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

    def _sessions(self, wanted: StatesList) -> Iterator[LiveSession]:
        """Yield the sessions that *wanted* asks for.

        One that only signals report is among them: it has no transcript yet, or one
        that lies where nobody reads, and its need is counted all the same.
        """
        for agent, session_id in self._states.sessions():
            if wanted.agent not in {None, agent}:
                continue

            place = self._place_of(agent, session_id)
            if place is None:
                place = self._signalled_place(agent, session_id)

            if wanted.project is None or any(
                is_named(each, wanted.project) for each in place.folders
            ):
                yield LiveSession(
                    agent=agent,
                    session_id=session_id,
                    parent_session_id=place.parent_session_id,
                    project=place.project,
                    cwd=place.cwd,
                    title=place.title,
                    state=self._states.view(agent, session_id),
                )

    def _signalled_place(self, agent: str, session_id: SessionId) -> SessionPlace:
        """Return the place of a session that only signals name, without a line read."""
        parent_id, cwd = self._states.origin_of((agent, session_id))
        project = cwd and self._project_of(cwd)
        return SessionPlace(parent_id, project, cwd, None, (project, cwd))


def _urgency(live: LiveSession) -> tuple[int, int, str]:
    return _RANK[live.state.state], live.state.since_ms or 0, live.session_id


def _is_asked(each: Transition, which: Which) -> bool:
    return (
        each.number > which.after
        and which.agent in {None, each.agent}
        and which.session_id in {None, each.session_id}
        and which.since_ms <= each.at_ms < which.until_ms
    )
