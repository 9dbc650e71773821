"""Connecting to a daemon that has a queue before its door."""

import socket
import threading
from pathlib import Path

from jarvisd.cli import daemon_connection


def full(path: Path) -> list[socket.socket]:
    """Fill the queue of the listener at *path*, and return those who wait in it."""
    waiting: list[socket.socket] = []
    while True:
        each = socket.socket(socket.AF_UNIX)
        each.setblocking(False)  # noqa: FBT003 - the library's own
        waiting.append(each)
        try:
            each.connect(str(path))
        except BlockingIOError:
            return waiting


def let_in(listener: socket.socket) -> None:
    while True:
        try:
            listener.accept()[0].close()
        except OSError:
            return


def test_a_full_queue_is_waited_in(tmp_path: Path) -> None:
    path = tmp_path / "rpc.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(0)
        waiting = full(path)
        doorman = threading.Timer(0.05, let_in, [listener])  # after we were at the door
        doorman.start()

        daemon_connection._connected(str(path)).close()

        listener.shutdown(socket.SHUT_RDWR)
        doorman.join()

    for each in waiting:
        each.close()
