"""Uses of tools as a table."""

from jarvisd.cli.output import format as fmt
from jarvisd.cli.output.reports import bars
from jarvisd.cli.output.reports.usage_tables import BAR_COLUMNS
from jarvisd.cli.output.tables import Column, TableCell, render
from jarvisd.reports.model import ToolRow

_NUMBERS = (
    ("CALLS", 0),
    ("ERRORS", 0),
    ("DENIED", 1),
    ("SESSIONS", 6),
    ("MEAN", 2),
    ("LONGEST", 3),
)
"""What is counted, and the ranks of the columns."""


def lines(rows: list[ToolRow], *, room: int | None, colour: bool) -> list[str]:
    """Return *rows* as lines; *room* is the terminal's width, None for no limit."""
    if not rows:
        return []

    daily = rows[0].day is not None
    most = max(each.calls for each in rows)
    columns = [
        *([Column(title="DAY")] if daily else []),
        Column(title="NAME", least=12, part=0.25),
        Column(title="KIND", rank=4),
        Column(title="SOURCE", rank=5),
        *(Column(title=each, right=True, rank=rank) for each, rank in _NUMBERS),
        Column(title="", rank=7),
    ]
    table = [_cells(each, most, drawn=room is not None) for each in rows]
    return render(columns, table, room=room, colour=colour)


def _cells(row: ToolRow, most: int, *, drawn: bool) -> list[TableCell]:
    bar = bars.bar(row.calls, most, BAR_COLUMNS, plain=bars.is_plain())
    return [
        *([TableCell(row.day)] if row.day is not None else []),
        TableCell(row.name),
        TableCell(row.kind),
        TableCell(row.source),
        TableCell(f"{row.calls:,}"),
        TableCell(f"{row.errors:,}" if row.errors else "", "31"),
        TableCell(f"{row.denials:,}" if row.denials else "", "33"),
        TableCell(f"{row.sessions:,}"),
        TableCell(_span(row.duration_ms / row.timed) if row.timed else fmt.ABSENT),
        TableCell(_span(row.longest_ms) if row.timed else fmt.ABSENT),
        TableCell(bar if drawn else "", "36"),
    ]


def _span(span_ms: float) -> str:
    seconds = span_ms / fmt.MS_PER_S
    return f"{seconds:.1f} s" if seconds < 60 else fmt.duration(seconds)
