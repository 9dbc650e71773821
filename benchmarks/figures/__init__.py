"""One module per figure; each has `measure(effort) -> list[Row]`."""

from collections.abc import Callable

from benchmarks.effort import Effort
from benchmarks.figures import (
    books,
    busy,
    conversations,
    crowded,
    event_database,
    flush,
    history,
    idle,
    latency,
    long_line,
    parse,
    peers,
    questions,
    readers,
    reports,
    segments,
    start,
    states,
    status,
    status_line,
)
from benchmarks.rows import Row

Measure = Callable[[Effort], list[Row]]

FIGURES: dict[str, Measure] = {
    "latency": latency.measure,
    "crowded": crowded.measure,
    "history": history.measure,
    "books": books.measure,
    "database": event_database.measure,
    "start": start.measure,
    "status": status.measure,
    "line": status_line.measure,
    "idle": idle.measure,
    "busy": busy.measure,
    "parse": parse.measure,
    "readers": readers.measure,
    "long_line": long_line.measure,
    "flush": flush.measure,
    "conversations": conversations.measure,
    "peers": peers.measure,
    "reports": reports.measure,
    "questions": questions.measure,
    "segments": segments.measure,
    "states": states.measure,
}
"""Every figure by the name that the command line takes, in the order of the table."""
