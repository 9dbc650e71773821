"""An agent's database of some hundred MB: its first read, and one answer more.

The issue asks for 2 GB; this one is smaller, so that it can be made each time. It is
mostly events, of which the daemon reads none at first.
"""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import proc
from benchmarks.corpora import cache_folder
from benchmarks.effort import Effort
from benchmarks.errors import RigError
from benchmarks.event_store import EventStore, make_store
from benchmarks.home import Home, new_home
from benchmarks.live import SETTLE_S
from benchmarks.rig import Daemon, running
from benchmarks.rows import Row
from benchmarks.spread import Spread, Target

MB, SESSIONS = 300, 300
ANSWERS = 100
PAUSE_S = 0.25
OWN_FILES = {"opencode.db", "opencode.db-wal", "opencode.db-shm"}


def measure(effort: Effort) -> list[Row]:
    size_mb, sessions = (60, 60) if effort.quick else (MB, SESSIONS)
    speeds: list[float] = []
    peaks: list[float] = []
    reads: list[float] = []
    waits: list[float] = []
    strangers: list[float] = []
    spread = Spread()
    with _store(size_mb, sessions) as (original, rows):
        store_mb = original.stat().st_size / 1e6
        for _ in range(effort.runs(3)):
            with new_home() as home, _running_beside(home, original) as (daemon, path):
                daemon.read_all()
                cpu_s = proc.cpu_s(daemon.pid)
                speeds.append(store_mb / cpu_s)
                peaks.append(proc.peak_mb(daemon.pid))
                _check(daemon, rows)
                taken_ms, read_bytes, wait_ms = _answers(daemon, path, effort)
                spread.add(taken_ms)
                reads.append(read_bytes)
                waits.append(wait_ms)
                strangers.append(
                    len({each.name for each in path.parent.iterdir()} - OWN_FILES)
                )

    return [
        Row(
            figure=f"first read of a database of {store_mb:.0f} MB",
            samples=tuple(speeds),
            unit="MB/CPU-s",
            must=40,
            ambition=100,
            more_is_better=True,
            note="with the start of the process; 62 % of the file are events",
        ),
        Row(figure="- peak memory", samples=tuple(peaks), unit="MB"),
        *spread.rows(
            "one answer in it to subscriber",
            p50=Target(),
            p99=Target(must=250, ambition=100),
        ),
        Row(
            figure="bytes read per answer",
            samples=tuple(reads),
            unit="kB",
            must=100,
            ambition=20,
            note="of five rows and seven events; all reads of the process",
        ),
        Row(
            figure="longest commit of its owner meanwhile",
            samples=tuple(waits),
            unit="ms",
            must=50,
            ambition=5,
            note="that of the disk and of other programs as well",
        ),
        Row(
            figure="files of ours beside it",
            samples=tuple(strangers),
            unit="files",
            must=0,
        ),
    ]


@contextmanager
def _store(size_mb: int, sessions: int) -> Iterator[tuple[Path, int]]:
    """Make the store, and remove it afterwards."""
    path = cache_folder() / "stores" / f"{os.getpid()}.db"
    try:
        yield path, make_store(path, size_mb * 1_000_000, sessions)
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def _running_beside(home: Home, original: Path) -> Iterator[tuple[Daemon, Path]]:
    """Copy the store into *home*, and run a daemon there."""
    path = home.folder / ".local" / "share" / "opencode" / "opencode.db"
    path.parent.mkdir(parents=True)
    shutil.copyfile(original, path)
    with running(home) as daemon:
        yield daemon, path


def _check(daemon: Daemon, rows: int) -> None:
    with daemon.connect() as client:
        read = client.ask("status")["line_count"]

    if read != rows:
        raise RigError(f"{read} rows were counted of {rows}")


def _shows(session: str, lines: int, block: dict[str, Any]) -> bool:
    return bool(block["session_id"] == session and block["line_count"] >= lines)


def _answers(
    daemon: Daemon, path: Path, effort: Effort
) -> tuple[list[float], float, float]:
    """Write answers; return when each was shown, what was read, the longest commit."""
    count = 20 if effort.quick else ANSWERS
    taken_ms, waits_ms = [], []
    store = EventStore(path)
    with closing(store.connection), daemon.connect() as client:
        session = "ses_000001"
        client.ask("subscribe", topics=["blocks"])
        blocks = client.ask("blocks.list")["blocks"]
        (lines,) = (b["line_count"] for b in blocks if b["session_id"] == session)
        for number in range(-3, count):  # the first ones wake it
            if number == 0:
                before = proc.usage(daemon.pid)

            began_ns = time.perf_counter_ns()
            with store.transaction():
                store.answer(session, time.time_ns() // 1_000_000)

            done_ns, lines = time.perf_counter_ns(), lines + 5
            shown_ns = client.told("blocks", partial(_shows, session, lines))
            if number >= 0:
                waits_ms.append((done_ns - began_ns) / 1e6)
                taken_ms.append((shown_ns - done_ns) / 1e6)

            client.listen(PAUSE_S)

        client.listen(SETTLE_S)
        read = proc.usage(daemon.pid).since(before).read_bytes
        return taken_ms, read / count / 1e3, max(waits_ms)
