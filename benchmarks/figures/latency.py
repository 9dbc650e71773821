"""Append to subscriber: 50 live sessions, a session that is new, and an 80 MB file."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import fmean

from benchmarks import proc
from benchmarks.effort import Effort
from benchmarks.feeder import Plan
from benchmarks.home import Home, new_home
from benchmarks.live import SETTLE_S, Append, latencies_ms, wake, watch
from benchmarks.rig import Daemon, running
from benchmarks.rows import Row, percentile

SESSIONS = 50
LINES_PER_S = 20
HUGE_LINES = 31_500
"""80 MB of lines of 2.55 kB."""


def measure(effort: Effort) -> list[Row]:
    return [*_many(effort), *_huge(effort)]


def _many(effort: Effort) -> list[Row]:
    p50, p99, noticed, new = [], [], [], []
    seconds = effort.seconds(30, 5)
    with new_home() as home:
        paths = home.write(SESSIONS)
        with _ready(home) as daemon:
            noticed += wake(daemon, paths)
            new += [_new_session_ms(home, daemon) for _ in range(effort.runs(10))]
            for run in range(effort.runs(3)):
                number = 2 + run * int(seconds * LINES_PER_S)
                plan = Plan(paths=paths, rate=LINES_PER_S, seconds=seconds, first_number=number)
                taken = latencies_ms(*watch(daemon, plan))
                p50.append(percentile(taken, 50))
                p99.append(percentile(taken, 99))

    lines = int(seconds * LINES_PER_S)
    return [
        Row(figure="append to subscriber, 50 sessions, p50", samples=tuple(p50), unit="ms", must=40, ambition=1, observations=lines),
        Row(figure="append to subscriber, 50 sessions, p99", samples=tuple(p99), unit="ms", must=150, ambition=10, observations=lines),
        Row(figure="known quiet session speaks again, p50", samples=(percentile(noticed, 50),), unit="ms", must=1000, observations=len(noticed)),
        Row(figure="new session to subscriber", samples=tuple(new), unit="ms", must=1000),
    ]


def _new_session_ms(home: Home, daemon: Daemon) -> float:
    with daemon.connect() as client:
        client.ask("subscribe", topics=["blocks"])
        at_ns = time.perf_counter_ns()
        (path,) = home.write(1)
        client.listen(SETTLE_S)
        return latencies_ms([Append(at_ns, path, 1)], client.seen())[0]


def _huge(effort: Effort) -> list[Row]:
    p50, p99, extra = [], [], []
    seconds = effort.seconds(15, 5)
    with new_home() as home:
        paths = home.write(1, lines=HUGE_LINES)
        with _ready(home) as daemon:
            wake(daemon, paths, number=HUGE_LINES)
            for run in range(effort.runs(3)):
                number = HUGE_LINES + 1 + run * int(seconds * LINES_PER_S)
                plan = Plan(paths=paths, rate=LINES_PER_S, seconds=seconds, first_number=number)
                before = proc.usage(daemon.pid)
                appends, seen = watch(daemon, plan)
                read = proc.usage(daemon.pid).since(before).read_bytes
                taken = latencies_ms(appends, seen)
                p50.append(percentile(taken, 50))
                p99.append(percentile(taken, 99))
                extra.append((read - _grown(appends)) / len(appends))

    lines = int(seconds * LINES_PER_S)
    return [
        Row(figure="append to subscriber, 80 MB file, p50", samples=tuple(p50), unit="ms", must=40, ambition=1, observations=lines),
        Row(figure="append to subscriber, 80 MB file, p99", samples=tuple(p99), unit="ms", must=150, ambition=10, observations=lines),
        Row(figure="bytes read per append beyond the new ones", samples=tuple(extra), unit="B", must=4096, observations=lines, note="all reads of the process: inotify and the database as well"),
    ]


def _grown(appends: list[Append]) -> int:
    """Return how many bytes were appended, the first line estimated by the others."""
    sizes = [each.size for each in appends]
    between = sizes[-1] - sizes[0]
    return between + round(fmean([between / (len(sizes) - 1)]))


@contextmanager
def _ready(home: Home) -> Iterator[Daemon]:
    with running(home) as daemon:
        daemon.read_all()
        yield daemon
