"""When a session is to be judged though nothing happens: a heap of moments."""

from collections.abc import Callable
from heapq import heappop, heappush

from jarvisd.state.session_state import SeatKey, SessionState


class Reminders:
    """The moments at which seats are due, as they say; *seat_of* finds a seat."""

    def __init__(self, seat_of: Callable[[SeatKey], SessionState | None]) -> None:
        self._seat_of = seat_of
        self._moments: list[tuple[int, SeatKey]] = []

    def __len__(self) -> int:
        return len(self._moments)

    def note(self, seat: SessionState) -> None:
        """Note when *seat* is due, unless there is a reminder before that.

        So a session that is judged again and again has one reminder, and not many.
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
