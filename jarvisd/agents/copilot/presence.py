"""How processes of GitHub Copilot CLI are recognised.

It leaves session-state/SESSION/inuse.PID.lock while a session is open, and after SIGKILL:
a file for each session and process, which is not read.
"""

from collections.abc import Sequence

from jarvisd.agents._shared.presence import command_of, name_of
from jarvisd.core.presence_evidence import Evidence
from jarvisd.core.process import ProcessRole

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


EVIDENCE = Evidence(role=role)
