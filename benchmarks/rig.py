"""The real daemon in a private home, ended in any case.

Only processes started here are ever signalled.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.client import AnswerError, Client
from benchmarks.errors import RigError
from benchmarks.home import Home

REPOSITORY = Path(__file__).resolve().parents[1]
START_LIMIT_S = 60.0
STOP_LIMIT_S = 15.0
PROGRAM = """
import runpy, sys
sys.modules["rich"] = None
runpy.run_module("jarvisd", run_name="__main__", alter_sys=True)
"""
"""As its users have it. A tool of developers brings rich along, which structlog imports
where it finds it: a tenth of a second of each start."""

READ_LIMIT_S = 600.0
"""A gigabyte in ten minutes: slower is no measurement any more."""

CONNECT_PAUSE_S = 0.001
"""Between two attempts to connect: the resolution of a start."""


@dataclass(slots=True)
class Daemon:
    """A daemon that runs; *started* is when it was asked to, in perf_counter seconds."""

    home: Home
    process: subprocess.Popen[bytes]
    started: float

    @property
    def pid(self) -> int:
        """Return its process id."""
        return self.process.pid

    def connect(self) -> Client:
        """Return a connection as soon as there can be one."""
        deadline = time.perf_counter() + START_LIMIT_S
        while time.perf_counter() < deadline:
            with suppress(FileNotFoundError, ConnectionRefusedError):
                return Client(self.home.socket)

            if self.process.poll() is not None:
                raise RigError(f"the daemon ended at once: {self.last_words()}")

            time.sleep(CONNECT_PAUSE_S)  # noqa: TID251 - a socket cannot be awaited

        raise RigError(f"no socket after {START_LIMIT_S:.0f} s: {self.last_words()}")

    def first_answer_s(self) -> float:
        """Return how long after its start the daemon first answered `status`."""
        with self.connect() as client:
            client.ask("status")
            return time.perf_counter() - self.started

    def read_all(self) -> None:
        """Return once all that lies in the home is read and stored."""
        deadline = time.perf_counter() + READ_LIMIT_S
        with self.connect() as client:
            while True:
                try:
                    client.ask("sync")
                except AnswerError:  # it has a time limit of its own
                    if time.perf_counter() > deadline:
                        raise
                else:
                    break

    def last_words(self) -> str:
        """Return the end of the daemon's log."""
        log = self.home.folder / "daemon.log"
        return log.read_text(encoding="utf-8", errors="replace")[-2000:].strip()

    def stop(self) -> None:
        """Ask it to end, and make sure that it has."""
        self.process.terminate()
        try:
            self.process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise RigError("the daemon did not end on SIGTERM") from None


@contextmanager
def running(home: Home) -> Iterator[Daemon]:
    """Start the daemon in *home*, and end it."""
    with (home.folder / "daemon.log").open("ab") as log:
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            cwd=REPOSITORY,
            env=home.environ(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    daemon = Daemon(home, process, started)
    try:
        yield daemon
        daemon.stop()
    except RigError:
        print(daemon.last_words(), file=sys.stderr)
        raise
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
