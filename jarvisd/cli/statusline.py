"""Claude Code's status line: send its figures to the daemon, and print a line.

Claude Code runs this after every message, cancels it when it is slow, and shows nothing
at all where it fails or prints nothing. So the line is made here, of the agent's own
figures, and the daemon only adds what needs the person; without a daemon that is left
out. With `--wrap CMD` the line is that command's: this process becomes it, so that its
input, output and status are its own; a detached process reports to the daemon.

The C halves of the standard library are used on purpose, as in `line`.
"""

import os

from jarvisd.cli import hook

REPORT_LIMIT_S = 1.0
"""For the process that reports to the daemon; nobody waits for it."""

MAX_INPUT_BYTES = 4 * 1024 * 1024
"""A thousand times what Claude Code writes."""

MAX_NAME_CHARS = 60
SEPARATOR = " · "
SHELL = "/bin/sh"

Figures = dict[str, object]


def show(argv: list[str]) -> int | None:
    """Print the line for *argv*; None means that *argv* is not understood here."""
    match argv:
        case []:
            return _print_own()
        case ["--wrap", command]:
            return _become(command)
        case [word] if word.startswith("--wrap="):
            return _become(word.removeprefix("--wrap="))
        case _:
            return None


def _print_own() -> int:
    payload = hook.read_all(MAX_INPUT_BYTES)
    text = payload.decode("utf-8", "replace")
    figures = _read(text)
    answer = _answer(text) if figures else {}
    needs = _at(answer, "result", "text")
    parts = [*_parts(figures, answer), needs if isinstance(needs, str) else ""]
    line = SEPARATOR.join(part for part in parts if part)
    os.write(1, line.encode("utf-8", "replace") + b"\n")
    return 0


def _become(command: str) -> int:
    """Report to the daemon in the background, and run *command* in place of this process."""
    payload = hook.read_all(MAX_INPUT_BYTES)
    _in_background(payload)
    os.dup2(_file_of(payload), 0)
    hook.restore_signals()
    os.execv(SHELL, ["sh", "-c", command])  # noqa: S606 - what the user asked for


def _in_background(payload: bytes) -> None:
    """Report to the daemon in a process that is no child of the command."""
    try:
        child = os.fork()
        if child:
            os.waitpid(child, 0)
            return
    except OSError:  # no more processes: the line matters more
        return

    try:
        if os.fork() == 0:
            _send(payload.decode("utf-8", "replace"))
    finally:
        os._exit(0)


def _send(text: str) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):  # the agent reads the output until nobody can write it
        os.dup2(null, stream)

    hook.end_after(REPORT_LIMIT_S)
    if _read(text):
        _ask(text)


def _file_of(data: bytes) -> int:
    """Return a descriptor that gives *data*: a file, which never makes a writer wait."""
    if hasattr(os, "memfd_create"):
        file = os.memfd_create("statusline")
    else:
        import tempfile  # noqa: PLC0415 - only outside Linux

        file, name = tempfile.mkstemp()
        os.unlink(name)  # noqa: PTH108 - no pathlib

    os.write(file, data)
    os.lseek(file, 0, os.SEEK_SET)
    return file


def _answer(text: str) -> Figures:
    """Return the daemon's answer; nothing where it is absent or slow."""
    try:
        return _read(_ask(text, limit_s=hook.LIMIT_S).decode("utf-8", "replace"))
    except OSError:
        return {}


def _ask(text: str, *, limit_s: float | None = None) -> bytes:
    # The text is JSON: a line end in it is between two words, as in a string it is
    # escaped.
    payload = text.replace("\r", " ").replace("\n", " ").removeprefix("\ufeff")
    parameters = f'{hook.process()}"payload":{payload}'
    return hook.ask(f'"statusline","params":{{{parameters}}}', limit_s=limit_s)


def _read(text: str) -> Figures:
    """Return the object that *text* is; empty if it is none."""
    from _json import make_scanner  # noqa: PLC0415 - `json` costs 3 ms

    start = len(text) - len(text.removeprefix("\ufeff").lstrip())
    try:
        scan = make_scanner(_Scanning)  # type: ignore[arg-type]
        figures, end = scan(text, start)
    except (ValueError, StopIteration, RecursionError, SystemError):
        return {}

    return figures if isinstance(figures, dict) and not text[end:].strip() else {}


def _no_constant(_text: str) -> None:
    """Make nothing of NaN and the infinities, which are not JSON."""
    raise ValueError


class _Scanning:
    """How the scanner reads: as `json` does."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = float
    parse_constant = _no_constant


def _parts(figures: Figures, answer: Figures) -> list[str]:
    """Return the model, how full its window is, and what the session has cost.

    The cost is the daemon's where it knows: Claude Code's own goes on over `/clear`.
    """
    name = _at(figures, "model", "display_name") or _at(figures, "model", "id")
    used = _at(figures, "context_window", "used_percentage")
    cost = _at(figures, "cost", "total_cost_usd")
    booked = _at(answer, "result", "cost_micros")
    if isinstance(booked, float) and isinstance(cost, float):
        cost = booked / 1e6

    limit = _at(figures, "rate_limits", "five_hour", "used_percentage")
    return [
        _printable(name) if isinstance(name, str) else "",
        f"{used:.0f}% context" if isinstance(used, float) else "",
        _dollars(cost) if isinstance(cost, float) else "",
        f"5h {limit:.0f}%" if isinstance(limit, float) else "",
    ]


def _dollars(cost: float) -> str:
    return "<$0.01" if 0 < cost < 0.01 else f"${cost:.2f}"


def _at(figures: object, *path: str) -> object:
    for key in path:
        figures = figures.get(key) if isinstance(figures, dict) else None

    return figures


def _printable(name: str) -> str:
    return "".join(each for each in name if each.isprintable())[:MAX_NAME_CHARS]
