"""Ten thousand quiet transcripts: what it costs to look at all of them for ever.

The daemon scans, pauses and scans again; its CPU time over both is the figure. While
it scans, somebody asks all the time: the slowest answer shows the longest step.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import anyio

from jarvisd.overview.health_wire import HealthResult
from jarvisd.overview.wire import StatusResult
from tests.e2e.home import Home, append, record
from tests.e2e.rig import Daemon, running_daemon
from tests.hostile.figures import Figure, part

FILES = 10_000
FOLDERS = 200
FOREIGN_FILES = 100_000
SCANS = 4
PATIENCE_S = 600.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a daemon did that was left alone, and how it answered while it scanned."""

    cpu_percent: float
    scan_ms: float
    slowest_ms: float


async def figures(home: Home, *, share: float = 1.0) -> list[Figure]:
    """Let a daemon with 10,000 files be idle, alone and beside 100,000 others."""
    scans = part(SCANS, share)
    write_transcripts(home, FILES)
    async with running_daemon(home) as daemon:
        await daemon.sync()
        alone = await idle(daemon, scans=scans)
        write_others(home.projects / "-x" / "node_modules", FOREIGN_FILES)
        await daemon.sync()
        beside = await idle(daemon, scans=scans)

    return [
        Figure("CPU time of scanning 10,000 files", alone.cpu_percent, 1, "%"),
        Figure("one scan of them", alone.scan_ms, None, "ms"),
        Figure("slowest answer while scanning", alone.slowest_ms, 50, "ms"),
        Figure("CPU time with 100,000 others beside", beside.cpu_percent, 1, "%"),
    ]


async def idle(daemon: Daemon, *, scans: int) -> Outcome:
    """Leave it alone for so many scans, each with the pause before it."""
    with anyio.fail_after(PATIENCE_S):
        await _scan_ms(daemon)
        before_s, began, scan_ms = cpu_s(daemon), anyio.current_time(), 0.0
        for _ in range(scans):
            scan_ms = max(scan_ms, await _scan_ms(daemon))

    share = (cpu_s(daemon) - before_s) / (anyio.current_time() - began)
    return Outcome(100 * share, scan_ms, await slowest_answer_ms(daemon))


async def _scan_ms(daemon: Daemon) -> float:
    """Return how long the next scan has taken, at its end."""
    health = await daemon.ask("health", HealthResult)
    last_ms = health.watch.last_scan_ms
    while health.watch.last_scan_ms == last_ms:
        await anyio.sleep(0.5)
        health = await daemon.ask("health", HealthResult)

    return health.watch.scan_took_ms


async def slowest_answer_ms(daemon: Daemon) -> float:
    """Return the longest time of an answer while all is looked through."""
    slowest_s = 0.0
    async with daemon.connected() as client, anyio.create_task_group() as tasks:
        await client.ask("status", StatusResult)
        tasks.start_soon(_sync_and_stop, daemon, tasks.cancel_scope)
        while True:
            began = anyio.current_time()
            await client.ask("status", StatusResult)
            slowest_s = max(slowest_s, anyio.current_time() - began)
            await anyio.sleep(0.001)

    return 1000 * slowest_s


async def _sync_and_stop(daemon: Daemon, scope: anyio.CancelScope) -> None:
    await daemon.sync()
    scope.cancel()


def cpu_s(daemon: Daemon) -> float:
    """Return the CPU time that the daemon has used so far."""
    fields = Path(f"/proc/{daemon.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def write_transcripts(home: Home, count: int) -> None:
    """Write transcripts of one line each, in FOLDERS folders, a year old."""
    for number in range(count):
        path = home.transcript(f"p{number % FOLDERS}", session=f"s{number}")
        append(path, record())
        os.utime(path, (1_700_000_000, 1_700_000_000))


def write_others(folder: Path, count: int) -> None:
    """Write files that nobody wants to read, where transcripts may lie."""
    for number in range(count):
        path = folder / str(number // 1000) / f"{number}.js"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
