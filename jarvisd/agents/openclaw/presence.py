"""How processes of OpenClaw are known.

Its gateway serves all sessions and every channel. A table of leases names the process
that has a database open, which is one for many sessions, and is not read.
"""

from collections.abc import Sequence

from jarvisd.agents._shared.presence import command_of, name_of
from jarvisd.core.presence_evidence import Evidence
from jarvisd.core.process import ProcessRole

_NAMES = {"openclaw", "clawdbot", "moltbot"}
_ROLES = {"agent": ProcessRole.ONCE, "tui": ProcessRole.TALKS}


def role(argv: Sequence[str]) -> ProcessRole | None:
    """Return the role of the process with *argv*, or None if it is another program."""
    program, arguments = command_of(argv)
    name = name_of(program).removesuffix(".mjs")
    if name.removesuffix("-gateway").removesuffix("-node-worker") not in _NAMES:
        return None

    words = (each for each in arguments if not each.startswith("-"))
    return _ROLES.get(next(words, ""), ProcessRole.SERVES)


EVIDENCE = Evidence(role=role)
