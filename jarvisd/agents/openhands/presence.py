"""How the processes of OpenHands are known: a script of Python, or a program.

Measured on version 1.16.0. Its conversations lie in one folder for all projects, and a
process holds none of their files open.
"""

from collections.abc import Sequence

from jarvisd.agents._shared.presence import name_of
from jarvisd.core.presence_evidence import Evidence
from jarvisd.core.process import ProcessRole

_SERVERS = {"serve", "acp", "web", "mcp"}
_ONCE = {"--headless"}


def role(argv: Sequence[str]) -> ProcessRole | None:
    """Return the role of the process with *argv*, or None if it is not OpenHands."""
    at = 0
    if argv and name_of(argv[0]).startswith("python"):
        at = next((n for n, word in enumerate(argv[1:], 1) if word[:1] != "-"), 0)

    if not argv or name_of(argv[at]) != "openhands":
        return None

    given = argv[at + 1 :]
    if _SERVERS.intersection(given[:1]):
        return ProcessRole.SERVES

    return ProcessRole.TALKS if _ONCE.isdisjoint(given) else ProcessRole.ONCE


EVIDENCE = Evidence(role=role)
