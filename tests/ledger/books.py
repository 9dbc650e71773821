"""A store of the ledger in a dict, and blocks made of lines: what tests write with."""

import json
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from jarvisd.base.usage import Tokens, Variant
from jarvisd.core.agent import AgentReader, ReaderContext
from jarvisd.core.feature import FlushOutcome, Scope, SessionKey
from jarvisd.core.origin import BlockId, Kind, Origin, SessionId
from jarvisd.ledger.engine import Ledger
from jarvisd.ledger.ledger_stream import LedgerStream
from jarvisd.ledger.merge import merged
from jarvisd.ledger.model import (
    Cell,
    CellKey,
    Correction,
    Corrections,
    LedgerBatch,
    LedgerReceipt,
    Row,
    SessionRow,
)
from jarvisd.ledger.rollup import Rollup, RowSums
from jarvisd.ledger.session_totals import Price, Session, restored
from jarvisd.state.facts import StateStream
from tests.agents.found import AGENTS, fresh_reader, traits_of


def flat_price(
    model: str | None,
    variant: Variant,
    at_ms: int | None,
    tokens: Tokens,
    web_searches: int,
) -> int | None:
    """Price every token alike, but only of a known model."""
    del variant, at_ms, web_searches
    return None if model is None else tokens.total


def line(**fields: Any) -> bytes:
    """Return one line of JSON."""
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def block(
    lines: Iterable[bytes],
    *,
    agent: str = "claude",
    session: str | None = "s1",
    parent: str | None = None,
    name: str | None = None,
    path: str | None = None,
) -> "Block":
    """Return the block that holds *lines*."""
    origin = Origin(
        block_id=BlockId(name or f"{agent}-{session}-{parent}"),
        kind=Kind.TRANSCRIPT,
        agent=agent,
        path=path,
        session_id=None if session is None else SessionId(session),
        parent_session_id=None if parent is None else SessionId(parent),
    )
    return Block(origin, tuple(lines))


@dataclass(frozen=True, slots=True)
class Block:
    """A file as a daemon finds it."""

    origin: Origin
    lines: tuple[bytes, ...]


@dataclass(slots=True)
class DictStore:
    """What the store does with a batch, without SQL."""

    price: Price = flat_price
    rows: dict[int, Row] = field(default_factory=dict)
    sessions: dict[SessionKey, SessionRow] = field(default_factory=dict)
    cells: dict[tuple[int, CellKey], Cell] = field(default_factory=dict)

    def save(self, batch: LedgerBatch) -> Corrections:
        """Merge the rows of *batch*, revise sessions, return what was corrected."""
        corrections = []
        rows: list[Row] = [*batch.responses, *batch.calls, *batch.marks]
        for row in rows:
            before = self.rows.get(row.key)
            after = row if before is None else merged(before, row)
            self.rows[row.key] = after
            if row.key in batch.contested:
                corrections.append(Correction(before, after))

        for row in [each for each in self.rows.values() if _is_outdated(each, batch)]:
            del self.rows[row.key]
            corrections.append(Correction(row, None))

        for each in batch.former:
            stored = self.rows.get(each.key)
            if stored is not None and each.is_of(stored):
                del self.rows[each.key]
                corrections.append(Correction(stored, None))

        for session in batch.sessions:
            self.sessions[session.agent, session.session_id] = session

        self._put(batch.cells)
        self._revise(corrections)
        return tuple(corrections)

    def _revise(self, corrections: Sequence[Correction]) -> None:
        touched = {key: restored(row) for key, row in self.sessions.items()}
        rollup = Rollup()
        rollup.restore(self.cells.values())
        sums = RowSums(touched, rollup, self.price)
        for each in corrections:
            sums.apply(each.before, each.after)

        self.sessions = {key: session.row() for key, session in touched.items()}
        self._put(rollup.take())

    def _put(self, cells: Iterable[Cell]) -> None:
        for cell in cells:
            key = (cell.quarter, cell.key)
            self.cells[key] = cell
            if not cell.responses:
                del self.cells[key]


def _is_outdated(row: Row, batch: LedgerBatch) -> bool:
    return any(
        (each.agent, each.session_id) == (row.agent, row.session_id)
        and row.version < each.version
        for each in batch.outdated
    )


@dataclass(slots=True)
class Books:
    """A daemon reduced to its ledger: it reads, flushes, crashes and starts again."""

    window: int = 4_096
    version: int = 1
    store: DictStore = field(default_factory=DictStore)
    ledger: Ledger = field(init=False)
    _streams: dict[str, LedgerStream] = field(default_factory=dict)
    _readers: dict[str, AgentReader] = field(default_factory=dict)
    _read: dict[str, int] = field(default_factory=dict)
    _saved: dict[str, tuple[bytes, bytes, int]] = field(default_factory=dict)
    malformed: int = 0

    def __post_init__(self) -> None:
        self.restart()

    def read(self, file: Block, lines: int | None = None) -> None:
        """Read *lines* more of *file*, or all that is left."""
        name = file.origin.block_id
        ledger = self._streams.get(name) or LedgerStream.open(
            file.origin, version=self.version
        )
        self._streams[name] = ledger
        reader = self._readers.get(name) or fresh_reader(file.origin.agent, file.origin)
        self._readers[name] = reader
        start = self._read.get(name, 0)
        end = len(file.lines) if lines is None else start + lines
        offset = sum(len(each) + 1 for each in file.lines[:start])
        for text in file.lines[start:end]:
            record = reader.read(text, offset=offset)
            offset += len(text) + 1
            if record is None:
                self.malformed += 1
            else:
                self.ledger.apply(StateStream(ledger), record)

        self.ledger.applied()
        self._read[name] = min(end, len(file.lines))

    def flush(self) -> None:
        """Store what is new together with how far it was read."""
        batch = self.ledger.take() or LedgerBatch()
        self._saved = {
            name: (ledger.encode(), self._readers[name].memory(), self._read[name])
            for name, ledger in self._streams.items()
        }
        receipt = LedgerReceipt(self.store.save(batch))
        self.ledger.settled(FlushOutcome.COMMITTED, batch, receipt)

    def hurry(self, file: Block) -> None:
        """Store what is new of the session of *file*, and leave what is of others."""
        hurried = self._streams.get(file.origin.block_id)
        if hurried is None:
            return

        key = (hurried.agent, hurried.session_id)
        scope = Scope() if self.ledger.is_mixed else Scope(sessions={key})
        batch = self.ledger.take(scope) or LedgerBatch()
        self._saved |= {
            name: (ledger.encode(), self._readers[name].memory(), self._read[name])
            for name, ledger in self._streams.items()
            if (ledger.agent, ledger.session_id) == key
        }
        receipt = LedgerReceipt(self.store.save(batch))
        self.ledger.settled(FlushOutcome.COMMITTED, batch, receipt)

    def fail_to_flush(self) -> None:
        """Try to store, and fail."""
        batch = self.ledger.take() or LedgerBatch()
        self.ledger.settled(FlushOutcome.REFUSED, batch, None)

    def begin_anew(self, version: int) -> None:
        """Start again with a parser of *version*, to read all files from their starts."""
        self.version = version
        self._saved.clear()
        self.restart()

    def restart(self) -> None:
        """Forget all that was not stored, and go on from what was."""
        self.ledger = Ledger(self.store.price, window=self.window, traits_of=traits_of)
        cells = [replace(cell) for cell in self.store.cells.values()]
        states = [row.state for row in self.store.sessions.values()]
        self.ledger.restore(states, (), cells)
        self.ledger.known.restore(array("q", sorted(self.store.rows)))
        origins = {name: ledger.origin for name, ledger in self._streams.items()}
        self._streams = {
            name: LedgerStream.open(origins[name], saved, version=self.version)
            for name, (saved, _, _) in self._saved.items()
        }
        self._readers = {
            name: AGENTS[origins[name].agent].reader(
                ReaderContext(
                    origins[name].session_id, origins[name].parent_session_id
                ),
                saved,
            )
            for name, (_, saved, _) in self._saved.items()
        }
        self._read = {name: read for name, (_, _, read) in self._saved.items()}

    def session(self, session_id: str = "s1", agent: str = "claude") -> Session:
        """Return the totals of a session."""
        found = self.ledger.session(agent, SessionId(session_id))
        assert found is not None
        return found

    def tokens(self) -> Tokens:
        """Return the tokens of all sessions."""
        return sum((each.tokens for each in self.ledger.sessions()), Tokens())


def take_steps(
    books: Books, files: Sequence[Block], steps: Iterable[tuple[str, int, int]]
) -> None:
    """Let *books* go through *steps*: what, with which of *files*, how many lines."""
    for step, file, lines in steps:
        match step:
            case "read":
                books.read(files[file], lines)
            case "flush":
                books.flush()
            case "hurry":
                books.hurry(files[file])
            case "fail":
                books.fail_to_flush()
            case "restart":
                books.restart()
            case _:
                list(books.ledger.sessions())


def read_all(*files: Block) -> Books:
    """Return books in which *files* were read in order and stored."""
    books = Books()
    for file in files:
        books.read(file)

    books.flush()
    return books
