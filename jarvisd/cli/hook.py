"""The command that agents run at their hooks: report to the daemon, never disturb the agent.

An agent waits for this program before and after every tool call, and may take its exit
status for a veto and its output for advice. So whatever goes wrong, it is silent, its
status is 0, and it is gone after `LIMIT_S`, by an alarm that no step can outlast. It
waits for the daemon's answer, so that events arrive in the order in which they happen.

Only the words that are evidence leave this process (`base/hook_fields.py`): a prompt or a
tool's input is read, because the agent writes it, and dropped.

The C halves `_json`, `_signal` and `_socket` are used on purpose, as in `line`.
"""

import os

from jarvisd.base import paths
from jarvisd.base.hook_fields import (
    DETAIL,
    EVENT,
    INTERRUPTED,
    KEPT,
    MAX_CHARS,
    MESSAGES,
)

LIMIT_S = 0.2
"""For everything together. An answer normally takes 1 ms; a daemon that needs longer
has the request all the same."""

MAX_PAYLOAD_BYTES = 1024 * 1024
"""Of a longer payload only the beginning is looked at: what is evidence comes first."""

PIECE_BYTES = 64 * 1024
MAX_ANSWER_BYTES = 4096
MAX_ANCESTORS = 4

_SHELLS = frozenset(
    (b"sh", b"ash", b"bash", b"busybox", b"dash", b"fish", b"ksh", b"zsh")
)
_SPACE = " \t\n\r"


def run(argv: list[str]) -> int:
    """Send the hook of the agent *argv* to the daemon; the exit status is always 0."""
    try:
        end_after(LIMIT_S)
        _send(argv[0])
    except BaseException:  # noqa: S110 - an agent must not be stopped by us
        pass

    return 0


def end_after(limit_s: float) -> None:
    """End this process with status 0 after *limit_s*, whatever it is doing then."""
    # `signal` makes enumerations of everything.
    import _signal  # type: ignore[import-not-found]  # noqa: PLC0415 - see above

    _signal.signal(_signal.SIGALRM, lambda _number, _frame: os._exit(0))
    _signal.setitimer(_signal.ITIMER_REAL, limit_s)


def restore_signals() -> None:
    """Restore the signals that Python ignores: a program in our place would ignore them."""
    import _signal  # noqa: PLC0415 - as above

    for number in (_signal.SIGPIPE, _signal.SIGXFSZ):
        _signal.signal(number, _signal.SIG_DFL)


def _send(agent: str) -> None:
    # Read first: an agent may mind that nobody takes what it writes.
    payload = read_all(MAX_PAYLOAD_BYTES)
    fields = evidence(payload.decode("utf-8", "replace"))
    if EVENT in fields and agent.isalnum():
        ask(
            f'"hook","params":{{"agent":"{agent}",{process()}"payload":{_json(fields)}}}'
        )


def read_all(limit_bytes: int) -> bytes:
    """Return the beginning of standard input, and take all of it."""
    kept, size = [], 0
    while piece := os.read(0, PIECE_BYTES):
        if size < limit_bytes:
            kept.append(piece)
            size += len(piece)

    return b"".join(kept)


def evidence(text: str) -> dict[str, str | bool]:
    """Return the fields of the payload *text* that are evidence; it may be cut off."""
    found = {
        key: value
        for key, value in _members(text).items()
        if value is True or (isinstance(value, str) and len(value) <= MAX_CHARS)
    }
    detail = DETAIL.get(str(found.get(EVENT)), EVENT)
    if detail == "notification_type" and detail not in found:
        found |= _typed(str(found.get("message")))

    wanted = {*KEPT, INTERRUPTED, detail}
    return {key: found[key] for key in found if key in wanted}


def _typed(message: str) -> dict[str, str]:
    """Return the type of a notification that only has a *message*, if it is known."""
    for words, kind in MESSAGES.items():
        if words in message:
            return {"notification_type": kind}

    return {}


def _members(text: str) -> dict[str, object]:
    """Return the members of the object *text* up to the first that cannot be read."""
    from _json import make_scanner, scanstring  # noqa: PLC0415 - `json` costs 3 ms

    found: dict[str, object] = {}
    scan = make_scanner(_Scanning)  # type: ignore[arg-type]
    at = _past_space(text, 0)
    try:
        while text[at] in "{,":
            key, at = scanstring(text, _past_space(text, at + 1) + 1, False)  # noqa: FBT003 - taken by position only
            at = _past_space(text, at)
            value, at = scan(text, _past_space(text, at + 1))
            at = _past_space(text, at)
            found[key] = value if isinstance(value, str | bool) else None
    except (ValueError, IndexError, StopIteration, RecursionError, SystemError):
        # What was found so far is good. A SystemError is what `_json` of Python 3.11
        # makes of its own errors where `json.decoder`, which names them, is not loaded.
        return found

    return found


def _dropped(_text: str) -> None:
    """Make nothing of a number: `int` would refuse one of thousands of digits."""


class _Scanning:
    """How the scanner reads: strings as they are, numbers not at all."""

    strict = False
    object_hook = None
    object_pairs_hook = None
    parse_float = _dropped
    parse_int = _dropped
    parse_constant = _dropped


def _past_space(text: str, at: int) -> int:
    while text[at : at + 1] and text[at] in _SPACE:
        at += 1

    return at


def _json(fields: dict[str, str | bool]) -> str:
    from _json import encode_basestring_ascii as quoted  # noqa: PLC0415 - see above

    members = (
        f"{quoted(key)}:{quoted(value) if isinstance(value, str) else 'true'}"
        for key, value in fields.items()
    )
    return f"{{{','.join(members)}}}"


def process() -> str:
    """Return the parameter that names the agent's process, if it is known.

    The agent runs hooks through a shell, which is gone before anybody could look.
    """
    pid = os.getppid()
    for _ in range(MAX_ANCESTORS):
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - no pathlib
                head, _, rest = file.read(512).rpartition(b")")
        except OSError:
            break

        if head.partition(b"(")[2] not in _SHELLS:
            return f'"pid":{pid},' if pid > 1 else ""

        pid = int(rest.split()[1])

    return ""


def ask(question: str, *, limit_s: float | None = None) -> bytes:
    """Return the answer to *question*, which is the method and what follows it.

    *limit_s* is for every step alone; None where an alarm is set.
    """
    import _socket  # noqa: PLC0415 - `socket` costs more than all the rest

    sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        sock.settimeout(limit_s)
        sock.connect(paths.socket_path(os.environ))
        sock.sendall(f'{{"jsonrpc":"2.0","id":1,"method":{question}}}\n'.encode())
        answer = b""
        while not answer.endswith(b"\n") and len(answer) < MAX_ANSWER_BYTES:
            piece = sock.recv(MAX_ANSWER_BYTES)
            if not piece:
                break

            answer += piece
        return answer
    finally:
        sock.close()
