"""How processes of Kimi Code and kimi-cli are known; no registry of them is known."""

import re
from collections.abc import Sequence

from jarvisd.agents._shared.presence import command_of, name_of
from jarvisd.core.presence_evidence import Evidence
from jarvisd.core.process import ProcessRole

_NAMES = {"kimi", "kimi-code", "kimi-cli"}
_PACKAGE = "/@moonshot-ai/kimi-code/"
_PYTHON = re.compile(r"python[\d.]*")
_PRINTING = {"-p", "--prompt", "--print", "--quiet"}
_SERVERS = {"acp", "server", "web", "daemon", "mcp"}


def role(argv: Sequence[str]) -> ProcessRole | None:
    """Return the role of the process with *argv*, or None if it is another program."""
    program, arguments = command_of(argv)
    if arguments and _PYTHON.fullmatch(name_of(program)):
        program, arguments = arguments[0], arguments[1:]

    if name_of(program) not in _NAMES and _PACKAGE not in program:
        return None

    if arguments and arguments[0] in _SERVERS:
        return ProcessRole.SERVES

    printing = not _PRINTING.isdisjoint(arguments)
    return ProcessRole.ONCE if printing else ProcessRole.TALKS


EVIDENCE = Evidence(role=role)
