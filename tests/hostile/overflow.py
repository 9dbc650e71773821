"""The daemon is stopped while more happens than the kernel keeps for it.

Twenty thousand changes to four thousand transcripts overflow a queue of 16,384 events;
what is lost of them, only a look at the files can tell.
"""

import signal
from dataclasses import dataclass
from statistics import median

import anyio

from jarvisd.overview.health_wire import HealthResult
from jarvisd.overview.wire import StatusResult
from tests.e2e.home import Home, append, record
from tests.e2e.rig import Daemon, running_daemon
from tests.hostile.figures import Figure, part

TIMES = 50
FILES = 4_000
ROUNDS = 5
"""Lines that each file gets while the daemon is stopped."""

FOLDERS = 40
PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How long it took each time until all lines were counted, and what was told."""

    recoveries_s: list[float]
    hints_lost: int
    wrong_lines: int


async def figures(home: Home, *, share: float = 1.0) -> list[Figure]:
    """Overflow the queue 50 times."""
    outcome = await endure(home, times=part(TIMES, share), files=FILES)
    recoveries_s = outcome.recoveries_s
    return [
        Figure(f"times with {FILES * ROUNDS:,} changes unseen", len(recoveries_s)),
        Figure("time until all are counted, median", median(recoveries_s), 3, "s"),
        Figure("time until all are counted, longest", max(recoveries_s), None, "s"),
        Figure("lines lost or doubled", outcome.wrong_lines, 0),
        Figure("overflows and changes told as lost", outcome.hints_lost),
    ]


async def endure(home: Home, *, times: int, files: int) -> Outcome:
    """Stop the daemon *times*, and let *files* files change meanwhile."""
    paths = [
        home.transcript(f"p{number % FOLDERS}", session=f"s{number}")
        for number in range(files)
    ]
    lines, recoveries_s = 0, []
    async with running_daemon(home) as daemon:
        for path in paths:
            append(path, record())

        await daemon.sync()
        for _ in range(times):
            daemon.signal(signal.SIGSTOP)
            for _ in range(ROUNDS):
                for path in paths:
                    append(path, record())

            lines += ROUNDS * files
            daemon.signal(signal.SIGCONT)
            recoveries_s.append(await _recovery_s(daemon, files + lines))

        await daemon.sync()
        status = await daemon.ask("status", StatusResult)
        health = await daemon.ask("health", HealthResult)

    lost = [each.count for each in health.problems if each.kind == "hints_lost"]
    return Outcome(recoveries_s, sum(lost), abs(status.line_count - files - lines))


async def _recovery_s(daemon: Daemon, lines: int) -> float:
    """Return how long it takes until so many lines are known."""
    began = anyio.current_time()
    with anyio.fail_after(PATIENCE_S):
        async with daemon.connected() as client:
            while True:
                status = await client.ask("status", StatusResult)
                if status.line_count >= lines:
                    return anyio.current_time() - began

                await anyio.sleep(0.02)
