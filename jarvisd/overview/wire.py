"""Params and results of methods about the whole: status, blocks, sessions, sources.

Fields are only ever added, as in `jarvisd.base.wire_types`.
"""

from typing import Annotated, Literal

import msgspec

from jarvisd.base.wire_types import Params, Result, Text, Whole
from jarvisd.core.origin import BlockId, BlockView, Kind, Life, SessionId
from jarvisd.core.source_views import RootView, SourceView
from jarvisd.core.wire import Backfill
from jarvisd.overview.model import SessionView

MAX_BLOCKS = 10_000
MAX_SESSIONS = 10_000
MAX_TAIL_LINES = 10_000
MAX_PROMPTS = 500
DEFAULT_TAIL_LINES = 20
Seconds = Annotated[float, msgspec.Meta(ge=0)]


class Sync(Params, frozen=True, kw_only=True):
    """Look at everything once, read it, store it, and only then answer."""


class SyncResult(Result, frozen=True, kw_only=True):
    """The revision that holds all that was on disk when `sync` was asked."""

    revision: int
    took_ms: float


class Status(Params, frozen=True, kw_only=True):
    """Ask for the whole picture in one small answer."""


class AgentStatus(Result, frozen=True, kw_only=True):
    """One agent's share of the whole; *today* as in `StatusResult`."""

    agent: str
    blocks: int
    live: int
    line_count: int
    token_estimate: int
    last_activity_ms: int | None
    today_tokens: int = 0
    today_cost_micros: int = 0
    today_unpriced: int = 0


class StatusResult(Result, frozen=True, kw_only=True):
    """The whole picture: totals, agents, and the newest live blocks (at most 20).

    What was spent today is since midnight where the daemon runs; *today_cost_micros*
    leaves out *today_unpriced* responses, whose price is not known. *states* counts the
    sessions that people started and that are not over by state, *need* those of them
    that somebody should look at; a state of low confidence is never counted there.
    """

    version: str
    now_ms: int
    revision: int
    blocks: int
    live: int
    line_count: int
    token_estimate: int
    last_activity_ms: int | None
    agents: list[AgentStatus]
    newest: list[BlockView]
    backfill: Backfill
    degraded: bool
    today_tokens: int = 0
    today_cost_micros: int = 0
    today_unpriced: int = 0
    states: dict[str, int] = msgspec.field(default_factory=dict)
    need: int = 0


class Line(Params, frozen=True, kw_only=True):
    """Ask for the rendered status line; *width* in columns, 0 for no limit."""

    format: Literal["plain", "tmux"] = "plain"
    width: Whole = 0


class LineResult(Result, frozen=True, kw_only=True):
    """One line of text, safe to print on any terminal."""

    text: str


class BlocksList(Params, frozen=True, kw_only=True):
    """Ask for blocks, newest activity first; filters are joined by *and*.

    *since* is a revision: only blocks that changed after it. *life* is a list of
    words; None means live and quiet ones with activity in the last *active_s*
    seconds where that is given, and all otherwise. *after* is `next` of the page before.
    """

    agent: str | None = None
    project: str | None = None
    session_id: SessionId | None = None
    kind: Kind | None = None
    life: list[Life] | None = None
    active_s: Seconds | None = None
    since: Whole | None = None
    limit: Annotated[int, msgspec.Meta(ge=0, le=MAX_BLOCKS)] | None = None
    after: Text | None = None


class BlocksListResult(Result, frozen=True, kw_only=True):
    """Blocks, newest activity first, and the revision they belong to.

    *next* is the *after* of the next page, None on the last.
    """

    revision: int
    blocks: list[BlockView]
    next: str | None = None


class BlocksGet(Params, frozen=True, kw_only=True):
    """Ask for one block by its id or a unique prefix of it."""

    block_id: BlockId


class BlocksTail(Params, frozen=True, kw_only=True):
    """Ask for the last lines of a block, read from its source and not stored."""

    block_id: BlockId
    lines: Annotated[int, msgspec.Meta(ge=0, le=MAX_TAIL_LINES)] = DEFAULT_TAIL_LINES


class BlocksTailResult(Result, frozen=True, kw_only=True):
    """The last lines as text; *first_line* is the number of the first, from 0."""

    block_id: BlockId
    first_line: int
    lines: list[str]


class SessionsList(Params, frozen=True, kw_only=True):
    """Ask for sessions, newest activity first; filters are joined by *and*.

    *active_s* keeps those with a line in the last seconds, *since* is a revision: only
    sessions that changed after it. *after* is `next` of the page before.
    """

    agent: str | None = None
    project: str | None = None
    active_s: Seconds | None = None
    since: Whole | None = None
    limit: Annotated[int, msgspec.Meta(ge=0, le=MAX_SESSIONS)] | None = None
    after: Text | None = None


class SessionsListResult(Result, frozen=True, kw_only=True):
    """Sessions, newest activity first, and the revision they belong to.

    *next* is the *after* of the next page, None on the last.
    """

    revision: int
    sessions: list[SessionView]
    next: str | None = None


class SessionsGet(Params, frozen=True, kw_only=True):
    """Ask for one session by its id or a unique prefix of it."""

    session_id: SessionId
    agent: str | None = None


class SessionName(msgspec.Struct, frozen=True, kw_only=True):
    """Which session is meant; its id must be whole."""

    agent: Text
    session_id: SessionId


class SessionsPrompts(Params, frozen=True, kw_only=True):
    """Ask for the first words of sessions, read from the agents' files and not stored."""

    sessions: Annotated[list[SessionName], msgspec.Meta(max_length=MAX_PROMPTS)]


class SessionPrompt(Result, frozen=True, kw_only=True):
    """The first words of one session; *words* is null where none are found."""

    agent: str
    session_id: SessionId
    words: str | None
    started_ms: int | None


class SessionsPromptsResult(Result, frozen=True, kw_only=True):
    """First words, in the order of the request; sessions that are not known are absent."""

    sessions: list[SessionPrompt]


class SourcesList(Params, frozen=True, kw_only=True):
    """Ask for all sources, or only for those with a problem."""

    agent: str | None = None
    problems: bool = False


class SourcesListResult(Result, frozen=True, kw_only=True):
    """Where everything comes from."""

    roots: list[RootView]
    sources: list[SourceView]


class ConfigReload(Params, frozen=True, kw_only=True):
    """Read the configuration again; a wrong one is refused and the old one kept."""


class ConfigReloadResult(Result, frozen=True, kw_only=True):
    """Which keys have changed, and which of them need a restart."""

    changed: list[str]
    needs_restart: list[str]
