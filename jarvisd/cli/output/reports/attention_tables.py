"""Attention as tables: what waited for you day by day, and when work was done."""

from collections.abc import Iterator

from jarvisd.cli.output import format as fmt
from jarvisd.cli.output import project_names
from jarvisd.cli.output.reports import bars
from jarvisd.cli.output.reports.usage_tables import BAR_COLUMNS
from jarvisd.cli.output.tables import Column, TableCell, render
from jarvisd.cli.output.text import wrap
from jarvisd.cli.output.titles import Named, Titles
from jarvisd.reports.attention_model import (
    AttentionDay,
    AttentionSession,
    Latency,
    Usage,
)
from jarvisd.reports.attention_wire import ReportAttentionResult

MAX_SHOWN = 10
_BAR = Column(title="", rank=9, style="33")
_ROOM_FOR_BARS = 90
_APPROVALS = (("WAITED", 0), ("APPROVALS", 1), ("P50", 4), ("P95", 3))
_DAYS = (
    *_APPROVALS,
    ("AWAKE", 5),
    ("WORKING", 2),
    ("SHARE", 7),
    ("MEAN", 8),
    ("MOST", 6),
)
"""The columns of a day, and their ranks."""


def untitled(report: ReportAttentionResult) -> list[Named]:
    """Return the titles of the sessions of *report* that are shown."""
    return list(map(_named, _shown(report)))


def lines(
    report: ReportAttentionResult, titles: Titles, *, room: int | None, colour: bool
) -> list[str]:
    """Return the report as lines; *room* is the terminal's width, None for no limit."""
    if not report.usage.awake_ms:
        return []

    drawn = room is not None and room >= _ROOM_FOR_BARS
    return [
        *_by_day(report, room, colour=colour, drawn=drawn),
        "",
        *_by_hour(report),
        "",
        *(line for each in _in_words(report) for line in wrap(each, room)),
        *_by_session(report, titles, room, colour=colour, drawn=drawn),
    ]


def notes(report: ReportAttentionResult) -> list[str]:
    """Return notes that a reader needs to understand the numbers."""
    if not report.usage.awake_ms:
        return ["no daemon was awake in that time, so nothing was seen"]

    return []


def _by_day(
    report: ReportAttentionResult, room: int | None, *, colour: bool, drawn: bool
) -> list[str]:
    most = max((each.usage.waiting_ms for each in report.days), default=0)
    columns = [
        Column(title="DAY"),
        *(Column(title=each, right=True, rank=rank) for each, rank in _DAYS),
    ]
    rows = [_day(each, most, drawn=drawn) for each in report.days]
    whole = AttentionDay(day="total", usage=report.usage, approvals=report.approvals)
    if drawn:
        columns.append(_BAR)

    total = _day(whole, 0, drawn=drawn)
    return render(columns, rows, room=room, colour=colour, total=total)


def _day(each: AttentionDay, most: int, *, drawn: bool) -> list[TableCell]:
    usage = each.usage
    return [
        TableCell(each.day),
        TableCell(_span(usage.waiting_ms), "1"),
        *_latency(each.approvals),
        TableCell(_span(usage.awake_ms)),
        TableCell(_span(usage.working_ms)),
        TableCell(_percent(usage)),
        TableCell(
            fmt.ABSENT if usage.concurrency is None else f"{usage.concurrency:.2f}"
        ),
        TableCell(f"{usage.most}"),
        *([_bar(usage.waiting_ms, most)] if drawn else []),
    ]


def _by_hour(report: ReportAttentionResult) -> Iterator[str]:
    """Yield a line a quantity, with a character an hour from midnight on."""
    plain = bars.is_plain()
    hours = {each.hour: each.usage for each in report.hours}
    usages = [hours.get(hour) for hour in range(24)]
    for title, values in (
        ("working", [(each and each.utilisation) or 0.0 for each in usages]),
        ("at once", [(each and each.concurrency) or 0.0 for each in usages]),
        ("waiting", [float(each.waiting_ms) if each else 0.0 for each in usages]),
    ):
        yield f"{title}  |{bars.sparkline(values, plain=plain)}|"

    yield "by hour   0     6     12    18"


def _in_words(report: ReportAttentionResult) -> Iterator[str]:
    for title, each in (("approvals", report.approvals), ("answers", report.answers)):
        if each.count:
            yield (
                f"{title}: {each.count:,}, half within {_span(each.p50_ms)}, "
                f"19 of 20 within {_span(each.p95_ms)}"
            )

    parts = (f"{name} {_span(ms)}" for name, ms in report.states.items())
    yield f"states: {', '.join(parts) or 'none'}"


def _shown(report: ReportAttentionResult) -> list[AttentionSession]:
    return [each for each in report.sessions if each.waiting_ms][:MAX_SHOWN]


def _named(each: AttentionSession) -> Named:
    return Named(each.agent, each.session_id, each.title, each.project)


def _by_session(
    report: ReportAttentionResult,
    titles: Titles,
    room: int | None,
    *,
    colour: bool,
    drawn: bool,
) -> list[str]:
    shown = _shown(report)
    if not shown:
        return []

    columns = [
        Column(title="TITLE", least=12, part=0.25),
        Column(title="AGENT", least=6),
        Column(title="PROJECT", least=8, rank=2),
        *(Column(title=each, right=True, rank=rank) for each, rank in _APPROVALS),
        *([_BAR] if drawn else []),
    ]
    most = shown[0].waiting_ms
    rows = [_session(each, titles, most, drawn=drawn) for each in shown]
    return ["", *render(columns, rows, room=room, colour=colour)]


def _session(
    each: AttentionSession, titles: Titles, most: int, *, drawn: bool
) -> list[TableCell]:
    return [
        TableCell(titles.of(_named(each))),
        TableCell(each.agent),
        TableCell(project_names.short(each.project) or fmt.ABSENT),
        TableCell(_span(each.waiting_ms), "1"),
        *_latency(each.approvals),
        *([_bar(each.waiting_ms, most)] if drawn else []),
    ]


def _latency(each: Latency) -> list[TableCell]:
    count = f"{each.count:,}" if each.count else ""
    return [
        TableCell(count),
        TableCell(_span(each.p50_ms)),
        TableCell(_span(each.p95_ms)),
    ]


def _bar(value: float, most: float) -> TableCell:
    return TableCell(bars.bar(value, most, BAR_COLUMNS, plain=bars.is_plain()))


def _percent(usage: Usage) -> str:
    share = usage.utilisation
    return fmt.ABSENT if share is None else f"{100 * share:.0f}%"


def _span(span_ms: int | None) -> str:
    return (
        fmt.ABSENT if span_ms is None else fmt.duration(round(span_ms / fmt.MS_PER_S))
    )
