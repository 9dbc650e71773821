"""A process of an agent, as the system tells of it."""

from enum import StrEnum

import msgspec

RESUMED_MS = 2_000
"""A record so much newer than the end of a process was written by another one."""


class ProcessRole(StrEnum):
    """What a process of an agent is there for."""

    TALKS = "talks"
    """Somebody talks with it; it lives for many turns."""
    ONCE = "once"
    """It ends with its turn, by design."""
    SERVES = "serves"
    """It serves many sessions, so its folder and start say nothing of any of them."""
    HOSTS = "hosts"
    """It serves sessions of terminals: other processes, in which people see them."""


class Program(msgspec.Struct, frozen=True, gc=False):
    """Which agent a process runs, as what, and the folder that its arguments name."""

    agent: str
    role: ProcessRole
    folder: str | None = None


class ProcessLife(msgspec.Struct, frozen=True, gc=False):
    """One life of a process: numbers are used again, numbers with a start are not.

    *ticks* is when it was started, in the system's own unit since it was booted; it is
    compared and nothing else.
    """

    pid: int
    ticks: int


class Process(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A living process of an agent.

    *started_ms* is Unix time and good to a second or so. *cwd* is the folder that it
    works in, None if the process may not be asked for it. *has_terminal* says that it
    has one of its own, *parent_pid* who started it, or took it over from who did.
    """

    life: ProcessLife
    program: Program
    started_ms: int
    cwd: str | None = None
    has_terminal: bool = False
    parent_pid: int = 0


class Terminal(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Where a person sees a process; what is not known is None.

    Attributes:
        tty: The path of its terminal, "/dev/pts/3".
        tmux_pane: The pane of tmux that it was started in, "%3".
        tmux_socket: The socket of that tmux.

    """

    tty: str | None = None
    tmux_pane: str | None = None
    tmux_socket: str | None = None
