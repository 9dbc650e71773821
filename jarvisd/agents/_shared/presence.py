"""Recognition of programs by their arguments, and of session ids by their form."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from jarvisd.core.origin import SessionId

_SCRIPTED = {"node", "nodejs", "bun", "deno"}
_FLAGS_WITH_VALUE = {"-r", "--require", "--import", "--loader", "-C", "--conditions"}
_SESSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,127}")


def command_of(argv: Sequence[str]) -> tuple[str, Sequence[str]]:
    """Return the path of the program that *argv* runs, and its arguments.

    That of a script run by an interpreter of JavaScript is the script's.
    """
    if not argv:
        return "", ()

    if name_of(argv[0]) not in _SCRIPTED:
        return argv[0], argv[1:]

    at = _script_index(argv)
    return (argv[at], argv[at + 1 :]) if at < len(argv) else (argv[0], argv[1:])


def name_of(path: str) -> str:
    """Return the bare name of a program: that of /opt/x/claude.exe is claude."""
    return PurePosixPath(path).name.removesuffix(".exe")


def session_id_of(text: str | None) -> SessionId | None:
    """Return *text* if it can be the id of a session: it becomes part of answers."""
    return SessionId(text) if text and _SESSION.fullmatch(text) else None


def _script_index(argv: Sequence[str]) -> int:
    at = 1
    while at < len(argv) and argv[at].startswith("-"):
        at += 2 if argv[at] in _FLAGS_WITH_VALUE else 1

    return at
