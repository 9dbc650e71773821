"""The first read of a gigabyte: how fast, how large, and what it leaves in the store."""

import time
from typing import NamedTuple

from benchmarks import floor, proc
from benchmarks.corpora import Corpus
from benchmarks.effort import Effort
from benchmarks.errors import RigError
from benchmarks.home import new_home
from benchmarks.rig import running
from benchmarks.rows import Row

ONLY_COUNTED = "[agents.claude]\nledger = false\n[agents.codex]\nledger = false\n"


class Run(NamedTuple):
    """One first read, the start of the process included."""

    mb_per_cpu_s: float
    wall_s: float
    peak_mb: float
    store_percent: float


def measure(effort: Effort) -> list[Row]:
    history = effort.history()
    runs: list[Run] = []
    counted: list[Run] = []
    floors: list[float] = []
    for _ in range(effort.runs(3)):
        runs.append(_run(history))
        counted.append(_run(history, settings=ONLY_COUNTED))
        floors.append(_floor(history))

    speeds, walls, peaks, stores = zip(*runs, strict=True)
    return [
        Row(
            figure="first read of 1 GB, block statistics only",
            samples=tuple(each.mb_per_cpu_s for each in counted),
            unit="MB/CPU-s",
            must=250,
            ambition=450,
            more_is_better=True,
            note="with `agents.NAME.ledger = false`",
        ),
        Row(
            figure="- its floor: lines known for JSON and counted, nothing else",
            samples=tuple(floors),
            unit="MB/CPU-s",
            more_is_better=True,
        ),
        Row(
            figure="- CPU to that of its floor",
            samples=tuple(
                floor_mb / each.mb_per_cpu_s
                for floor_mb, each in zip(floors, counted, strict=True)
            ),
            unit="x",
        ),
        Row(
            figure="first read of 1 GB, block statistics only, peak memory",
            samples=tuple(each.peak_mb for each in counted),
            unit="MB",
            must=160,
            ambition=100,
        ),
        Row(
            figure="first read of 1 GB, everything stored",
            samples=speeds,
            unit="MB/CPU-s",
            more_is_better=True,
        ),
        Row(figure="first read of 1 GB, from start", samples=walls, unit="s"),
        Row(
            figure="first read of 1 GB, peak memory",
            samples=peaks,
            unit="MB",
            must=200,
            ambition=100,
        ),
        Row(
            figure="store, of the logs' size",
            samples=stores,
            unit="%",
            must=6,
            ambition=3,
        ),
    ]


def _run(history: Corpus, *, settings: str = "") -> Run:
    size = history.size_bytes()
    with new_home() as home:
        history.link_into(home.folder)
        home.configure(settings)
        with running(home) as daemon:
            daemon.read_all()
            wall_s = time.perf_counter() - daemon.started
            cpu_s, peak_mb = proc.cpu_s(daemon.pid), proc.peak_mb(daemon.pid)
            with daemon.connect() as client:
                read = client.ask("status")["line_count"]

        if read != history.expected_lines():
            raise RigError(f"{read} lines were counted of {history.expected_lines()}")

        return Run(size / 1e6 / cpu_s, wall_s, peak_mb, 100 * home.store_bytes / size)


def _floor(history: Corpus) -> float:
    cpu_s, read = floor.read_cpu_s(history.root)
    if read != history.expected_lines():
        raise RigError(f"{read} lines were counted of {history.expected_lines()}")

    return history.size_bytes() / 1e6 / cpu_s
