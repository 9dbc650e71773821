"""Usage as a table: a row a period, session, project, model or agent."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from jarvisd.cli.output import format as fmt
from jarvisd.cli.output import project_names
from jarvisd.cli.output.reports import bars
from jarvisd.cli.output.tables import Column, TableCell, render
from jarvisd.cli.output.text import safe
from jarvisd.cli.output.titles import Named, Titles
from jarvisd.reports.model import Grouping, UsageRow
from jarvisd.reports.wire import ReportUsageResult

BAR_COLUMNS = 12
SPARK_COLUMNS = 90
_ROOM_FOR_BARS = 90
UNKNOWN = "(unknown)"
_TITLES: dict[Grouping, str] = {
    "day": "DAY",
    "week": "WEEK FROM",
    "month": "MONTH",
}
_NUMBERS = (
    ("TOTAL", 0),
    ("INPUT", 4),
    ("OUTPUT", 3),
    ("CACHE W", 6),
    ("CACHE R", 5),
)
"""Counts of tokens, and the ranks of the columns."""

_COST = Column(title="COST", right=True, style="1")
_BAR = Column(title="", rank=7, style="36")
_MODELS = Column(title="MODELS", least=8, rank=2)
_ID = Column(title="SESSION", rank=2)
_NAMES: dict[Grouping, list[Column]] = {
    "session": [
        Column(title="TITLE", least=12, part=0.25),
        Column(title="PROJECT", least=8, rank=1),
    ],
    "project": [Column(title="PROJECT", least=12, part=0.25, front=True)],
    "model": [Column(title="MODEL", least=12)],
    "agent": [Column(title="AGENT", least=6)],
    "branch": [
        Column(title="BRANCH", least=8, part=0.25),
        Column(title="PROJECT", least=8, rank=1),
    ],
    "account": [
        Column(title="ACCOUNT", least=12, part=0.25, front=True),
        Column(title="AGENT", least=6, rank=1),
    ],
}
"""What names a row, where that is no span of days."""

_SPARK = "cost by day  "
NOTHING = "nothing was spent in that time"


def untitled(report: ReportUsageResult) -> list[Named]:
    """Return the titles of the sessions of *report*."""
    return [_named(each) for each in report.rows if report.by == "session"]


def ids(report: ReportUsageResult) -> list[str | None]:
    """Return the ids that the rows of *report* show."""
    return [each.key for each in report.rows if report.by == "session"]


def lines(
    report: ReportUsageResult, titles: Titles, *, room: int | None, colour: bool
) -> list[str]:
    """Return the report as lines; *room* is the terminal's width, None for no limit."""
    if not report.rows:
        return []

    drawn = room is not None and room >= _ROOM_FOR_BARS
    named = _NAMES.get(report.by, [Column(title=_TITLES.get(report.by, ""))])
    numbers = [Column(title=each, right=True, rank=rank) for each, rank in _NUMBERS]
    columns = [*named, *numbers, _COST, *([_BAR] if drawn else [])]
    if report.by == "session":
        columns.append(_ID)
    elif report.by != "model":
        columns.append(_MODELS)

    most = max(each.cost_micros for each in report.rows)
    projects = project_names.distinct(each.key for each in report.rows if each.key)
    table = [
        [
            *_names(each, report.by, projects, titles),
            *_cells(each, report.by, titles, most, drawn=drawn),
        ]
        for each in report.rows
    ]
    blank = [TableCell("")] * (len(named) - 1)
    total = [
        TableCell("total"),
        *blank,
        *_cells(report.total, report.by, titles, most, drawn=drawn),
    ]
    shown = render(columns, table, room=room, colour=colour, total=total)
    if drawn and report.by == "day" and len(report.rows) > 1:
        shown += ["", _spark(report.rows, room)]

    return shown


def notes(report: ReportUsageResult) -> list[str]:
    """Return notes that a reader needs to understand the numbers."""
    found = []
    if report.total.unpriced:
        found.append(
            f"+ {report.total.unpriced:,} responses are of models without a price: "
            "the cost is without them (see `prices` in the configuration)"
        )
    if not report.complete:
        found.append("history is still being read: more will come")
    if not report.rows:
        found.append(NOTHING)

    return found


def money(micros: int, unpriced: int = 0) -> str:
    """Return dollars; a plus says that something has no price."""
    more = "+" if unpriced else ""
    if 0 < micros < fmt.CENT_MICROS:
        return f"{fmt.LESS_THAN_A_CENT}{more}"

    return f"${micros / 1e6:,.2f}{more}"


def short_model(model: str | None) -> str:
    """Return a model's name without its maker and its date."""
    if model is None:
        return UNKNOWN

    name = model.removeprefix("claude-")
    head, _, date = name.rpartition("-")
    return safe(head if len(date) == 8 and date.isdecimal() else name)


def short_models(models: Iterable[str | None]) -> str:
    """Return the short names of *models*, each once."""
    return ", ".join(dict.fromkeys(map(short_model, models)))


def _named(row: UsageRow) -> Named:
    return Named(row.agent or "", row.key, row.title, row.project, row.started_ms)


def _names(
    row: UsageRow, by: Grouping, projects: Mapping[str, str], titles: Titles
) -> list[TableCell]:
    """Return the cells that name a row; *projects* are short names of folders."""
    if row.key is None:
        return [
            TableCell(UNKNOWN),
            *([TableCell("")] * (len(_NAMES.get(by, [""])) - 1)),
        ]

    project = project_names.short(row.project) or fmt.ABSENT
    match by:
        case "session":
            names = [titles.of(_named(row)), project]
        case "model":
            names = [short_model(row.key)]
        case "project":
            names = [projects[row.key]]
        case "branch":
            names = [safe(row.key), project]
        case "account":
            names = [safe(row.key), row.agent or fmt.ABSENT]
        case _:
            names = [row.key]

    return list(map(TableCell, names))


def _cells(
    row: UsageRow, by: Grouping, titles: Titles, most: int, *, drawn: bool
) -> list[TableCell]:
    tokens = row.tokens
    counts = (
        tokens.total,
        tokens.input,
        tokens.output,
        tokens.cache_write_5m + tokens.cache_write_1h,
        tokens.cache_read,
    )
    match by:
        case "session":
            last = [titles.short(row.key or "")]
        case "model":
            last = []
        case _:
            last = [short_models(each.model for each in row.models)]

    return [
        *(TableCell(fmt.count(each)) for each in counts),
        TableCell(money(row.cost_micros, row.unpriced)),
        *([TableCell(_bar(row, most))] if drawn else []),
        *map(TableCell, last),
    ]


def _bar(row: UsageRow, most: int) -> str:
    if row.cost_micros > most:  # the total
        return ""

    return bars.bar(row.cost_micros, most, BAR_COLUMNS, plain=bars.is_plain())


def _spark(rows: list[UsageRow], room: int | None) -> str:
    """Return a character for each day up to the last, also for those without a row."""
    most = SPARK_COLUMNS if room is None else min(SPARK_COLUMNS, room - len(_SPARK))
    days = {
        date.fromisoformat(row.key): row.cost_micros
        for row in rows
        if row.key is not None
    }
    first, last = min(days), max(days)
    length = min(most, (last - first).days + 1)
    costs = [days.get(last - timedelta(days=ago), 0) for ago in reversed(range(length))]
    return f"{_SPARK}{bars.sparkline(costs, plain=bars.is_plain())}"
