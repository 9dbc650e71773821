"""What Codex leaves beside its rollouts: a lock for each thread that is written to.

HOME/thread-writer-locks/THREAD.lock is empty, and locked by flock as long as a process
may write to the thread. Only the lock counts: the file is removed at an orderly end,
and stays after SIGKILL until some later process clears it away. Sessions of the
terminal interface run in a background `codex app-server --managed-daemon`, which holds
the locks of many threads and outlives the terminals: it keeps the locks of threads
that nobody has open any more. A terminal opens its thread within seconds of its start,
so that the time of the lock tells which terminal it was. Where hooks are given by
flags, the terminal holds the lock itself.

Measured on versions 0.169.0 and 0.171.0.
"""

import re
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

from jarvisd.agents._shared.presence import name_of
from jarvisd.core.origin import SessionId
from jarvisd.core.presence_evidence import Evidence, Locks, ToolMarks
from jarvisd.core.process import ProcessRole

_LOCK = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.lock")
_FOLDERS = {"sessions", "archived_sessions"}
_SERVERS = {"app-server", "mcp-server", "mcp", "exec-server"}
_ONCE = {"exec", "e", "review"}
_HOSTS = {"--managed-daemon", "--listen"}
"""Of a server that listens, and does not serve only the program that started it."""

_FOLDER_OPTIONS = {"-C", "--cd"}


def folder(root: Path) -> Path | None:
    """Return the folder of locks beside a folder of rollouts."""
    return root.parent / "thread-writer-locks" if root.name in _FOLDERS else None


def session_of(name: str) -> SessionId | None:
    """Return the session whose lock the file *name* is."""
    found = _LOCK.fullmatch(name)
    return SessionId(found[1]) if found else None


def role(argv: Sequence[str]) -> ProcessRole | None:
    """Return the role of the process with *argv*, or None if it is not Codex.

    The script that npm installs is not Codex: it starts the program and waits for it.
    """
    if not argv or name_of(argv[0]) != "codex":
        return None

    # The first word that is a command: values of options before it are rarely one.
    for word in argv[1:]:
        if word in _SERVERS:
            return ProcessRole.SERVES if _HOSTS.isdisjoint(argv) else ProcessRole.HOSTS

        if word in _ONCE:
            return ProcessRole.ONCE

    return ProcessRole.TALKS


def named_folder(argv: Sequence[str]) -> str | None:
    """Return the working folder that the arguments name."""
    for word, following in zip_longest(argv, argv[1:]):
        name, _, value = word.partition("=")
        if name in _FOLDER_OPTIONS:
            return value or following

    return None


def created_ms(session_id: SessionId) -> int | None:
    """Return when a thread was created: its id begins with that."""
    digits = session_id.replace("-", "")
    return int(digits[:12], 16) if len(digits) == 32 and digits[12] == "7" else None


EVIDENCE = Evidence(
    role=role,
    locks=Locks(folder=folder, session_of=session_of, created_ms=created_ms),
    named_folder=named_folder,
    tool_marks=ToolMarks(session="CODEX_THREAD_ID", call="CODEX_TOOL_CALL_ID"),
)
