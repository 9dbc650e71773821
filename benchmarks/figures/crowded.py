"""Append to subscriber while a gigabyte of history is read for the first time."""

from typing import Any

from benchmarks.corpora import Corpus
from benchmarks.effort import Effort
from benchmarks.errors import RigError
from benchmarks.feeder import Plan
from benchmarks.home import new_home
from benchmarks.live import Append, feeding, latencies_ms
from benchmarks.rig import READ_LIMIT_S, running
from benchmarks.rows import Row
from benchmarks.spread import Spread, Target

SESSIONS = 50
LINES_PER_S = 100
"""More than the 20 of a quiet day: the history is read in a few seconds, and a
percentile needs some hundred lines."""

LOOK_EVERY_S = 0.1


def measure(effort: Effort) -> list[Row]:
    history, spread, noticed = effort.history(), Spread(), Spread()
    for _ in range(effort.runs(5)):
        first, later = _run(history)
        noticed.add(first)
        spread.add(later)

    return [
        *spread.rows(
            "append to subscriber during first read",
            p50=Target(),
            p99=Target(must=200, ambition=20),
        ),
        *noticed.rows(
            "session's first new line during first read",
            p50=Target(),
            p99=Target(must=1000),
        ),
    ]


def _run(history: Corpus) -> tuple[list[float], list[float]]:
    """Return the latencies of each session's first line, and of all further ones."""
    with new_home() as home:
        history.link_into(home.folder)
        files = len(history.files()) + SESSIONS
        plan = Plan(paths=home.write(SESSIONS), rate=LINES_PER_S, seconds=READ_LIMIT_S)
        with (
            running(home) as daemon,
            daemon.connect() as client,
            feeding(plan) as feeder,
        ):
            client.ask("subscribe", topics=["blocks"])
            while not _is_read(client.ask("status"), files):
                client.listen(LOOK_EVERY_S)

            appends = feeder.finish(early=True)
            client.listen(1)
            taken = latencies_ms(appends, client.seen())
            return _split(appends, taken)


def _is_read(status: dict[str, Any], files: int) -> bool:
    return status["blocks"] == files and not status["backfill"]["files_total"]


def _split(
    appends: list[Append], taken: list[float]
) -> tuple[list[float], list[float]]:
    """Part the lines written before their session was noticed from all later ones."""
    noticed_ns: dict[str, float] = {}
    first: list[float] = []
    later: list[float] = []
    for append, took_ms in zip(appends, taken, strict=True):
        shown_ns = append.at_ns + took_ms * 1e6
        known = append.at_ns > noticed_ns.setdefault(append.path, shown_ns)
        (later if known else first).append(took_ms)

    if not later:
        raise RigError("the history was read before any session spoke twice")

    return first, later
