"""The limits of inotify, made small for one daemon alone."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.rig import Daemon

_OWN = "/proc/sys/user"
_ALL = Path("/proc/sys/fs/inotify")
_LOCK = Path("/tmp/jarvisd-tests-inotify.lock")


def _can_have_limits_of_its_own() -> bool:
    if shutil.which("unshare") is None or shutil.which("nsenter") is None:
        return False

    command = [
        "unshare",
        "--user",
        "--map-root-user",
        "test",
        "-w",
        f"{_OWN}/max_inotify_watches",
    ]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


needs_limits = pytest.mark.skipif(
    not _can_have_limits_of_its_own(), reason="no user namespace with limits of its own"
)
needs_queue = pytest.mark.skipif(
    not os.access(_ALL / "max_queued_events", os.W_OK) or os.geteuid() != 0,
    reason="only root can shorten the queue of inotify",
)


def _can_mount_fuse() -> bool:
    mount = shutil.which("fusermount3") or shutil.which("fusermount")
    found = shutil.which("bindfs") is not None and mount is not None
    return found and os.access("/dev/fuse", os.R_OK | os.W_OK)


needs_fuse = pytest.mark.skipif(
    not _can_mount_fuse(), reason="no FUSE: /dev/fuse and bindfs are needed"
)


@contextmanager
def mounted_through_fuse(below: Path, folder: Path) -> Iterator[None]:
    """Show *below* at *folder* too; what is written below gives no event there."""
    subprocess.run(["bindfs", "--no-allow-other", below, folder], check=True)
    try:
        yield
    finally:
        unmount = shutil.which("fusermount3") or "fusermount"
        subprocess.run([unmount, "-uz", folder], check=True)


def with_limit(name: str, value: int) -> tuple[str, ...]:
    """Return the command before a daemon whose namespace has such a limit from the start."""
    script = f'echo {value} > {_OWN}/{name}; exec "$@"'
    return ("unshare", "--user", "--map-root-user", "sh", "-c", script, "sh")


def set_limit(daemon: Daemon, name: str, value: int) -> None:
    """Change a limit of a daemon that was started by `with_limit`."""
    script = f"echo {value} > {_OWN}/{name}"
    enter = ["nsenter", "--user", f"--target={daemon.pid}", "sh", "-c", script]
    subprocess.run(enter, check=True)


@contextmanager
def short_queue(events: int) -> Iterator[None]:
    """Give whoever starts to watch now a queue of so few events.

    The limit is the whole machine's: it is taken back at once, and one test at a
    time may set it.
    """
    limit = _ALL / "max_queued_events"
    with _LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = limit.read_text()
        limit.write_text(str(events))
        try:
            yield
        finally:
            limit.write_text(before)
