"""Days as people write them."""

import re
from datetime import date, timedelta

from jarvisd.base.zone import zone_named
from jarvisd.cli import wall_clock

_RELATIVE = re.compile(r"(\d{1,4})([dwmy])")
_LENGTHS = {"d": 1, "w": 7, "m": 30, "y": 365}
_NAMED = {"today": 0, "yesterday": 1}

EXPECTED = "a day: 2026-11-21, 20261121, today, yesterday, or 7d, 4w, 3m, 1y ago"


def day(text: str, today: date) -> str:
    """Return *text* as the daemon takes it.

    Raises:
        ValueError: It is no day.

    """
    if text in _NAMED:
        return (today - timedelta(days=_NAMED[text])).isoformat()

    relative = _RELATIVE.fullmatch(text)
    if relative is not None:
        days = int(relative[1]) * _LENGTHS[relative[2]]
        return (today - timedelta(days=days)).isoformat()

    return date.fromisoformat(text).isoformat()


def today(zone: str) -> date:
    """Return the present day in the time zone *zone*; in ours where it is unknown."""
    from datetime import UTC, datetime  # noqa: PLC0415 - only for words like `today`

    moment = datetime.fromtimestamp(wall_clock.unix_ms() / 1000, UTC)
    try:
        return moment.astimezone(zone_named(zone)).date()
    except ValueError:
        return moment.astimezone().date()
