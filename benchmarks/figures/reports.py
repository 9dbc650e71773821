"""What a report costs with a gigabyte of history known: in the daemon, and as a command."""

import subprocess
import sys
import time

from benchmarks.effort import Effort
from benchmarks.errors import RigError
from benchmarks.home import Home, new_home
from benchmarks.rig import REPOSITORY, running
from benchmarks.rows import Row
from jarvisd.base.zone import local_zone

COMMAND = (sys.executable, "-m", "jarvisd.cli.main", "report", "daily", "--json")


SETTLED_S = 2.0
"""After the first read: days that are over are added up ahead of time then."""


def measure(effort: Effort) -> list[Row]:
    with new_home() as home:
        effort.history().link_into(home.folder)
        with running(home) as daemon:
            daemon.read_all()
            time.sleep(SETTLED_S)  # noqa: TID251 - nothing tells of it
            with daemon.connect() as client:
                zone, times = local_zone(home.environ()), effort.runs(40) + 10
                answers = client.time_lock_step(
                    "report.usage", times, by="day", tz=zone
                )

            commands = [_command_ms(home) for _ in range(effort.runs(20) + 4)]

    return [
        Row(
            figure="report daily, first answer of the daemon",
            samples=tuple(answers[:1]),
            unit="ms",
            must=5,
            ambition=1,
        ),
        Row(
            figure="report daily, later answers",
            samples=tuple(answers[1:]),
            unit="ms",
            must=5,
            ambition=1,
        ),
        Row(
            figure="jarvisctl report daily --json, whole process",
            samples=tuple(commands),
            unit="ms",
            must=80,
            ambition=40,
        ),
    ]


def _command_ms(home: Home) -> float:
    started = time.perf_counter()
    result = subprocess.run(
        COMMAND, cwd=REPOSITORY, env=home.environ(), capture_output=True, check=False
    )
    took_ms = (time.perf_counter() - started) * 1e3
    if result.returncode:
        raise RigError(f"report: {result.stderr.decode()[-300:]}")

    return took_ms
