"""The ledger's rules, for the store to apply to stored rows: see `Ledger`."""

from collections.abc import Iterable, Mapping, Sequence

from jarvisd.core.feature import SessionKey
from jarvisd.ledger.merge import merged
from jarvisd.ledger.model import (
    VOID_RANK,
    Cell,
    Corrections,
    ResponseRow,
    Row,
    SessionRow,
)
from jarvisd.ledger.rollup import Rollup, RowSums, priced
from jarvisd.ledger.session_totals import Price, restored


class LedgerRules:
    """Merging of rows, and the changes that it makes to sessions and cells.

    Pure but for *price*, so that the store's thread may call it.
    """

    def __init__(self, price: Price) -> None:
        self._price = price

    def merged(self, old: Row, new: Row) -> Row:
        """Return the row that two copies of a thing merge into."""
        return merged(old, new)

    def revised(
        self, sessions: Mapping[SessionKey, SessionRow], corrections: Corrections
    ) -> tuple[Sequence[SessionRow], Sequence[Cell]]:
        """Return *sessions* after *corrections*, and what to add to their cells."""
        totals = {key: restored(row) for key, row in sessions.items()}
        changes = Rollup()
        sums = RowSums(totals, changes, self._price)
        for each in corrections:
            sums.apply(each.before, each.after)

        return [each.row() for each in totals.values()], changes.take()

    def priced(
        self, stored: SessionRow, responses: Iterable[ResponseRow]
    ) -> tuple[SessionRow, Sequence[Cell]]:
        """Return a session with the costs of its *responses* now, and its cells."""
        session, cells = restored(stored), Rollup()
        before = session.cost_micros, session.unpriced
        session.cost_micros = session.unpriced = 0
        for row in responses:
            if row.rank == VOID_RANK:
                continue

            tokens, cost = priced(row, self._price)
            cells.count(row, tokens, cost)
            session.cost_micros += cost or 0
            session.unpriced += cost is None

        session.open_segments.reprice(
            session.cost_micros - before[0], session.unpriced - before[1]
        )
        return session.row(), cells.take()
