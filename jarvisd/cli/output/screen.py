"""A full-screen view in plain ANSI that repaints only the lines that changed.

`Screen` borrows the terminal: alternate screen, no echo, no cursor. It is given back
whatever happens: on q, Ctrl-C, SIGTERM, an exception, and for as long as Ctrl-Z stops
us. Rich and Textual would cost a hundred times the CPU for the same thirty lines.
"""

import os
import signal
import sys
import termios
import tty
from itertools import zip_longest
from types import FrameType, TracebackType
from typing import Any, Self

from jarvisd.cli import waiting
from jarvisd.cli.output import terminal
from jarvisd.cli.output.keys import is_unfinished
from jarvisd.cli.output.text import clip, painted

# Without wrapping at the edge: a character of doubtful width costs no line.
_ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l"
_LEAVE = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l"


SEQUENCE_S = 0.05
"""How far apart the bytes of one sequence may come; Esc alone is known only then."""

MAX_READ = 64
MAX_KEYS = 4096


class Screen:
    """The terminal, while we draw on it; hold it in a `with`."""

    def __init__(self) -> None:
        self._painted: list[str] = []
        self._spoilt = True
        self._asked_to_stop = False
        self._cooked: list[Any] | None = None
        self._signals: dict[int, Any] = {}

    def paint(self, lines: list[str]) -> None:
        """Show *lines*, at most one for each row; the rest of the screen is blank."""
        columns, rows = terminal.size()
        lines = [clip(painted(each), columns) for each in lines[:rows]]
        lines += [""] * (rows - len(lines))
        if self._spoilt:
            self._spoilt = False
            self._painted = []
            _write("\x1b[2J")

        changes = [
            # Erased first: behind a full line the cursor stands on its last column.
            f"\x1b[{row}H\x1b[K{line}"
            for row, (line, old) in enumerate(
                zip_longest(lines, self._painted[: len(lines)]), start=1
            )
            if line != old
        ]
        self._painted = lines
        _write("".join(changes))

    def wait(self, others: list[int], timeout_s: float) -> str:
        """Wait for a key, a signal or *others*; return the keys that were pressed."""
        keyboard = [sys.stdin.fileno()] if self._cooked else []
        ready = waiting.wait([*keyboard, *others], timeout_s)
        if self._asked_to_stop:
            self._stop()

        if keyboard and keyboard[0] in ready:
            return _read(keyboard[0]).decode("utf-8", "replace") or "q"

        return ""

    def __enter__(self) -> Self:
        for number, handler in (
            (signal.SIGWINCH, self._resized),
            (signal.SIGTERM, terminal.end),
            (signal.SIGTSTP, self._ask_to_stop),
        ):
            self._signals[number] = signal.signal(number, handler)

        try:
            self._take()
        except BaseException:  # a signal, most likely
            self._leave()
            raise

        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._leave()
        except BaseException:  # one more signal, while we were about to leave
            self._leave()
            raise

    def _take(self) -> None:
        if terminal.is_terminal(sys.stdin):
            self._cooked = termios.tcgetattr(sys.stdin)
            tty.setcbreak(sys.stdin, termios.TCSADRAIN)

        self._spoilt = True
        _write(_ENTER)

    def _leave(self) -> None:
        self._give_back()
        for number, handler in self._signals.items():
            signal.signal(number, handler)

    def _give_back(self) -> None:
        _write(_LEAVE)
        if self._cooked:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._cooked)
            self._cooked = None

    def _resized(self, _number: int, _frame: FrameType | None) -> None:
        # The terminal may have moved or cut what stood there.
        self._spoilt = True

    def _ask_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        # Not here: we may be in the middle of painting.
        self._asked_to_stop = True

    def _stop(self) -> None:
        self._asked_to_stop = False
        self._give_back()
        handler = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        # Stopped here, until SIGCONT.
        signal.signal(signal.SIGTSTP, handler)
        self._take()


def _read(keyboard: int) -> bytes:
    """Return the key pressed, waiting a moment for the rest of a sequence."""
    keys = os.read(keyboard, MAX_READ)
    while (
        is_unfinished(keys.decode("ascii", "replace"))
        and len(keys) < MAX_KEYS
        and waiting.wait([keyboard], SEQUENCE_S)
    ):
        more = os.read(keyboard, MAX_READ)
        if not more:
            break

        keys += more

    return keys


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
