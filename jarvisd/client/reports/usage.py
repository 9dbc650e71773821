"""Usage as a table: a row a period, session, project, model or agent."""

from jarvisd.client import format as fmt
from jarvisd.client.reports import bars
from jarvisd.client.table import Cell, Column, render
from jarvisd.client.text import safe
from jarvisd.model.report import Grouping, UsageRow
from jarvisd.protocol.reports import ReportUsageResult

BAR_COLUMNS = 12
SPARK_COLUMNS = 90
_ROOM_FOR_BARS = 90
UNKNOWN = "(unknown)"
_TITLES: dict[Grouping, str] = {
    "day": "DAY",
    "week": "WEEK FROM",
    "month": "MONTH",
    "session": "SESSION",
    "project": "PROJECT",
    "model": "MODEL",
    "agent": "AGENT",
}
_NUMBERS = ("TOTAL", "INPUT", "OUTPUT", "CACHE W", "CACHE R", "COST")
_SHORT_ID = 8


def lines(report: ReportUsageResult, *, room: int | None, colour: bool) -> list[str]:
    """Return the report as lines; *room* is the terminal's width, None for no limit."""
    if not report.rows:
        return []

    rows = [*report.rows, report.total]
    drawn = room is not None and room >= _ROOM_FOR_BARS
    columns = _columns(report.by, drawn=drawn)
    most = max(each.cost_micros for each in report.rows)
    table = [_cells(each, report.by, most, drawn=drawn) for each in report.rows]
    table.append([Cell("total"), *_cells(rows[-1], report.by, most, drawn=drawn)[1:]])
    shown = render(columns, table, room=room, colour=colour)
    if drawn and report.by == "day" and len(report.rows) > 1:
        shown.append(_spark(report.rows))

    return shown


def notes(report: ReportUsageResult) -> list[str]:
    """Return what the reader must know to read the numbers right."""
    told = []
    if report.total.unpriced:
        told.append(
            f"+ {report.total.unpriced:,} responses are of models without a price: "
            "the cost is without them (see `prices` in the configuration)"
        )
    if not report.complete:
        told.append("history is still being read: more will come")
    if not report.rows:
        told.append("nothing was spent in that time")

    return told


def money(micros: int, unpriced: int = 0) -> str:
    """Return dollars; a plus says that something has no price."""
    return f"${micros / 1e6:,.2f}{'+' if unpriced else ''}"


def short_model(model: str | None) -> str:
    """Return a model's name without its maker and its date."""
    if model is None:
        return UNKNOWN

    name = model.removeprefix("claude-")
    head, _, date = name.rpartition("-")
    return safe(head if len(date) == 8 and date.isdecimal() else name)


def _columns(by: Grouping, *, drawn: bool) -> list[Column]:
    numbers = [Column(title=title, right=True) for title in _NUMBERS]
    bar = [Column(title="")] if drawn else []
    what = Column(title="PROJECT" if by == "session" else "MODELS", least=6)
    least = None if by in {"day", "week", "month"} else 12
    return [Column(title=_TITLES[by], least=least), *numbers, *bar, what]


def _cells(row: UsageRow, by: Grouping, most: int, *, drawn: bool) -> list[Cell]:
    tokens = row.tokens
    counts = (
        tokens.total,
        tokens.input,
        tokens.output,
        tokens.cache_write_5m + tokens.cache_write_1h,
        tokens.cache_read,
    )
    cost = Cell(money(row.cost_micros, row.unpriced), "1")
    bar = [Cell(_bar(row, most), "36")] if drawn else []
    return [
        Cell(_name(row, by)),
        *(Cell(fmt.count(each)) for each in counts),
        cost,
        *bar,
        Cell(_told(row, by)),
    ]


def _bar(row: UsageRow, most: int) -> str:
    if row.cost_micros > most:  # the total
        return ""

    bar = bars.bar(row.cost_micros, most, BAR_COLUMNS, plain=bars.is_plain())
    return f"{bar:<{BAR_COLUMNS}}"


def _name(row: UsageRow, by: Grouping) -> str:
    if row.key is None:
        return UNKNOWN

    match by:
        case "session":
            return safe(row.key)[:_SHORT_ID] if len(row.key) > 20 else safe(row.key)
        case "model":
            return short_model(row.key)
        case _:
            return safe(row.key)


def _told(row: UsageRow, by: Grouping) -> str:
    if by == "session" and row.project is not None:
        place = row.project.rsplit("/", 1)[-1]
        return safe(f"{place}: {row.title}" if row.title else place)

    return ", ".join(short_model(each.model) for each in row.models)


def _spark(rows: list[UsageRow]) -> str:
    costs = [row.cost_micros for row in rows if row.key is not None][-SPARK_COLUMNS:]
    return f"\ncost by day  {bars.sparkline(costs, plain=bars.is_plain())}"
