"""Why each line counted or did not: the ledger's own folding, line by line.

A session is folded again into an empty ledger, so the explanation follows from the
same code. No content of a line is read or shown.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from jarvisd.base.usage import NO_TOKENS, Tokens
from jarvisd.core.event import (
    ContextMeasured,
    Event,
    PromptGiven,
    ToolCalled,
    ToolReturned,
    UsageReported,
)
from jarvisd.core.origin import Origin, SessionId
from jarvisd.core.record import Record, Speaker
from jarvisd.ledger.fold import LineContext, fold
from jarvisd.ledger.ledger_stream import LedgerStream
from jarvisd.ledger.model import VOID_RANK, CallRow, Mark, MarkRow, ResponseRow, Row
from jarvisd.ledger.row_cache import KeySet, RowCaches
from jarvisd.ledger.session_totals import Session, tool_name

_COUNTABLE = (UsageReported, ContextMeasured, ToolCalled, ToolReturned, PromptGiven)


class LineVerdict(NamedTuple):
    """How one line was counted.

    Attributes:
        word: One of those of `jarvisd.reports.model.ExplainedLine`.
        reason: The same in words.
        tokens: The tokens that the line added to the session.
        keys: The rows that it made: in the store they may be of another session.

    """

    word: str
    reason: str
    tokens: Tokens = NO_TOKENS
    keys: tuple[int, ...] = ()


NOTHING = LineVerdict("nothing", "nothing in it is counted")
MALFORMED = LineVerdict("malformed", "not a JSON object")
OVERSIZE = LineVerdict("oversize", "longer than a line may be")


class Explainer:
    """Explains the lines of one session, block by block, in the order of reading.

    Explainers of several sessions that share *rows* find the copies among them.
    """

    def __init__(
        self, agent: str, session_id: SessionId, rows: RowCaches | None = None
    ) -> None:
        self._caches = rows or RowCaches.empty(KeySet(), 0)
        self._session = Session(session_id=session_id, agent=agent)
        self._line: LineContext | None = None

    def begin(self, origin: Origin) -> None:
        """Start with the first line of the block *origin*."""
        self._line = LineContext(self._caches, LedgerStream(origin), self._session)

    def explain(self, record: Record) -> LineVerdict:
        """Fold *record*, and return how it was counted."""
        line = self._line
        assert line is not None, "explained before its block has begun"
        line.stream.meet(record)
        fold(line, record)
        changes = [
            (before, after)
            for cache in self._caches.all()
            for before, after in cache.changes()
            if after.rank != VOID_RANK and not _is_plan(after)
        ]
        if changes:
            return _changed(changes)

        return _unchanged(record)


def _is_plan(row: Row) -> bool:
    """Whether *row* is of the account's plan, which enters no total."""
    return isinstance(row, MarkRow) and row.mark is Mark.PLAN


def _changed(changes: Sequence[tuple[Row | None, Row]]) -> LineVerdict:
    word = "counted" if any(before is None for before, _ in changes) else "merged"
    return LineVerdict(
        word,
        "; ".join(_described(before, after) for before, after in changes),
        sum((_added(before, after) for before, after in changes), NO_TOKENS),
        tuple(after.key for _, after in changes),
    )


def _described(  # noqa: PLR0911 - one match, a line a sort of change
    before: Row | None, after: Row
) -> str:
    match before, after:
        case None, ResponseRow():
            # The numbers first: a narrow terminal cuts the end.
            return f"{_sum(after)}: response of {after.model or 'an unnamed model'}"
        case ResponseRow(), ResponseRow():
            return _grown(before, after)
        case None, CallRow(tool=None):
            return "a result whose call is not in this session"
        case CallRow(tool=str()), CallRow(tool=str()):
            return f"result of {_name(after)}: {after.outcome or 'none'}"
        case _, CallRow():
            return f"call of {_name(after)}"
        case _, MarkRow():
            return after.mark.value.replace("_", " ")
        case _:
            return "more is known of it"


def _grown(before: ResponseRow, after: ResponseRow) -> str:
    if before.model is None and after.model is not None:
        return f"names the model of an earlier response: {after.model}"

    more = _added(before, after)
    if more == NO_TOKENS:
        return "another copy of a response, which says more of it but no more tokens"

    return f"a later copy of a response: {_figures(more)} more"


def _added(before: Row | None, after: Row) -> Tokens:
    if not isinstance(after, ResponseRow):
        return NO_TOKENS

    old = before.tokens if isinstance(before, ResponseRow) else NO_TOKENS
    return after.tokens - old


def _sum(row: ResponseRow) -> str:
    searches = row.web_searches
    if not searches:
        return _figures(row.tokens)

    named = f"{searches} web search{'' if searches == 1 else 'es'}"
    return named if row.tokens == NO_TOKENS else f"{_figures(row.tokens)}, {named}"


def _figures(tokens: Tokens) -> str:
    written = tokens.cache_write_5m + tokens.cache_write_1h
    named = (
        (tokens.input, "input"),
        (tokens.cache_read, "cache read"),
        (written, "cache write"),
        (tokens.output, "output"),
    )
    return ", ".join(f"{number} {name}" for number, name in named if number) or "0"


def _name(row: CallRow) -> str:
    return "a tool" if row.tool is None else tool_name(row.server, row.tool)


def _unchanged(record: Record) -> LineVerdict:
    countable = [each for each in record.events if isinstance(each, _COUNTABLE)]
    if countable and record.inherited:
        return LineVerdict("copied", "history that was copied from another thread")

    if countable:
        return LineVerdict("duplicate", "; ".join(_again(countable)))

    if record.speaker is Speaker.ASSISTANT:
        return LineVerdict("dropped", "written by the agent itself, or without usage")

    return NOTHING


def _again(events: Sequence[Event]) -> Iterator[str]:
    for event in events:
        match event:
            case UsageReported():
                yield "a copy of a response that is counted; it says no more"
            case ContextMeasured():
                yield "totals that add nothing to what is counted"
            case PromptGiven():
                yield "a prompt that is counted"
            case ToolReturned():
                yield "a result that is known"
            case _:
                yield "a call that is counted"
