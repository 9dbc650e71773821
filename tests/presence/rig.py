"""A home with registries and locks, real processes in the role of agents, a listener."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TypeVar

import anyio

from jarvisd.base.clock import SystemClock
from jarvisd.core.origin import SessionId
from jarvisd.core.roots import Tree
from jarvisd.core.signal import (
    ProcessesChecked,
    ProcessFound,
    ProcessGone,
    RegistryRead,
    Signal,
)
from jarvisd.presence.monitor import PresenceMonitor
from jarvisd.presence.processes import life_of
from jarvisd.presence.wanted import WantedSession
from tests.agents.found import AGENTS
from tests.support import eventually

T = TypeVar("T", ProcessesChecked, ProcessFound, ProcessGone, RegistryRead)

PYTHON = os.path.realpath(sys.executable)
READY = "\nprint('ready', flush=True)\nimport time\ntime.sleep(600)"


class Agent:
    """A process that looks like an agent's, killed at the end of its context."""

    def __init__(
        self,
        *argv: str,
        code: str = "",
        cwd: Path | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        # Isolated and without site: 15 ms, whatever the name it is called by.
        command = [argv[0], "-I", "-S", "-c", code + READY, *argv[1:]]
        self.process = subprocess.Popen(
            command,
            executable=PYTHON,
            cwd=cwd,
            stdout=subprocess.PIPE,
            env={"PYTHONHOME": sys.base_prefix} | dict(environ or {}),
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"ready\n"

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def ticks(self) -> int:
        life = life_of(self.pid)
        assert life is not None
        return life.ticks

    def kill(self, signal_: int = signal.SIGKILL) -> None:
        """End it; nobody waits for it, so it stays as a zombie."""
        self.process.send_signal(signal_)

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


@contextmanager
def agent(
    *argv: str,
    code: str = "",
    cwd: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Iterator[Agent]:
    """Run a process that calls itself *argv*, having done *code*."""
    found = Agent(*(argv or ("claude",)), code=code, cwd=cwd, environ=environ)
    try:
        yield found
    finally:
        found.close()


@contextmanager
def agents(count: int) -> Iterator[list[Agent]]:
    """Run so many processes of Claude Code."""
    with ExitStack() as stack:
        yield [stack.enter_context(agent("claude")) for _ in range(count)]


class Home:
    """The folders of agents below a temporary home."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.registry = folder / ".claude/sessions"
        self.locks = folder / ".codex/thread-writer-locks"
        for each in (self.registry, self.locks):
            each.mkdir(parents=True)

    def trees(self) -> tuple[Tree, ...]:
        environ = {"XDG_CONFIG_HOME": str(self.folder / ".config")}
        return tuple(
            tree for each in AGENTS for tree in each.roots(environ, self.folder, ())
        )

    def entry(self, pid: int) -> Path:
        return self.registry / f"{pid}.json"

    def register(self, of: Agent, session: str = "s1", **more: object) -> Path:
        """Write an entry as Claude Code does: truncated, then written, no newline."""
        fields = {
            "pid": of.pid,
            "sessionId": session,
            "cwd": "/home/dev/work",
            "procStart": str(of.ticks),
            "status": "busy",
        }
        path = self.entry(of.pid)
        write_in_place(path, json.dumps(fields | more).encode())
        return path

    def lock(self, thread: str) -> Path:
        return self.locks / f"{thread}.lock"


def write_in_place(path: Path, text: bytes) -> None:
    """Truncate *path* and write it, without a rename."""
    with path.open("wb") as file:
        file.write(text)


class Heard:
    """What was reported, in order, with the time of each."""

    def __init__(self) -> None:
        self.signals: list[Signal] = []
        self.times: list[float] = []
        self.wanted: list[WantedSession] = []

    def report(self, signal_: Signal) -> None:
        self.signals.append(signal_)
        self.times.append(time.perf_counter())

    def all(self, kind: type[T], session: str | None = None) -> list[T]:
        """Return the signals of one kind, of one session if it is named."""
        return [
            each
            for each in self.signals
            if isinstance(each, kind) and session in {None, each.session_id}
        ]

    async def next(self, kind: type[T], session: str | None = None) -> T:
        """Wait for a first signal of that kind, and return the newest."""
        await eventually(lambda: bool(self.all(kind, session)))
        return self.all(kind, session)[-1]

    async def said(self, status: str | None) -> RegistryRead:
        """Wait until the newest word of the registry is *status*."""
        await eventually(lambda: self._newest_status() == (True, status))
        return self.all(RegistryRead)[-1]

    def want(
        self,
        session: str,
        agent: str = "claude",
        *,
        cwd: Path | None = None,
        paths: Sequence[Path] = (),
        last_ms: int | None = None,
    ) -> None:
        """Ask for the process of a session that was heard of now."""
        self.wanted.append(
            WantedSession(
                agent=agent,
                session_id=SessionId(session),
                cwd=None if cwd is None else str(cwd),
                paths=tuple(map(str, paths)),
                last_ms=SystemClock().unix_ms() if last_ms is None else last_ms,
            )
        )

    def _newest_status(self) -> tuple[bool, str | None]:
        reads = self.all(RegistryRead)
        return (True, reads[-1].status) if reads else (False, None)


@asynccontextmanager
async def watching(home: Home, heard: Heard) -> AsyncIterator[PresenceMonitor]:
    """Watch *home* and write what is reported to *heard*."""
    presence = PresenceMonitor(
        heard.report,
        SystemClock(),
        AGENTS,
        trees=home.trees,
        wanted=lambda: list(heard.wanted),
    )
    async with anyio.create_task_group() as group:
        await group.start(presence.run)
        yield presence
        group.cancel_scope.cancel()
