"""A command that believes it runs alone: its output passes through us, nothing else does.

Where our stdout is a terminal, the command gets one of its own (a pty of the same
size), so that it keeps its colours and its line editing; otherwise a pipe. Descriptors
that are no terminal are handed on as they are. Signals reach the command as they would
without us, and its exit status becomes ours.
"""

import fcntl
import os
import signal
import subprocess
import termios
import tty
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from jarvisd.cli import waiting, wall_clock
from jarvisd.cli.output import terminal

READ_BYTES = 64 * 1024
LINGER_S = 0.2
"""What a command wrote just before its end may take this long through the pty, when
something it left behind keeps the pty open."""

EXIT_NOT_EXECUTABLE = 126
EXIT_NOT_FOUND = 127
STDIN, STDOUT, STDERR = 0, 1, 2

_FROM_KEYBOARD = (signal.SIGINT, signal.SIGQUIT)
_PASSED_ON = (*_FROM_KEYBOARD, signal.SIGTERM, signal.SIGHUP)


class ChildCommand:
    """A running command whose output we carry.

    Raises:
        OSError: It could not be started.

    """

    def __init__(self, command: list[str]) -> None:
        self.on_terminal = os.isatty(STDOUT)
        self._input = b""
        self._signals = _Signals()
        # Before the start: a signal that ended us alone would leave the command behind.
        # What is ignored stays so, for the command as well.
        passed_on = [n for n in _PASSED_ON if signal.getsignal(n) is not signal.SIG_IGN]
        early: list[int] = []
        for number in passed_on:
            self._signals.handle(number, early.append)

        try:
            start = _start_on_pty if self.on_terminal else _start_on_pipe
            self._output, self._process = start(command)
        except BaseException:
            self._signals.restore()
            raise

        self.pid = self._process.pid
        for number in passed_on:
            self._signals.handle(number, self.pass_on)

        for received in early:
            self.pass_on(received)

    def run(self, tap: Callable[[bytes], None]) -> int:
        """Relay the output until the command ends; return the exit status.

        *tap* is called with each piece that was passed on.
        """
        self._signals.handle(signal.SIGCHLD, lambda _: None)  # it only ends a wait
        try:
            with _Borrowed(self, self._signals) as borrowed:
                self._carry(borrowed, tap)
                # Where our reader has gone, the command learns it from this.
                self._close_output()
                while (status := self._process.poll()) is None:
                    waiting.wait([], None)
        finally:
            self._signals.restore()

        return 128 - status if status < 0 else status

    def pass_on(self, number: int) -> None:
        """Send the command a signal that came to us."""
        if not self.on_terminal:
            # Ctrl-C reaches every process of the terminal, so the command has it.
            if number not in _FROM_KEYBOARD or not _has_terminal():
                self._process.send_signal(number)

        elif self._process.poll() is None:
            os.killpg(self.pid, number)

    def resize(self) -> None:
        """Set the size of the command's terminal to that of ours."""
        if self.on_terminal:
            _copy_size(STDOUT, self._output)

    def _carry(self, borrowed: "_Borrowed", tap: Callable[[bytes], None]) -> None:
        ended_at: float | None = None
        while ended_at is None or wall_clock.monotonic() < ended_at + LINGER_S:
            # A pipe is carried to its end, whoever holds it, like `tee` would.
            if (
                self.on_terminal
                and ended_at is None
                and self._process.poll() is not None
            ):
                ended_at = wall_clock.monotonic()

            keyboard = [STDIN] if borrowed.keyboard and not self._input else []
            writable = [self._output] if self._input else []
            ready = waiting.wait(
                [self._output, *keyboard],
                None if ended_at is None else LINGER_S,
                writable=writable,
            )
            if self._output in ready and not self._pass_output(tap):
                return

            if keyboard and STDIN in ready:
                self._input = os.read(STDIN, READ_BYTES)

            self._pass_input()

    def _pass_output(self, tap: Callable[[bytes], None]) -> bool:
        try:
            data = os.read(self._output, READ_BYTES)
        except OSError:  # EIO: nobody holds the pty any more
            return False

        if not data:
            return False

        try:
            terminal.write_all(STDOUT, data)
        except OSError:  # our reader has gone
            return False

        tap(data)
        return True

    def _close_output(self) -> None:
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _pass_input(self) -> None:
        if not self._input:
            return

        try:
            self._input = self._input[os.write(self._output, self._input) :]
        except BlockingIOError:
            return
        except OSError:
            self._input = b""


class _Signals:
    """The signals that we handle meanwhile."""

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}

    def handle(self, number: int, handler: Callable[[int], None]) -> None:
        """Call *handler* at the signal *number*."""
        before = signal.signal(number, lambda received, _: handler(received))
        self._before.setdefault(number, before)

    def restore(self) -> None:
        """Handle no signal any longer."""
        for number, handler in self._before.items():
            signal.signal(number, handler)


class _Borrowed:
    """Our terminal, as long as the command has it."""

    def __init__(self, child: ChildCommand, signals: _Signals) -> None:
        self.keyboard = child.on_terminal and os.isatty(STDIN)
        self._child = child
        self._signals = signals
        self._cooked = termios.tcgetattr(STDOUT) if child.on_terminal else None

    def __enter__(self) -> Self:
        if self._cooked is not None:
            self._signals.handle(signal.SIGWINCH, lambda _: self._child.resize())
            self._make_raw()

        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._cooked is not None:
            termios.tcsetattr(STDOUT, termios.TCSADRAIN, self._cooked)

    def _make_raw(self) -> None:
        if self.keyboard:
            tty.setraw(STDIN, termios.TCSADRAIN)
            return

        # The command's own terminal has turned LF into CR LF already.
        mode = termios.tcgetattr(STDOUT)
        mode[1] &= ~termios.OPOST
        termios.tcsetattr(STDOUT, termios.TCSADRAIN, mode)


def _start_on_pipe(command: list[str]) -> "tuple[int, subprocess.Popen[bytes]]":
    process = subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0)
    assert process.stdout is not None
    return process.stdout.fileno(), process


def _start_on_pty(command: list[str]) -> "tuple[int, subprocess.Popen[bytes]]":
    ours, theirs = os.openpty()
    try:
        termios.tcsetattr(theirs, termios.TCSANOW, termios.tcgetattr(STDOUT))
        _copy_size(STDOUT, theirs)
        process = subprocess.Popen(
            command,
            stdin=theirs if os.isatty(STDIN) else None,
            stdout=theirs,
            stderr=theirs if os.isatty(STDERR) else None,
            start_new_session=True,
            preexec_fn=_take_terminal,  # noqa: PLW1509 - no thread runs yet
        )
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)

    os.set_blocking(ours, False)
    return ours, process


def _take_terminal() -> None:
    fcntl.ioctl(STDOUT, termios.TIOCSCTTY, 0)


def _copy_size(source: int, target: int) -> None:
    fcntl.ioctl(
        target, termios.TIOCSWINSZ, fcntl.ioctl(source, termios.TIOCGWINSZ, b"\0" * 8)
    )


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False

    return True
