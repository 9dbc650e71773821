"""The journal: transitions that wait to be stored, and the newest ones for followers."""

from collections import deque
from collections.abc import Callable, Container, Iterable
from itertools import islice

from msgspec.structs import replace

from jarvisd.model.block import SessionId
from jarvisd.model.state import Transition

MAX_KEPT = 4_096
"""The newest ones, at 200 bytes each; older ones are asked of the store."""

MAX_WAITING = 65_536
"""While the disk is full. Beyond it the history loses the oldest, of which followers
were told."""

SessionKey = tuple[str, SessionId]
Listener = Callable[[Transition], None]


class Journal:
    """Numbers transitions, keeps them until they are stored, and tells of them."""

    def __init__(self, last_number: int = 0) -> None:
        self.last_number = self._began = last_number
        self._waiting: dict[int, Transition] = {}
        self._newest: deque[Transition] = deque(maxlen=MAX_KEPT)
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """Call *listener* with each transition from now on; it must be cheap."""
        self._listeners.append(listener)

    def add(self, transitions: Iterable[Transition], now_ms: int) -> None:
        """Take in what has just changed, and tell of it.

        A number is the time in ms, or one more than the last. So it is not used again
        even for what was told and not stored when the daemon was killed.
        """
        for each in transitions:
            self.last_number = max(self.last_number + 1, now_ms)
            numbered = replace(each, number=self.last_number)
            self._wait(numbered)
            self._newest.append(numbered)
            for listener in self._listeners:
                listener(numbered)

    def waiting(self, but_of: Container[SessionKey] = ()) -> tuple[Transition, ...]:
        """Return what is not stored yet, oldest first, save that of some sessions."""
        return tuple(
            each
            for each in self._waiting.values()
            if (each.agent, each.session_id) not in but_of
        )

    @property
    def has_waiting(self) -> bool:
        """Say whether something is not stored yet."""
        return bool(self._waiting)

    def stored(self, transitions: Iterable[Transition]) -> None:
        """Note that *transitions* are stored."""
        for each in transitions:
            self._waiting.pop(each.number, None)

    def after(self, number: int) -> list[Transition]:
        """Return those at hand that came after *number*, oldest first."""
        newer = 0
        for each in reversed(self._newest):
            if each.number <= number:
                break

            newer += 1
        return list(islice(self._newest, len(self._newest) - newer, None))

    @property
    def floor(self) -> int:
        """Return the number after which all are at hand."""
        if len(self._newest) == MAX_KEPT:
            return self._newest[0].number

        return self._began

    def _wait(self, transition: Transition) -> None:
        self._waiting[transition.number] = transition
        if len(self._waiting) > MAX_WAITING:
            del self._waiting[next(iter(self._waiting))]
