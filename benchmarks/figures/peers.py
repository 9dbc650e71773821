"""The first full read next to the tools that users have: in turn, on the same files.

Everything is read, priced and stored here, and a report is printed there. Without the
peers and without npm, from which they come, the figure is skipped.
"""

import resource
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks import peers, proc
from benchmarks.corpora import Corpus
from benchmarks.effort import Effort
from benchmarks.errors import RigError
from benchmarks.home import new_home
from benchmarks.rig import running
from benchmarks.rows import Row

LIMIT_S = 300


class Cost(NamedTuple):
    """What one whole process took."""

    cpu_s: float
    wall_s: float


def measure(effort: Effort) -> list[Row]:
    history, tools = effort.history(), peers.fetched()
    ours, ccusages, tokscales = [], [], []
    for _ in range(effort.runs(3)):
        ours.append(_first_read(history))
        ccusages.append(_peer(history, tools.ccusage, "daily", "--json", "--offline"))
        tokscales.append(_peer(history, tools.tokscale, "models", "--json"))

    return [
        _ratio(
            "first full read, CPU, to that of ccusage", ours, ccusages, "cpu_s", 1, 0.5
        ),
        _ratio(
            "first full read, wall, to that of ccusage",
            ours,
            ccusages,
            "wall_s",
            1.5,
            1,
        ),
        _ratio(
            "first full read, CPU, to that of tokscale", ours, tokscales, "cpu_s", 0.5
        ),
        Row(
            figure="ccusage daily, CPU",
            samples=tuple(each.cpu_s for each in ccusages),
            unit="s",
        ),
        Row(
            figure="tokscale models, CPU",
            samples=tuple(each.cpu_s for each in tokscales),
            unit="s",
        ),
    ]


def _ratio(
    figure: str,
    ours: Sequence[Cost],
    theirs: Sequence[Cost],
    what: str,
    must: float,
    ambition: float | None = None,
) -> Row:
    pairs = zip(ours, theirs, strict=True)
    return Row(
        figure=figure,
        samples=tuple(getattr(a, what) / getattr(b, what) for a, b in pairs),
        unit="x",
        must=must,
        ambition=ambition,
    )


def _first_read(history: Corpus) -> Cost:
    with new_home() as home:
        history.link_into(home.folder)
        with running(home) as daemon:
            daemon.read_all()
            wall_s = time.perf_counter() - daemon.started
            return Cost(proc.cpu_s(daemon.pid), wall_s)


def _peer(history: Corpus, program: Path, *words: str) -> Cost:
    with new_home() as home:
        history.link_into(home.folder)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.perf_counter()
        result = subprocess.run(
            [program, *words],
            env=home.environ() | peers.OFFLINE,
            capture_output=True,
            timeout=LIMIT_S,
            check=False,
        )
        wall_s = time.perf_counter() - started
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if result.returncode:
            raise RigError(f"{program.name}: {result.stderr.decode()[-300:]}")

        user_s = after.ru_utime - before.ru_utime
        return Cost(user_s + after.ru_stime - before.ru_stime, wall_s)
