"""Sums what each budget has spent, from the cells of the rollup.

A budget keeps the cost of each quarter of an hour in its period, so that a change costs
the quarters that have changed, whatever the number of sessions.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, tzinfo

from jarvisd.budgets.model import BudgetView, BudgetWarning
from jarvisd.budgets.scopes import BudgetScopes
from jarvisd.config.budget_settings import BudgetSettings
from jarvisd.core.feature import SessionKey
from jarvisd.core.origin import SessionId
from jarvisd.ledger.engine import Ledger
from jarvisd.ledger.model import QUARTER_MS, UNDATED
from jarvisd.ledger.rollup import Cost, Rollup
from jarvisd.ledger.session_totals import Session
from jarvisd.reports import calendar

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
PACE_MS = {"day": HOUR_MS, "week": DAY_MS, "month": 3 * DAY_MS}
"""How far back the pace is measured from which a forecast is made."""

FORECAST_PERCENT = 20
"""Nothing is forecast before so much is spent: the first hour of a month says little."""

ACTIVE_MS = DAY_MS
"""Sessions that were active since then are shown by a budget of sessions."""

CHUNK = 2_000
"""Cells, each by each budget, that are looked at in one go: about a millisecond."""

PeriodOf = tuple[int, int] | None
Known = tuple[str, str, int, int | None]
"""A warning that was given: budget, scope, limit, share."""


@dataclass(slots=True)
class _Tracker:
    """What one budget has spent, by quarter; *session* None sums all that matches."""

    budget: BudgetSettings
    period: PeriodOf
    quarters: dict[int, dict[SessionKey | None, Cost]] = field(default_factory=dict)
    totals: dict[SessionKey | None, Cost] = field(default_factory=dict)

    def covers(self, quarter: int) -> bool:
        """Whether *quarter* is in the period."""
        if self.period is None:
            return True

        return (
            quarter != UNDATED
            and self.period[0] <= quarter * QUARTER_MS < self.period[1]
        )

    def count(self, quarter: int, costs: dict[SessionKey | None, Cost]) -> None:
        """Set the costs of *quarter*."""
        before = self.quarters.pop(quarter, {})
        for key in before.keys() | costs.keys():
            total, old, new = (
                each.get(key, (0, 0)) for each in (self.totals, before, costs)
            )
            self.totals[key] = total[0] - old[0] + new[0], total[1] - old[1] + new[1]

        if costs:
            self.quarters[quarter] = costs


class BudgetEngine:
    """What the configured budgets have spent, and the warnings that are due.

    Args:
        ledger: Cells, and the parents of sessions.
        project_of: The folder of work of a session.
        zone: The time zone of days, weeks and months.
        accounts: The configuration folder of each account, by its key.

    """

    def __init__(
        self,
        ledger: Ledger,
        project_of: Callable[[Session], str | None],
        zone: tzinfo,
        accounts: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self._ledger = ledger
        self._project_of = project_of
        self._zone = zone
        self._accounts = accounts
        self._budgets: tuple[BudgetSettings, ...] = ()
        self._trackers: list[_Tracker] | None = None
        self._rollup: Rollup | None = None
        self._seen = -1
        self._placed_quarter = -1
        self._used = 0

    @property
    def budgets(self) -> tuple[BudgetSettings, ...]:
        """Return the budgets that are configured."""
        return self._budgets

    @property
    def changes(self) -> int:
        """Return a number that changes with what was spent, and with the budgets."""
        return self._ledger.rollup.changes + self._used

    def use(self, budgets: Sequence[BudgetSettings]) -> None:
        """Replace the budgets."""
        self._budgets, self._trackers = tuple(budgets), None
        self._used += 1

    def refresh(self, now_ms: int) -> Iterator[None]:
        """Bring the sums up to date; yield between chunks of work.

        All is summed again when a period begins, and each quarter of an hour: the
        project of a session may be known by now that was not.
        """
        rollup, used = self._ledger.rollup, self._used
        trackers, quarter = self._trackers, now_ms // QUARTER_MS
        if (
            trackers is None
            or rollup is not self._rollup
            or quarter != self._placed_quarter
        ):
            trackers = [
                _Tracker(each, _period(each, now_ms, self._zone))
                for each in self._budgets
            ]
            self._seen = -1

        changed = rollup.changed_since(self._seen)
        seen = rollup.changes
        scopes = BudgetScopes(self._ledger, self._project_of, self._accounts())
        looked_at = 0
        for each in changed:
            cells = list(rollup.quarter(each))
            for tracker in trackers:
                looked_at += 1
                if tracker.covers(each):
                    tracker.count(each, scopes.costs(tracker.budget, cells))
                    looked_at += len(cells)

                if looked_at < CHUNK:
                    continue

                looked_at = 0
                yield
                if used != self._used:  # other budgets were configured meanwhile
                    yield from self.refresh(now_ms)
                    return

        # Only now: what is summed halfway must not be shown, or warned of.
        self._trackers, self._rollup, self._seen = trackers, rollup, seen
        self._placed_quarter = quarter

    def views(self, now_ms: int) -> list[BudgetView]:
        """Return each budget as `refresh` has found it."""
        found: list[BudgetView] = []
        for each in self._trackers or ():
            if each.period is None:
                found += self._by_session(each, now_ms)
            else:
                total = each.totals.get(None, (0, 0))
                found.append(_view(each, total, None, _full_at(each, total, now_ms)))

        return found

    def due(
        self, known: Collection[Known], now_ms: int, number: int
    ) -> list[BudgetWarning]:
        """Return the warnings that were not given yet, numbered from *number* on.

        Of several shares that are reached at once the greatest is warned of.
        """
        given: dict[tuple[str, str, int], list[int | None]] = {}
        for name, scope, limit, share in known:
            given.setdefault((name, scope, limit), []).append(share)

        warnings: list[BudgetWarning] = []
        for view in self.views(now_ms):
            share = view.warned_at
            forecast = share is None and view.full_at_ms is not None
            each = BudgetWarning(
                number=number + len(warnings), at_ms=now_ms, share=share, budget=view
            )
            before = given.get((view.name, each.scope, view.limit_micros), [])
            is_new = share is not None and share > max(
                (known or 0 for known in before), default=0
            )
            if is_new or (forecast and not before):
                warnings.append(each)

        return warnings

    def _by_session(self, tracker: _Tracker, now_ms: int) -> Iterator[BudgetView]:
        active = []
        for key, total in tracker.totals.items():
            session = None if key is None else self._ledger.session(*key)
            last_ms = None if session is None else session.spans.last_ms
            if last_ms is not None and now_ms - last_ms < ACTIVE_MS and any(total):
                active.append((total, key))

        if not active:
            yield _view(tracker, (0, 0), None, None)

        for total, key in sorted(active, key=lambda each: each[0], reverse=True):
            yield _view(tracker, total, key, None)


def _period(budget: BudgetSettings, now_ms: int, zone: tzinfo) -> PeriodOf:
    """Return when the current period of *budget* begins and ends, Unix ms."""
    today = calendar.day_of(now_ms, zone)
    match budget.period:
        case "session":
            return None
        case "day":
            first, after = today, today + 1
        case "week":
            first = calendar.day_number(calendar.week_name(today))
            after = first + 7
        case "month":
            day = date.fromisoformat(calendar.day_name(today)).replace(day=1)
            later = day.replace(
                year=day.year + day.month // 12, month=day.month % 12 + 1
            )
            first, after = (
                calendar.day_number(each.isoformat()) for each in (day, later)
            )

    return calendar.start_of(first, zone), calendar.start_of(after, zone)


def _full_at(tracker: _Tracker, total: Cost, now_ms: int) -> int | None:
    """Return when the limit is reached at the pace of late, if that is in the period."""
    budget, period = tracker.budget, tracker.period
    assert period is not None, "what a session spends is not forecast"
    left = budget.limit_micros - total[0]
    span_ms = PACE_MS[budget.period]
    since_ms = max(period[0], now_ms - span_ms)
    elapsed_ms = now_ms - since_ms
    if (
        not budget.forecast
        or left <= 0
        or elapsed_ms < span_ms // 4
        or 100 * total[0] < FORECAST_PERCENT * budget.limit_micros
    ):
        return None

    lately = sum(
        costs.get(None, (0, 0))[0]
        for quarter, costs in tracker.quarters.items()
        if quarter * QUARTER_MS >= since_ms
    )
    if lately <= 0:
        return None

    full_at_ms = now_ms + left * elapsed_ms // lately
    return full_at_ms if full_at_ms < period[1] else None


def _view(
    tracker: _Tracker, total: Cost, key: SessionKey | None, full_at_ms: int | None
) -> BudgetView:
    budget, limit = tracker.budget, tracker.budget.limit_micros
    reached = [each for each in budget.warn_at if 100 * total[0] >= each * limit]
    start_ms, end_ms = tracker.period or (None, None)
    agent, session_id = key or (
        budget.agent,
        None if budget.session is None else SessionId(budget.session),
    )
    return BudgetView(
        name=budget.name,
        period=budget.period,
        limit_micros=limit,
        spent_micros=total[0],
        unpriced=total[1],
        percent=round(100 * total[0] / limit, 1),
        warned_at=max(reached, default=None),
        warn_at=tuple(sorted(set(budget.warn_at))),
        has_matched=bool(tracker.quarters),
        start_ms=start_ms,
        end_ms=end_ms,
        full_at_ms=full_at_ms,
        agent=agent,
        project=budget.project,
        branch=budget.branch,
        account=budget.account,
        session_id=session_id,
    )
