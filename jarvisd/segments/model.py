"""A segment: one span of activity of a session, and its record."""

from enum import StrEnum
from hashlib import blake2b

import msgspec

from jarvisd.base.ids import BlockId, SessionId


class Closed(StrEnum):
    """Why a segment was closed."""

    END = "end"
    """The session ended, or a client said so."""
    IDLE = "idle"
    SHUTDOWN = "shutdown"
    INTERRUPTED = "interrupted"
    """The daemon died while it was open; it was closed at the next start."""


class Segment(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The record `chat_session_ended` of one closed segment: numbers and names only.

    Times are Unix ms, latencies and durations ms; absent is None.

    Attributes:
        segment_id: 16 hex digits, made from agent, session and number, so that a
            repeated record counts once.
        agent: Whose session.
        session_id: The session.
        segment: Its number within the session, from 1.
        block_id: The block in which the newest activity was.
        started_ms: The first activity.
        ended_ms: The last activity; not when it was closed.
        duration_ms: From the first to the last activity.
        reason: Why it was closed.
        turns: Responses of a model (what the reference calls inferences).
        tokens_in: Prompt tokens, caches included.
        tokens_out: Output tokens, reasoning included.
        cost_micros: At list prices, of the responses that have one.
        unpriced: How many have none.
        latency_p50_ms: Of the responses whose latency is known; None if of none.
        latency_p95_ms: The same.
        tools: Calls of tools of whatever kind.
        unique_tools: Different ones.
        unique_models: Different models.
        errors: Calls that failed, and requests that the provider never answered.
        model: The model, if there was only one.
        engine: The engine, if there was only one.
        project: The folder of work.
        closed_ms: When it was closed.

    """

    segment_id: str
    agent: str
    session_id: SessionId
    segment: int
    block_id: BlockId | None
    started_ms: int
    ended_ms: int
    duration_ms: int
    reason: Closed
    turns: int
    tokens_in: int
    tokens_out: int
    cost_micros: int
    unpriced: int
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    tools: int
    unique_tools: int
    unique_models: int
    errors: int
    model: str | None
    engine: str | None
    project: str | None
    closed_ms: int


class Closing(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A segment that is closed and not stored yet, and the *sinks* that are to have it."""

    segment: Segment
    sinks: tuple[str, ...] = ()


def segment_id(agent: str, session_id: SessionId, number: int) -> str:
    """Return the id of a segment: the same whoever makes it, and however often."""
    name = f"{agent}\0{session_id}\0{number}".encode(errors="surrogatepass")
    return blake2b(name, digest_size=8).hexdigest()
