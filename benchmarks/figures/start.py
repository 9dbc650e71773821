"""From the start of the process to its first answer, with all known and with nothing.

A daemon with an empty home is started in turn with each of these: what it needs is
what Python and its imports need.
"""

import time

from benchmarks import proc
from benchmarks.access import log_reads
from benchmarks.corpora import Corpus
from benchmarks.effort import Effort
from benchmarks.home import Home, new_home
from benchmarks.rig import running
from benchmarks.rows import Row


def measure(effort: Effort) -> list[Row]:
    history = effort.history()
    return [*_with_backlog(effort, history), *_restarted(effort, history)]


def _with_backlog(effort: Effort, history: Corpus) -> list[Row]:
    backlog, empty = [], []
    _first_answer_s(None)  # the very first start compiles the modules
    for _ in range(effort.runs(7)):
        backlog.append(_first_answer_s(history))
        empty.append(_first_answer_s(None))

    return [
        Row(
            figure="first answer after start, 1 GB not read yet",
            samples=tuple(backlog),
            unit="s",
            must=0.5,
            ambition=0.25,
        ),
        Row(
            figure="first answer after start, nothing there",
            samples=tuple(empty),
            unit="s",
        ),
    ]


def _first_answer_s(history: Corpus | None) -> float:
    with new_home() as home:
        if history:
            history.link_into(home.folder)

        with running(home) as daemon:
            return daemon.first_answer_s()


def _restarted(effort: Effort, history: Corpus) -> list[Row]:
    files = len(history.files())
    with new_home() as home:
        history.link_into(home.folder)
        with running(home) as daemon:
            daemon.read_all()

        with log_reads(home.folder) as reads:
            runs = [_restart(home, files) for _ in range(effort.runs(7))]
            touched = reads.count()

    known, rss, read = zip(*runs, strict=True)
    return [
        Row(
            figure=f"restart, {files:,} known files, until status shows all",
            samples=known,
            unit="s",
            must=0.6,
            ambition=0.3,
        ),
        Row(
            figure="restart, reads of logs in all runs, sync included",
            samples=(touched,),
            unit="reads",
            must=0,
            ambition=0,
            note="by inotify IN_ACCESS, so 0 reads are 0 bytes",
        ),
        Row(
            figure="restart, bytes read in all (modules, store)",
            samples=read,
            unit="MB",
        ),
        Row(figure="restart, memory with all known", samples=rss, unit="MB"),
    ]


def _restart(home: Home, files: int) -> tuple[float, float, float]:
    """Return seconds until all is known, then memory and megabytes read after `sync`."""
    with running(home) as daemon, daemon.connect() as client:
        while client.ask("status")["blocks"] < files:
            pass

        known_s = time.perf_counter() - daemon.started
        client.ask("sync")
        read_bytes = proc.usage(daemon.pid).read_bytes
        return known_s, proc.rss_mb(daemon.pid), read_bytes / 1e6
