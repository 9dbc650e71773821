"""The tracked sessions, which started which, and when each is due to be judged."""

from collections.abc import Callable, Iterable, Iterator
from heapq import heappop, heappush

from jarvisd.base.ids import SessionId
from jarvisd.core.feature import SessionKey
from jarvisd.core.traits import TraitsOf
from jarvisd.state.latest_signals import LatestSignals
from jarvisd.state.model import Transition
from jarvisd.state.session_state import SessionState, is_hooked_wait

MAX_SESSIONS = 10_000
"""Sessions of one day; one takes a kilobyte."""

MAX_DEPTH = 8
"""Subagents of subagents; deeper ones are not rolled up."""


class SessionRegistry:
    """The tracked sessions by key. *version* grows whenever a session comes or goes."""

    def __init__(self, traits_of: TraitsOf) -> None:
        self._traits_of = traits_of
        self._by_key: dict[SessionKey, SessionState] = {}
        self._children: dict[SessionKey, set[SessionKey]] = {}
        self._before: dict[SessionKey, Transition] = {}
        self.version = 0

    def __contains__(self, key: SessionKey) -> bool:
        return key in self._by_key

    def __iter__(self) -> Iterator[SessionKey]:
        return iter(tuple(self._by_key))

    def recall(self, transitions: Iterable[Transition]) -> list[SessionKey]:
        """Restore the last transition of each session, for when it is tracked.

        Return the sessions whose dialog a hook reported.
        """
        for each in transitions:
            self._before[each.agent, each.session_id] = each

        return [key for key, each in self._before.items() if is_hooked_wait(each)]

    def get(self, key: SessionKey) -> SessionState | None:
        """Return the state of a session, if it is tracked."""
        return self._by_key.get(key)

    def take(self, key: SessionKey, parent_id: SessionId | None) -> SessionState:
        """Return the state of a session, tracked from now on; *parent_id* started it."""
        session = self._by_key.get(key)
        if session is None:
            self._make_room()
            self.version += 1
            session = SessionState(key, signals=LatestSignals(self._traits_of(key[0])))
            self._by_key[key] = session
            before = self._before.pop(key, None)
            if before is not None:
                session.recall(before)

        if parent_id is not None and session.parent is None:
            self.version += 1
            session.parent = (key[0], parent_id)
            self._children.setdefault(session.parent, set()).add(key)

        return session

    def leave(self, session: SessionState) -> None:
        """Remove *session*, which is forgotten."""
        self.version += 1
        del self._by_key[session.key]
        if session.parent is not None:
            siblings = self._children.get(session.parent, set())
            siblings.discard(session.key)
            if not siblings:
                self._children.pop(session.parent, None)

    def root(self, key: SessionKey) -> SessionKey:
        """Return the session at the top of those that have started *key*."""
        for _ in range(MAX_DEPTH):
            session = self._by_key.get(key)
            if (
                session is None
                or session.parent is None
                or session.parent not in self._by_key
            ):
                break

            key = session.parent

        return key

    def roots(self) -> Iterator[SessionKey]:
        """Return those that no session started."""
        return iter(
            [key for key, session in self._by_key.items() if session.parent is None]
        )

    def children(self, key: SessionKey) -> list[SessionState]:
        """Return those that *key* has started, in the order of their names."""
        found = self._children.get(key)
        if found is None:
            return []

        return [self._by_key[each] for each in sorted(found) if each in self._by_key]

    def _make_room(self) -> None:
        """Remove the oldest session without a process if there are too many."""
        if len(self._by_key) >= MAX_SESSIONS:
            sessions = self._by_key.values()
            oldest = next((each for each in sessions if each.signals.pid is None), None)
            self.leave(oldest or next(iter(sessions)))


class Reminders:
    """The moments at which sessions are due; *session_of* finds one by key."""

    def __init__(self, session_of: Callable[[SessionKey], SessionState | None]) -> None:
        self._session_of = session_of
        self._moments: list[tuple[int, SessionKey]] = []

    def __len__(self) -> int:
        return len(self._moments)

    def note(self, session: SessionState) -> None:
        """Add a reminder for when *session* is due, unless there is an earlier one.

        So a session that is judged repeatedly has one reminder.
        """
        due_ms, enlisted_ms = session.due_ms, session.enlisted_ms
        if due_ms is not None and (enlisted_ms is None or due_ms < enlisted_ms):
            session.enlisted_ms = due_ms
            heappush(self._moments, (due_ms, session.key))

    @property
    def next_ms(self) -> int | None:
        """Return when the first is due; None if none is."""
        while self._moments:
            at_ms, key = self._moments[0]
            session = self._session_of(key)
            if session is not None and at_ms == session.enlisted_ms == session.due_ms:
                return at_ms

            heappop(self._moments)
            if session is not None and at_ms == session.enlisted_ms:
                session.enlisted_ms = None
                self.note(session)  # it was put off

        return None

    def take(self, now_ms: int) -> list[SessionKey]:
        """Return the sessions that are due at *now_ms*, each once."""
        due = []
        while (at_ms := self.next_ms) is not None and at_ms <= now_ms:
            key = heappop(self._moments)[1]
            session = self._session_of(key)
            assert session is not None, "reminder for a session that is not tracked"
            session.enlisted_ms = None
            due.append(key)

        return due
