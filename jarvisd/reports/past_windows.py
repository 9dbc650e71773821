"""Windows that are over, summed ahead from the rollup and kept until it changes below them.

A window depends on what was spent before its end alone. So what changes a quarter of an
hour leaves all windows alone that ended before it, and nearly all changes are of today.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import Final

from msgspec.structs import replace

from jarvisd.base.work_in_turns import PAUSE, InTurns
from jarvisd.ledger.model import QUARTER_MS, UNDATED, Cell
from jarvisd.ledger.rollup import Rollup
from jarvisd.reports import slices, windows
from jarvisd.reports.model import WindowRow
from jarvisd.reports.windows import WindowEntry

QUARTERS: Final = 16
"""Quarters to sum in one step; with 50,000 sessions in two months each has ten cells."""

Edge = tuple[int, int]
"""The times of the first and the last response in a window."""


class PastWindows:
    """The windows of all agents up to some moment.

    None is of those that a provider placed: these are recent.
    """

    def __init__(self, rollup: Rollup) -> None:
        self.rollup = rollup
        self._seen = -1
        self._rows: dict[str, list[WindowRow]] = {}
        self._summed_ms: dict[str, int] = {}  # all before that is in windows
        self._with_edges: set[tuple[str, int]] = set()

    def sum_up(self, until_ms: int) -> InTurns[None]:
        """Sum up the windows that are over by *until_ms*, the start of a quarter, in turns."""
        changed = self.rollup.changed_since(self._seen)
        self._seen = self.rollup.changes
        first = min((each for each in changed if each != UNDATED), default=until_ms)
        self._drop_after(min(first * QUARTER_MS, until_ms))
        resume_ms = min(self._summed_ms.values(), default=0)
        quarters = self.rollup.quarters(resume_ms, until_ms)
        for quarter in quarters[QUARTERS::QUARTERS]:
            self._sum_up(quarter * QUARTER_MS)
            yield PAUSE

        self._sum_up(until_ms)

    def rows(self) -> Iterator[WindowRow]:
        """Yield all windows, agent by agent, oldest first."""
        for rows in self._rows.values():
            yield from rows

    def without_edges(self, rows: Iterable[WindowRow]) -> list[WindowRow]:
        """Return those of *rows* whose first and last responses are to be asked for."""
        return [each for each in rows if _key(each) not in self._with_edges]

    def keep_edge(self, row: WindowRow, edge: Edge, stored: int) -> None:
        """Keep the times of the responses in *row*, if it still is what was asked for.

        *stored* is the number of changes that the store had when it was asked.
        """
        rows = self._rows.get(row.agent, [])
        index = bisect_left(rows, row.start_ms, key=attrgetter("start_ms"))
        if index == len(rows) or rows[index] is not row:
            return

        last = self.rollup.last_change(row.start_ms, row.end_ms)
        if last <= min(stored, self._seen):
            rows[index] = replace(row, first_ms=edge[0], last_ms=edge[1])
            self._with_edges.add(_key(row))

    def entries(self, until_ms: int) -> dict[str, list[WindowEntry]]:
        """Return the usage of each agent between its last window and *until_ms*."""
        found: dict[str, list[WindowEntry]] = {}
        summed_ms = self._summed_ms
        for cell in self.rollup.cells(min(summed_ms.values(), default=0), until_ms):
            if cell.quarter and cell.start_ms >= summed_ms.get(cell.agent, 0):
                found.setdefault(cell.agent, []).append(_entry(cell))

        return found

    def _drop_after(self, moment_ms: int) -> None:
        """Drop the windows that were not over then."""
        for agent, rows in self._rows.items():
            summed_ms = min(self._summed_ms[agent], moment_ms)
            while rows and rows[-1].end_ms > moment_ms:
                row = rows.pop()
                self._with_edges.discard(_key(row))
                summed_ms = min(summed_ms, row.start_ms)

            self._summed_ms[agent] = summed_ms

    def _sum_up(self, until_ms: int) -> None:
        found = self.entries(until_ms)
        for agent in self._rows.keys() | found.keys():
            if self._summed_ms.get(agent, -1) >= until_ms:  # another question was ahead
                continue

            made = windows.windows(found.get(agent, ()), agent=agent, now_ms=until_ms)
            over = [row for row in made if row.end_ms <= until_ms]
            self._rows.setdefault(agent, []).extend(over)
            is_all = len(over) == len(made)
            self._summed_ms[agent] = until_ms if is_all else made[len(over)].start_ms


def _key(row: WindowRow) -> tuple[str, int]:
    return row.agent, row.start_ms


def _entry(cell: Cell) -> WindowEntry:
    return WindowEntry(
        cell.start_ms, cell.start_ms, cell.model, slices.numbers_of(cell)
    )
