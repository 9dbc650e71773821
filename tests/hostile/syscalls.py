"""The n-th call of the kernel fails, for many n: the daemon goes on, or is exact when
it has been started again.

`strace` injects the error into a daemon that runs, or from its very start. Meanwhile
transcripts grow in torn pieces, one appears, and the socket is asked. Afterwards the
error is over, as after a disk was mended, and every line must be counted once: in
memory, and in what a new daemon reads from the store.
"""

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

import anyio

from jarvisd.overview.wire import StatusResult
from tests.e2e.client import RpcError
from tests.e2e.home import Home, append_bytes, record, temporary_home
from tests.e2e.rig import Daemon
from tests.hostile.figures import Figure, part
from tests.support import eventually

STRACE = shutil.which("strace")
RUNS = 200
SEED = 20260921
CALLS = ("write", "pwrite64", "fdatasync", "openat", "inotify_add_watch", "accept4")
ERRORS = ("EIO", "ENOSPC", "EMFILE", "EINTR")
MAX_N = {"openat": 12, "inotify_add_watch": 3, "accept4": 6, "fdatasync": 3}
"""About as many calls as a run makes; of the others there are more."""
LINES = 30
PIECE_BYTES = 37
"""Most ends are torn ones: a record has 40 characters."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Call number *n* of *call* fails with *error*; *early* counts from the start."""

    call: str
    error: str
    n: int
    early: bool

    def __str__(self) -> str:
        since = "start" if self.early else "ready"
        return f"{self.call}#{self.n}={self.error} since {since}"

    @property
    def strace(self) -> tuple[str, ...]:
        """Return the command that injects it into the program that follows."""
        inject = f"inject={self.call}:error={self.error}:when={self.n}"
        return ("strace", "-f", "-q", "-o", "/dev/null", "-e", inject)


def faults(count: int, seed: int) -> list[Fault]:
    """Return *count* faults: each call with each error in turn, n at random."""
    chance, found = random.Random(seed), []
    for number in range(count):
        call = CALLS[number % len(CALLS)]
        error = ERRORS[number // len(CALLS) % len(ERRORS)]
        # A start opens hundreds of modules: its failures tell nothing of us.
        early = call != "openat" and number % 5 == 0
        n = chance.randint(1, MAX_N.get(call, 25))
        found.append(Fault(call, error, n, early))

    return found


async def figures(_home: Home, *, share: float = 1.0) -> list[Figure]:
    """Let 200 calls fail, each in a run of its own."""
    ended, runs = 0, part(RUNS, share)
    for fault in faults(runs, SEED):
        with (
            tempfile.TemporaryDirectory(prefix="jarvisd-") as folder,
            temporary_home(Path(folder)) as home,
        ):
            print(f"faults: {fault}", flush=True)
            ended += await survives(home, fault)

    return [
        Figure("runs with a failing system call, all exact", runs),
        Figure("of them with a daemon that had to be started again", ended),
    ]


async def survives(home: Home, fault: Fault) -> bool:
    """Let *fault* happen; check that all is exact; say whether the daemon ended."""
    paths = [home.transcript() for _ in range(3)]
    for path in paths[:2]:
        append_bytes(path, f"{record()}\n".encode() * LINES)

    async with _daemon(home) as daemon:
        ended = await _under(fault, daemon, paths)
        await eventually(lambda: _is_exact(daemon, paths))
        await daemon.kill()
        await daemon.start()
        await eventually(lambda: _is_exact(daemon, paths))

    _check_store(home)
    return ended


@asynccontextmanager
async def _daemon(home: Home) -> AsyncIterator[Daemon]:
    """Run a daemon that may end with a traceback; its log is shown if a test fails."""
    daemon = Daemon(home)
    try:
        await daemon.start()
        yield daemon
    except BaseException:
        print(daemon.log())
        raise
    finally:
        daemon.destroy()


async def _under(fault: Fault, daemon: Daemon, paths: list[Path]) -> bool:
    """Work while *fault* happens; afterwards a sound daemon runs."""
    if fault.early:
        await daemon.terminate()
        daemon.spawn(wrapper=(*fault.strace, "-D"))
        await _work(daemon, paths)
        _end_tracer(daemon.pid)
    else:
        async with _attached(fault, daemon.pid):
            await _work(daemon, paths)

    ended = not daemon.is_running
    if ended:
        await daemon.ended()
        await daemon.start()
    return ended


def _end_tracer(pid: int) -> None:
    """Let go of *pid*; else each new thread of it would fail at its n-th call."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return  # the tracer ends with it

    tracer = next(each for each in status.splitlines() if each.startswith("TracerPid"))
    if int(tracer.split()[1]):
        # Not SIGTERM: strace would hand it on to what it has started.
        os.kill(int(tracer.split()[1]), signal.SIGKILL)


async def _work(daemon: Daemon, paths: list[Path]) -> None:
    """Let files grow in torn pieces, and ask, whatever comes of it."""
    growth = f"{record()}\n".encode() * LINES
    for start in range(0, len(growth), PIECE_BYTES):
        for path in paths:
            append_bytes(path, growth[start : start + PIECE_BYTES])

        await _ask(daemon)
        await anyio.sleep(0.02)
    await _ask(daemon, "sync")


async def _ask(daemon: Daemon, method: str = "status") -> None:
    try:
        with anyio.move_on_after(5):
            await daemon.ask(method, dict[str, object])
    except (OSError, RpcError, anyio.EndOfStream, anyio.BrokenResourceError):
        return  # the answer is not what is tested


@asynccontextmanager
async def _attached(fault: Fault, pid: int) -> AsyncIterator[None]:
    """Let *fault* happen to the running process *pid* until the end of the block."""
    command = [*fault.strace, "-p", str(pid)]
    command.remove("-q")  # what it says tells when it has begun
    process = await anyio.open_process(command, stderr=subprocess.PIPE)
    try:
        assert process.stderr is not None
        said = await process.stderr.receive()
        assert b"attached" in said, said
        yield
    finally:
        with anyio.CancelScope(shield=True):
            if process.returncode is None:
                process.kill()
            await process.aclose()


async def _is_exact(daemon: Daemon, paths: list[Path]) -> bool:
    """Say whether each file is counted and stored as it is, and all is well."""
    try:
        await daemon.sync()
        assert await daemon.ask("status", StatusResult) is not None
    except (OSError, RpcError, anyio.EndOfStream):
        return False

    for path in paths:
        block = await daemon.block_at(path)
        lines = path.read_bytes().count(b"\n")
        stored = daemon.home.stored_lines(block.block_id)
        if not block.line_count == stored == lines or block.malformed_count:
            return False

    return True


def _check_store(home: Home) -> None:
    with closing(sqlite3.connect(home.state / "jarvisd.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
