"""Days, weeks and months in a time zone, of quarters of an hour in UTC.

Every zone in use differs from UTC by whole quarters of an hour, so a quarter lies in one
local day. A zone that once did not (before 1972, by local mean time) is cut at the
quarter in which its midnight lies.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta, tzinfo

from jarvisd.ledger.model import QUARTER_MS

_QUARTER_S = QUARTER_MS // 1000
_DAY_S = 86_400
_HOUR_S = 3_600
_HOUR_MS = _HOUR_S * 1000
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_QUARTERS_A_DAY = _DAY_S // _QUARTER_S
_LAST_DAY = date.max.toordinal() - _EPOCH_DAY - 1


def days_of(quarters: Iterable[int], zone: tzinfo) -> dict[int, int]:
    """Return the local day of each quarter, as days since 1970-01-01.

    A zone is asked twice for each day of UTC, not for each quarter: only where the two
    answers differ, because clocks were changed, is it asked for all.
    """
    offsets: dict[int, int | None] = {}
    days = {}
    for quarter in quarters:
        utc_day = quarter // _QUARTERS_A_DAY
        if utc_day not in offsets:
            offsets[utc_day] = _steady_offset_s(utc_day, zone)

        offset_s = offsets[utc_day]
        start_s = quarter * _QUARTER_S
        if offset_s is None:
            offset_s = _offset_s(start_s, zone)

        days[quarter] = (start_s + offset_s) // _DAY_S
    return days


def _steady_offset_s(utc_day: int, zone: tzinfo) -> int | None:
    first_s = utc_day * _DAY_S
    begin, end = _offset_s(first_s, zone), _offset_s(first_s + _DAY_S, zone)
    return begin if begin == end else None


def _offset_s(at_s: int, zone: tzinfo) -> int:
    limited = min(max(at_s, _DAY_S), (_LAST_DAY - 1) * _DAY_S)
    offset = datetime.fromtimestamp(limited, UTC).astimezone(zone).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())


def day_of(at_ms: int, zone: tzinfo) -> int:
    """Return the local day in which *at_ms* lies, as days since 1970-01-01."""
    return (at_ms // 1000 + _offset_s(at_ms // 1000, zone)) // _DAY_S


def start_of(day: int, zone: tzinfo) -> int:
    """Return when the local *day* begins, Unix ms; where clocks skip midnight, then."""
    midnight = datetime.combine(_date(day), datetime.min.time(), tzinfo=zone)
    utc = midnight.astimezone(UTC)
    # A midnight that does not exist is read with the offset before the gap, and so
    # lies behind it: in the same moment in which the day begins.
    return int(utc.timestamp()) * 1000


def hours_of(day: int, zone: tzinfo) -> list[tuple[int, int]]:
    """Return when each hour of the local *day* begins (Unix ms), and which it is.

    On the days when clocks are changed there are 23 or 25, one of them missing or twice.
    """
    start_ms, end_ms = start_of(day, zone), start_of(day + 1, zone)
    starts = range(start_ms, end_ms, _HOUR_MS)
    if end_ms - start_ms == _DAY_S * 1000:
        return list(zip(starts, range(24), strict=True))

    return [(each, _hour_of(each, zone)) for each in starts]


def _hour_of(at_ms: int, zone: tzinfo) -> int:
    at_s = at_ms // 1000
    return (at_s + _offset_s(at_s, zone)) // _HOUR_S % 24


def day_number(text: str) -> int:
    """Return the day that `2026-11-21` or `20261121` names.

    Raises:
        ValueError: It names none.

    """
    return date.fromisoformat(text).toordinal() - _EPOCH_DAY


def day_name(day: int) -> str:
    """Return a day as `2026-11-21`."""
    return _date(day).isoformat()


def week_name(day: int) -> str:
    """Return the Monday of the week in which *day* lies."""
    found = _date(day)
    return (found - timedelta(days=found.weekday())).isoformat()


def month_name(day: int) -> str:
    """Return the month of *day*, as `2026-11`."""
    return day_name(day)[:7]


def _date(day: int) -> date:
    return date.fromordinal(min(max(day, -_EPOCH_DAY + 1), _LAST_DAY) + _EPOCH_DAY)
