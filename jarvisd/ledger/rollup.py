"""Usage by quarter of an hour, session, model, branch and account: the source of every report.

Responses are added, and taken away again where they grow or turn out to belong to
another session, exactly as in the totals of sessions; so the two always agree.

Everything that sums rows is written here once (`RowSums`): session totals, open
segments and the rollup. The ledger gives it a row before and after when it has applied
the records of a slice, and when the store has settled a contested row; the store
applies the same to what it has stored.
"""

from bisect import bisect_left
from collections.abc import Container, Iterable, Iterator
from copy import copy
from dataclasses import dataclass
from typing import Final, NamedTuple

from jarvisd.base.usage import Tokens
from jarvisd.core.feature import SessionKey
from jarvisd.core.origin import SessionId
from jarvisd.ledger.model import (
    QUARTER_MS,
    UNDATED,
    VOID_RANK,
    CallRow,
    Cell,
    CellKey,
    MarkRow,
    ResponseRow,
    Row,
)
from jarvisd.ledger.session_totals import (
    Price,
    Session,
    count_call,
    count_mark,
    count_response,
)

MAX_COST_MICROS: Final = 2**40
"""The greatest cost of a response: a million dollars. Only absurd prices exceed it."""

CellPlace = tuple[int, CellKey]
"""A quarter, and one of its cells."""

Figures = tuple[Tokens, int | None]
"""The tokens of a response, and its cost; None if it has no price."""

Cost = tuple[int, int]
"""Micro-dollars, and how many responses have no price."""


@dataclass(slots=True)
class Spent:
    """The usage of one agent in some time: cost, and responses without a price."""

    tokens: int = 0
    cost_micros: int = 0
    unpriced: int = 0


class Rollup:
    """All cells, by quarter; about 15,000 for a gigabyte of logs.

    Attributes:
        changes: Grows with every change, so that sums can be checked for staleness.

    """

    def __init__(self) -> None:
        self.changes = 0
        self._quarters: dict[int, dict[CellKey, Cell]] = {}
        self._spent: dict[int, dict[str, Spent]] = {}
        self._dirty: dict[int, set[CellKey]] = {}
        self._changed: dict[int, int] = {}

    def __len__(self) -> int:
        return sum(map(len, self._quarters.values()))

    def cells(
        self, since_ms: int | None = None, until_ms: int | None = None
    ) -> Iterator[Cell]:
        """Yield the cells that begin in [*since_ms*, *until_ms*), by quarter.

        What is given changes with the ledger: read it before the next await. Undated
        responses are only in sums without a beginning.
        """
        for quarter in self.quarters(since_ms, until_ms):
            for cell in self._quarters[quarter].values():
                if cell.responses:
                    yield cell

    def quarters(
        self, since_ms: int | None = None, until_ms: int | None = None
    ) -> list[int]:
        """Return the quarters that begin in [*since_ms*, *until_ms*), oldest first."""
        found = sorted(self._quarters)
        start = (
            0 if since_ms is None else bisect_left(found, -(-since_ms // QUARTER_MS))
        )
        end = (
            None if until_ms is None else bisect_left(found, -(-until_ms // QUARTER_MS))
        )
        return found[start:end]

    def last_change(self, since_ms: int, until_ms: int) -> int:
        """Return the value of `changes` at the last one to quarters in that time."""
        quarters = range(since_ms // QUARTER_MS, -(-until_ms // QUARTER_MS))
        return max((self._changed.get(each, 0) for each in quarters), default=0)

    def quarter(self, quarter: int) -> Iterable[Cell]:
        """Return the cells of one quarter, to be read before the next await."""
        return self._quarters.get(quarter, {}).values()

    def changed_since(self, changes: int) -> list[int]:
        """Return the quarters that have changed since `changes` had the value *changes*."""
        if changes >= self.changes:
            return []

        return [each for each, when in self._changed.items() if when > changes]

    def spent(self, since_ms: int, until_ms: int) -> dict[str, Spent]:
        """Return the usage of each agent in the quarters that begin in that time.

        It costs a look at each quarter, whatever the number of sessions.
        """
        total: dict[str, Spent] = {}
        for quarter in range(-(-since_ms // QUARTER_MS), -(-until_ms // QUARTER_MS)):
            for agent, part in self._spent.get(quarter, {}).items():
                sums = total.setdefault(agent, Spent())
                sums.tokens += part.tokens
                sums.cost_micros += part.cost_micros
                sums.unpriced += part.unpriced

        return total

    def restore(self, cells: Iterable[Cell]) -> None:
        """Restore the stored cells."""
        for cell in cells:
            self._quarters.setdefault(cell.quarter, {})[cell.key] = cell
            spent = self._spent_of(cell.quarter, cell.agent)
            spent.tokens += cell.tokens.total
            spent.cost_micros += cell.cost_micros
            spent.unpriced += cell.unpriced
            self._note_change(cell.quarter)

    def count(
        self,
        row: ResponseRow,
        tokens: Tokens,
        cost_micros: int | None,
        sign: int = 1,
    ) -> None:
        """Add *row*, of *tokens* at *cost_micros*; with *sign* -1 subtract it.

        *cost_micros* None means that it has no price.
        """
        quarter = UNDATED if row.at_ms is None else row.at_ms // QUARTER_MS
        key = (row.agent, row.session_id, row.model, row.branch, row.account)
        cell = self._cell(quarter, key)
        cell.tokens = cell.tokens + tokens if sign > 0 else cell.tokens - tokens
        cell.responses += sign
        cell.web_searches += sign * row.web_searches
        cell.cost_micros += sign * (cost_micros or 0)
        cell.unpriced += sign * (cost_micros is None)
        spent = self._spent_of(quarter, row.agent)
        spent.tokens += sign * tokens.total
        spent.cost_micros += sign * (cost_micros or 0)
        spent.unpriced += sign * (cost_micros is None)
        self._dirty.setdefault(quarter, set()).add(key)
        self._note_change(quarter)

    def costs(
        self, sessions: set[tuple[str, SessionId]]
    ) -> Iterator[tuple[CellPlace, Cost]]:
        """Yield the costs of all cells of *sessions*."""
        for quarter, cells in self._quarters.items():
            for key, cell in cells.items():
                if key[:2] in sessions:
                    yield (quarter, key), (cell.cost_micros, cell.unpriced)

    def set_cost(self, place: CellPlace, cost: Cost) -> None:
        """Change the cost of one cell, as the store has done."""
        quarter, key = place
        cell, spent = self._cell(quarter, key), self._spent_of(quarter, key[0])
        spent.cost_micros += cost[0] - cell.cost_micros
        spent.unpriced += cost[1] - cell.unpriced
        cell.cost_micros, cell.unpriced = cost
        self._note_change(quarter)

    def take(self) -> tuple[Cell, ...]:
        """Return copies of the cells that have changed since the last time.

        One without a response left is among them, for the store to delete; it is
        forgotten here.
        """
        taken = tuple(
            self._taken(quarter, key)
            for quarter, keys in self._dirty.items()
            for key in keys
        )
        self._dirty = {}
        return taken

    def take_of(self, sessions: Container[tuple[str, SessionId]]) -> tuple[Cell, ...]:
        """Return those of *sessions* alone; the rest waits."""
        places = [
            (quarter, key)
            for quarter, keys in self._dirty.items()
            for key in keys
            if key[:2] in sessions
        ]
        taken = tuple(self._taken(quarter, key) for quarter, key in places)
        for quarter, key in places:
            self._dirty[quarter].discard(key)

        return taken

    def put_back(self, cells: Iterable[Cell]) -> None:
        """Put back *cells*, which were taken and not stored."""
        for cell in cells:
            self._dirty.setdefault(cell.quarter, set()).add(cell.key)

    def _taken(self, quarter: int, key: CellKey) -> Cell:
        cell = self._cell(quarter, key)
        if not cell.responses:
            del self._quarters[quarter][key]
            return cell

        return copy(cell)

    def _cell(self, quarter: int, key: CellKey) -> Cell:
        cells = self._quarters.setdefault(quarter, {})
        cell = cells.get(key)
        if cell is None:
            agent, session_id, model, branch, account = key
            cell = cells[key] = Cell(
                quarter=quarter,
                agent=agent,
                session_id=session_id,
                model=model,
                branch=branch,
                account=account,
            )

        return cell

    def _note_change(self, quarter: int) -> None:
        self.changes += 1
        self._changed[quarter] = self.changes

    def _spent_of(self, quarter: int, agent: str) -> Spent:
        agents = self._spent.setdefault(quarter, {})
        spent = agents.get(agent)
        if spent is None:
            spent = agents[agent] = Spent()

        return spent


class RowSums(NamedTuple):
    """Everything that sums rows."""

    sessions: dict[SessionKey, Session]
    rollup: Rollup
    price: Price

    def apply(self, before: Row | None, after: Row | None) -> None:
        """Count *after* in place of *before*, each in the session that it belongs to.

        Either may be None: nothing was counted of the row, or nothing is to be. Both
        are priced before a sum is changed, so a price that fails changes none.
        """
        old, new = self._priced(before), self._priced(after)
        if before is not None:
            self._count(before, old, -1)

        if after is not None:
            self._count(after, new, 1)

    def _priced(self, row: Row | None) -> Figures | None:
        if isinstance(row, ResponseRow) and row.rank != VOID_RANK:
            return priced(row, self.price)

        return None

    def _count(self, row: Row, figures: Figures | None, sign: int) -> None:
        """Add *row*, or subtract it if *sign* is -1; *figures* are a response's."""
        key = (row.agent, row.session_id)
        session = self.sessions.get(key)
        if session is None:
            session = Session(session_id=row.session_id, agent=row.agent)
            self.sessions[key] = session

        segments = session.open_segments
        match row:
            case ResponseRow():
                if figures is not None:
                    tokens, cost = figures
                    count_response(session, row, tokens, cost, sign)
                    segments.count_response(row, tokens, cost, sign)
                    self.rollup.count(row, tokens, cost, sign)
            case CallRow():
                if row.tool is not None:
                    name = count_call(session, row, row.tool, sign)
                    segments.count_call(row, name, sign)
            case MarkRow():
                count_mark(session, row, sign)
                segments.count_mark(row, sign)


def priced(row: ResponseRow, price: Price) -> Figures:
    """Return the tokens of *row*, and its cost; None if it has no price."""
    tokens = row.tokens
    cost = price(row.model, row.variant, row.at_ms, tokens, row.web_searches)
    return tokens, cost and min(cost, MAX_COST_MICROS)
