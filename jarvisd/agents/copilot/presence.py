"""How processes of GitHub Copilot CLI are recognised.

session-state/SESSION/inuse.PID.lock is there while a process has the session open, and
after SIGKILL. Its name says all.
"""

import re
from collections.abc import Callable, Iterable, Sequence

from jarvisd.agents._shared.presence import command_of, name_of
from jarvisd.core.presence_evidence import Evidence, SessionFiles
from jarvisd.core.process import ProcessRole

_IN_USE = re.compile(r"inuse\.([1-9][0-9]{0,9})\.lock", re.ASCII)
_PACKAGE = "/@github/copilot"
_ONCE = {"-p", "--prompt"}
_SERVES = {"--acp", "--server", "--headless"}
_COMMANDS = {"help", "init", "login", "mcp", "plugin", "update", "version"}


def role(argv: Sequence[str]) -> ProcessRole | None:
    """Return the role of the process with *argv*, or None if it is not Copilot CLI."""
    program, arguments = command_of(argv)
    if name_of(program) != "copilot" and _PACKAGE not in program:
        return None

    if arguments and arguments[0] in _COMMANDS:
        return None

    if not _SERVES.isdisjoint(arguments):
        return ProcessRole.SERVES

    once = any(each.partition("=")[0] in _ONCE for each in arguments)
    return ProcessRole.ONCE if once else ProcessRole.TALKS


def names(_log: str, listed: Callable[[], Iterable[str]]) -> Iterable[str]:
    """Return the names of the files of processes in the folder of a session."""
    return filter(_IN_USE.fullmatch, listed())


def pid_of(name: str, _read: Callable[[], bytes]) -> int | None:
    """Return the process that made the file *name*."""
    found = _IN_USE.fullmatch(name)
    return int(found[1]) if found else None


EVIDENCE = Evidence(role=role, session_files=SessionFiles(names=names, pid_of=pid_of))
