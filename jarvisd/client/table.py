"""Tables by hand: columns as wide as their content, the elastic ones as there is room."""

from dataclasses import dataclass
from typing import NamedTuple

from jarvisd.client import text

GAP = "  "
_HEADER_STYLE = "2"


class Cell(NamedTuple):
    """One field: safe text, and the SGR parameters to show it with (`32`: green)."""

    text: str
    style: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """How one column looks.

    Attributes:
        title: What stands above it.
        right: Align to the right, as numbers are.
        least: How far it may shrink when the table is wider than the terminal; None
            never shrinks.

    """

    title: str
    right: bool = False
    least: int | None = None


def render(
    columns: list[Column], rows: list[list[Cell]], *, room: int | None, colour: bool
) -> list[str]:
    """Return a header and *rows* as lines.

    Args:
        columns: What is in each row, left to right.
        rows: Cells, as many in each as there are columns.
        room: Columns of the terminal; None cuts nothing.
        colour: Whether styles are shown.

    """
    table = [[Cell(each.title, _HEADER_STYLE) for each in columns], *rows]
    widths = [
        max(text.width(cell.text) for cell in cells)
        for cells in zip(*table, strict=True)
    ]
    if room is not None:
        _shrink(
            widths, columns, too_wide=sum(widths) + len(GAP) * (len(widths) - 1) - room
        )

    lines = [_line(columns, cells, widths, colour=colour) for cells in table]
    return lines if room is None or colour else [text.cut(each, room) for each in lines]


def _shrink(widths: list[int], columns: list[Column], *, too_wide: int) -> None:
    for index, column in enumerate(columns):
        if column.least is None or too_wide <= 0:
            continue

        taken = min(too_wide, max(0, widths[index] - column.least))
        widths[index] -= taken
        too_wide -= taken


def _line(
    columns: list[Column], cells: list[Cell], widths: list[int], *, colour: bool
) -> str:
    fields = [
        styled(
            text.pad(cell.text, width, right=column.right),
            cell.style if colour else "",
        )
        for column, cell, width in zip(columns, cells, widths, strict=True)
    ]
    return GAP.join(fields).rstrip()


def styled(shown: str, style: str) -> str:
    """Return *shown* in *style* (SGR parameters); without one, as it is."""
    return f"\x1b[{style}m{shown}\x1b[0m" if style else shown
