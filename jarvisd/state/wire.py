"""What may be asked about live states: which session needs somebody, since when, why.

Fields are only ever added, as in `jarvisd.base.wire_types`.
"""

from typing import Annotated

import msgspec

from jarvisd.base.wire_types import Params, Result, Whole
from jarvisd.core.origin import SessionId
from jarvisd.state.model import StateView, Transition

MAX_STATES = 10_000
MAX_TRANSITIONS = 10_000


class StatesList(Params, frozen=True, kw_only=True):
    """Ask what sessions are doing, those first that need somebody.

    Approvals come first, then answers, limits, crashes, stalled ones, idle ones, and
    those at work last; of one sort, who has waited longest. *need* keeps the first five
    sorts; *over* adds sessions that have ended.
    """

    agent: str | None = None
    project: str | None = None
    need: bool = False
    over: bool = False
    limit: Annotated[int, msgspec.Meta(ge=0, le=MAX_STATES)] = MAX_STATES


class LiveSession(Result, frozen=True, kw_only=True):
    """One session and its state; the rest of it is in `sessions.get`."""

    agent: str
    session_id: SessionId
    parent_session_id: SessionId | None
    project: str | None
    cwd: str | None
    title: str | None
    state: StateView


class StatesListResult(Result, frozen=True, kw_only=True):
    """States as of *now_ms*, after the transition *number*."""

    now_ms: int
    number: int
    sessions: list[LiveSession]


class StatesHistory(Params, frozen=True, kw_only=True):
    """Ask for transitions, oldest first, from the store.

    *after* is the number of the last one known; *since_ms* and *until_ms* are Unix ms,
    the latter not included.
    """

    agent: str | None = None
    session_id: SessionId | None = None
    after: Whole = 0
    since_ms: int | None = None
    until_ms: int | None = None
    limit: Annotated[int, msgspec.Meta(ge=0, le=MAX_TRANSITIONS)] = 1_000


class StatesHistoryResult(Result, frozen=True, kw_only=True):
    """Transitions; *next* is the *after* of the next page, None on the last."""

    transitions: list[Transition]
    next: int | None


STATE_METHODS: dict[str, tuple[type[Params], type[msgspec.Struct]]] = {
    "states.list": (StatesList, StatesListResult),
    "states.history": (StatesHistory, StatesHistoryResult),
}
