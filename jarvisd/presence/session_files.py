"""Reads the files beside the logs of open sessions that name their processes."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import islice

from jarvisd.core.presence_evidence import MAX_ENTRY_BYTES, SessionFiles
from jarvisd.core.process import Process
from jarvisd.presence.guesses import SLACK_MS
from jarvisd.presence.proc_locks import holders
from jarvisd.presence.wanted import WantedSession

MAX_NAMES = 4096
"""Names in one folder that are looked at."""


def owners_beside(
    files: SessionFiles | None,
    session: WantedSession,
    inspect: Callable[[int], Process | None],
) -> Iterator[tuple[Process, str | None]]:
    """Yield the living processes that files beside the logs of *session* name.

    With each comes the path of the file that it removes at an end in order, if any. A
    file that is older than its process names an earlier process with the same number.
    """
    if files is None:
        return

    for log in session.paths:
        folder, log_name = os.path.split(log)
        for name in files.names(log_name, partial(_names_in, folder)):
            path = f"{folder}/{name}"
            try:
                status = os.stat(path, follow_symlinks=False)
            except OSError:
                continue

            if files.are_locked:
                pids = [each.pid for each in holders([status]).get(status.st_ino, ())]
            else:
                pid = files.pid_of(name, partial(_start_of, path))
                pids = [] if pid is None else [pid]

            written_ms = status.st_mtime_ns // 1_000_000
            for process in filter(None, map(inspect, pids)):
                if process.program.agent != session.agent:
                    continue

                if files.are_locked:
                    yield process, None
                elif written_ms >= process.started_ms - SLACK_MS:
                    yield process, path


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
