"""Params and result of `report.attention`. Fields are only ever added."""

import msgspec

from jarvisd.base.wire_types import DayRange, Params, Result
from jarvisd.reports.attention_model import (
    AttentionDay,
    AttentionHour,
    AttentionSession,
    Latency,
    Usage,
)

MAX_SESSIONS_LISTED = 100


class ReportAttention(DayRange, frozen=True, kw_only=True):
    """Ask what waited for a person, for how long, and what worked meanwhile.

    *project* is a folder or the end of its path.
    """

    project: str | None = None


class ReportAttentionResult(Result, frozen=True, kw_only=True):
    """Sums as of *now_ms*; sessions are those that people started, with their subagents.

    *approvals* and *answers* are waits that somebody ended. *states* are ms by state of
    all sessions together. *sessions* are the hundred that waited longest.
    """

    revision: int
    now_ms: int
    tz: str
    usage: Usage
    approvals: Latency
    answers: Latency
    states: dict[str, int]
    days: list[AttentionDay]
    hours: list[AttentionHour]
    sessions: list[AttentionSession]


ATTENTION_METHODS: dict[str, tuple[type[Params], type[msgspec.Struct]]] = {
    "report.attention": (ReportAttention, ReportAttentionResult),
}
