"""The state of a session: what it is doing, since when, and how we know."""

from enum import StrEnum

import msgspec

from jarvisd.base.ids import SessionId
from jarvisd.base.session_words import NEEDS, Activity, Confidence, State


class Tier(StrEnum):
    """Where evidence is from, the best first."""

    REGISTRY = "registry"
    """The agent's own word on itself, as it is now."""
    HOOK = "hook"
    TRANSCRIPT = "transcript"
    PROCESS = "process"
    NONE = "none"


class OpenApproval(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A dialog about a call that records say is open, or will have been *after_ms*."""

    tool: str | None
    at_ms: int | None
    after_ms: int = 0


class Reason(StrEnum):
    """Why a session wants attention whatever its state is."""

    LOOP = "loop"
    """The same call with the same input, again and again."""
    SILENCE = "silence"
    """A turn in which nothing is heard."""
    COST = "cost"
    """It burns much more than a session usually does."""


class Attention(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One reason to look at a session, in words without content, and since when."""

    reason: Reason
    message: str
    since_ms: int


def needs_somebody(state: State, confidence: Confidence) -> bool:
    """Return True if a session in *state* is counted as one that needs you.

    A guess is not: it is listed with a question mark, and counted nowhere.
    """
    return state in NEEDS and confidence is not Confidence.LOW


def need_words(number: int) -> str:
    """Return `2 need you`; nothing where nobody does."""
    if not number:
        return ""

    return f"{number} need{'s' if number == 1 else ''} you"


class StateView(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The state of one session at one moment, with the evidence for it.

    Times are Unix ms, absent is None.

    Attributes:
        state: What it is doing.
        since_ms: When that began; None if nothing tells.
        activity: Of a working session: what it is at.
        tool: The tool that runs, or that leave is asked for.
        evidence: What it rests on, in a few words, without content: "PermissionRequest
            Bash".
        evidence_ms: When that was heard.
        tier: Where that is from.
        confidence: How sure it is.
        hint: What would make it surer; None if nothing would.
        until_ms: Of a limited session: when the limit starts anew, if that is known.
        pid: The process of the agent, as long as it lives.
        attention: What else is to be looked at.

    """

    state: State
    since_ms: int | None = None
    activity: Activity | None = None
    tool: str | None = None
    evidence: str = ""
    evidence_ms: int | None = None
    tier: Tier = Tier.NONE
    confidence: Confidence = Confidence.LOW
    hint: str | None = None
    until_ms: int | None = None
    pid: int | None = None
    attention: tuple[Attention, ...] = ()


class Transition(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One change of state of one session: one row, one notification.

    *number* ascends and is never used twice: it is the cursor of those who follow; 0
    until it is given. *before* is None for the first state of a session. *at_ms* is when
    the new state began. *stored* is false if it was told while nothing could be stored:
    should the daemon be killed then, it is not in the history.
    """

    number: int = 0
    agent: str
    session_id: SessionId
    at_ms: int
    before: State | None
    state: State
    activity: Activity | None = None
    tool: str | None = None
    evidence: str = ""
    tier: Tier = Tier.NONE
    confidence: Confidence = Confidence.LOW
    until_ms: int | None = None
    stored: bool = True
