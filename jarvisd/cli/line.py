"""The status line's fast path: a file, else one question with a short limit.

The daemon keeps the line rendered in a file and touches it while it lives, so a fresh
file is the answer. A stale one means that the daemon hangs, died or is just starting:
then the socket is asked, and a status bar is never kept waiting for more than
`ASK_TIMEOUT_S`. No answer prints nothing and is no error, because a bar would show it.

The C halves `_socket` and `_json` are used on purpose: `socket` and `json` cost more
than everything else here together.
"""

import os
import sys

from jarvisd.base import paths
from jarvisd.cli import wall_clock

FRESH_S = 15.0
"""The daemon touches the file every 5 s; three missed beats are no accident."""

ASK_TIMEOUT_S = 0.2
MAX_ANSWER_BYTES = 64 * 1024
EXIT_NO_DAEMON = 4
"""The same as `errors.EXIT_NO_DAEMON`, without importing pathlib."""


def print_line(argv: list[str]) -> int | None:
    """Print the line for *argv* and return the exit status.

    None means that *argv* is not understood here, and the full parser shall say so.
    """
    wanted = _parse(argv)
    if wanted is None:
        return None

    form, width, check = wanted
    if not width and os.isatty(1):
        width = os.get_terminal_size(1).columns

    text = _line(form, width)
    if text:
        os.write(1, text.encode("utf-8", "replace") + b"\n")

    return EXIT_NO_DAEMON if text is None and check else 0


def _parse(argv: list[str]) -> tuple[str, int, bool] | None:
    form, width, check = "plain", 0, False
    rest = iter(argv)
    for word in rest:
        if word == "--check":
            check = True
        elif word == "--tmux":
            form = "tmux"
        elif word == "--width" and (number := next(rest, "")).isdecimal():
            width = int(number)
        else:
            return None

    return form, width, check


def _line(form: str, width: int) -> str | None:
    # Only the daemon knows what to leave out of a narrow line.
    text = None if width else _rendered()
    if text is None:
        return _ask_daemon(form, width)

    return text.replace("#", "##") if form == "tmux" else text


def _rendered() -> str | None:
    try:
        with open(paths.line_file(os.environ), "rb") as file:  # noqa: PTH123 - no pathlib
            age_s = wall_clock.unix_ms() / 1000 - os.fstat(file.fileno()).st_mtime
            text = file.read(MAX_ANSWER_BYTES).decode("utf-8", "replace")
    except OSError:
        return None

    return text.rstrip("\n") if age_s < FRESH_S else None


def _ask_daemon(form: str, width: int) -> str | None:
    request = (
        f'{{"jsonrpc":"2.0","id":1,"method":"line",'
        f'"params":{{"format":"{form}","width":{width}}}}}\n'
    )
    try:
        answer = _exchange(paths.socket_path(os.environ), request.encode())
    except OSError:
        return None

    return text_of(answer.decode("utf-8", "replace"))


def _exchange(path: str, request: bytes) -> bytes:
    import _socket  # noqa: PLC0415 - only when the file is stale

    sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        deadline = wall_clock.monotonic() + ASK_TIMEOUT_S
        sock.settimeout(ASK_TIMEOUT_S)
        sock.connect(path)
        sock.send(request)
        answer = b""
        while not answer.endswith(b"\n") and len(answer) < MAX_ANSWER_BYTES:
            sock.settimeout(max(0.001, deadline - wall_clock.monotonic()))
            piece = sock.recv(MAX_ANSWER_BYTES)
            if not piece:
                break

            answer += piece
        return answer
    finally:
        sock.close()


def text_of(answer: str) -> str | None:
    """Return the text that *answer* gives, or None where it is an error."""
    from _json import scanstring  # noqa: PLC0415 - only when the file is stale

    # One known answer with one string in it; an error answer has no "text".
    _, key, rest = answer.partition('"text":')
    start = rest.find('"') + 1
    if not key or not start:
        return None

    try:
        text, _ = scanstring(rest, start, True)  # noqa: FBT003 - C, positional only
    except (ValueError, SystemError):  # the latter where `json.decoder` is not loaded
        return None

    return text


if __name__ == "__main__":
    sys.exit(print_line(sys.argv[1:]))
