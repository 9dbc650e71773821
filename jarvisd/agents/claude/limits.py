"""What Claude Code writes when a turn dies: a limit of the plan, or what only a person mends.

The words of a limit name when it is reset, in local time: "resets 8:30pm (Asia/Tokyo)",
"resets Dec 4, 9am". Where no zone is named it is that of this machine. The record's own
time gives the day. Seen in versions 1.0 to 2.1.332.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from jarvisd.agents._shared.decode import decode_raw, text_of, unix_ms
from jarvisd.agents._shared.numbers import HttpStatus
from jarvisd.agents._shared.troubles import TROUBLES
from jarvisd.agents.claude.shape import ClaudeMessage, TranscriptLine
from jarvisd.core.event import ApiFailed, Event, LimitReached, Trouble

_LEGACY = re.compile(r"usage limit reached\|(\d{9,11})$")
_LIMIT = re.compile(
    r"(?!API Error)(?!.*not your usage limit)(?:.{0,40}\blimit reached\b"
    r"|You(?:'|\u2019)ve (?:hit|reached) your .{0,40}\blimit\b"
    r"|You(?:'|\u2019)re out of (?:\w+ )?usage\b)",
    re.IGNORECASE,
)
_RESET = re.compile(
    r"\bresets?\b(?: at| on)? (?:(?P<month>[A-Z][a-z]{2}) (?P<day>\d{1,2})(?:, | at ))?"
    r"(?P<hour>\d{1,2})(?::(?P<minute>\d\d))? ?(?P<half>[ap]m)"
    r"(?: \((?P<zone>[^)]{1,64})\))?",
    re.IGNORECASE,
)
_MONTHS = (
    *("jan", "feb", "mar", "apr", "may", "jun"),
    *("jul", "aug", "sep", "oct", "nov", "dec"),
)
_JUST_PASSED = timedelta(minutes=10)
"""The time named is one of whole minutes or hours, and may be over when it is reported."""

_TROUBLES = (
    (re.compile(r"\bPlease run /login\b"), Trouble.LOGGED_OUT),
    (re.compile(r"\bCredit balance is too low\b"), Trouble.NO_CREDIT),
    (re.compile(r"\borganization has been disabled\b"), Trouble.DISABLED),
)


def limit_in(text: str, *, at_ms: int | None) -> LimitReached | None:
    """Return the limit that *text*, written at *at_ms*, tells of; None if it is none."""
    legacy = _LEGACY.search(text)
    if legacy is not None:
        return LimitReached(resets_at_ms=int(legacy.group(1)) * 1000)

    if _LIMIT.match(text) is None:
        return None

    return LimitReached(resets_at_ms=None if at_ms is None else _reset_in(text, at_ms))


def trouble_in(text: str, error: str | None) -> Trouble:
    """Return the trouble a person must settle, from the message and its kind."""
    for pattern, trouble in _TROUBLES:
        if pattern.search(text):
            return trouble

    return TROUBLES.get(error or "", Trouble.API_ERROR)


def _reset_in(text: str, at_ms: int) -> int | None:
    """Return the moment that *text* names, the first behind *at_ms*; None for none."""
    found = _RESET.search(text)
    if found is None:
        return None

    try:
        zone = None if found["zone"] is None else ZoneInfo(found["zone"])
        reported = datetime.fromtimestamp(at_ms / 1000, UTC)
    except (KeyError, ValueError, OSError, OverflowError):
        return None  # no such zone, or no such time

    minute = int(found["minute"] or 0)
    hour = int(found["hour"]) % 12 + (12 if found["half"].lower() == "pm" else 0)
    for day in _days(found, reported.astimezone(zone)):
        with suppress(ValueError, OverflowError):
            clock = time(hour, minute, tzinfo=zone)
            moment = datetime.combine(day(), clock).astimezone(UTC)
            if moment > reported - _JUST_PASSED:
                return round(moment.timestamp() * 1000)

    return None


def _days(found: re.Match[str], local: datetime) -> Iterator[Callable[[], date]]:
    """Yield the days that the words may mean, reported at *local* time, the earliest first."""
    month = (found["month"] or "").lower()
    if not month:
        yield local.date
        yield lambda: local.date() + timedelta(days=1)
    elif month in _MONTHS:
        number, day = _MONTHS.index(month) + 1, int(found["day"])
        yield lambda: date(local.year, number, day)
        yield lambda: date(local.year + 1, number, day)


def api_failure(line: TranscriptLine, message: ClaudeMessage) -> Iterator[Event]:
    """Yield the API error in *message*, and the usage limit if it reports one."""
    if isinstance(message.content, tuple):
        texts = [text_of(each.text) or "" for each in message.content]
    else:
        texts = [message.content or ""]

    error, words = text_of(line.error), "\n".join(texts).strip()
    trouble = trouble_in(words, error)
    if trouble is Trouble.API_ERROR and (line.entrypoint or "").startswith(_PROGRAMS):
        yield ApiFailed(error=error, status=line.api_error_status)
    else:
        yield ApiFailed(error=error, status=line.api_error_status, trouble=trouble)

    limit = limit_in(words, at_ms=unix_ms(line.timestamp))
    if limit is not None:
        yield limit


def retried(line: TranscriptLine) -> ApiFailed:
    """Return the error of the provider after which the agent tries again."""
    detail = decode_raw(line.error, _ErrorDetail)
    status = None if detail is None else detail.status
    return ApiFailed(status=status, attempt=line.retry_attempt, retrying=True)


class _ErrorDetail(msgspec.Struct, gc=False):
    status: HttpStatus | None = None


_PROGRAMS = "sdk-"
"""How the entry points begin by which programs, and no people, use the agent."""
