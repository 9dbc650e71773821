"""How the processes of Continue's command line are known: `cn`, a script of Node.js.

Measured on version 1.5.47. It holds no file open, and its sessions lie in one folder.
"""

from collections.abc import Sequence

from jarvisd.agents._shared.presence import command_of, name_of
from jarvisd.core.presence_evidence import Evidence
from jarvisd.core.process import ProcessRole

_PROGRAMS = {"cn", "cn.js"}
_SERVERS = {"serve", "remote"}
_ONCE = {"-p", "--print"}


def role(argv: Sequence[str]) -> ProcessRole | None:
    """Return the role of the process with *argv*, or None if it is not Continue."""
    program, arguments = command_of(argv)
    if name_of(program) not in _PROGRAMS:
        return None

    if _SERVERS.intersection(arguments[:1]):
        return ProcessRole.SERVES

    return ProcessRole.TALKS if _ONCE.isdisjoint(arguments) else ProcessRole.ONCE


EVIDENCE = Evidence(role=role)
