"""Days as people write them, and the zone in which they live."""

import os
import re
from collections.abc import Mapping
from datetime import date, timedelta

from jarvisd.client import clock

_RELATIVE = re.compile(r"(\d{1,4})([dwmy])")
_LENGTHS = {"d": 1, "w": 7, "m": 30, "y": 365}
_NAMED = {"today": 0, "yesterday": 1}
_LOCALTIME = "/etc/localtime"

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
    import zoneinfo  # noqa: PLC0415 - only for words like `today`
    from datetime import UTC, datetime  # noqa: PLC0415

    moment = datetime.fromtimestamp(clock.unix_ms() / 1000, UTC)
    try:
        return moment.astimezone(zoneinfo.ZoneInfo(zone)).date()
    except (KeyError, ValueError, OSError):
        return moment.astimezone().date()


def local_zone(environ: Mapping[str, str]) -> str:
    """Return the IANA name of this user's zone; UTC where the system does not tell."""
    named = environ.get("TZ", "").removeprefix(":")
    if named:
        return _below_zoneinfo(named) or named

    try:
        return _below_zoneinfo(os.path.realpath(_LOCALTIME)) or "UTC"
    except OSError:
        return "UTC"


def _below_zoneinfo(path: str) -> str | None:
    _, found, name = path.partition("/zoneinfo/")
    return name.removeprefix("posix/").removeprefix("right/") if found else None
