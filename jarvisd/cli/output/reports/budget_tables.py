"""Budgets as a table, and a warning of one in words."""

from jarvisd.budgets.model import BudgetView, BudgetWarning
from jarvisd.budgets.wire import ReportBudgetResult
from jarvisd.cli import wall_clock
from jarvisd.cli.output import format as fmt
from jarvisd.cli.output.reports import bars
from jarvisd.cli.output.reports.usage_tables import BAR_COLUMNS, money
from jarvisd.cli.output.tables import Column, TableCell, render
from jarvisd.cli.output.titles import Titles

NOTHING = (
    "the daemon knows no budget: add [[budgets]] to the configuration, and reload it "
    "(systemctl --user reload jarvisd, or SIGHUP)"
)
FULL = 100
_COLUMNS = [
    Column(title="BUDGET", least=8, part=0.25),
    Column(title="OF", least=8, rank=3, part=0.25),
    Column(title="SPENT", right=True),
    Column(title="LIMIT", right=True, rank=1),
    Column(title="USED", right=True),
    Column(title="FULL AT", rank=2),
    Column(title="", rank=4),
]


def ids(report: ReportBudgetResult) -> list[str | None]:
    """Return the ids that the rows of *report* show."""
    return [each.session_id for each in report.budgets]


def lines(
    report: ReportBudgetResult, titles: Titles, *, room: int | None, colour: bool
) -> list[str]:
    """Return the budgets as lines; *room* is the terminal's width, None for no limit.

    Of a budget of sessions only those are shown that are warned of, or the first one.
    """
    shown: list[BudgetView] = []
    for each in report.budgets:
        is_first = all(other.name != each.name for other in shown)
        if is_first or each.period != "session" or each.warned_at is not None:
            shown.append(each)

    if not shown:
        return []

    table = [_cells(each, titles, drawn=room is not None) for each in shown]
    return render(_COLUMNS, table, room=room, colour=colour)


def notes(report: ReportBudgetResult) -> list[str]:
    """Return notes that a reader needs to understand the numbers."""
    found = []
    if not report.budgets:
        found.append(NOTHING)

    if not report.complete:
        found.append("history is still being read: more may have been spent")

    found += [
        f"{each.name}: nothing that matches was spent yet; is the filter right?"
        for each in report.budgets
        if not each.has_matched and each.period != "session" and _filters(each)
    ]
    if any(each.unpriced for each in report.budgets):
        found.append("+: some responses have no price, so more was spent")

    return found


def said(warning: BudgetWarning) -> tuple[str, str]:
    """Return the title and the body of a notification of *warning*."""
    budget, share = warning.budget, warning.share
    spent = f"{money(budget.spent_micros, budget.unpriced)} of {_limit(budget)}"
    pace = (
        f"at this pace {FULL} % {_full_at(budget)}"
        if budget.full_at_ms is not None
        else ""
    )
    title = f"budget {budget.name}: " + (f"{share} % spent" if share else pace)
    return title, ", ".join(
        filter(
            None, (spent, _of(budget, budget.session_id or ""), pace if share else "")
        )
    )


def _cells(budget: BudgetView, titles: Titles, *, drawn: bool) -> list[TableCell]:
    warned = budget.warned_at
    colour = "" if warned is None else "31" if budget.percent >= FULL else "33"
    percent = min(FULL, round(budget.percent))
    bar = bars.bar(percent, FULL, BAR_COLUMNS, plain=bars.is_plain())
    return [
        TableCell(budget.name),
        TableCell(_of(budget, titles.short(budget.session_id or ""))),
        TableCell(money(budget.spent_micros, budget.unpriced)),
        TableCell(_limit(budget)),
        TableCell(f"{budget.percent:.0f}%", colour),
        TableCell(_full_at(budget)),
        TableCell(bar if drawn else "", colour or "36"),
    ]


def _limit(budget: BudgetView) -> str:
    return money(budget.limit_micros)


def _of(budget: BudgetView, session_id: str) -> str:
    """Return the period and the filters: `month, shop, main`."""
    period = "" if budget.period == "session" else budget.period
    session = session_id and f"session {session_id}"
    every = "each session" if budget.period == "session" and not session else ""
    return ", ".join(filter(None, (period, every, session, *_filters(budget))))


def _filters(budget: BudgetView) -> tuple[str, ...]:
    given = (budget.agent, budget.project, budget.branch, budget.account)
    return tuple(filter(None, given))


def _full_at(budget: BudgetView) -> str:
    if budget.full_at_ms is None:
        return fmt.ABSENT if budget.percent < FULL else "now"

    return wall_clock.short_time(budget.full_at_ms)
