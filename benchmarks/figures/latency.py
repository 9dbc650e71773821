"""Append to subscriber: 50 live sessions, a session that is new, and an 80 MB file."""

import os
import time

from benchmarks import proc
from benchmarks.effort import Effort
from benchmarks.feeder import Plan
from benchmarks.home import Home, new_home
from benchmarks.live import SETTLE_S, Append, latencies_ms, wake, watch
from benchmarks.rig import Daemon, running
from benchmarks.rows import Row
from benchmarks.spread import Spread, Target

SESSIONS = 50
LINES_PER_S = 20
HUGE_LINES = 31_500
"""80 MB of lines of 2.55 kB."""

P50 = Target(must=40, ambition=1)
P99 = Target(must=150, ambition=10)
NOTICED_MS = 1000.0
"""A new session must show within a second."""


def measure(effort: Effort) -> list[Row]:
    return [*_many_sessions(effort), *_huge_file(effort)]


def _many_sessions(effort: Effort) -> list[Row]:
    spread, new = Spread(), []
    with new_home() as home:
        paths = home.write(SESSIONS)
        with running(home) as daemon:
            daemon.read_all()
            woken = wake(daemon, paths)
            new += [_new_session_ms(home, daemon) for _ in range(effort.runs(10))]
            for plan in _plans(effort, paths, lines=2):
                spread.add(latencies_ms(*watch(daemon, plan)))

    return [
        *spread.rows("append to subscriber, 50 sessions", p50=P50, p99=P99),
        Row(
            figure="quiet session speaks again",
            samples=tuple(woken),
            unit="ms",
            must=NOTICED_MS,
        ),
        Row(figure="new session shows", samples=tuple(new), unit="ms", must=NOTICED_MS),
    ]


def _huge_file(effort: Effort) -> list[Row]:
    spread, extra = Spread(), []
    with new_home() as home:
        paths = home.write(1, lines=HUGE_LINES)
        with running(home) as daemon:
            daemon.read_all()
            wake(daemon, paths, number=HUGE_LINES)
            for plan in _plans(effort, paths, lines=HUGE_LINES + 1):
                size, before = os.path.getsize(*paths), proc.usage(daemon.pid)
                appends, seen = watch(daemon, plan)
                read = proc.usage(daemon.pid).since(before).read_bytes
                extra.append((read - appends[-1].size + size) / len(appends))
                spread.add(latencies_ms(appends, seen))

    return [
        *spread.rows("append to subscriber, 80 MB file", p50=P50, p99=P99),
        Row(
            figure="bytes read per append besides the new ones",
            samples=tuple(extra),
            unit="B",
            must=4096,
            note="all reads of the process, those of inotify and the database as well",
        ),
    ]


def _plans(effort: Effort, paths: list[str], *, lines: int) -> list[Plan]:
    """Return one plan a run, for files that hold *lines* lines each already."""
    seconds = effort.seconds(30, 5)
    turns = int(seconds * LINES_PER_S / len(paths))
    return [
        Plan(
            paths=paths,
            rate=LINES_PER_S,
            seconds=seconds,
            first_number=lines + run * turns,
        )
        for run in range(effort.runs(3))
    ]


def _new_session_ms(home: Home, daemon: Daemon) -> float:
    with daemon.connect() as client:
        client.ask("subscribe", topics=["blocks"])
        at_ns = time.perf_counter_ns()
        (path,) = home.write(1)
        client.listen(SETTLE_S)
        return latencies_ms([Append(at_ns, path, 1)], client.seen())[0]
