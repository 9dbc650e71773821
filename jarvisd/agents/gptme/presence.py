"""How processes of gptme are recognised.

It holds a lock on LOGS/SESSION/.lock while a conversation is open, by flock: a file in
each session's own folder, which is not looked at.
"""

from collections.abc import Sequence

from jarvisd.agents._shared.presence import name_of
from jarvisd.core.presence_evidence import Evidence
from jarvisd.core.process import ProcessRole

_ONCE = {"-n", "--non-interactive"}
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


EVIDENCE = Evidence(role=role)
