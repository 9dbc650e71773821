"""What may be asked about budgets.

Fields are only ever added, as in `jarvisd.base.wire_types`.
"""

import msgspec

from jarvisd.base.wire_types import Params, Result
from jarvisd.budgets.model import BudgetView, BudgetWarning


class ReportBudget(Params, frozen=True, kw_only=True):
    """Request how much of each budget is spent in its current period."""

    name: str | None = None


class ReportBudgetResult(Result, frozen=True, kw_only=True):
    """The budgets in the order of the configuration, and the warnings of a month.

    Warnings come oldest first. *complete* is false while history is being read for the
    first time: more may have been spent, and nothing is warned of yet.
    """

    now_ms: int
    complete: bool
    budgets: list[BudgetView]
    warnings: list[BudgetWarning]


BUDGET_METHODS: dict[str, tuple[type[Params], type[msgspec.Struct]]] = {
    "report.budget": (ReportBudget, ReportBudgetResult),
}
