"""tmux from outside: its panes, which of them a process runs in, and going there.

A process is in the pane whose terminal is its own, else in the one whose first process
is among its parents (an agent within `script` or `jarvisctl run` has a terminal of its
own). Servers that may have it are ours, the one that it was started in, and the usual.
"""

import subprocess
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from jarvisd.base.errors import JarvisError
from jarvisd.cli import process_info

LIMIT_S = 5.0
_NEED = "@jarvisd-need"
"""Set in the windows that are marked."""

_FIELDS = "#{pane_id}\t#{window_id}\t#{pane_pid}\t#{pane_tty}\t#{session_name}:#{window_index}.#{pane_index}"


class TmuxError(JarvisError):
    """tmux is missing, or refused."""

    code = "tmux_failed"

    def __init__(self, words: Iterable[str], reason: str) -> None:
        super().__init__(f"tmux {' '.join(words)}: {reason or 'it failed'}")


class TmuxServer(NamedTuple):
    """A tmux server by its socket; None for the usual one."""

    socket: str | None = None

    def ask(self, *words: str) -> str:
        """Run one tmux command and return what it prints.

        Raises:
            TmuxError: tmux is missing, or refused.

        """
        command = ["tmux", *(["-S", self.socket] if self.socket else []), *words]
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=LIMIT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as exc:
            raise TmuxError(words, str(exc)) from exc

        if done.returncode:
            raise TmuxError(words, done.stderr.strip())

        return done.stdout

    def panes(self) -> list["Pane"]:
        """Return all panes; none where no such server runs."""
        try:
            listed = self.ask("list-panes", "-a", "-F", _FIELDS)
        except TmuxError:
            return []

        rows = (line.split("\t", 4) for line in listed.splitlines())
        return [
            Pane(self, row[0], row[1], int(row[2]), row[3], row[4])
            for row in rows
            if len(row) == 5 and row[2].isdecimal()
        ]

    def mark(self, windows: Iterable[str], pids: Iterable[int]) -> None:
        """Mark *windows*, and no other, as belonging to *pids*."""
        wanted = set(windows)
        listed = self.ask("list-windows", "-a", "-F", f"#{{window_id}}\t#{{{_NEED}}}")
        rows = (line.partition("\t") for line in listed.splitlines())
        marked = {window for window, _, mark in rows if mark}
        for window in wanted - marked:
            self.ask("set-option", "-w", "-t", window, _NEED, "1")

        for window in marked - wanted:
            self.ask("set-option", "-wu", "-t", window, _NEED)

        self.ask("set-option", "-g", "@jarvisd-marked", " ".join(map(str, pids)))

    def select(self, pane: "Pane") -> None:
        """Make *pane* the one that its session shows."""
        self.ask("select-window", "-t", pane.id, ";", "select-pane", "-t", pane.id)

    def switch(self, pane: "Pane", client: str | None = None) -> None:
        """Show *pane* to *client*; without one, to whom tmux takes for ours."""
        chosen = ["-c", client] if client else []
        self.ask("switch-client", *chosen, "-t", pane.id)
        self.select(pane)


class Pane(NamedTuple):
    """One pane: its first process, its terminal, and its name for people."""

    server: TmuxServer
    id: str
    window: str
    pid: int
    tty: str
    name: str

    @property
    def session(self) -> str:
        """Return the name of its session."""
        return self.name.rpartition(":")[0]


def own_server(environ: Mapping[str, str]) -> TmuxServer | None:
    """Return the server that this process runs in; None outside tmux."""
    # Behind it stand a process and a session; the path itself may hold a comma.
    socket = environ.get("TMUX", "").rsplit(",", 2)[0]
    return TmuxServer(socket) if socket else None


def pane_of(pid: int, environ: Mapping[str, str]) -> Pane | None:
    """Return the pane that the process *pid* runs in."""
    own = own_server(environ)
    theirs = own_server(process_info.environment_of(pid))
    for server in dict.fromkeys(each or TmuxServer() for each in (own, theirs, None)):
        found = match(pid, server.panes())
        if found is not None:
            return found

    return None


def match(pid: int, panes: Iterable[Pane]) -> Pane | None:
    """Return the one of *panes* in which the process *pid* runs."""
    known = list(panes)
    if not known:
        return None

    tty = process_info.terminal_of(pid)
    by_tty = {each.tty: each for each in known}
    if tty in by_tty:
        return by_tty[tty]

    by_pid = {each.pid: each for each in known}
    parents = process_info.line_of(pid)
    return next((by_pid[each] for each in parents if each in by_pid), None)
