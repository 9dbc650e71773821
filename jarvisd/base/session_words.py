"""The words for what a session is doing, as everybody sees and configures them."""

from enum import StrEnum


class State(StrEnum):
    """What a session is doing, or what it waits for."""

    WORKING = "working"
    WAITING_APPROVAL = "waiting_approval"
    """A person must allow or refuse something."""
    WAITING_ANSWER = "waiting_answer"
    """The agent asked a question, or wants a plan approved."""
    IDLE = "idle"
    """The turn is over and nothing was asked."""
    LIMITED = "limited"
    """The provider serves nothing more for now."""
    COMPACTING = "compacting"
    STALLED = "stalled"
    """At work by all we know, and silent for too long."""
    ENDED = "ended"
    CRASHED = "crashed"
    """Its process is gone without having reported its end."""
    UNKNOWN = "unknown"


WAITS = frozenset({State.WAITING_APPROVAL, State.WAITING_ANSWER})
"""The states in which a person is needed now."""

NEEDS = (
    State.WAITING_APPROVAL,
    State.WAITING_ANSWER,
    State.LIMITED,
    State.CRASHED,
    State.STALLED,
)
"""The states in which somebody should look, the most urgent first."""

OVER = frozenset({State.ENDED, State.CRASHED})


class Activity(StrEnum):
    """What a working session is at."""

    THINKING = "thinking"
    STREAMING = "streaming"
    TOOL = "tool"
    RETRYING = "retrying"
    """The provider did not answer; it is asked again."""
    BACKGROUND = "background"
    """The turn is over; subagents or commands that it started go on."""


class Confidence(StrEnum):
    """How sure a verdict is."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
