"""How people's attention was spent: what waited for them, and what worked meanwhile."""

import msgspec

from jarvisd.base.ids import SessionId


class Latency(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How long a person took to react, of *count* times; None of none."""

    count: int
    p50_ms: int | None
    p95_ms: int | None


class Usage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The use of a span of time, in ms.

    Attributes:
        awake_ms: How long a daemon ran on a machine that was awake: the whole of which
            the others are parts. What nobody could see is counted nowhere.
        working_ms: How long at least one session worked.
        utilisation: The share of that in the whole, 0 to 1; None of no time.
        concurrency: How many sessions worked at once, on average of the whole.
        most: How many did at most.
        waiting_ms: How long sessions waited for a person; two at once count twice.

    """

    awake_ms: int
    working_ms: int
    utilisation: float | None
    concurrency: float | None
    most: int
    waiting_ms: int


class AttentionDay(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One day, as `2026-11-21`; *approvals* are of those that were decided on it."""

    day: str
    usage: Usage
    approvals: Latency


class AttentionHour(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One hour of the day, 0 to 23, of all days together."""

    hour: int
    usage: Usage


class AttentionSession(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One session that a person started, by what it did; *states* are ms by state."""

    agent: str
    session_id: SessionId
    project: str | None
    title: str | None
    waiting_ms: int
    approvals: Latency
    states: dict[str, int]
