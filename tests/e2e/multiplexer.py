"""A real tmux for tests: a server of its own, and a person who looks at it.

The person's terminal is a pane of a second server, so that what they see, popups too,
can be read, and keys can be pressed as they would.
"""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import eventually

LIMIT_S = 60.0
COLUMNS, ROWS = 120, 24


class Server:
    """One tmux server, by its socket."""

    def __init__(self, socket: Path, environ: Mapping[str, str]) -> None:
        self.socket = socket
        self._environ = environ

    def ask(self, *words: str) -> str:
        """Run one tmux command and return what it prints."""
        done = subprocess.run(
            ["tmux", "-S", str(self.socket), "-f", "/dev/null", *words],
            env=self._environ,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip("\n")

    def start(self, session: str, command: str) -> None:
        """Start a session, and the server with the first."""
        size = ("-x", str(COLUMNS), "-y", str(ROWS))
        self.ask("new-session", "-d", "-s", session, *size, command)

    def kill(self) -> None:
        """End the server and everything in it."""
        subprocess.run(
            ["tmux", "-S", str(self.socket), "kill-server"],
            env=self._environ,
            capture_output=True,
            timeout=LIMIT_S,
            check=False,
        )


class Desk:
    """A person at a terminal, attached to *inner*."""

    def __init__(self, inner: Server, outer: Server) -> None:
        self.inner = inner
        self._outer = outer

    @property
    def shown(self) -> str:
        """Return the whole screen as text."""
        return self._outer.ask("capture-pane", "-p", "-t", "desk")

    def press(self, *keys: str) -> None:
        """Press keys, by tmux's names of them."""
        self._outer.ask("send-keys", "-t", "desk", *keys)

    async def sees(self, text: str) -> None:
        """Wait until *text* is on the screen."""

        async def is_there() -> bool:
            return text in self.shown

        await eventually(is_there)

    async def is_at(self, pane: str) -> None:
        """Wait until the person looks at *pane*."""

        async def is_there() -> bool:
            return self.inner.ask("list-clients", "-F", "#{pane_id}") == pane

        await eventually(is_there)


@contextmanager
def desk(folder: Path, environ: Mapping[str, str]) -> Iterator[Desk]:
    """Start a server with the session `work`, and attach a person to it."""
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed")

    theirs = {**environ, "TERM": "screen-256color", "SHELL": "/bin/sh"}
    inner = Server(folder / "inner", theirs)
    outer = Server(folder / "outer", theirs)
    try:
        inner.start("work", "cat")
        outer.start("desk", f"TMUX= tmux -S {inner.socket} attach -t work")
        yield Desk(inner, outer)
    finally:
        outer.kill()
        inner.kill()
