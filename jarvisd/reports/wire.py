"""What may be asked about what was spent, and what a line counted for.

Fields are only ever added, as in `jarvisd.base.wire_types`.
"""

from typing import Annotated, Literal

import msgspec

from jarvisd.base.usage import Tokens
from jarvisd.base.wire_types import DayRange, Params, Result, Text, Whole
from jarvisd.core.origin import SessionId
from jarvisd.reports.model import (
    Attribution,
    ExplainedBlock,
    ExplainedLine,
    Grouping,
    LimitView,
    Rate,
    ToolRow,
    UsageRow,
    WindowRow,
)

MAX_ROWS = 10_000
MAX_ATTRIBUTIONS = 10_000
MAX_EXPLAINED_LINES = 10_000


class ReportUsage(DayRange, frozen=True, kw_only=True):
    """Request usage: tokens and cost, in rows grouped *by* something.

    The week begins on Monday. *project* is a folder or the end of its path. Without a
    *limit* all rows are given; *after* is `next` of the page before.
    """

    by: Grouping = "day"
    project: str | None = None
    branch: str | None = None
    account: str | None = None
    limit: Annotated[int, msgspec.Meta(ge=0, le=MAX_ROWS)] | None = None
    after: Text | None = None


class ReportUsageResult(Result, frozen=True, kw_only=True):
    """Rows, and their sum.

    Periods come oldest first, other rows most expensive first. A row by session is of one
    that a person started, with its subagents. *complete* is false while history is
    being read for the first time. *total* is of all pages; *next* is the *after* of the
    next one, None on the last.
    """

    revision: int
    by: Grouping
    tz: str
    complete: bool
    total: UsageRow
    rows: list[UsageRow]
    next: str | None = None


class ReportWindows(DayRange, frozen=True, kw_only=True):
    """Request five-hour windows, the current rate of tokens, and limits.

    Without a *limit* all windows are given; *after* is `next` of the page before.
    """

    limit: Annotated[int, msgspec.Meta(ge=0, le=MAX_ROWS)] | None = None
    after: Text | None = None


class ReportWindowsResult(Result, frozen=True, kw_only=True):
    """Windows with something in them, oldest first; rates and limits as of *now_ms*.

    *next* is the *after* of the next page, None on the last.
    """

    revision: int
    now_ms: int
    complete: bool
    windows: list[WindowRow]
    rates: list[Rate]
    limits: list[LimitView]
    next: str | None = None


class ReportTools(DayRange, frozen=True, kw_only=True):
    """Ask how tools, skills, subagents and slash commands were used.

    *by* plugin counts only what an imported attribution knows. *daily* gives each day
    of *tz* its own rows; otherwise there is one for all the time.
    """

    by: Literal["tool", "plugin"] = "tool"
    daily: bool = False
    project: str | None = None


class ReportToolsResult(Result, frozen=True, kw_only=True):
    """Rows, day by day, the most used first."""

    revision: int
    tz: str
    complete: bool
    rows: list[ToolRow]


class AttributionImport(Params, frozen=True, kw_only=True):
    """Replace all that is known of where skills, agents and commands come from."""

    entries: Annotated[list[Attribution], msgspec.Meta(max_length=MAX_ATTRIBUTIONS)]


class AttributionImportResult(Result, frozen=True, kw_only=True):
    """How many names are known now, of each source."""

    curated: int
    flea: int


class SessionsExplain(Params, frozen=True, kw_only=True):
    """Read a session's files again, and explain how each line was counted.

    *session_id* is the agent's own id, or a unique prefix. Lines are numbered through
    all blocks; *after* skips as many. *all* lists lines that mean nothing, too.
    """

    session_id: SessionId
    after: Whole = 0
    limit: Annotated[int, msgspec.Meta(ge=0, le=MAX_EXPLAINED_LINES)] = 1_000
    all: bool = False


class SessionsExplainResult(Result, frozen=True, kw_only=True):
    """What became of each line, without its content.

    *blocks* sum up all of the session; *lines* are those asked for, in the order of
    *blocks*, and *next* is the *after* of the next page, None on the last. *tokens* are
    what these lines counted; *booked* is what the ledger holds of the session.
    """

    agent: str
    session_id: SessionId
    blocks: list[ExplainedBlock]
    lines: list[ExplainedLine]
    next: int | None
    tokens: Tokens
    booked: Tokens
