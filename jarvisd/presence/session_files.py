"""Reads the files beside the logs of open sessions that name their processes."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import islice

from jarvisd.core.presence_evidence import MAX_ENTRY_BYTES, SessionFiles
from jarvisd.core.process import Process
from jarvisd.presence.guesses import SLACK_MS
from jarvisd.presence.wanted import WantedSession

MAX_NAMES = 4096
"""Names in one folder that are looked at."""


def owners_beside(
    files: SessionFiles | None,
    session: WantedSession,
    inspect: Callable[[int], Process | None],
) -> Iterator[tuple[Process, str]]:
    """Yield the living processes that files beside the logs of *session* name.

    With each comes the path of its file. One that is older than its process names an
    earlier process with the same number.
    """
    if files is None:
        return

    for log in session.paths:
        folder, log_name = os.path.split(log)
        for name in files.names(log_name, partial(_names_in, folder)):
            path = f"{folder}/{name}"
            pid = files.pid_of(name, partial(_start_of, path))
            process = None if pid is None else inspect(pid)
            if (
                process is not None
                and process.program.agent == session.agent
                and _written_ms(path) >= process.started_ms - SLACK_MS
            ):
                yield process, path


def _written_ms(path: str) -> int:
    """Return when the file at *path* was written last, Unix ms; 0 if it is gone."""
    try:
        return os.stat(path, follow_symlinks=False).st_mtime_ns // 1_000_000
    except OSError:
        return 0


def _names_in(folder: str) -> list[str]:
    with suppress(OSError), os.scandir(folder) as entries:
        return [each.name for each in islice(entries, MAX_NAMES)]

    return []


def _start_of(path: str) -> bytes:
    """Return the start of the file at *path*; nothing if it is none, or a link."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        fd = os.open(path, flags)
    except OSError:
        return b""

    try:
        return os.read(fd, MAX_ENTRY_BYTES)
    except OSError:
        return b""
    finally:
        os.close(fd)
