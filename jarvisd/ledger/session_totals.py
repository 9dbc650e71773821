"""The totals of one session.

Figures of rows (tokens, cost, calls, prompts) are added and can be subtracted again,
because a row may grow or turn out to belong to another session. Facts of lines (times,
context, title) only widen: a span, or the greatest by time. Both are the same whatever
the order in which the files are read.
"""

from bisect import bisect_right
from collections.abc import Callable
from sys import intern
from typing import Any

import msgspec

from jarvisd.base.usage import BUCKETS, NO_TOKENS, Tokens, Variant
from jarvisd.core.event import Outcome, ToolKind
from jarvisd.core.origin import SessionId
from jarvisd.ledger.model import CallRow, Mark, MarkRow, ResponseRow, SessionRow
from jarvisd.ledger.open_segments import OpenSegment, OpenSegments

Price = Callable[[str | None, Variant, int | None, Tokens, int], int | None]
"""(model, variant, at_ms, tokens, web searches) -> micro-dollars; None: no price."""

GAP_MS = 600_000
"""More than this between two lines is not activity: ten minutes outlast a thought."""


_SHORT_WINDOW = 200_000
_LONG_WINDOW = 1_000_000
"""A prompt that is longer than the usual window shows that the window is this long."""


class Spans(msgspec.Struct, array_like=True):
    """Spans of activity, as a sorted list of starts and ends.

    Times no further apart than `GAP_MS` are one span. The result is that of sorting all
    times and leaving out the gaps, but takes two numbers for each span.
    """

    edges: list[int] = []

    def add(self, at_ms: int) -> None:
        """Add the time *at_ms*, in any order."""
        edges = self.edges
        if edges and edges[-2] <= at_ms <= (end := edges[-1]) + GAP_MS:
            if at_ms > end:
                edges[-1] = at_ms
        else:
            self._insert(at_ms)

    def stretch(self, since_ms: int, until_ms: int) -> None:
        """Extend the span that has *since_ms* to *until_ms*, and join what it meets."""
        edges = self.edges
        place = (bisect_right(edges, since_ms) - 1) // 2 * 2
        end, high = max(edges[place + 1], until_ms), place + 2
        while high < len(edges) and edges[high] - end <= GAP_MS:
            end = max(end, edges[high + 1])
            high += 2

        edges[place + 1 : high] = [end]

    def _insert(self, at_ms: int) -> None:
        edges = self.edges
        after = bisect_right(edges, at_ms)
        if after % 2:  # inside a span
            return

        start = end = at_ms
        low = high = after
        if low and at_ms - edges[low - 1] <= GAP_MS:
            low, start = low - 2, edges[low - 2]
        if high < len(edges) and edges[high] - at_ms <= GAP_MS:
            high, end = high + 2, edges[high + 1]

        edges[low:high] = [start, end]

    @property
    def first_ms(self) -> int | None:
        """Return the earliest time."""
        return self.edges[0] if self.edges else None

    @property
    def last_ms(self) -> int | None:
        """Return the latest time."""
        return self.edges[-1] if self.edges else None

    @property
    def wall_ms(self) -> int:
        """Return the time from first to last."""
        return self.edges[-1] - self.edges[0] if self.edges else 0

    @property
    def active_ms(self) -> int:
        """Return the total length of the spans."""
        return sum(self.edges[1::2]) - sum(self.edges[::2])


class Session(msgspec.Struct, kw_only=True, array_like=True):
    """One session's totals; encoded as it is, it is its own stored state.

    Attributes:
        messages: Distinct responses. *models* and *tools* are how many of each.
        first_ms: When each model was first heard of, whoever owns the response.
        context: (time, prompt tokens) of the newest response of the main conversation.
        window: (time, tokens) of the newest word on the context window's length.
        last_tool: (time, name) of the newest call.
        title: (rank, time, text) of the best one.
        place: (time, folder) of the newest working folder.
        mode: (time, word) of the newest way to ask for leave.
        open_segments: Its open segments.

    """

    session_id: SessionId
    agent: str
    parent_session_id: SessionId | None = None
    reviewer: bool = False
    tokens: Tokens = NO_TOKENS
    web_searches: int = 0
    cost_micros: int = 0
    unpriced: int = 0
    messages: int = 0
    prompts: int = 0
    commands: int = 0
    compactions: int = 0
    interrupts: int = 0
    api_errors: int = 0
    tool_calls: int = 0
    tool_errors: int = 0
    tool_denials: int = 0
    mcp_calls: int = 0
    subagents: int = 0
    skills: int = 0
    tools: dict[str, int] = {}
    models: dict[str, int] = {}
    first_ms: dict[str, int] = {}
    spans: Spans = msgspec.field(default_factory=Spans)
    context: tuple[int, int] | None = None
    window: tuple[int, int] | None = None
    widest_prompt: int = 0
    last_tool: tuple[int, str] | None = None
    title: tuple[int, int, str] | None = None
    place: tuple[int, str] | None = None
    mode: tuple[int, str] | None = None
    open_segments: OpenSegments = msgspec.field(default_factory=OpenSegments)

    @property
    def model(self) -> str | None:
        """Return the model of most responses; of several, the first heard of."""
        if len(self.models) == 1:
            return next(iter(self.models))

        return min(
            self.models,
            key=lambda name: (-self.models[name], self.first_ms.get(name, 0), name),
            default=None,
        )

    @property
    def window_tokens(self) -> int | None:
        """Return the length of the context window, if the lines show it."""
        if self.window is not None:
            return self.window[1]

        return _LONG_WINDOW if self.widest_prompt > _SHORT_WINDOW else None

    def share_names(self) -> None:
        """Share the names that many sessions have; each decoded one has its own copies."""
        self.agent = intern(self.agent)
        if self.place is not None:
            self.place = self.place[0], intern(self.place[1])

        if self.last_tool is not None:
            self.last_tool = self.last_tool[0], intern(self.last_tool[1])

        if self.mode is not None:
            self.mode = self.mode[0], intern(self.mode[1])

    def row(self) -> SessionRow:
        """Return the session as it is stored."""
        spans = self.spans
        return SessionRow(
            session_id=self.session_id,
            agent=self.agent,
            parent_session_id=self.parent_session_id,
            cwd=None if self.place is None else self.place[1],
            title=None if self.title is None else self.title[2],
            model=self.model,
            tokens=self.tokens,
            cost_micros=self.cost_micros,
            unpriced=self.unpriced,
            messages=self.messages,
            prompts=self.prompts,
            tool_calls=self.tool_calls,
            tool_errors=self.tool_errors,
            started_ms=spans.first_ms,
            last_ms=spans.last_ms,
            active_ms=spans.active_ms,
            context_tokens=None if self.context is None else self.context[1],
            window_tokens=self.window_tokens,
            state=_encoded(self),
        )


MAX_SUM = 2**63 - 1
"""Sums end here, as SQLite's integers do."""

_BUCKETS_BEFORE = (4, 10)

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Session)


def _encoded(session: Session) -> bytes:
    try:
        return _ENCODER.encode(session)
    except OverflowError:
        return _ENCODER.encode(_saturated(msgspec.to_builtins(session)))


def _saturated(value: Any) -> Any:
    match value:
        case int():
            return max(-MAX_SUM, min(value, MAX_SUM))
        case list():
            return [_saturated(each) for each in value]
        case dict():
            return {key: _saturated(each) for key, each in value.items()}
        case _:
            return value


def restored(row: SessionRow) -> Session:
    """Return the session that was stored as *row*."""
    return decoded(row.state)


def decoded(state: bytes) -> Session:
    """Return the session whose `SessionRow.state` is *state*."""
    try:
        return _DECODER.decode(state)
    except msgspec.ValidationError:
        return _decoded_before(state)


def _decoded_before(state: bytes) -> Session:
    """Return the session of a *state* in which six buckets stood side by side."""
    values = msgspec.msgpack.decode(state)
    first, end = _BUCKETS_BEFORE
    values[first:end] = [dict(zip(BUCKETS, values[first:end], strict=False))]
    return msgspec.convert(values, Session)


def summed(session: Session) -> OpenSegment:
    """Return the totals of *session* as one segment."""
    return OpenSegment(
        turns=session.messages,
        tokens_in=session.tokens.prompt_total,
        tokens_out=session.tokens.output,
        cost_micros=session.cost_micros,
        unpriced=session.unpriced,
        errors=session.tool_errors + session.api_errors,
        tools=dict(session.tools),
        models=dict(session.models),
    )


def count_response(
    session: Session,
    row: ResponseRow,
    tokens: Tokens,
    cost_micros: int | None,
    sign: int = 1,
) -> None:
    """Add *row*, of *tokens* at *cost_micros*; with *sign* -1 subtract it."""
    session.messages += sign
    counted = session.tokens
    session.tokens = counted + tokens if sign > 0 else counted - tokens
    session.web_searches += sign * row.web_searches
    if row.model is not None:
        _tally(session.models, row.model, sign)

    if cost_micros is None:
        session.unpriced += sign
    else:
        session.cost_micros += sign * cost_micros


def count_call(session: Session, row: CallRow, tool: str, sign: int = 1) -> str:
    """Add a call of *tool*; return the name it is counted by."""
    name = tool_name(row.server, tool)
    _tally(session.tools, name, sign)
    session.tool_errors += sign * (row.outcome is Outcome.ERROR)
    session.tool_denials += sign * (row.outcome is Outcome.DENIED)
    session.skills += sign * (row.skill is not None)
    match row.kind:
        case ToolKind.TOOL:
            session.tool_calls += sign
        case ToolKind.MCP:
            session.mcp_calls += sign
        case ToolKind.SUBAGENT:
            session.subagents += sign

    return name


def count_mark(session: Session, row: MarkRow, sign: int = 1) -> None:
    """Add a mark; with *sign* -1 subtract it."""
    match row.mark:
        case Mark.PROMPT:
            session.prompts += sign
        case Mark.COMMAND:
            session.commands += sign
        case Mark.COMPACTION:
            session.compactions += sign
        case Mark.INTERRUPT:
            session.interrupts += sign
        case Mark.API_ERROR:
            session.api_errors += sign


def tool_name(server: str | None, tool: str) -> str:
    """Return the name of a tool, with its server."""
    return tool if server is None else f"{server}/{tool}"


def _tally(counts: dict[str, int], name: str, sign: int) -> None:
    left = counts.get(name, 0) + sign
    if left:
        counts[name] = left
    else:
        del counts[name]
