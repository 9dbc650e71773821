"""The rows of the ledger: responses, tool calls and marks.

A row is keyed by a hash of the agent's own id, so every copy of a thing, in whatever
file, is the same row. Copies are merged, never added: each field is a maximum, a
minimum or a choice that does not depend on the order in which copies come, and merging
twice changes nothing. Rows are therefore upserts, and reading a line again is harmless.

Several sessions may hold a copy. The row belongs to the least by (*rank*, *start_ms*,
*session_id*): main transcripts before subagents', then the transcript that starts
earliest, by the time of the first line of its own that has one. A copy that is
marked as one is behind all others.
"""

from enum import StrEnum
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from jarvisd.base.usage import NO_TOKENS, STANDARD, Tokens, Variant
from jarvisd.core.event import LimitWindow, Outcome, ToolKind
from jarvisd.core.origin import SessionId

NO_INPUT = -1
"""No copy of that sort has the length of the prompt."""

GENERATIONS = 2**16
"""The number of generations of a file for one parser; see `row_version`."""

UNKNOWN_START_MS = 2**53
"""The start of a transcript without a time, and of a line that is marked as copied:
later than any other."""

VOID_RANK = -1
"""Of a response that counts as nothing, because others have the same in more detail. It
is before any other rank, so a row stays void and empty once one copy is."""


QUARTER_MS = 900_000
"""The length of a cell of the rollup: a quarter of an hour, of UTC."""

UNDATED = 0
"""The quarter of responses without a time."""


def row_version(parser: int, generation: int = 0) -> int:
    """Return the version of rows that *parser* reads from a file of *generation*.

    The generation of a file counts how often its content was found to be another.
    """
    return parser * GENERATIONS + min(generation, GENERATIONS - 1)


def parser_of(version: int) -> int:
    """Return the version of the parser of rows of *version*."""
    return version // GENERATIONS


class Mark(StrEnum):
    """Kinds of events without a duration."""

    PROMPT = "prompt"
    COMMAND = "command"
    COMPACTION = "compaction"
    INTERRUPT = "interrupt"
    API_ERROR = "api_error"
    PLAN = "plan"
    """The account has another plan than in the transcript before, or its first one."""


class Owned(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The fields of every row.

    Attributes:
        key: A signed 64-bit hash of the agent and its own id of the thing.
        agent: Whose it is.
        session_id: The session it is counted in.
        rank: 0 in a main transcript, 1 in a subagent's; `VOID_RANK` of what is void.
        start_ms: When that session's transcript starts; see `UNKNOWN_START_MS`.
        branch: The branch that was checked out then, if that is known.
        account: The key of the account in whose configuration folder it was found.
        version: Of the parser that read it, and of the file that it read; see
            `row_version`. A row of a newer parser replaces it instead of being merged
            with it; so does one of the session's file after it was edited.

    """

    key: int
    agent: str
    session_id: SessionId
    rank: int
    start_ms: int
    branch: str | None = None
    account: str | None = None
    version: int = 1


class ResponseRow(Owned, frozen=True, kw_only=True, gc=False):
    """One response of a model, as the union of its copies.

    *input_cached* is the greatest uncached prompt among copies that mention a cache,
    *input_bare* among those that do not: the former counts where there is one. *counts*
    has the greatest of each other bucket among all copies, and no input.
    *cache_write_flat* is the unsplit sum: the split counts where there is one.
    *model_ms* is the time of the copy that *model* is from. Times are Unix ms.
    *latency_ms* is the time from the hand-over (a prompt, the result of a tool) to the
    earliest copy; None if there was none to wait for. *stated_micros* is the cost that the
    agent or its provider states, if any.
    """

    at_ms: int | None = None
    model: str | None = None
    model_ms: int = 0
    variant: Variant = STANDARD
    input_cached: int = NO_INPUT
    input_bare: int = NO_INPUT
    cache_write_flat: int = 0
    counts: Tokens = NO_TOKENS
    web_searches: int = 0
    latency_ms: float | None = None
    stated_micros: int | None = None

    @property
    def tokens(self) -> Tokens:
        """Return the tokens that are counted, in disjoint buckets."""
        counts, flat = self.counts, self.cache_write_flat
        split_5m, split_1h = counts.cache_write_5m, counts.cache_write_1h
        if not split_5m and not split_1h:
            split_5m = flat
        elif flat:
            # Copies may split one sum differently; together they are still that sum.
            split_1h = min(split_1h, flat)
            split_5m = min(split_5m, flat - split_1h)

        return replace(
            counts,
            input=self.input_cached
            if self.input_cached != NO_INPUT
            else max(self.input_bare, 0),
            cache_write_5m=split_5m,
            cache_write_1h=split_1h,
            reasoning=min(counts.reasoning, counts.output),
        )


class CallRow(Owned, frozen=True, kw_only=True, gc=False):
    """One tool call, from its call and its result, whichever came first.

    *tool* None means that only the result is known; such a row counts as nothing.
    *outcome* None means that no result is known. Once failed it stays failed.
    *response* is the key of the response that asked for it, where its line names that.
    """

    response: int | None = None
    tool: str | None = None
    kind: ToolKind = ToolKind.TOOL
    server: str | None = None
    skill: str | None = None
    subagent: str | None = None
    called_ms: int | None = None
    returned_ms: int | None = None
    measured_ms: int | None = None
    outcome: Outcome | None = None

    @property
    def duration_ms(self) -> int | None:
        """Return how long it took: as the agent measured, or from call to result."""
        if self.measured_ms is not None:
            return self.measured_ms

        if self.called_ms is None or self.returned_ms is None:
            return None

        return max(0, self.returned_ms - self.called_ms)


class MarkRow(Owned, frozen=True, kw_only=True, gc=False):
    """Something that happened at one moment; *name* is a command's or plan's, or a reason."""

    mark: Mark
    at_ms: int | None = None
    name: str | None = None
    chars: int = 0


Row = ResponseRow | CallRow | MarkRow


class SessionRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One session as it stands: columns to ask for, and *state* to go on from.

    Times are Unix ms; *active_ms* leaves out gaps of more than ten minutes. Counts are
    of this session alone, without the subagents that it started.
    """

    session_id: SessionId
    agent: str
    parent_session_id: SessionId | None
    cwd: str | None
    title: str | None
    model: str | None
    tokens: Tokens
    cost_micros: int
    unpriced: int
    messages: int
    prompts: int
    tool_calls: int
    tool_errors: int
    started_ms: int | None
    last_ms: int | None
    active_ms: int
    context_tokens: int | None
    window_tokens: int | None
    state: bytes


CellKey = tuple[str, SessionId, str | None, str | None, str | None]
"""Agent, session, model, branch and account, within one quarter."""


class Cell(msgspec.Struct, kw_only=True, gc=False):
    """The usage of one session, model, branch and account in a quarter of an hour.

    Small enough to keep all of them in memory, and to make every report of: time zones
    differ from UTC by whole quarters, so a day anywhere is a sum of cells.

    Attributes:
        quarter: The Unix time divided by `QUARTER_MS`; `UNDATED` if no time is known.
        agent: Whose session it is.
        session_id: The session.
        model: The model; None if the log names none.
        branch: The branch; None likewise.
        account: The key of the account; None likewise.
        tokens: Of all its responses.
        cost_micros: Of the responses that have a price.
        unpriced: How many have none.
        responses: How many there are.
        web_searches: Searches done by the provider, which are in the cost.

    """

    quarter: int
    agent: str
    session_id: SessionId
    model: str | None
    branch: str | None = None
    account: str | None = None
    tokens: Tokens = NO_TOKENS
    cost_micros: int = 0
    unpriced: int = 0
    responses: int = 0
    web_searches: int = 0

    @property
    def key(self) -> CellKey:
        """Return the key of the cell within its quarter."""
        return self.agent, self.session_id, self.model, self.branch, self.account

    @property
    def start_ms(self) -> int:
        """Return when the quarter begins, Unix ms."""
        return self.quarter * QUARTER_MS


class LimitRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The newest report of one limit of one agent's account."""

    agent: str
    limit: str
    at_ms: int
    plan: str | None
    windows: tuple[LimitWindow, ...]


class Outdated(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A session without rows that a parser before *version*, a row's, has read."""

    agent: str
    session_id: SessionId
    version: int


class FormerKey(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The key that a call had before parsers of *version*: its id, in any session.

    What is stored under it is the call that was read again, or an older one of the same
    id, from a log that may be gone. *called_ms* decides: the older one stays.
    """

    key: int
    called_ms: int | None
    version: int

    def is_of(self, row: Row) -> bool:
        """Whether *row*, which is stored under this key, is the call read again."""
        if not isinstance(row, CallRow) or parser_of(row.version) >= parser_of(
            self.version
        ):
            return False

        if row.called_ms is None or self.called_ms is None:
            return row.called_ms is None

        return self.called_ms <= row.called_ms


class LedgerBatch(msgspec.Struct, frozen=True, kw_only=True):
    """The changes of the ledger that one flush stores, with the cursors.

    Every row is merged into what is stored under its key. Those whose keys are in
    *contested* hold only what was read lately, and are in no session yet: what was
    stored before and after the merge comes back as `Corrections`. Sessions and cells
    take the place of what is stored of them, and then follow the corrections. At last
    the costs of the sessions in *reprice* are counted anew from their responses;
    *prices* names the price table behind all costs. *outdated* are sessions of which
    every line was read again: rows of a parser before that *version* are dropped.
    So are calls under *former* keys that are stored under newer ones now.
    """

    responses: tuple[ResponseRow, ...] = ()
    calls: tuple[CallRow, ...] = ()
    marks: tuple[MarkRow, ...] = ()
    sessions: tuple[SessionRow, ...] = ()
    limits: tuple[LimitRow, ...] = ()
    cells: tuple[Cell, ...] = ()
    contested: frozenset[int] = frozenset()
    prices: str = ""
    reprice: tuple[tuple[str, SessionId], ...] = ()
    outdated: tuple[Outdated, ...] = ()
    former: tuple[FormerKey, ...] = ()

    def __bool__(self) -> bool:
        return bool(
            self.responses
            or self.calls
            or self.marks
            or self.sessions
            or self.cells
            or self.limits
            or self.reprice
            or self.outdated
            or self.former
        )


class Correction(msgspec.Struct, frozen=True, gc=False):
    """A contested row: as it was stored before, and as it is now; None: not stored."""

    before: Row | None
    after: Row | None


Corrections = tuple[Correction, ...]


class Repriced(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The cost of a stored session by the current prices, and its cells."""

    agent: str
    session_id: SessionId
    cost_micros: int
    unpriced: int
    cells: tuple[Cell, ...]


class SavedBooks(msgspec.Struct, frozen=True, kw_only=True):
    """The ledger as one start reads it back.

    *sessions* are the states of `SessionRow`. The keys of rows come apart. *priced*
    tells, by price table, whose costs are counted with it.
    """

    sessions: list[bytes] = []
    cells: list[Cell] = []
    limits: list[LimitRow] = []
    priced: dict[str, set[tuple[str, SessionId]]] = {}


class LedgerReceipt(NamedTuple):
    """The changes of rows and costs by the store when it settled a batch."""

    corrections: Corrections = ()
    repriced: tuple[Repriced, ...] = ()
