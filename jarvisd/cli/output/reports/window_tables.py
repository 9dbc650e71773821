"""Five-hour windows as a table, with how fast tokens burn and what limits say."""

from jarvisd.cli import wall_clock
from jarvisd.cli.output import format as fmt
from jarvisd.cli.output.reports import bars
from jarvisd.cli.output.reports.usage_tables import BAR_COLUMNS, money, short_models
from jarvisd.cli.output.tables import Column, TableCell, render
from jarvisd.cli.output.text import safe, wrap
from jarvisd.reports.model import LimitView, LimitWindowView, Rate, WindowRow
from jarvisd.reports.wire import ReportWindowsResult

_COLUMNS = [
    Column(title="WINDOW FROM"),
    Column(title="AGENT", least=6, rank=1),
    Column(title="TOTAL", right=True, rank=2),
    Column(title="OUTPUT", right=True, rank=3),
    Column(title="COST", right=True, style="1"),
    Column(title="", rank=5, style="36"),
    Column(title="STATE", least=36),
    Column(title="MODELS", least=8, rank=4),
]


def lines(report: ReportWindowsResult, *, room: int | None, colour: bool) -> list[str]:
    """Return the report as lines; *room* is the terminal's width, None for no limit."""
    rows = report.windows
    most = max((each.cost_micros for each in rows), default=0)
    table = [_cells(each, most, report.now_ms, drawn=room is not None) for each in rows]
    shown = render(_COLUMNS, table, room=room, colour=colour) if rows else []
    below = [*_burning(report), *_limits(report)]
    return [*shown, *(line for each in below for line in wrap(each, room))]


def _cells(row: WindowRow, most: int, now_ms: int, *, drawn: bool) -> list[TableCell]:
    bar = bars.bar(row.cost_micros, most, BAR_COLUMNS, plain=bars.is_plain())
    return [
        TableCell(wall_clock.local_time(row.start_ms)[:16]),
        TableCell(row.agent),
        TableCell(fmt.count(row.tokens.total)),
        TableCell(fmt.count(row.tokens.output)),
        TableCell(money(row.cost_micros, row.unpriced)),
        TableCell(bar if drawn else ""),
        TableCell(_state(row, now_ms), "32" if row.active else ""),
        TableCell(short_models(row.models)),
    ]


def _state(row: WindowRow, now_ms: int) -> str:
    if not row.active:
        return row.anchor

    left = fmt.duration((row.end_ms - now_ms) / fmt.MS_PER_S)
    ahead = row.projection
    if ahead is None:
        return f"{left} left, idle, {row.anchor}"

    return f"{left} left, {money(ahead.cost_micros)} at its end, {row.anchor}"


def _burning(report: ReportWindowsResult) -> list[str]:
    if not any(each.tokens_per_minute >= 1 for each in report.rates):
        return []

    return ["", "burning  " + ", ".join(map(_rate, report.rates))]


def _rate(rate: Rate) -> str:
    tokens = fmt.count(round(rate.tokens_per_minute))
    return f"{tokens}/min {money(rate.cost_micros_per_hour)}/h ({rate.minutes} m)"


def _limits(report: ReportWindowsResult) -> list[str]:
    return [_limit(each, report.now_ms) for each in report.limits]


def _limit(limit: LimitView, now_ms: int) -> str:
    windows = (
        ", ".join(_limit_window(each, now_ms) for each in limit.windows)
        or "nothing said"
    )
    named = (
        limit.agent if limit.limit == limit.agent else f"{limit.agent} {limit.limit}"
    )
    age, source = fmt.duration(limit.age_s), limit.source.replace("_", " ")
    return f"limit    {safe(named)}: {safe(windows)} ({source}, {age} ago)"


def _limit_window(window: LimitWindowView, now_ms: int) -> str:
    if window.over:
        return f"{window.label} has begun anew"

    text = f"{window.label} {window.used_percent:g} % used"
    if window.resets_at_ms is not None:
        text += f", resets {wall_clock.local_time(window.resets_at_ms)[:16]}"

    if window.full_at_ms is not None:
        left = fmt.duration((window.full_at_ms - now_ms) / fmt.MS_PER_S)
        text += f", full in {left} at this pace"

    return text
