"""The answer to `sessions.explain`: a session's files read again, in a thread.

Everything the thread touches is its own. What was counted here but belongs to another
session, as the history of a fork does, is known to the store alone, which is asked
afterwards.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import anyio
import anyio.to_thread
from msgspec.structs import replace

from jarvisd.base.errors import SourceError
from jarvisd.base.usage import NO_TOKENS, Tokens
from jarvisd.core.agent import Agent, AgentReader, ReaderContext
from jarvisd.core.block import Block
from jarvisd.core.intake import dated
from jarvisd.core.origin import Kind, Origin
from jarvisd.core.roots import Position
from jarvisd.core.sources.jsonlines.lines import (
    ItemLine,
    Oversize,
    TextLine,
    is_blank,
)
from jarvisd.core.sources.source_slice import NOT_READ, RereadableLines
from jarvisd.core.storage.readable_store import ReadableStore
from jarvisd.ledger.explain import MALFORMED, OVERSIZE, Explainer
from jarvisd.ledger.session_totals import Session
from jarvisd.reports.model import ExplainedBlock, ExplainedLine
from jarvisd.reports.store import owners
from jarvisd.reports.wire import SessionsExplain, SessionsExplainResult

MAX_LINES = 500_000
"""Of one session; the largest known has a tenth of that."""


@dataclass(slots=True)
class _Explained:
    """One line, and what became of it."""

    line: ExplainedLine
    tokens: Tokens
    keys: tuple[int, ...]


@dataclass(slots=True)
class _Reading:
    """The verdicts on one block, from the thread."""

    origin: Origin
    source: RereadableLines | None
    position: Position
    explained: list[_Explained] = field(default_factory=list)
    error: str | None = None

    def block(self, explained: list[_Explained]) -> ExplainedBlock:
        return ExplainedBlock(
            block_id=self.origin.block_id,
            path=self.origin.path or "",
            session_id=self.origin.session_id,
            lines=len(explained),
            verdicts=dict(Counter(each.line.verdict for each in explained)),
            error=self.error,
            are_items=any(each.line.item is not None for each in explained),
        )


async def explain(
    params: SessionsExplain,
    session: Session,
    blocks: Sequence[Block],
    agent: Agent,
    store: ReadableStore,
) -> SessionsExplainResult:
    """Return the verdict on each line of *session*, read from its *blocks*."""
    readings = [_begun(block) for block in blocks]
    explainer = Explainer(session.agent, session.session_id)
    await anyio.to_thread.run_sync(
        partial(_read_all, explainer, agent, readings), abandon_on_cancel=True
    )
    keys = [
        key
        for each in readings
        for explained in each.explained
        for key in explained.keys
    ]
    found = await store.read(partial(owners, keys=keys))
    elsewhere = {
        key: owner for key, owner in found.items() if owner != session.session_id
    }
    settled = [
        [_settled(explained, elsewhere) for explained in each.explained]
        for each in readings
    ]
    lines = [
        explained.line
        for block in settled
        for explained in block
        if params.all or explained.line.verdict != "nothing"
    ]
    end = params.after + params.limit
    return SessionsExplainResult(
        agent=session.agent,
        session_id=session.session_id,
        blocks=[
            each.block(explained)
            for each, explained in zip(readings, settled, strict=True)
        ],
        lines=lines[params.after : end],
        next=end if end < len(lines) else None,
        tokens=sum(
            (explained.tokens for block in settled for explained in block), NO_TOKENS
        ),
        booked=session.tokens,
    )


def _begun(block: Block) -> _Reading:
    return _Reading(block.origin, block.source, block.position, error=block.error)


def _read_all(explainer: Explainer, agent: Agent, readings: list[_Reading]) -> None:
    for number, reading in enumerate(readings):
        explainer.begin(reading.origin)
        try:
            _read(explainer, agent, reading, number)
        except (SourceError, OSError) as exc:
            reading.error = str(exc)


def _read(explainer: Explainer, agent: Agent, reading: _Reading, number: int) -> None:
    if reading.origin.kind is not Kind.TRANSCRIPT or reading.origin.path is None:
        reading.error = f"the lines of a {reading.origin.kind} block are kept nowhere"
        return

    if reading.source is None:
        raise SourceError(reading.origin.path, NOT_READ)

    origin = reading.origin
    context = ReaderContext(origin.session_id, origin.parent_session_id, origin.cwd)
    reader = agent.reader(context, b"")
    for line in reading.source.lines(reading.position, agent.condense):
        if isinstance(line, TextLine) and is_blank(line.text):
            continue

        if len(reading.explained) >= MAX_LINES:
            reading.error = f"only the first {MAX_LINES:,} lines are explained"
            return

        reading.explained.append(
            _explain_line(explainer, reader, line, (number, len(reading.explained)))
        )


def _explain_line(
    explainer: Explainer,
    reader: AgentReader,
    line: TextLine | Oversize,
    place: tuple[int, int],
) -> _Explained:
    kind, at_ms, verdict = "", None, OVERSIZE
    if isinstance(line, TextLine):
        record = reader.read(line.text, offset=line.offset)
        verdict = MALFORMED
        if record is not None:
            kind, at_ms = record.kind, dated(record, line).at_ms
            verdict = explainer.explain(record)

    return _Explained(
        ExplainedLine(
            block=place[0],
            line=place[1] + 1,
            offset=line.offset,
            bytes=line.length if isinstance(line, TextLine) else line.chars,
            kind=kind,
            at_ms=at_ms,
            verdict=verdict.word,
            reason=verdict.reason,
            item=line.item if isinstance(line, ItemLine) else None,
        ),
        verdict.tokens,
        verdict.keys,
    )


def _settled(explained: _Explained, elsewhere: dict[int, str]) -> _Explained:
    """Return *explained* as it is, or as a line whose row another session has."""
    others = {elsewhere[key] for key in explained.keys if key in elsewhere}
    if not others:
        return explained

    reason = f"counted in session {', '.join(sorted(others))}: {explained.line.reason}"
    line = replace(explained.line, verdict="elsewhere", reason=reason)
    return _Explained(line, NO_TOKENS, ())
