"""How processes of pi and oh-my-pi are known; they keep no registry and no locks.

Both write their name over their arguments: `pi` or `omp` is then all that is seen.
"""

from collections.abc import Sequence
from itertools import pairwise

from jarvisd.agents._shared.presence import command_of, name_of
from jarvisd.core.presence_evidence import Evidence
from jarvisd.core.process import ProcessRole

_NAMES = {"pi", "omp"}
_PACKAGES = ("/pi-coding-agent/",)
_PRINTING = {"-p", "--print"}
_MODES = {"json": ProcessRole.ONCE, "rpc": ProcessRole.SERVES}


def role(argv: Sequence[str]) -> ProcessRole | None:
    """Return the role of the process with *argv*, or None if it is another program."""
    program, arguments = command_of(argv)
    name = name_of(program)
    if name in {f"{each}-rpc" for each in _NAMES}:
        return ProcessRole.SERVES

    if name not in _NAMES and not any(each in program for each in _PACKAGES):
        return None

    for option, value in pairwise(arguments):
        if option == "--mode" and value in _MODES:
            return _MODES[value]

    printing = not _PRINTING.isdisjoint(arguments)
    return ProcessRole.ONCE if printing else ProcessRole.TALKS


EVIDENCE = Evidence(role=role)
