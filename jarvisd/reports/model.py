"""The rows of reports, as every frontend sees them.

Money is whole micro-dollars at list prices. `unpriced` counts the responses that have
no price: where it is not 0, the cost is too low by theirs. Tokens are disjoint buckets.
"""

from typing import Annotated, Literal

import msgspec

from jarvisd.base.usage import Tokens
from jarvisd.core.event import LimitSource
from jarvisd.core.origin import SessionId

Grouping = Literal[
    "day", "week", "month", "session", "project", "model", "agent", "branch", "account"
]
Anchor = Literal["official", "observed"]
Attributed = Literal["skill", "agent", "command"]
Origin = Literal["curated", "flea"]


class ModelUsage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One model's part of a row; *model* None where the log names none."""

    model: str | None
    tokens: Tokens
    cost_micros: int
    unpriced: int
    responses: int


class UsageRow(msgspec.Struct, kw_only=True):
    """What was spent in one period, session or project, or on one model or agent.

    Attributes:
        key: A date (of a week, its Monday), a month as `2026-11`, a session's id, or a
            name. None for what the logs give no date, project or model for.
        agents: Whose it is, sorted.
        sessions: Different sessions that it is from, subagents' among them.
        models: By model, the most expensive first.
        agent: Of a session or an account, whose it is.
        project: Of a session its folder, of a branch the folder of its project.
        title: Of a session, what it is called.
        started_ms: Of a session, the first line of it or of its subagents.
        last_activity_ms: Of a session, the newest line of it or of its subagents.

    """

    key: str | None
    agents: list[str]
    sessions: int
    tokens: Tokens
    cost_micros: int
    unpriced: int
    responses: int
    web_searches: int
    models: list[ModelUsage]
    agent: str | None = None
    project: str | None = None
    title: str | None = None
    started_ms: int | None = None
    last_activity_ms: int | None = None


class Rate(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The rate of tokens: a decaying mean, with a memory of *minutes*.

    It falls by itself when nothing happens, to a third in *minutes*. *uncached* leaves
    out what a cache wrote or served: it is a steadier sign of work.
    """

    minutes: int
    tokens_per_minute: float
    uncached_per_minute: float
    cost_micros_per_hour: int


class Projection(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The projected usage of a window at its end, at the recent pace."""

    total_tokens: int
    cost_micros: int
    remaining_minutes: int


class WindowRow(msgspec.Struct, frozen=True, kw_only=True):
    """One billing window of five hours in which something was spent.

    Attributes:
        agent: Whose account.
        start_ms: When it begins, Unix ms; it ends at *end_ms*, which is not in it.
        first_ms: The first response in it; *last_ms* the last.
        anchor: `official` where the provider said when it ends; `observed` where it is
            taken to begin with the hour, in UTC, of the first response.
        active: It has not ended, and holds the newest response.
        models: Those that answered, in the order of their first response.
        projection: None unless it is active and something was spent lately.

    """

    agent: str
    start_ms: int
    end_ms: int
    first_ms: int
    last_ms: int
    anchor: Anchor
    active: bool
    tokens: Tokens
    cost_micros: int
    unpriced: int
    responses: int
    models: list[str]
    projection: Projection | None = None


class LimitWindowView(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One window of a limit.

    *label* is `5h`, `weekly`, `monthly` or a length such as `3h`. *over* says that the
    window has ended since it was observed, so that *used_percent* is of the past.
    *full_at_ms* is when nothing will be left at the pace of late; None if that is
    unknown, or if the window resets before.
    """

    label: str
    minutes: int | None
    used_percent: float
    resets_at_ms: int | None
    over: bool
    full_at_ms: int | None = None


class LimitView(msgspec.Struct, frozen=True, kw_only=True):
    """The newest report of one limit, over all sessions of an agent.

    *limit* is the agent's name for the limit of the account, else that of a model.
    *source* is where the report is from; *age_s* its age in seconds.
    """

    agent: str
    limit: str
    plan: str | None
    windows: list[LimitWindowView]
    observed_ms: int
    age_s: int
    source: LimitSource = LimitSource.TRANSCRIPT


class ToolRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How one tool was used, in one local day or in all the time asked for.

    Attributes:
        day: A date; None if the report is not by day.
        name: The tool's; of an MCP tool `server/tool`, of a command its name. In a
            report by plugin, what the attribution calls the plugin.
        kind: `tool`, `mcp`, `subagent`, `skill` or `command`; by plugin, `plugin`.
        source: Where it is from: `curated`, `flea` or `builtin`.
        calls: How often it was used; *errors* of these failed, *denials* were not
            allowed.
        sessions: Different sessions that used it.
        timed: Calls that are known to have returned: they took *duration_ms* together,
            the longest of them *longest_ms*.

    """

    day: str | None
    name: str
    kind: str
    source: str
    calls: int
    errors: int
    denials: int
    sessions: int
    timed: int
    duration_ms: int
    longest_ms: int


class Attribution(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """Where a skill, an agent or a command comes from; a slash before *name* is cut.

    *ref_id* is what that source calls it.
    """

    source: Origin
    kind: Attributed
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
    ref_id: Annotated[str, msgspec.Meta(min_length=1, max_length=512)]


class ExplainedLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What became of one line; nothing of its content.

    Attributes:
        block: The index, among the blocks of the answer, of the one that it is in.
        line: Its number in the file, from 1, counting lines that are not blank, or
            among the elements or rows of the session.
        offset: Where it starts, in bytes; of an element or a row a number of its own.
        bytes: How long it is.
        kind: The agent's own word for it; "" if it has none.
        verdict: `counted`, `merged`, `duplicate`, `elsewhere`, `copied`, `dropped`,
            `malformed`, `oversize` or `nothing`; docs/accuracy.md explains them.
        reason: The same in a sentence, with numbers.
        item: The name of an element or a row in its source; absent of a line.

    """

    block: int
    line: int
    offset: int
    bytes: int
    kind: str
    at_ms: int | None
    verdict: str
    reason: str
    item: str | None = None


class ExplainedBlock(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a session: where it is, and how often each verdict was given.

    *are_items* says that elements of a document or rows of a database stand for lines.
    """

    block_id: str
    path: str
    session_id: SessionId | None
    lines: int
    verdicts: dict[str, int]
    error: str | None = None
    are_items: bool = False
