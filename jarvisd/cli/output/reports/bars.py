"""Bars and sparklines of block characters, or of plain ones where those are unknown."""

import sys
from collections.abc import Sequence

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_LEVELS = "▁▂▃▄▅▆▇█"
_PLAIN_LEVELS = "_.:-=+*#"


def bar(value: float, most: float, columns: int, *, plain: bool = False) -> str:
    """Return a bar of at most *columns*; the slightest value shows."""
    if value <= 0 or most <= 0:
        return ""

    eighths = max(1, round(min(1.0, value / most) * columns * 8))
    if plain:
        return "#" * max(1, eighths // 8)

    whole, rest = divmod(eighths, 8)
    return _EIGHTHS[8] * whole + (_EIGHTHS[rest] if rest else "")


def sparkline(values: Sequence[float], *, plain: bool = False) -> str:
    """Return one character a value; the least is the lowest, nothing is a space."""
    most = max(values, default=0)
    levels = _PLAIN_LEVELS if plain else _LEVELS
    return "".join(
        levels[min(7, int(value / most * 8))] if value > 0 else " " for value in values
    )


def is_plain() -> bool:
    """Whether the terminal's encoding lacks block characters."""
    try:
        _EIGHTHS.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return True

    return False
