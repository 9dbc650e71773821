"""The first full read next to the tools that users have: in turn, on the same files.

Everything is read, priced and stored here, and a report is printed there. Both peers
come from npm into the cache folder, once; without npm the figure is skipped.
"""

import os
import resource
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks import proc
from benchmarks.corpora import Corpus, cache_folder
from benchmarks.effort import Effort
from benchmarks.errors import RigError, SkippedError
from benchmarks.home import new_home
from benchmarks.rig import running
from benchmarks.rows import Row

PACKAGES = (
    "@ccusage/ccusage-linux-x64@20.0.24",
    "@tokscale/cli-linux-x64-gnu@4.17.0",
)
CCUSAGE = "node_modules/@ccusage/ccusage-linux-x64/bin/ccusage"
TOKSCALE = "node_modules/@tokscale/cli-linux-x64-gnu/bin/tokscale"
LIMIT_S = 300


class Cost(NamedTuple):
    """What one whole process took."""

    cpu_s: float
    wall_s: float


def measure(effort: Effort) -> list[Row]:
    history, tools = effort.history(), _tools()
    ours, ccusages, tokscales = [], [], []
    for _ in range(effort.runs(3)):
        ours.append(_first_read(history))
        ccusages.append(_peer(history, tools / CCUSAGE, "daily", "--json", "--offline"))
        tokscales.append(_peer(history, tools / TOKSCALE, "models", "--json"))

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
            env=home.environ(),
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


def _tools() -> Path:
    """Return the folder with the peers, fetched into the cache if need be."""
    folder = cache_folder() / "peers"
    if (folder / CCUSAGE).exists() and (folder / TOKSCALE).exists():
        return folder

    npm = shutil.which("npm")
    if npm is None:
        raise SkippedError("npm is not installed, and the peers come from it")

    folder.mkdir(parents=True, exist_ok=True)
    command = [npm, "install", "--no-save", "--no-fund", "--no-audit", *PACKAGES]
    result = subprocess.run(
        command, cwd=folder, env=dict(os.environ), capture_output=True, check=False
    )
    if result.returncode:
        raise SkippedError(
            f"npm cannot fetch the peers: {result.stderr.decode()[-200:]}"
        )

    return folder
