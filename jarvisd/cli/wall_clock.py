"""The client's door to time; the daemon's would import anyio.

Nothing but `time`: the status line's fast path imports this.
"""

import time


def monotonic() -> float:
    """Return seconds that never go back; for limits and throttles."""
    return time.monotonic()  # noqa: TID251 - the one door of the client


def unix_ms() -> int:
    """Return wall time in Unix ms."""
    return time.time_ns() // 1_000_000


def local_time(at_ms: int) -> str:
    """Return *at_ms* as date and time in the user's zone, with the zone's offset."""
    return time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(at_ms / 1000))


def short_time(at_ms: int) -> str:
    """Return *at_ms* in the user's zone: `14:03`, or `Nov 30 14:03` of another day."""
    moment, now = time.localtime(at_ms / 1000), time.localtime(unix_ms() / 1000)
    form = "%H:%M" if moment[:3] == now[:3] else "%b %d %H:%M"
    return time.strftime(form, moment)


def minute_of_day(at_ms: int) -> int:
    """Return the minute of the day of *at_ms* in the user's zone."""
    moment = time.localtime(at_ms / 1000)
    return moment.tm_hour * 60 + moment.tm_min


def iso(at_ms: int) -> str:
    """Return *at_ms* in UTC, to the millisecond, as JavaScript writes it."""
    seconds, rest_ms = divmod(at_ms, 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest_ms:03}Z"


def begin_of_day(*, of_week: bool = False) -> int:
    """Return when today began here, Unix ms; or Monday, with *of_week*."""
    now = time.localtime(unix_ms() / 1000)
    day = now.tm_mday - (now.tm_wday if of_week else 0)
    begin = (now.tm_year, now.tm_mon, day, 0, 0, 0, 0, 0, -1)
    return int(time.mktime(begin)) * 1000
