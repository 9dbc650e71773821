"""The fast path of `jarvisctl report KIND --json`: one question, printed as it comes.

Scripts and status bars ask this again and again, and importing what takes answers apart
would cost them twice as long as all the rest. Whatever is not as plain as can be, on the
command line or in the answer, is left to the full command, which asks once more.
"""

import os

from jarvisd.base import paths
from jarvisd.base.zone import local_zone
from jarvisd.cli import wall_clock

TIMEOUT_S = 10.0
PIECE_BYTES = 256 * 1024
MAX_ANSWER_BYTES = 64 * 1024 * 1024

_GROUPINGS = {
    "daily": "day",
    "weekly": "week",
    "monthly": "month",
    "session": "session",
    "project": "project",
    "model": "model",
    "agent": "agent",
}
_FILTERS = ("agent", "project")
_VALUED = ("since", "until", "tz", *_FILTERS)
_PLAIN = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+-"
)
_CHECKED = b'{"jsonrpc":"2.0","id":0,"result":'
_HEAD = b'{"jsonrpc":"2.0","id":1,"result":{'


def print_report(argv: list[str]) -> int | None:
    """Print what *argv* asks for, and return the exit status.

    None means that it is not understood here, or could not be answered.
    """
    requests = _requests(argv)
    if requests is None or os.isatty(1):
        return None

    try:
        answers = _exchange(paths.socket_path(os.environ), requests)
    except OSError:
        return None

    *checks, answer = answers.splitlines(keepends=True) or [b""]
    if not all(each.startswith(_CHECKED) for each in checks):
        return None  # the full command says which name is not known

    if not answer.startswith(_HEAD) or not answer.endswith(b"}}\n"):
        return None

    _write(b'{"schema":1,' + answer[len(_HEAD) : -2] + b"\n")
    return 0


def _requests(argv: list[str]) -> list[bytes] | None:
    """Return the question, behind another one that refuses filters not known."""
    kind, *words = argv or [""]
    method, params = _method(kind)
    params["tz"] = local_zone(os.environ)
    wants_json = False
    rest = iter(words)
    for word in rest:
        name, given, value = word.removeprefix("--").partition("=")
        if word == "--json":
            wants_json = True
        elif name in _VALUED and word.startswith("--"):
            params[name] = value if given else next(rest, "")
        else:
            return None

    if not wants_json or not all(map(_is_plain, params.items())):
        return None

    report = _encoded(1, f"report.{method}", params)
    filters = {name: params[name] for name in params if name in _FILTERS}
    return [_encoded(0, "filters.check", filters), report] if filters else [report]


def _encoded(number: int, method: str, fields: dict[str, str]) -> bytes:
    params = ",".join(f'"{name}":"{value}"' for name, value in fields.items())
    head = f'{{"jsonrpc":"2.0","id":{number},"method":"{method}","params":'
    return f"{head}{{{params}}}}}\n".encode()


def _method(kind: str) -> tuple[str, dict[str, str]]:
    if kind == "blocks":
        return "windows", {}

    if kind == "attention":
        return "attention", {}

    if kind in {"tool", "plugin"}:
        return "tools", {"by": kind}

    return "usage", {"by": _GROUPINGS.get(kind, "")}


def _is_plain(field: tuple[str, str]) -> bool:
    """Whether a value needs neither quoting nor working out."""
    name, value = field
    if name in {"since", "until"} and not value.replace("-", "").isdecimal():
        return False  # `today`

    return bool(value) and value[0] != "-" and _PLAIN.issuperset(value)


def _exchange(path: str, requests: list[bytes]) -> bytes:
    import _socket  # noqa: PLC0415 - `socket` costs more than all the rest

    sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        deadline = wall_clock.monotonic() + TIMEOUT_S
        sock.settimeout(TIMEOUT_S)
        sock.connect(path)
        sock.send(b"".join(requests))
        answer, lines = bytearray(), 0
        while lines < len(requests) and len(answer) < MAX_ANSWER_BYTES:
            sock.settimeout(max(0.001, deadline - wall_clock.monotonic()))
            piece = sock.recv(PIECE_BYTES)
            if not piece:
                break

            answer += piece
            lines += piece.count(b"\n")
        return bytes(answer)
    finally:
        sock.close()


def _write(text: bytes) -> None:
    rest = memoryview(text)
    while rest:
        rest = rest[os.write(1, rest) :]
