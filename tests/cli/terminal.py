"""A terminal for tests: what a person at it would see, type and do to its window."""

import contextlib
import fcntl
import os
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

LIMIT_S = 60.0


class Terminal:
    """A command on a pseudo-terminal of 80 by 24.

    Attributes:
        output: Everything that came so far.

    """

    def __init__(
        self,
        command: list[str],
        environ: Mapping[str, str],
        *,
        columns: int = 80,
        rows: int = 24,
        **options: Any,
    ) -> None:
        self.output = b""
        self._ours, theirs = os.openpty()
        self.resize(columns, rows)
        self.mode_before = termios.tcgetattr(self._ours)
        streams = {"stdin": theirs, "stdout": theirs, "stderr": theirs} | options
        kept = {key: value for key, value in environ.items() if key != "COLUMNS"}
        self.process = subprocess.Popen(
            command,
            env=kept,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(theirs, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - a terminal of its own, in a child without threads
            pass_fds=[theirs],
            **streams,
        )
        # Kept open, so that the end of the command loses nothing of the output.
        self._theirs = theirs

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)

        self.process.wait()
        os.close(self._ours)
        os.close(self._theirs)

    def see(self, text: str | bytes, *, times: int = 1) -> bytes:
        """Return all output once *text* was in it so many times."""
        wanted = text.encode() if isinstance(text, str) else text
        self.see_that(lambda output: output.count(wanted) >= times)
        return self.output

    def see_that(self, condition: Callable[[bytes], bool]) -> None:
        """Return once *condition* holds for all output so far."""
        deadline = time.monotonic() + LIMIT_S  # noqa: TID251 - a test's own limit
        while not condition(self.output):
            left = deadline - time.monotonic()  # noqa: TID251 - a deadline for a real program
            ready, _, _ = select.select([self._ours], [], [], max(0.0, left))
            assert ready, f"not seen in {self.output!r}"
            self.output += os.read(self._ours, 65536)

    def type(self, text: bytes) -> None:
        """Press keys."""
        os.write(self._ours, text)

    def resize(self, columns: int, rows: int) -> None:
        """Change the size of the window."""
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, size)

    def status(self) -> int:
        """Return the exit status of the command, once all output is read."""
        deadline = time.monotonic() + LIMIT_S  # noqa: TID251 - a test's own limit
        while (status := self.process.poll()) is None or self._has_more(0):
            assert time.monotonic() < deadline, "the command does not end"  # noqa: TID251 - the same
            # A command that fills the terminal waits until it is read.
            if self._has_more(0.05):
                self.output += os.read(self._ours, 65536)

        return status

    def _has_more(self, wait_s: float) -> bool:
        return bool(select.select([self._ours], [], [], wait_s)[0])

    def is_restored(self) -> bool:
        """Whether the terminal is in the mode that it was in."""
        return termios.tcgetattr(self._ours) == self.mode_before
