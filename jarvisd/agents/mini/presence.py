"""How the processes of mini-swe-agent are known: a script of Python.

Measured on version 2.4.6. Every run writes to one file unless the user says otherwise.
"""

from collections.abc import Sequence

from jarvisd.agents._shared.presence import name_of
from jarvisd.core.presence_evidence import Evidence
from jarvisd.core.process import ProcessRole

_PROGRAMS = {"mini", "mini-swe-agent"}
_MODULE = "minisweagent"


def role(argv: Sequence[str]) -> ProcessRole | None:
    """Return the role of the process with *argv*, or None if it is not mini."""
    if not argv:
        return None

    at = 0
    if name_of(argv[0]).startswith("python"):
        at = next((n for n, word in enumerate(argv[1:], 1) if word[:1] != "-"), 0)

    is_module = argv[at].partition(".")[0] == _MODULE and "-m" in argv[:at]
    if name_of(argv[at]) not in _PROGRAMS and not is_module:
        return None

    asks = {"-y", "--yolo", "--exit-immediately"}.isdisjoint(argv[at + 1 :])
    return ProcessRole.TALKS if asks else ProcessRole.ONCE


EVIDENCE = Evidence(role=role)
