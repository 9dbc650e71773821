"""The one engine of tables and lists of facts: nothing it makes is too wide.

A table says in its columns what may be left out and what may be cut; `render` leaves
out the least useful columns first, then cuts the widest, until all of it fits.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from jarvisd.cli.output.format import ABSENT
from jarvisd.cli.output.text import cut, safe, width, wrap

GAP = "  "
HEADING_STYLE = "1"
TOTAL_STYLE = "1"
FAINT = "2"
_RULE = "-"
_BLANK_RANK = 100
"""Added where a column is empty in all rows: it goes before all others."""
_NARROWEST_VALUE = 8
_NARROWEST_HEAD = 4


class TableCell(NamedTuple):
    """One field, and the SGR parameters to show it with (`32`: green)."""

    text: str
    style: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """How one column looks, and how it gives way.

    Attributes:
        title: What stands above it.
        right: Align to the right, as numbers are.
        least: How far it may be cut while columns of a higher rank are there; None is
            never cut.
        part: How much of the terminal it keeps, beyond *least*, in the same way: the
            wider the terminal, the more a title is worth than one more number.
        rank: The highest is left out first; 0 always stays, and is cut further than
            *least* where there is nothing else to gain.
        front: Cut the beginning off, not the end: for paths.
        tail: Where this stands in a text, its end from there on is kept, and cut is what
            stands before.
        style: Of its cells that have none of their own.

    """

    title: str
    right: bool = False
    least: int | None = None
    part: float = 0.0
    rank: int = 0
    front: bool = False
    tail: str = ""
    style: str = ""


def render(
    columns: list[Column],
    rows: list[list[TableCell]],
    *,
    room: int | None,
    colour: bool,
    total: list[TableCell] | None = None,
    steady: bool = False,
) -> list[str]:
    """Return a heading and *rows* as lines.

    Args:
        columns: What is in each row, left to right.
        rows: Cells, as many in each as there are columns.
        room: Columns of the terminal; None leaves out and cuts nothing.
        colour: Whether styles are shown.
        total: A last row, set off by a line.
        steady: Choose the columns by what rows may hold, not by what these do: for a
            view whose rows change.

    """
    heading = [TableCell(each.title, HEADING_STYLE) for each in columns]
    last = [] if total is None else [_bold(total)]
    table = [[_safe(cell) for cell in cells] for cells in (heading, *rows, *last)]
    natural = [max(map(width, _texts(cells))) for cells in zip(*table, strict=True)]
    ranks = [each.rank for each in columns]
    if steady:
        natural = [
            max(wanted, each.least or 0)
            for each, wanted in zip(columns, natural, strict=True)
        ]
    else:
        for place, cells in enumerate(zip(*table, strict=True)):
            if ranks[place] and _is_blank(cells[1:]):
                ranks[place] += _BLANK_RANK

    widths = _fitted(columns, natural, ranks, room)
    lines = [_line(columns, cells, widths, colour=colour) for cells in table]
    if last:
        rule = styled(_RULE * _sum(widths), FAINT if colour else "")
        lines.insert(len(lines) - 1, rule)

    return lines


def faint(row: Iterable[TableCell]) -> list[TableCell]:
    """Return *row* in the style of what is over."""
    return [TableCell(each.text, FAINT) for each in row]


def facts(
    pairs: Iterable[tuple[str, str]], *, least: int, room: int | None
) -> list[str]:
    """Return names and values as lines; what is too long goes on below the value.

    Args:
        pairs: Names and values.
        least: The width of the names.
        room: Columns of the terminal; None breaks nothing.

    """
    lines = []
    for name, value in pairs:
        head = f"{safe(name):<{least}} "
        left = None if room is None else max(_NARROWEST_VALUE, room - width(head))
        first, *rest = wrap(safe(value).strip(), left)
        lines += [head + first, *(" " * width(head) + each for each in rest)]

    return lines


def styled(shown: str, style: str) -> str:
    """Return *shown*, made safe, in *style* (SGR parameters), if there is one."""
    return f"\x1b[{style}m{safe(shown)}\x1b[0m" if style and shown else safe(shown)


def _safe(cell: TableCell) -> TableCell:
    return TableCell(safe(cell.text), cell.style)


def _bold(row: list[TableCell]) -> list[TableCell]:
    return [TableCell(each.text, TOTAL_STYLE) for each in row]


def _texts(cells: Iterable[TableCell]) -> Iterable[str]:
    return (cell.text for cell in cells)


def _sum(widths: Mapping[int, int]) -> int:
    return sum(widths.values()) + len(GAP) * max(0, len(widths) - 1)


def _is_blank(cells: Iterable[TableCell]) -> bool:
    return all(cell.text in {"", ABSENT} for cell in cells)


def _fitted(
    columns: list[Column], natural: list[int], ranks: list[int], room: int | None
) -> dict[int, int]:
    """Return the widths of the columns that are shown, by their place."""
    if room is None:
        return dict(enumerate(natural))

    floors = {
        place: wanted if each.least is None else min(_least(each, room), wanted)
        for place, (each, wanted) in enumerate(zip(columns, natural, strict=True))
    }
    _leave_out(ranks, floors, room)
    widths = {place: min(natural[place], room) for place in floors}
    _narrow(widths, floors, room)
    # What always stays gives way as well, before anything is broken.
    _narrow(widths, dict.fromkeys(widths, 1), room)
    while _sum(widths) > room:
        widths.popitem()

    return widths


def _least(column: Column, room: int) -> int:
    return max(column.least or 0, int(column.part * room))


def _leave_out(ranks: list[int], floors: dict[int, int], room: int) -> None:
    """Leave out what fits at no width, the highest rank first."""
    left_out: list[tuple[int, int]] = []
    while _sum(floors) > room:
        place = max(floors, key=lambda each: ranks[each])
        if not ranks[place]:
            return

        left_out.append((place, floors.pop(place)))

    # A wide one may have made room for narrow ones that went before it.
    for place, floor in reversed(left_out):
        if _sum(floors) + len(GAP) + floor <= room:
            floors[place] = floor

    kept = sorted(floors.items())
    floors.clear()
    floors.update(kept)


def _narrow(widths: dict[int, int], floors: Mapping[int, int], room: int) -> None:
    """Cut the widest column, again and again, until all fit or none may give way."""
    while (too_wide := _sum(widths) - room) > 0:
        elastic = [each for each in widths if widths[each] > floors[each]]
        if not elastic:
            return

        widest = max(elastic, key=lambda each: widths[each])
        next_widest = max(
            (widths[each] for each in elastic if each != widest), default=1
        )
        spare = widths[widest] - max(floors[widest], next_widest)
        widths[widest] -= max(1, min(too_wide, spare))


def _line(
    columns: list[Column],
    cells: list[TableCell],
    widths: Mapping[int, int],
    *,
    colour: bool,
) -> str:
    fields = []
    for place, room in widths.items():
        column, cell = columns[place], cells[place]
        shown = _cut(cell.text, room, column)
        space = " " * (room - width(shown))
        field = styled(shown, (cell.style or column.style) if colour else "")
        fields.append(space + field if column.right else field + space)

    return GAP.join(fields).rstrip()


def _cut(text: str, room: int, column: Column) -> str:
    head, mark, tail = text.rpartition(column.tail) if column.tail else ("", "", text)
    left = room - width(mark + tail)
    if mark and _NARROWEST_HEAD <= left < width(head):
        return cut(head, left) + mark + tail

    return cut(text, room, front=column.front)
