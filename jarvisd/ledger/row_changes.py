"""Row changes: a row before and after, for everything that sums rows.

Who they are is written here once: session totals, open segments and the rollup. The
ledger emits a change when it has applied the records of a slice, and when the store has
settled a contested row; the store applies the same to what it has stored.
"""

from typing import Final, NamedTuple

from jarvisd.base.usage import Tokens
from jarvisd.core.feature import SessionKey
from jarvisd.ledger.model import VOID_RANK, CallRow, MarkRow, ResponseRow, Row
from jarvisd.ledger.rollup import Rollup
from jarvisd.ledger.session_totals import (
    Price,
    Session,
    count_call,
    count_mark,
    count_response,
)

MAX_COST_MICROS: Final = 2**40
"""The greatest cost of a response: a million dollars. Only absurd prices exceed it."""


class RowSums(NamedTuple):
    """Everything that sums rows."""

    sessions: dict[SessionKey, Session]
    rollup: Rollup
    price: Price

    def apply(self, before: Row | None, after: Row | None) -> None:
        """Count *after* in place of *before*, each in the session that it belongs to.

        Either may be None: nothing was counted of the row, or nothing is to be.
        """
        if before is not None:
            self._count(before, -1)

        if after is not None:
            self._count(after, 1)

    def _count(self, row: Row, sign: int) -> None:
        """Add *row*, or subtract it if *sign* is -1."""
        key = (row.agent, row.session_id)
        session = self.sessions.get(key)
        if session is None:
            session = Session(session_id=row.session_id, agent=row.agent)
            self.sessions[key] = session

        segments = session.open_segments
        match row:
            case ResponseRow():
                if row.rank != VOID_RANK:
                    tokens, cost = priced(row, self.price)
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


def priced(row: ResponseRow, price: Price) -> tuple[Tokens, int | None]:
    """Return the tokens of *row*, and its cost; None if it has no price."""
    tokens = row.tokens
    cost = price(row.model, row.variant, row.at_ms, tokens, row.web_searches)
    return tokens, cost and min(cost, MAX_COST_MICROS)
