"""Budgets as every frontend sees them. Money is whole micro-dollars at list prices."""

import msgspec

from jarvisd.config.budget_settings import BudgetPeriod
from jarvisd.core.origin import SessionId


class BudgetView(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a budget is spent in its current period.

    Attributes:
        name: The name of the budget in the configuration.
        period: What the limit is for; a budget of `session` has a row for each session
            that was active in the last day, the most expensive first.
        limit_micros: The limit.
        spent_micros: The cost of what matches in the period.
        unpriced: Responses without a price: if there are any, more was spent.
        percent: The part of the limit that is spent.
        warned_at: The greatest share of `warn_at` that is reached; None below all.
        warn_at: The shares at which to warn, in percent.
        has_matched: Whether anything was spent in the period; if not, a filter may be
            misspelt.
        start_ms: When the period began, Unix ms; *end_ms* is when it ends. None of a
            session.
        full_at_ms: When the limit is reached at the pace of late; None if that is not
            before the period ends.
        agent: The filters of the budget; likewise *project*, *branch* and *account*.
        session_id: Of a budget of sessions, the session, else the filter.

    """

    name: str
    period: BudgetPeriod
    limit_micros: int
    spent_micros: int
    unpriced: int
    percent: float
    warned_at: int | None
    warn_at: tuple[int, ...]
    has_matched: bool
    start_ms: int | None = None
    end_ms: int | None = None
    full_at_ms: int | None = None
    agent: str | None = None
    project: str | None = None
    branch: str | None = None
    account: str | None = None
    session_id: SessionId | None = None


class BudgetWarning(msgspec.Struct, frozen=True, kw_only=True):
    """A share of a budget was reached, or will be at the pace of late.

    *number* grows from warning to warning, over restarts too. *share* is the percentage
    that was reached; None means a forecast, and then *budget* has `full_at_ms`.
    """

    number: int
    at_ms: int
    share: int | None
    budget: BudgetView

    @property
    def scope(self) -> str:
        """Return the key of the period or the session that the warning is about."""
        budget = self.budget
        if budget.start_ms is None:
            return f"{budget.agent}:{budget.session_id}"

        return str(budget.start_ms)
