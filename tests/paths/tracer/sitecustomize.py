"""Records the functions of `jarvisd` that a running daemon calls; see `tests/paths`.

Python imports this module at its start when its folder is in `PYTHONPATH`. SIGUSR2
moves the recording on: idle, path, written. The path ends when bytes that contain the
text in the file `needle` are given to a socket.
"""

import os
import signal
import socket
import sys
import threading
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

_FOLDER = Path(os.environ["JARVISD_TRACED"])
_PACKAGE = f"{os.sep}jarvisd{os.sep}"


class Tracer:
    """Collects code objects: of the idle daemon first, then those on the path."""

    def __init__(self) -> None:
        self.recorded: dict[CodeType, None] | None = None
        self.idle: dict[CodeType, None] = {}
        self.needle = b""

    def profile(self, frame: FrameType, event: str, _: Any) -> None:
        """Record the function that is called in *frame*."""
        if self.recorded is not None and event == "call":
            self.recorded[frame.f_code] = None

    def move_on(self, *_: object) -> None:
        """Begin to record the idle daemon, then the path."""
        if self.recorded is None:
            self.recorded = self.idle  # which grows with each repetition
            (_FOLDER / "idle").touch()
        else:
            self.needle = (_FOLDER / "needle").read_bytes()
            self.recorded = {}
            (_FOLDER / "path").touch()

    def sent(self, data: bytes) -> None:
        """End the path if *data* is what was waited for."""
        if self.recorded is not None and self.needle and self.needle in bytes(data):
            recorded, self.recorded = self.recorded, None
            lines = [
                f"{each.co_filename.rpartition(_PACKAGE)[2]}\t{each.co_qualname}"
                for each in recorded
                if _PACKAGE in each.co_filename
                and not each.co_name.startswith("<")
                and each not in self.idle
            ]
            written = _FOLDER / "functions.next"
            written.write_text("\n".join(lines))
            written.rename(_FOLDER / "functions")


def _install(tracer: Tracer) -> None:
    send = socket.socket.send

    def traced_send(self: socket.socket, data: bytes, *flags: int) -> int:
        tracer.sent(data)
        return send(self, data, *flags)

    socket.socket.send = traced_send  # type: ignore[method-assign,assignment]
    signal.signal(signal.SIGUSR2, tracer.move_on)
    threading.setprofile(tracer.profile)
    sys.setprofile(tracer.profile)


_install(Tracer())
