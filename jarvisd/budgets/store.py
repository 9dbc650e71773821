"""The warnings that were given, so that none is given twice, over restarts too."""

import sqlite3
from collections.abc import Iterable
from typing import Final

import msgspec

from jarvisd.budgets.model import BudgetWarning

_INSERT: Final = """
INSERT INTO budget_warning (number, budget, scope, limit_micros, share, record)
VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
_SELECT: Final = "SELECT record FROM budget_warning WHERE number >= ? ORDER BY number"
_DELETE: Final = "DELETE FROM budget_warning WHERE number < ?"

_DECODER: Final = msgspec.json.Decoder(BudgetWarning)


def load_warnings(raw: sqlite3.Connection, *, since_ms: int) -> list[BudgetWarning]:
    """Return the warnings since *since_ms*, oldest first."""
    return [_DECODER.decode(row[0]) for row in raw.execute(_SELECT, [since_ms])]


def write_warnings(
    raw: sqlite3.Connection, *, warnings: Iterable[BudgetWarning], before_ms: int
) -> None:
    """Store *warnings*, and delete those from before *before_ms*."""
    raw.execute(_DELETE, [before_ms])
    raw.executemany(
        _INSERT,
        [
            (
                each.number,
                each.budget.name,
                each.scope,
                each.budget.limit_micros,
                each.share,
                msgspec.json.encode(each).decode(),
            )
            for each in warnings
        ],
    )
