"""How processes of Qwen Code are recognised.

In a terminal it leaves chats/SESSION.runtime.json while the session is open: a file for
each session and not for each process, which is not read.
"""

from collections.abc import Sequence

from jarvisd.agents._shared.presence import command_of, name_of
from jarvisd.core.presence_evidence import Evidence
from jarvisd.core.process import ProcessRole

_PACKAGE = "/@qwen-code/qwen-code/"
_ONCE = {"-p", "--prompt"}
_SERVES = {"--acp", "--experimental-acp"}
_COMMANDS = {"mcp", "extensions", "auth", "channel", "hooks"}


def role(argv: Sequence[str]) -> ProcessRole | None:
    """Return the role of the process with *argv*, or None if it is not Qwen Code."""
    program, arguments = command_of(argv)
    if name_of(program) != "qwen" and _PACKAGE not in program:
        return None

    if arguments and arguments[0] in _COMMANDS:
        return None

    if not _SERVES.isdisjoint(arguments):
        return ProcessRole.SERVES

    once = any(each.partition("=")[0] in _ONCE for each in arguments)
    return ProcessRole.ONCE if once else ProcessRole.TALKS


EVIDENCE = Evidence(role=role)
