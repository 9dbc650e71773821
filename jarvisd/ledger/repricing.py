"""Computes costs again from stored rows when prices have changed.

A session at a time: the store adds up its responses at the new prices, in the
transaction of a flush, so that costs and the version behind them never disagree. What
was counted between the taking of that flush and its end comes on top. It was priced
anew already, for a price is asked for as a row is counted.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from jarvisd.core.feature import SessionKey
from jarvisd.ledger.model import Repriced
from jarvisd.ledger.rollup import CellPlace, Cost, Rollup
from jarvisd.ledger.session_totals import Session

AT_ONCE = 64
"""Sessions that one flush prices again: some ten milliseconds of its thread."""


NOTHING: Cost = (0, 0)

Priced = Mapping[str, set[SessionKey]]
"""By price table: the sessions whose costs were computed with it."""


@dataclass(slots=True)
class Repricing:
    """The sessions that are still to be priced again, and their costs when taken.

    Attributes:
        version: The price table in use.
        stale: The sessions whose costs are those of another one.

    """

    version: str = ""
    stale: set[SessionKey] = field(default_factory=set)
    _priced: Priced = field(default_factory=dict)
    _sessions: dict[SessionKey, Cost] = field(default_factory=dict)
    _cells: dict[CellPlace, Cost] = field(default_factory=dict)

    def restore(self, priced: Priced) -> None:
        """Restore which sessions are priced by which table."""
        self._priced = priced

    def use(self, version: str, sessions: Iterable[SessionKey]) -> None:
        """Begin with the prices *version*, by which new things are priced already."""
        if version != self.version:
            self.stale = set(sessions) - self._priced.get(version, set())
            self.version, self._priced = version, {}

    def take(
        self, sessions: Mapping[SessionKey, Session], rollup: Rollup
    ) -> tuple[SessionKey, ...]:
        """Return some to be priced again, and keep their costs of now."""
        keys = [self.stale.pop() for _ in range(min(AT_ONCE, len(self.stale)))]
        if keys:
            self._sessions = {key: _cost(sessions[key]) for key in keys}
            self._cells = dict(rollup.costs(set(keys)))

        return tuple(keys)

    def put_back(self, keys: Iterable[SessionKey]) -> None:
        """Put back *keys*, which were taken and not priced."""
        self.stale.update(keys)

    def hold(self, sessions: Mapping[SessionKey, Session], rollup: Rollup) -> None:
        """Compute what was counted since the taking, before the receipt changes it."""
        if self._sessions:
            self._sessions = {
                key: _minus(_cost(sessions[key]), cost)
                for key, cost in self._sessions.items()
            }
            self._cells = {
                place: _minus(cost, self._cells.get(place, NOTHING))
                for place, cost in rollup.costs(set(self._sessions))
            }

    def apply(
        self,
        repriced: Iterable[Repriced],
        sessions: Mapping[SessionKey, Session],
        rollup: Rollup,
    ) -> None:
        """Apply the new costs, and add what was counted since."""
        for each in repriced:
            key = (each.agent, each.session_id)
            since = self._sessions[key]
            session = sessions[key]
            before = _cost(session)
            session.cost_micros = each.cost_micros + since[0]
            session.unpriced = each.unpriced + since[1]
            session.open_segments.reprice(*_minus(_cost(session), before))
            for cell in each.cells:
                place = (cell.quarter, cell.key)
                since = self._cells.get(place, NOTHING)
                cost = (cell.cost_micros + since[0], cell.unpriced + since[1])
                rollup.set_cost(place, cost)

        self._sessions, self._cells = {}, {}


def _cost(session: Session) -> Cost:
    return session.cost_micros, session.unpriced


def _minus(now: Cost, then: Cost) -> Cost:
    return now[0] - then[0], now[1] - then[1]
