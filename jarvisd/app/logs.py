"""Where log lines go and what they look like; called once, by the program.

Under systemd one JSON object a line behind its priority, for journald has the time
already; on a terminal plain text; into a file or a pipe JSON with the time. Modules say
`log = structlog.get_logger()`, name an event `noun.past_verb` and give facts as keywords.

No line carries content: ids, sizes and counts only. So tracebacks come without the
values of variables, and what a stranger can provoke is limited in number.
"""

import json
import logging
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO

import structlog
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict as Entry
from structlog.typing import Processor

PRIORITY = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
"""The levels as syslog and journald number them."""

WINDOW_S = 60.0
EVENT_LIMIT = 20
"""Lines of one event in a window, whatever their causes."""
CAUSES = ("reason", "sink", "logger")
"""Facts that distinguish causes of one event; which block or path it was does not."""
MAX_COUNTED = 2048
"""Events and causes that are counted at a time; the oldest is forgotten first."""
MAX_FRAMES = 20
"""Frames of a traceback, from both ends."""
MAX_MESSAGE = 200
"""Characters of a library's own message."""


def configure(
    level: str,
    *,
    now: Callable[[], float],
    stream: IO[str] = sys.stderr,
    environ: Mapping[str, str] = os.environ,
) -> "Threshold":
    """Send everything that is logged to *stream*, and return the level to change later.

    Args:
        level: The least serious level that is shown: `debug` to `critical`.
        now: Monotonic seconds, for the limit of repeated lines.
        stream: Where to; a failing one is ignored.
        environ: For JOURNAL_STREAM and NO_COLOR.

    """
    threshold = Threshold(level)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            threshold,
            structlog.contextvars.merge_contextvars,
            RepeatLimit(now),
            *_rendering(stream, environ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET),
        logger_factory=structlog.PrintLoggerFactory(_Unbreakable(stream)),  # type: ignore[arg-type]  # two methods of a file are enough
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_Forward()], level=logging.WARNING, force=True)
    return threshold


def is_journal(stream: IO[str], environ: Mapping[str, str]) -> bool:
    """Whether journald reads *stream*: the variable alone is inherited by others."""
    try:
        facts = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False

    return environ.get("JOURNAL_STREAM") == f"{facts.st_dev}:{facts.st_ino}"


class Threshold:
    """Drops what is less serious than `level`, which may change at any time.

    A filtering logger would be cached with its level by every module; this is asked.
    """

    def __init__(self, level: str) -> None:
        self.level = level

    def __call__(self, _logger: object, method: str, entry: Entry) -> Entry:
        """Pass *entry* on, or drop it."""
        if PRIORITY.get(method, 0) > PRIORITY[self.level]:
            raise structlog.DropEvent

        return entry


class RepeatLimit:
    """Drops repeated lines, and gives their number with the next line of their cause.

    Of one cause, an event with its reason, a line passes in `WINDOW_S`; of one event,
    whatever its reasons, `EVENT_LIMIT`. Life events of level info have no cause: each
    is another fact, and only the second limit holds.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._counters: dict[tuple[str, ...], _Counter] = {}

    def __call__(self, _logger: object, method: str, entry: Entry) -> Entry:
        """Pass *entry* on with `suppressed` where lines are missing, or drop it."""
        event = str(entry["event"])
        counters = [self._counter((event,), EVENT_LIMIT)]
        has_cause = "reason" in entry or PRIORITY.get(method, 0) < PRIORITY["info"]
        if has_cause and counters[0].lines < EVENT_LIMIT:
            causes = [str(entry[key]) for key in CAUSES if key in entry]
            counters.append(self._counter((event, "", *causes), 1))

        full = next((each for each in counters if each.lines >= each.limit), None)
        if full:
            full.suppressed += 1
            raise structlog.DropEvent

        suppressed = sum(each.suppressed for each in counters)
        for counter in counters:
            counter.lines += 1
            counter.suppressed = 0

        return {**entry, "suppressed": suppressed} if suppressed else entry

    def _counter(self, key: tuple[str, ...], limit: int) -> "_Counter":
        counter = self._counters.setdefault(key, _Counter(limit, since=self._now()))
        if self._now() - counter.since >= WINDOW_S:
            counter.since, counter.lines = self._now(), 0

        if len(self._counters) > MAX_COUNTED:
            del self._counters[next(iter(self._counters))]

        return counter


@dataclass(slots=True)
class _Counter:
    limit: int
    since: float
    lines: int = 0
    suppressed: int = 0


class _Unbreakable:
    """A stream whose failure is not the daemon's: a full disk, a reader that left."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        try:
            self._stream.write(text)
        except (OSError, ValueError):
            return

    def flush(self) -> None:
        try:
            self._stream.flush()
        except (OSError, ValueError):
            return


class _Forward(logging.Handler):
    """What libraries log through the standard library, as one event."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger().log(
            record.levelno,
            "library.logged",
            logger=record.name,
            message=record.getMessage()[:MAX_MESSAGE],
            exc_info=record.exc_info,
        )


def _rendering(stream: IO[str], environ: Mapping[str, str]) -> list[Processor]:
    tracebacks = structlog.processors.ExceptionRenderer(
        ExceptionDictTransformer(show_locals=False, max_frames=MAX_FRAMES)
    )
    timestamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    if is_journal(stream, environ):
        return [tracebacks, _journal_line]

    if stream.isatty():
        return [timestamp, _printable, _console(environ)]

    return [timestamp, tracebacks, _json_line]


def _console(environ: Mapping[str, str]) -> Processor:
    return structlog.dev.ConsoleRenderer(
        colors=not environ.get("NO_COLOR"),
        exception_formatter=structlog.dev.plain_traceback,
    )


def _printable(_logger: object, _method: str, entry: Entry) -> Entry:
    """Keep names of files from steering the terminal."""
    for key, value in entry.items():
        if isinstance(value, str) and not value.isprintable():
            entry[key] = ascii(value)

    return entry


def _journal_line(logger: object, method: str, entry: Entry) -> str:
    return f"<{PRIORITY.get(entry['level'], 6)}>{_json_line(logger, method, entry)}"


def _json_line(_logger: object, _method: str, entry: Entry) -> str:
    head = {key: entry[key] for key in ("timestamp", "level", "event") if key in entry}
    line = json.dumps({**head, **entry}, default=str, ensure_ascii=False)
    # Names of files may hold bytes that are not UTF-8, as lone surrogates.
    return line.encode(errors="backslashreplace").decode()
