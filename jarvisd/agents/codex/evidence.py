"""What Codex leaves beside its rollouts: a lock for each thread that is written to.

HOME/thread-writer-locks/THREAD.lock is empty, and locked by flock as long as a process
may write to the thread. Only the lock counts: the file is removed at an orderly end,
and stays after SIGKILL until some later process clears it away. Sessions of the
terminal interface run in a background `codex app-server`, which holds the locks of
many threads. Released programs forbid other processes to look at their descriptors
and environment, so that a lock is often all there is.

Measured on version 0.169.0.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from jarvisd.agents.evidence import Evidence, Locks, name_of
from jarvisd.model.block import SessionId
from jarvisd.model.process import Role

_LOCK = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.lock")
_FOLDERS = {"sessions", "archived_sessions"}
_SERVERS = {"app-server", "mcp-server", "mcp", "exec-server"}
_ONCE = {"exec", "e", "review"}


def folder(root: Path) -> Path | None:
    """Return the folder of locks beside a folder of rollouts."""
    return root.parent / "thread-writer-locks" if root.name in _FOLDERS else None


def session_of(name: str) -> SessionId | None:
    """Return whose lock the file *name* is."""
    found = _LOCK.fullmatch(name)
    return SessionId(found[1]) if found else None


def role(argv: Sequence[str]) -> Role | None:
    """Say what a process is there for, if it is Codex.

    The script that npm installs is none: it starts the program and waits for it.
    """
    if not argv or name_of(argv[0]) != "codex":
        return None

    # The first word that is a command: values of options before it are rarely one.
    for word in argv[1:]:
        if word in _SERVERS:
            return Role.SERVES

        if word in _ONCE:
            return Role.ONCE

    return Role.TALKS


EVIDENCE = Evidence(role=role, locks=Locks(folder=folder, session_of=session_of))
