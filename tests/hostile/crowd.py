"""One honest client in a crowd of rogues: what it waits, and what they cost."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import anyio
from anyio import to_thread

from jarvisd.overview.health_wire import HealthResult
from tests.e2e.home import CODE, Home, append, record
from tests.e2e.rig import Daemon, running_daemon
from tests.hostile.figures import Figure
from tests.hostile.rogues import COUNT, STATUS
from tests.support import PATIENCE_S

BLOCKS = 200
ASK_EVERY_S = 0.01
MAY_STAY = ("flood", "vanish", "nest")
"""Rogues that break no rule: they leave by themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordeal:
    """What came of it: waits of the honest client in ms, memory in bytes."""

    waits_ms: list[float]
    gone_s: dict[str, list[float | None]]
    peak_bytes: int
    clients_left: int

    @property
    def p99_ms(self) -> float:
        """Return what 99 of 100 answers took at most."""
        return sorted(self.waits_ms)[int(len(self.waits_ms) * 0.99)]

    @property
    def last_gone_s(self) -> float:
        """Return when the last of those was gone that should be; infinity if never."""
        return max(
            float("inf") if each is None else each
            for kind, times in self.gone_s.items()
            if kind not in MAY_STAY
            for each in times
        )


async def figures(home: Home, *, share: float = 1.0) -> list[Figure]:
    """Measure what an honest client waits among rogues, whatever the *share*."""
    async with running_daemon(home) as daemon:
        ordeal = await endure(daemon)
        lines = len(daemon.log().splitlines())

    return [
        Figure("answers to the honest client", len(ordeal.waits_ms)),
        Figure("its wait, 99 of 100", ordeal.p99_ms, 50, "ms"),
        Figure("its longest wait", max(ordeal.waits_ms), None, "ms"),
        Figure("the last rogue was hung up on after", ordeal.last_gone_s, 15, "s"),
        Figure("the most memory held", ordeal.peak_bytes / 1e6, 150, "MB"),
        Figure("lines in the log", lines, 20),
    ]


async def endure(daemon: Daemon) -> Ordeal:
    """Let the rogues loose on *daemon*, and ask it for `status` all the while."""
    paths = [daemon.home.transcript() for _ in range(BLOCKS)]
    for path in paths:
        append(path, record())

    await daemon.sync()
    waits_ms: list[float] = []
    with _connected(daemon.socket) as honest, _rogues(daemon.socket) as rogues:
        while rogues.poll() is None:
            append(paths[len(waits_ms) % BLOCKS], record())
            waits_ms.append(await to_thread.run_sync(_ask, honest))
            await anyio.sleep(ASK_EVERY_S)

        told, _ = rogues.communicate()

    health = await daemon.ask("health", HealthResult)
    return Ordeal(
        waits_ms=waits_ms,
        gone_s=_gone(told),
        peak_bytes=daemon.peak_bytes(),
        clients_left=health.clients,
    )


def _connected(path: Path) -> socket.socket:
    """Return an honest client, let in before the rogues fill the queue."""
    honest = socket.socket(socket.AF_UNIX)
    honest.settimeout(PATIENCE_S)
    honest.connect(str(path))
    return honest


@contextmanager
def _rogues(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Run them until the end of the block; all are connected when it begins."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.hostile.rogues", str(path)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        cwd=CODE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def _ask(honest: socket.socket) -> float:
    """Return how long one answer took, in ms."""
    before = perf_counter()
    honest.sendall(STATUS)
    answer = b""
    while not answer.endswith(b"\n"):
        piece = honest.recv(1 << 16)
        assert piece, "the honest client was hung up on"
        answer += piece

    assert b'"result"' in answer, answer
    return (perf_counter() - before) * 1000


def _gone(told: str) -> dict[str, list[float | None]]:
    found: dict[str, list[float | None]] = {}
    for line in told.splitlines():
        kind, seconds = line.split()
        found.setdefault(kind, []).append(None if seconds == "none" else float(seconds))

    assert sum(map(len, found.values())) == COUNT, told
    return found
