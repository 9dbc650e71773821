"""How processes of gptme are recognised.

It holds a lock on LOGS/SESSION/.lock while a conversation is open, by flock. The file
stays when it ends.
"""

from collections.abc import Callable, Iterable, Sequence

from jarvisd.agents._shared.presence import name_of
from jarvisd.core.presence_evidence import Evidence, SessionFiles
from jarvisd.core.process import ProcessRole

_ONCE = {"-n", "--non-interactive"}
_LOCK = ".lock"
_INTERPRETER = "python"


def role(argv: Sequence[str]) -> ProcessRole | None:
    """Return the role of the process with *argv*, or None if it is not gptme."""
    program = name_of(argv[0]) if argv else ""
    arguments = argv[1:]
    if program.startswith(_INTERPRETER) and arguments:
        program, arguments = name_of(arguments[0]), arguments[1:]

    if program == "gptme-server":
        return ProcessRole.SERVES

    if program != "gptme":
        return None

    return ProcessRole.TALKS if _ONCE.isdisjoint(arguments) else ProcessRole.ONCE


def names(_log: str, _listed: Callable[[], Iterable[str]]) -> Iterable[str]:
    """Return the name of the lock of a conversation."""
    return (_LOCK,)


EVIDENCE = Evidence(role=role, session_files=SessionFiles(names=names, are_locked=True))
