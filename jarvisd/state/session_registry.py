"""Who has a seat, who started whom, and when each is judged though nothing happens."""

from collections.abc import Callable, Iterable, Iterator
from heapq import heappop, heappush

from jarvisd.base.ids import SessionId
from jarvisd.core.traits import TraitsOf
from jarvisd.state.latest_signals import LatestSignals
from jarvisd.state.model import Transition
from jarvisd.state.session_state import SeatKey, SessionState, is_hooked_wait

MAX_SEATS = 10_000
"""Sessions of one day; a seat takes a kilobyte."""

MAX_DEPTH = 8
"""Subagents of subagents; deeper ones are not rolled up."""


class SessionRegistry:
    """The seats by session. *version* grows whenever a session comes or goes."""

    def __init__(self, traits_of: TraitsOf) -> None:
        self._traits_of = traits_of
        self._by_key: dict[SeatKey, SessionState] = {}
        self._children: dict[SeatKey, set[SeatKey]] = {}
        self._before: dict[SeatKey, Transition] = {}
        self.version = 0

    def __contains__(self, key: SeatKey) -> bool:
        return key in self._by_key

    def __iter__(self) -> Iterator[SeatKey]:
        return iter(tuple(self._by_key))

    def recall(self, transitions: Iterable[Transition]) -> list[SeatKey]:
        """Take back the last transition of each session, for when it has a seat.

        Return the sessions whose dialog a hook told of.
        """
        for each in transitions:
            self._before[each.agent, each.session_id] = each

        return [key for key, each in self._before.items() if is_hooked_wait(each)]

    def get(self, key: SeatKey) -> SessionState | None:
        """Return the seat of a session, if it has one."""
        return self._by_key.get(key)

    def take(self, key: SeatKey, parent_id: SessionId | None) -> SessionState:
        """Return the seat of a session that *parent_id* has started, if any has."""
        seat = self._by_key.get(key)
        if seat is None:
            self._make_room()
            self.version += 1
            seat = SessionState(key, held=LatestSignals(self._traits_of(key[0])))
            self._by_key[key] = seat
            before = self._before.pop(key, None)
            if before is not None:
                seat.recall(before)

        if parent_id is not None and seat.parent is None:
            self.version += 1
            seat.parent = (key[0], parent_id)
            self._children.setdefault(seat.parent, set()).add(key)

        return seat

    def leave(self, seat: SessionState) -> None:
        """Take away *seat*, whose session is forgotten."""
        self.version += 1
        del self._by_key[seat.key]
        if seat.parent is not None:
            siblings = self._children.get(seat.parent, set())
            siblings.discard(seat.key)
            if not siblings:
                self._children.pop(seat.parent, None)

    def root(self, key: SeatKey) -> SeatKey:
        """Return the session at the top of those that have started *key*."""
        for _ in range(MAX_DEPTH):
            seat = self._by_key.get(key)
            if seat is None or seat.parent is None or seat.parent not in self._by_key:
                break

            key = seat.parent

        return key

    def roots(self) -> Iterator[SeatKey]:
        """Return those that no session started."""
        return iter([key for key, seat in self._by_key.items() if seat.parent is None])

    def children(self, key: SeatKey) -> list[SessionState]:
        """Return those that *key* has started, in the order of their names."""
        found = self._children.get(key)
        if found is None:
            return []

        return [self._by_key[each] for each in sorted(found) if each in self._by_key]

    def _make_room(self) -> None:
        """Remove the oldest session without a process if there are too many."""
        if len(self._by_key) >= MAX_SEATS:
            seats = self._by_key.values()
            oldest = next((each for each in seats if each.held.pid is None), None)
            self.leave(oldest or next(iter(seats)))


class Reminders:
    """The moments at which seats are due, as they say; *seat_of* finds a seat."""

    def __init__(self, seat_of: Callable[[SeatKey], SessionState | None]) -> None:
        self._seat_of = seat_of
        self._moments: list[tuple[int, SeatKey]] = []

    def __len__(self) -> int:
        return len(self._moments)

    def note(self, seat: SessionState) -> None:
        """Add a reminder for when *seat* is due, unless there is an earlier one.

        So a session that is judged repeatedly has one reminder.
        """
        due_ms, enlisted_ms = seat.due_ms, seat.enlisted_ms
        if due_ms is not None and (enlisted_ms is None or due_ms < enlisted_ms):
            seat.enlisted_ms = due_ms
            heappush(self._moments, (due_ms, seat.key))

    @property
    def next_ms(self) -> int | None:
        """Return when the first is due; None if none is."""
        while self._moments:
            at_ms, key = self._moments[0]
            seat = self._seat_of(key)
            if seat is not None and at_ms == seat.enlisted_ms == seat.due_ms:
                return at_ms

            heappop(self._moments)
            if seat is not None and at_ms == seat.enlisted_ms:
                seat.enlisted_ms = None
                self.note(seat)  # it was put off

        return None

    def take(self, now_ms: int) -> list[SeatKey]:
        """Return who is due at *now_ms*, each of them once."""
        due = []
        while (at_ms := self.next_ms) is not None and at_ms <= now_ms:
            key = heappop(self._moments)[1]
            seat = self._seat_of(key)
            assert seat is not None, "of who has no seat nobody is reminded"
            seat.enlisted_ms = None
            due.append(key)

        return due
