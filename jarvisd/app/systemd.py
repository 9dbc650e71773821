"""What a daemon and systemd say to each other: readiness, watchdog, sockets.

Three small protocols of environment variables and one datagram, each documented by its
manual page: sd_notify(3), sd_listen_fds(3), sd_watchdog_enabled(3). Without systemd all
of this does nothing, so callers need not ask.
"""

import os
import socket
from collections.abc import Mapping, MutableMapping

FIRST_FD = 3
"""SD_LISTEN_FDS_START: where the passed descriptors begin."""


def notify(environ: Mapping[str, str] = os.environ, /, **fields: str | int) -> bool:
    """Send *fields* to systemd in one datagram, and return whether it was sent.

    Never blocks and never fails: a manager that cannot be reached must not stop the work.

    >>> notify(READY=1, STATUS="3 live blocks")
    False
    """
    address = environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False

    message = "\n".join(f"{key}={_line(value)}" for key, value in fields.items())
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.settimeout(0)
        try:
            sender.sendto(message.encode(), _abstract(address))
        except OSError:
            return False

    return True


def listens(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether systemd listens: for messages that are expensive to compose."""
    return environ.get("NOTIFY_SOCKET", "").startswith(("/", "@"))


def ready(status: str, environ: Mapping[str, str] = os.environ) -> None:
    """Report that requests are answered from now on; also ends a reload."""
    notify(environ, READY=1, STATUS=status, MAINPID=os.getpid())


def reloading(now: float, environ: Mapping[str, str] = os.environ) -> None:
    """Report that the configuration is read again; *now* is CLOCK_MONOTONIC in seconds."""
    notify(environ, RELOADING=1, MONOTONIC_USEC=int(now * 1_000_000))


def stopping(status: str, environ: Mapping[str, str] = os.environ) -> None:
    """Report that the daemon is stopping."""
    notify(environ, STOPPING=1, STATUS=status)


def watchdog_interval_s(environ: Mapping[str, str] = os.environ) -> float | None:
    """Return within how many seconds systemd expects the next report, or None.

    Send `notify(WATCHDOG=1)` at a third of it.
    """
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None

    interval_us = _number(environ.get("WATCHDOG_USEC"))
    return interval_us / 1_000_000 if interval_us else None


def listen_sockets(
    environ: MutableMapping[str, str] = os.environ,
) -> dict[str, socket.socket]:
    """Take the listening sockets that systemd opened for us, by their names.

    To be called once: the variables are removed and the descriptors marked, so that no
    child takes them for its own. A socket closes when its object is collected.
    """
    pid = environ.pop("LISTEN_PID", "")
    count = _number(environ.pop("LISTEN_FDS", ""))
    names = environ.pop("LISTEN_FDNAMES", "").split(":")
    if pid != str(os.getpid()):
        return {}

    taken = {}
    for index in range(count):
        fd = FIRST_FD + index
        os.set_inheritable(fd, False)  # noqa: FBT003 - positional only
        name = names[index] if index < len(names) and names[index] else str(fd)
        taken[name] = socket.socket(fileno=fd)

    return taken


def _line(value: str | int) -> str:
    return str(value).replace("\n", " ")


def _abstract(address: str) -> str:
    return f"\0{address[1:]}" if address.startswith("@") else address


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() else 0
