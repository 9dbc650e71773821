"""Starts, kills and stops the real daemon; whatever a test does, nothing is left."""

import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

import anyio
from anyio import BrokenResourceError, EndOfStream

from jarvisd.core.origin import BlockView
from jarvisd.rpc.client_wire import HelloResult
from tests.e2e.client import Client, connected
from tests.e2e.commands import started_by
from tests.e2e.home import Home

T = TypeVar("T")

START_S = 60.0
STOP_S = 60.0
"""Limits that a loaded machine keeps; the promises on times have tests of their own."""

_COMPLAINTS = ("Traceback", "Exception ignored", "Warning:", "never awaited")
"""What must never be seen in the log, whatever the daemon is given to read."""


AS_A_USER: tuple[str, ...] = ()
"""Put before a command that must be refused what the modes of files forbid."""

if os.geteuid() == 0 and shutil.which("setpriv"):
    AS_A_USER = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")


class Daemon:
    """A daemon process and the home it serves."""

    def __init__(
        self,
        home: Home,
        *,
        environ: Mapping[str, str] | None = None,
        arguments: tuple[str, ...] = (),
        wrapper: tuple[str, ...] = (),
        outside: tuple[str, ...] = (),
        packages: tuple[str, ...] = (),
    ) -> None:
        self.home = home
        self.environ = home.environ() | dict(environ or {})
        self.log_file = home.folder / "daemon.log"
        self._wrapper = wrapper
        self._outside = outside
        self._command = [*started_by("jarvisd.__main__", packages), *arguments]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Return the process id of the running daemon."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Say whether there is a process."""
        return self._process is not None and self._process.poll() is None

    @property
    def socket(self) -> Path:
        """Return where it listens."""
        return Path(self.environ.get("JARVISD_SOCKET", self.home.socket))

    def log(self) -> str:
        """Return all that this daemon has written to its standard output and error."""
        return self.log_file.read_text(errors="replace")

    def spawn(self, *, wrapper: tuple[str, ...] | None = None) -> None:
        """Start the process without waiting for it to be ready.

        *wrapper* takes the place of the usual one, for this start only.
        """
        wrapper = self._wrapper if wrapper is None else wrapper
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._outside, *AS_A_USER, *wrapper, *self._command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environ,
                cwd=self.home.folder,
            )

    async def start(self) -> None:
        """Start it and wait until it answers."""
        self.spawn()
        await self.answering()

    async def answering(self) -> None:
        """Wait until it answers on its socket."""
        with anyio.fail_after(START_S):
            while not await _answers(self.socket):
                assert self.is_running, self.log()
                await anyio.sleep(0.01)

    async def kill(self) -> None:
        """End it in the middle of whatever it does."""
        await self.stop(signal.SIGKILL)

    async def terminate(self) -> int:
        """Ask it to end, as the system does; return its exit status."""
        return await self.stop(signal.SIGTERM)

    async def stop(self, number: signal.Signals) -> int:
        """Send the signal *number* and return the exit status."""
        self.signal(number)
        return await self.ended()

    def signal(self, number: signal.Signals) -> None:
        """Send the signal *number*, which need not end it."""
        assert self._process is not None
        self._process.send_signal(number)

    async def ended(self) -> int:
        """Wait for its end and return the exit status."""
        assert self._process is not None
        wait = partial(self._process.wait, timeout=STOP_S)
        return await anyio.to_thread.run_sync(wait)

    async def restart(self) -> None:
        """Kill it and start it again in the same home."""
        await self.kill()
        await self.start()

    def destroy(self) -> None:
        """Leave no process behind."""
        if self._process is not None and self.is_running:
            self._process.kill()
            self._process.wait(STOP_S)

    def connected(self) -> AbstractAsyncContextManager[Client]:
        """Return a connection, to be used in an `async with` block."""
        return connected(self.socket)

    async def ask(self, method: str, answer: type[T], **params: object) -> T:
        """Return the answer to one request on a connection of its own."""
        async with self.connected() as client:
            return await client.ask(method, answer, **params)

    async def sync(self) -> int:
        """Let it read and store all that is on disk; return the revision."""
        async with self.connected() as client:
            return await client.sync()

    async def block_at(self, path: Path) -> BlockView:
        """Return the block that *path* feeds, with all that is on disk now counted."""
        async with self.connected() as client:
            await client.sync()
            block = await client.block_at(path)
            assert block is not None, f"nothing is known of {path}"
            return block

    async def shows(self, path: Path, *, lines: int) -> bool:
        """Say whether so many lines of *path* are known, without asking for a look."""
        async with self.connected() as client:
            block = await client.block_at(path)
            return block is not None and (block.line_count, block.error) == (
                lines,
                None,
            )

    def open_files(self) -> list[str]:
        """Return what the process has open, as the kernel names it."""
        handles = Path(f"/proc/{self.pid}/fd").iterdir()
        return [str(each.readlink()) for each in handles if each.is_symlink()]

    def resident_bytes(self) -> int:
        """Return how much memory the process holds now."""
        pages = Path(f"/proc/{self.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def peak_bytes(self) -> int:
        """Return the most memory that the process has ever held."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        peak = next(each for each in status.splitlines() if each.startswith("VmHWM"))
        return int(peak.split()[1]) * 1024

    def assert_clean_log(self) -> None:
        """Fail if anything was logged that only a mistake of ours can cause."""
        log = self.log()
        assert not [each for each in _COMPLAINTS if each in log], log


@asynccontextmanager
async def running_daemon(
    home: Home,
    *,
    environ: Mapping[str, str] | None = None,
    wrapper: tuple[str, ...] = (),
    outside: tuple[str, ...] = (),
    packages: tuple[str, ...] = (),
) -> AsyncIterator[Daemon]:
    """Run a daemon in *home*; it ends with the block, with status 0 and a clean log.

    The test may kill it, end it and start it again in between. *wrapper* is put
    before the command and becomes the daemon by exec; *outside* as well, but keeps
    what root may do. *packages* hold agents besides those that come with it.
    """
    daemon = Daemon(
        home, environ=environ, wrapper=wrapper, outside=outside, packages=packages
    )
    try:
        await daemon.start()
        yield daemon
        if daemon.is_running:
            assert await daemon.terminate() == 0, daemon.log()
    finally:
        daemon.destroy()

    daemon.assert_clean_log()


async def _answers(socket: Path) -> bool:
    try:
        async with connected(socket) as client:
            await client.ask("hello", HelloResult)
            return True
    except (OSError, EndOfStream, BrokenResourceError):
        return False
