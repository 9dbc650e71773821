"""What may be asked of the daemon, and what it answers.

Each method is one Params Struct and one Result Struct. Fields are only ever added:
a new parameter has a default, a new result field is ignored by old clients. Whole
numbers are integers, absent is null, enumerations are lower-case words; units end a
name as everywhere.
"""

from typing import Annotated, Literal, get_args

import msgspec

from jarvisd.model.block import BlockId, BlockView, Kind, Life, SessionId
from jarvisd.model.report import (
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
from jarvisd.model.session import SessionView
from jarvisd.model.source import SourceView
from jarvisd.model.usage import Tokens
from jarvisd.protocol.attention import ATTENTION_METHODS
from jarvisd.protocol.base import AgentName, Day, Params, Result, Text, Whole
from jarvisd.protocol.conversations import CONVERSATION_METHODS
from jarvisd.protocol.segments import SEGMENT_METHODS
from jarvisd.protocol.states import STATE_METHODS
from jarvisd.protocol.telling import Hook, HookReceipt, StatusLine, StatusLineResult

MAX_BLOCKS = 10_000
MAX_SESSIONS = 10_000
MAX_TAIL_LINES = 10_000
DEFAULT_TAIL_LINES = 20
MAX_PUSH_LINES = 10_000
MAX_ATTRIBUTIONS = 10_000
MAX_EXPLAINED_LINES = 10_000

NewBlockId = Annotated[BlockId, msgspec.Meta(pattern=r"^[0-9a-f]{16}$")]
Seconds = Annotated[float, msgspec.Meta(ge=0)]

Topic = Literal["blocks", "session", "states", "segments", "flushes", "health"]
TOPICS: tuple[Topic, ...] = get_args(Topic)


class Hello(Params, frozen=True, kw_only=True):
    """Say who asks and in which versions of the protocol it can speak."""

    client: Text = "unknown"
    version: Text | None = None
    protocol: tuple[int, ...] = (1,)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What the daemon accepts of one client."""

    request_bytes: int
    batch: int
    in_flight: int
    connections: int
    client_bytes: int
    push_lines: int


class HelloResult(Result, frozen=True, kw_only=True):
    """Who answers. *capabilities* lists methods and topics; test those."""

    protocol: int
    version: str
    instance_id: str
    pid: int
    started_ms: int
    capabilities: list[str]
    limits: Limits


class Discover(Params, frozen=True, kw_only=True):
    """Ask for the OpenRPC document of this daemon."""


class Health(Params, frozen=True, kw_only=True):
    """Ask whether all is well."""


class Backfill(Result, frozen=True, kw_only=True):
    """How far the first reading of history has come; all zero when done.

    *eta_s* is None until the speed is known.
    """

    files_total: int
    files_done: int
    bytes_total: int
    bytes_done: int
    eta_s: float | None


class Problem(Result, frozen=True, kw_only=True):
    """One thing that is not as it should be, and what to do about it.

    *kind* is a closed vocabulary of snake_case words; *count* how often so far.
    """

    kind: str
    message: str
    since_ms: int
    count: int = 1


class StoreHealth(Result, frozen=True, kw_only=True):
    """The state of the database."""

    path: str | None
    size_bytes: int
    schema_version: int
    revision: int
    dirty_blocks: int
    last_flush_ms: int | None
    last_backup_ms: int | None
    error: str | None


class WatchHealth(Result, frozen=True, kw_only=True):
    """How file changes are noticed now, and what the last full look cost.

    *missed_files* counts files that went before they were read to their end.
    """

    live: str
    trees: str
    watched_folders: int
    last_scan_ms: int | None
    scan_took_ms: float
    known_files: int
    open_files: int
    missed_files: int = 0


class SinkHealth(Result, frozen=True, kw_only=True):
    """How it goes with one sink that records of segments are sent to.

    *waiting* records are not delivered yet; the oldest of them was closed at
    *oldest_ms*. *delivered* and *dropped*, because too many waited, count since the
    start of the daemon. *error* says why the last try failed.
    """

    name: str
    kind: Literal["jsonl", "posthog"]
    waiting: int
    oldest_ms: int | None
    delivered: int
    dropped: int
    failing_since_ms: int | None
    error: str | None


class HealthResult(Result, frozen=True, kw_only=True):
    """All is well when *status* is `ok`; else *problems* says what is not.

    `degraded` means that counting goes on and something is not stored or not seen
    as fast as it should be.
    """

    status: Literal["ok", "degraded"]
    version: str
    pid: int
    started_ms: int
    uptime_s: float
    store: StoreHealth
    watch: WatchHealth
    backfill: Backfill
    blocks: int
    live_blocks: int
    clients: int
    subscriptions: int
    rss_bytes: int
    problems: list[Problem]
    hooks: list[HookReceipt] = msgspec.field(default_factory=list)
    sinks: list[SinkHealth] = msgspec.field(default_factory=list)


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
    that somebody should look at.
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
    seconds where that is given, and all otherwise.
    """

    agent: str | None = None
    project: str | None = None
    session_id: SessionId | None = None
    kind: Kind | None = None
    life: list[Life] | None = None
    active_s: Seconds | None = None
    since: Whole | None = None
    limit: Annotated[int, msgspec.Meta(ge=0, le=MAX_BLOCKS)] = MAX_BLOCKS


class BlocksListResult(Result, frozen=True, kw_only=True):
    """Blocks, newest activity first, and the revision they belong to."""

    revision: int
    blocks: list[BlockView]


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
    sessions that changed after it.
    """

    agent: str | None = None
    project: str | None = None
    active_s: Seconds | None = None
    since: Whole | None = None
    limit: Annotated[int, msgspec.Meta(ge=0, le=MAX_SESSIONS)] = MAX_SESSIONS


class SessionsListResult(Result, frozen=True, kw_only=True):
    """Sessions, newest activity first, and the revision they belong to."""

    revision: int
    sessions: list[SessionView]


class SessionsGet(Params, frozen=True, kw_only=True):
    """Ask for one session by its id or a unique prefix of it."""

    session_id: SessionId
    agent: str | None = None


class SourcesList(Params, frozen=True, kw_only=True):
    """Ask for all sources, or only for those with a problem."""

    agent: str | None = None
    problems: bool = False


class RootView(Result, frozen=True, kw_only=True):
    """One folder that is looked at for an agent's transcripts."""

    agent: str
    path: str
    exists: bool
    files: int
    error: str | None


class SourcesListResult(Result, frozen=True, kw_only=True):
    """Where everything comes from."""

    roots: list[RootView]
    sources: list[SourceView]


class PushOpen(Params, frozen=True, kw_only=True):
    """Open a block of pushed lines, or go on with one.

    The client chooses *block_id* (16 hex digits) so that a retry is harmless.
    """

    block_id: NewBlockId
    agent: AgentName = "text"
    kind: Literal["push", "process"] = "push"
    project: Text | None = None
    cwd: Text | None = None
    pid: Whole | None = None


class PushOpenResult(Result, frozen=True, kw_only=True):
    """Go on with batch number *next_seq*; smaller ones are stored already."""

    block_id: BlockId
    next_seq: int


class PushLines(Params, frozen=True, kw_only=True):
    """Hand over the lines of batch *seq*, without line ends.

    A batch with a number that was taken before changes nothing and is acknowledged.
    *oversize_chars* tells the lengths, in code points, of lines of this batch that are
    too long for a request: they are counted like oversize lines of a file.
    """

    block_id: BlockId
    seq: Whole
    lines: Annotated[list[str], msgspec.Meta(max_length=MAX_PUSH_LINES)]
    oversize_chars: Annotated[list[Whole], msgspec.Meta(max_length=MAX_PUSH_LINES)] = (
        msgspec.field(default_factory=list)
    )


class PushLinesResult(Result, frozen=True, kw_only=True):
    """Given only after the lines are committed."""

    next_seq: int
    line_count: int


class PushClose(Params, frozen=True, kw_only=True):
    """Say that no more lines come."""

    block_id: BlockId
    exit_status: int | None = None


class Subscribe(Params, frozen=True, kw_only=True):
    """Ask to be told of changes.

    Topics: `blocks` (the block as it is now, conflated per block), `session` (the same
    for sessions), `states` (every transition of every session, none left out),
    `segments` (every segment once it is closed and stored), `health` (a change of
    status), `flushes` (a new revision). *filter* keeps one agent, project
    or block. *since* is the cursor of an earlier notification. *interval_ms* is the
    least time between two notifications of one block: 0 tells every change at once,
    conflated only when the client cannot keep up. *after* is the number of the last
    transition known, of whatever run of the daemon: those after it come first.
    """

    topics: Annotated[list[Topic], msgspec.Meta(min_length=1, max_length=8)]
    filter: "SubscriptionFilter | None" = None
    since: Text | None = None
    interval_ms: Annotated[int, msgspec.Meta(ge=0, le=60_000)] = 0
    after: Whole | None = None


class SubscriptionFilter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Only what matches every given field."""

    agent: str | None = None
    project: str | None = None
    block_id: BlockId | None = None


class SubscribeResult(Result, frozen=True, kw_only=True):
    """The subscription's id, and the cursor it starts from.

    *reset* is true when *since* was unknown or too old: what follows is a snapshot.
    """

    subscription: str
    cursor: str
    reset: bool


class Unsubscribe(Params, frozen=True, kw_only=True):
    """End a subscription of this connection."""

    subscription: str


class Done(Result, frozen=True, kw_only=True):
    """Nothing more to say."""

    ok: bool = True


class ConfigReload(Params, frozen=True, kw_only=True):
    """Read the configuration again; a wrong one is refused and the old one kept."""


class ConfigReloadResult(Result, frozen=True, kw_only=True):
    """Which keys have changed, and which of them need a restart."""

    changed: list[str]
    needs_restart: list[str]


class ReportUsage(Params, frozen=True, kw_only=True):
    """Ask what was spent: tokens and cost, in rows told apart *by* something.

    Days are those of the time zone *tz*, an IANA name; the week begins on Monday.
    *since* and *until* are days of it, both included. *project* is a folder or the end
    of its path.
    """

    by: Grouping = "day"
    since: Day | None = None
    until: Day | None = None
    tz: Text = "UTC"
    agent: str | None = None
    project: str | None = None


class ReportUsageResult(Result, frozen=True, kw_only=True):
    """Rows, and their sum.

    Periods come oldest first, all else the dearest first. A row by session is of one
    that a person started, with its subagents. *complete* is false while history is
    being read for the first time.
    """

    revision: int
    by: Grouping
    tz: str
    complete: bool
    total: UsageRow
    rows: list[UsageRow]


class ReportWindows(Params, frozen=True, kw_only=True):
    """Ask for five-hour windows, how fast tokens burn now, and what limits say."""

    since: Day | None = None
    until: Day | None = None
    tz: Text = "UTC"
    agent: str | None = None


class ReportWindowsResult(Result, frozen=True, kw_only=True):
    """Windows with something in them, oldest first; rates and limits as of *now_ms*."""

    revision: int
    now_ms: int
    complete: bool
    windows: list[WindowRow]
    rates: list[Rate]
    limits: list[LimitView]


class ReportTools(Params, frozen=True, kw_only=True):
    """Ask how tools, skills, subagents and slash commands were used.

    *by* plugin counts only what an imported attribution knows. *daily* gives each day
    of *tz* its own rows; otherwise there is one for all the time.
    """

    by: Literal["tool", "plugin"] = "tool"
    daily: bool = False
    since: Day | None = None
    until: Day | None = None
    tz: Text = "UTC"
    agent: str | None = None
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
    """Read a session's files again, and tell of each line what it counted for.

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


class Event(Result, frozen=True, kw_only=True):
    """The params of an `event` notification.

    *cursor* is `instance:sequence`; hand it to `subscribe` to go on after it.
    *data* is the full object of the topic.
    """

    subscription: str
    topic: str
    cursor: str
    data: msgspec.Raw


class Revision(Result, frozen=True, kw_only=True):
    """The data of topic `flushes`: the revision that is stored now."""

    revision: int


class Resync(Result, frozen=True, kw_only=True):
    """The params of a `resync` notification: changes were missed.

    Forget what was known under this subscription: every block that matches follows.
    """

    subscription: str
    cursor: str


class Ping(Result, frozen=True, kw_only=True):
    """The params of a `ping` notification: a sign of life when all is quiet."""

    now_ms: int
    cursor: str


METHODS: dict[str, tuple[type[Params], type[msgspec.Struct]]] = {
    "hello": (Hello, HelloResult),
    "rpc.discover": (Discover, Result),
    "health": (Health, HealthResult),
    "sync": (Sync, SyncResult),
    "status": (Status, StatusResult),
    "line": (Line, LineResult),
    "blocks.list": (BlocksList, BlocksListResult),
    "blocks.get": (BlocksGet, BlockView),
    "blocks.tail": (BlocksTail, BlocksTailResult),
    "sessions.list": (SessionsList, SessionsListResult),
    "sessions.get": (SessionsGet, SessionView),
    "sources.list": (SourcesList, SourcesListResult),
    "push.open": (PushOpen, PushOpenResult),
    "push.lines": (PushLines, PushLinesResult),
    "push.close": (PushClose, BlockView),
    "subscribe": (Subscribe, SubscribeResult),
    "unsubscribe": (Unsubscribe, Done),
    "config.reload": (ConfigReload, ConfigReloadResult),
    "report.usage": (ReportUsage, ReportUsageResult),
    "report.windows": (ReportWindows, ReportWindowsResult),
    "report.tools": (ReportTools, ReportToolsResult),
    "attribution.import": (AttributionImport, AttributionImportResult),
    "sessions.explain": (SessionsExplain, SessionsExplainResult),
    **STATE_METHODS,
    **ATTENTION_METHODS,
    "hook": (Hook, Done),
    "statusline": (StatusLine, StatusLineResult),
    **SEGMENT_METHODS,
    **CONVERSATION_METHODS,
}
"""Every method by name; the dispatcher, the client and OpenRPC read this table."""

NOTIFICATIONS: dict[str, type[msgspec.Struct]] = {
    "event": Event,
    "resync": Resync,
    "ping": Ping,
}
"""What a subscriber is sent without asking, by name."""
