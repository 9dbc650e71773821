"""States of sessions (to be replaced by the ladder)."""

from collections.abc import Iterator

from jarvisd.accumulators.lane import Lane
from jarvisd.model.evidence import Signal
from jarvisd.model.ids import SessionId
from jarvisd.model.record import Record
from jarvisd.model.state import State, StateView, Transition


class States:
    """Nothing is known yet."""

    next_ms: int | None = None

    def fold(self, lane: Lane, record: Record, *, seen_ms: int, live: bool) -> None:
        """Take in a line."""

    def hear(self, signal: Signal) -> None:
        """Take in a signal."""

    def judge(self, now_ms: int) -> list[Transition]:
        """Judge."""
        del now_ms
        return []

    def view(self, agent: str, session_id: SessionId) -> StateView:
        """Return the state as it was judged last."""
        del agent, session_id
        return StateView(state=State.UNKNOWN)

    def sessions(self) -> Iterator[tuple[str, SessionId]]:
        """Return those that are alive or recent."""
        return iter(())

    def roots(self) -> Iterator[tuple[str, SessionId]]:
        """Return those of them that no session started."""
        return self.sessions()
