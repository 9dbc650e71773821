"""What a request for a report means: days, a time zone, a project."""

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import tzinfo

from jarvisd.base.errors import protocol_error
from jarvisd.base.folder import is_named
from jarvisd.base.wire_types import DayRange
from jarvisd.base.zone import zone_named
from jarvisd.reports import calendar
from jarvisd.reports.model import ToolRow
from jarvisd.reports.store import Span, ToolQuery, times_of_use, tool_rows
from jarvisd.reports.wire import ReportTools

MAX_DAYS = 3_660
"""Days that a report of tools by day may have."""


def days_of(asked: DayRange) -> tuple[int | None, int | None]:
    """Return the first and the last day that count, since 1970-01-01.

    Raises:
        ProtocolError: One is no date.

    """
    return _day(asked.since, "since"), _day(asked.until, "until")


def zone_of(name: str) -> tzinfo:
    """Return the time zone *name*.

    Raises:
        ProtocolError: There is none.

    """
    try:
        return zone_named(name)
    except ValueError as exc:
        raise protocol_error("invalid_params", str(exc), field="tz") from None


def keys_of_account(
    wanted: str | None, accounts: Mapping[str, str]
) -> frozenset[str] | None:
    """Return the keys of the accounts that *wanted* names; None for all accounts.

    *wanted* is a key, or a configuration folder or the end of its path; *accounts* has
    the folder of each key.
    """
    if wanted is None:
        return None

    named = (key for key, folder in accounts.items() if is_named(folder, wanted))
    return frozenset({wanted, *named})


def tools_of(
    raw: sqlite3.Connection,
    *,
    asked: ReportTools,
    zone: tzinfo,
    sessions: Sequence[tuple[str, str]] | None,
) -> list[ToolRow]:
    """Return how tools were used, as far as *asked*; None means in all *sessions*."""
    spans = (
        _spans(asked, zone, times_of_use(raw)) if asked.daily else [_whole(asked, zone)]
    )
    wanted = ToolQuery(
        spans=spans,
        agent=asked.agent,
        sessions=sessions,
        by_plugin=asked.by == "plugin",
    )
    return tool_rows(raw, wanted)


def _spans(
    asked: ReportTools, zone: tzinfo, times: tuple[int, int] | None
) -> list[Span]:
    """Return the days asked for, as far as there is anything in them."""
    if times is None:
        return []

    first, last = days_of(asked)
    begin, end = (calendar.day_of(each, zone) for each in times)
    begin = begin if first is None else max(begin, first)
    end = end if last is None else min(end, last)
    return [
        Span(
            calendar.start_of(day, zone),
            calendar.start_of(day + 1, zone),
            calendar.day_name(day),
        )
        for day in range(max(begin, end - MAX_DAYS), end + 1)
    ]


def _whole(asked: ReportTools, zone: tzinfo) -> Span:
    first, last = days_of(asked)
    if first is None and last is None:
        return Span()

    return Span(
        0 if first is None else calendar.start_of(first, zone),
        1 << 62 if last is None else calendar.start_of(last + 1, zone),
    )


def _day(text: str | None, field: str) -> int | None:
    if text is None:
        return None

    try:
        return calendar.day_number(text)
    except ValueError:
        message = f"there is no day `{text}`"
        raise protocol_error("invalid_params", message, field=field) from None
