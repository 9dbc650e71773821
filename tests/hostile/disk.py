"""The disk is full, again and again: nothing is lost, and nobody need start anything."""

from dataclasses import dataclass
from pathlib import Path

import anyio

from jarvisd.overview.health_wire import HealthResult
from tests.e2e.home import Home, append, record
from tests.e2e.rig import Daemon, running_daemon
from tests.e2e.test_degraded import fill, mounted, status_is
from tests.hostile.figures import Figure, part
from tests.support import eventually

DISK = "size=4m,mode=700"
TIMES = 20
FULL_S = 5.0
FILES = 10


@dataclass(frozen=True, slots=True)
class Outcome:
    """How long it took after each time until all was stored again."""

    recoveries_s: list[float]
    lost_lines: int
    log_lines: int


async def figures(home: Home, *, share: float = 1.0) -> list[Figure]:
    """Fill a disk of 4 MB 20 times for 5 s."""
    outcome = await endure(home, times=part(TIMES, share), full_s=FULL_S)
    return [
        Figure("times the disk was full for 5 s", len(outcome.recoveries_s)),
        Figure("longest recovery", max(outcome.recoveries_s), 2, "s"),
        Figure("lines lost or doubled", outcome.lost_lines, 0),
        Figure("lines in the log", outcome.log_lines, 100),
    ]


async def endure(home: Home, *, times: int, full_s: float) -> Outcome:
    """Fill the disk *times*, and count what is stored in the end by a new daemon."""
    paths = [home.transcript() for _ in range(FILES)]
    written, recoveries_s = 0, []
    with mounted(home.state, DISK):
        async with running_daemon(home) as daemon:
            for _ in range(times):
                written += await _fill_for(full_s, daemon, paths)
                recoveries_s.append(await _recovery_s(daemon, written))

            log_lines = len(daemon.log().splitlines())
            await daemon.restart()
            found = [await daemon.block_at(each) for each in paths]

    lost = sum(abs(block.line_count - written) for block in found)
    return Outcome(recoveries_s, lost, log_lines)


async def _fill_for(seconds: float, daemon: Daemon, paths: list[Path]) -> int:
    """Let files grow on a full disk; return how many lines each of them got."""
    ballast = fill(daemon.home.state)
    lines, until = 0, anyio.current_time() + seconds
    while anyio.current_time() < until:
        for path in paths:
            append(path, record())
        lines += 1
        await anyio.sleep(0.05)

    assert await status_is(daemon, "degraded")
    ballast.unlink()
    return lines


async def _recovery_s(daemon: Daemon, written: int) -> float:
    """Return how long it takes until *written* lines of each file are stored."""
    freed = anyio.current_time()

    async def is_stored() -> bool:
        health = await daemon.ask("health", HealthResult)
        return health.status == "ok" and not health.store.dirty_blocks

    await eventually(is_stored)
    took_s = anyio.current_time() - freed
    async with daemon.connected() as client:
        assert {each.line_count for each in await client.blocks()} == {written}
    return took_s
