"""A year of days as a map: a column a week, a row a weekday, darker where more was spent."""

from collections.abc import Mapping
from datetime import date, timedelta

from jarvisd.cli.output.reports.usage_tables import money
from jarvisd.cli.output.tables import styled

DAYS = 7
MAX_WEEKS = 53
MARGIN = 4
_SHADES = (" .", " -", " +", " *", " #")
_BLOCKS = (" ·", " ░", " ▒", " ▓", " █")
_STYLES = ("90", "38;5;22", "38;5;28", "38;5;34", "38;5;46")
_WEEKDAYS = ("Mon", "", "Wed", "", "Fri", "", "Sun")


def first_day(today: date, room: int | None) -> date:
    """Return the Monday with which the map begins, as many weeks ago as there is room."""
    weeks = MAX_WEEKS if room is None else max(1, min(MAX_WEEKS, (room - MARGIN) // 2))
    return today - timedelta(days=today.weekday() + DAYS * (weeks - 1))


def lines(
    costs: Mapping[str, int], *, first: date, today: date, colour: bool, plain: bool
) -> list[str]:
    """Return the map from *first*, a Monday, to *today*.

    Args:
        costs: Micro-dollars by date, as `2026-11-21`.
        first: The first Monday.
        today: The last day.
        colour: Whether to paint.
        plain: Whether the terminal lacks block characters.

    """
    steps = _steps([each for each in costs.values() if each > 0])
    shades = _SHADES if plain else _BLOCKS
    weeks = [
        first + timedelta(days=each) for each in range(0, (today - first).days + 1, 7)
    ]
    shown = [" " * MARGIN + _months(weeks)]
    for weekday, name in enumerate(_WEEKDAYS):
        fields = [
            _field(
                costs,
                week + timedelta(days=weekday),
                today,
                steps,
                shades,
                colour=colour,
            )
            for week in weeks
        ]
        shown.append(f"{name:<{MARGIN}}{''.join(fields)}".rstrip())

    legend = "".join(
        styled(shade, style if colour else "")
        for shade, style in zip(shades, _STYLES, strict=True)
    )
    shown.append("")
    shown.append(
        f"{' ' * MARGIN}less{legend} more, {money(sum(costs.values()))} in all"
    )
    return shown


def _field(
    costs: Mapping[str, int],
    day: date,
    today: date,
    steps: list[int],
    shades: tuple[str, ...],
    *,
    colour: bool,
) -> str:
    if day > today:
        return "  "

    cost = costs.get(day.isoformat(), 0)
    level = 1 + sum(cost > step for step in steps) if cost > 0 else 0
    return styled(shades[level], _STYLES[level] if colour else "")


def _steps(costs: list[int]) -> list[int]:
    """Return above which costs a day is of the third shade, the fourth and the fifth.

    By rank, so that one expensive day does not leave all others pale.
    """
    ranked = sorted(costs)
    return [ranked[(len(ranked) - 1) * quarter // 4] for quarter in (1, 2, 3) if ranked]


def _months(weeks: list[date]) -> str:
    text = ""
    for number, week in enumerate(weeks):
        begins = number == 0 or week.month != weeks[number - 1].month
        if begins and len(text) <= number * 2:
            text = f"{text:<{number * 2}} {week:%b}"

    return text[: len(weeks) * 2 + 3].rstrip()
