"""How processes of Gemini CLI are recognised; it leaves nothing else beside its logs.

It starts itself again with more memory, and waits for that process.
"""

from collections.abc import Sequence

from jarvisd.agents._shared.presence import command_of, name_of
from jarvisd.core.presence_evidence import Evidence
from jarvisd.core.process import ProcessRole

_PACKAGE = "/@google/gemini-cli/"
_ONCE = {"-p", "--prompt"}
_SERVES = {"--acp", "--experimental-acp"}
_COMMANDS = {"mcp", "extensions", "extension", "skills", "skill", "hooks", "hook"}


def role(argv: Sequence[str]) -> ProcessRole | None:
    """Return the role of the process with *argv*, or None if it is not Gemini CLI."""
    program, arguments = command_of(argv)
    if name_of(program) != "gemini" and _PACKAGE not in program:
        return None

    if arguments and arguments[0] in _COMMANDS:
        return None

    if not _SERVES.isdisjoint(arguments):
        return ProcessRole.SERVES

    once = any(each.partition("=")[0] in _ONCE for each in arguments)
    return ProcessRole.ONCE if once else ProcessRole.TALKS


EVIDENCE = Evidence(role=role)
