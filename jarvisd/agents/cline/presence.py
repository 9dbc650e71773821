"""How the processes of Cline are known.

`cline` is a script of Node.js that starts the program `.cline`, or `cline` of its
package for the platform. A hub that outlives the sessions is started with a flag.
Measured on version 3.0.65.
"""

from collections.abc import Sequence

from jarvisd.agents._shared.presence import name_of
from jarvisd.core.presence_evidence import Evidence
from jarvisd.core.process import ProcessRole

_PROGRAMS = {"cline", ".cline"}
_HUB = "--cline-hub-daemon"
_SERVERS = {"hub", "mcp", "connect", "schedule"}
_ONCE = {"--json", "--yolo", "-y"}


def role(argv: Sequence[str]) -> ProcessRole | None:
    """Return the role of the process with *argv*, or None if it is not Cline.

    The script is not: it starts the program and waits for it.
    """
    if not argv or name_of(argv[0]) not in _PROGRAMS:
        return None

    if _HUB in argv or _SERVERS.intersection(argv[1:2]):
        return ProcessRole.SERVES

    return ProcessRole.TALKS if _ONCE.isdisjoint(argv) else ProcessRole.ONCE


EVIDENCE = Evidence(role=role)
