"""Answers of `states.*`: who needs somebody, and what state each was in before."""

from collections.abc import Iterator
from functools import partial

import anyio

from jarvisd.base.clock import Clock
from jarvisd.base.errors import protocol_error
from jarvisd.base.folder import is_named
from jarvisd.base.ids import SessionId
from jarvisd.base.session_words import NEEDS, State
from jarvisd.blocks.registry import Blocks
from jarvisd.core.status_line import StatusLineRead
from jarvisd.core.storage.readable_store import ReadableStore
from jarvisd.overview.matching import is_session_in
from jarvisd.overview.sessions import SessionEntry
from jarvisd.overview.status_text import need_words
from jarvisd.state.journal import Journal, TransitionTold
from jarvisd.state.model import Transition
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


class LiveStates:
    """Answers from the states in memory, and from the store for what has been."""

    def __init__(
        self, blocks: Blocks, journal: Journal, store: ReadableStore, clock: Clock
    ) -> None:
        self._blocks = blocks
        self._journal = journal
        self._store = store
        self._clock = clock
        self._told = anyio.Event()

    def current(self, wanted: StatesList) -> StatesListResult:
        """Return what sessions are doing, those first that need somebody."""
        shown = sorted(self._sessions(wanted), key=_urgency)
        if not wanted.over:
            shown = [each for each in shown if each.state.state is not State.ENDED]

        if wanted.need:
            shown = [each for each in shown if each.state.state in NEEDS]

        return StatesListResult(
            now_ms=self._clock.unix_ms(),
            number=self._journal.told_number,
            sessions=shown[: wanted.limit],
        )

    def needs(self, read: StatusLineRead) -> str:
        """Return how many other sessions than that of a status line need somebody."""
        states, own = self._blocks.books.states, (read.agent, read.session_id)
        return need_words(states.counts().need - states.is_needy(own))

    async def history(self, wanted: StatesHistory) -> StatesHistoryResult:
        """Return transitions from the store, and those told that are not stored yet.

        What `current` showed before is among them.
        """
        await self._told_of_all()
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
        """Return what a follower missed who knows all up to the number *after*.

        Raises:
            ProtocolError: That is more than is told at once (cursor_expired).

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
        told = [each for each in self._journal.unstored() if _is_asked(each, which)]
        query = partial(read_transitions, which=which)
        found = {each.number: each for each in told}
        found |= {each.number: each for each in await self._store.read(query)}
        return [found[number] for number in sorted(found)][: which.limit]

    async def _told_of_all(self) -> None:
        """Return once what has been made is stored, or told because it cannot be."""
        made = self._journal.last_number
        with anyio.move_on_after(WAIT_S):
            while self._journal.told_number < made:
                await self._told.wait()

    def transition_told(self, _: TransitionTold) -> None:
        """Go on with answers that wait for a transition to be stored."""
        self._told.set()
        self._told = anyio.Event()

    def _sessions(self, wanted: StatesList) -> Iterator[LiveSession]:
        """Yield the sessions that *wanted* asks for.

        One that only signals tell of is among them: it has no transcript yet, or one
        that lies where nobody reads, and its need is counted all the same.
        """
        books = self._blocks.books
        for key in books.states.sessions():
            if wanted.agent in {None, key[0]}:
                entry = books.entry_of(*key)
                if entry is None:
                    live = self._heard_of(*key)
                    places = (live.project, live.cwd)
                    if wanted.project is None or any(
                        is_named(each, wanted.project) for each in places
                    ):
                        yield live
                elif wanted.project is None or is_session_in(entry, wanted.project):
                    yield self._live(entry)

    def _heard_of(self, agent: str, session_id: SessionId) -> LiveSession:
        books = self._blocks.books
        states = books.states
        parent_id, cwd = states.origin_of((agent, session_id))
        return LiveSession(
            agent=agent,
            session_id=session_id,
            parent_session_id=parent_id,
            project=cwd and books.projects.of(cwd),
            cwd=cwd,
            title=None,
            state=states.view(agent, session_id),
        )

    def _live(self, entry: SessionEntry) -> LiveSession:
        session, books = entry.session, self._blocks.books
        return LiveSession(
            agent=session.agent,
            session_id=session.session_id,
            parent_session_id=session.parent_session_id,
            project=books.project(session),
            cwd=None if session.place is None else session.place[1],
            title=None if session.title is None else session.title[2],
            state=books.state(session),
        )


def _urgency(live: LiveSession) -> tuple[int, int, str]:
    return _RANK[live.state.state], live.state.since_ms or 0, live.session_id


def _is_asked(each: Transition, which: Which) -> bool:
    return (
        each.number > which.after
        and which.agent in {None, each.agent}
        and which.session_id in {None, each.session_id}
        and which.since_ms <= each.at_ms < which.until_ms
    )
