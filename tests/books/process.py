"""The real daemon as a process, asked over its socket."""

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LIMIT_S = 60.0


@dataclass(slots=True)
class Process:
    """A daemon that runs, and one connection to it."""

    popen: subprocess.Popen[bytes]
    _socket: socket.socket

    def ask(self, method: str, **params: object) -> Any:
        """Return the result of *method*."""
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        self._socket.sendall(json.dumps(request).encode() + b"\n")
        with self._socket.makefile("rb") as answers:
            return json.loads(answers.readline())["result"]

    def kill(self) -> None:
        """End it as a power cut does."""
        self.popen.kill()
        self.popen.wait(LIMIT_S)


@contextmanager
def started(home: Path, state: Path) -> Iterator[Process]:
    """Run a daemon on the agents' logs in *home*, keeping all its own in *state*."""
    with tempfile.TemporaryDirectory(prefix="jarvisd-") as runtime:
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "XDG_STATE_HOME": str(state),
            "XDG_CONFIG_HOME": str(state / "config"),
            "XDG_RUNTIME_DIR": runtime,
            "NOTIFY_SOCKET": f"{runtime}/notify",
        }
        with (
            _listening(f"{runtime}/notify") as notices,
            subprocess.Popen(
                [sys.executable, "-m", "jarvisd"],
                env=environ,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=Path(__file__).parents[2],
            ) as popen,
        ):
            try:
                while b"READY=1" not in notices.recv(4096):
                    pass

                with _connected(f"{runtime}/jarvisd/rpc.sock") as connection:
                    yield Process(popen, connection)
            finally:
                popen.terminate()
                popen.wait(LIMIT_S)


@contextmanager
def _listening(path: str) -> Iterator[socket.socket]:
    """Listen as a service manager does: the daemon says itself when it is ready."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices:
        notices.settimeout(LIMIT_S)
        notices.bind(path)
        yield notices


@contextmanager
def _connected(path: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(LIMIT_S)
        connection.connect(path)
        yield connection
