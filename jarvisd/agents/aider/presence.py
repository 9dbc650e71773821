"""How processes of Aider are known; it keeps no registry and no locks."""

from collections.abc import Sequence

from jarvisd.agents._shared.presence import name_of
from jarvisd.core.presence_evidence import Evidence
from jarvisd.core.process import ProcessRole

_ONCE = (
    *("--message", "--msg", "-m", "--message-file", "-f", "--commit", "--lint"),
    *("--test", "--apply", "--show-repo-map", "--version", "--list-models", "--exit"),
)


def role(argv: Sequence[str]) -> ProcessRole | None:
    """Return the role of the process with *argv*, or None if it is another program.

    It is a script of Python, run by its name, by its path or as a module.
    """
    arguments = list(argv)
    if arguments and name_of(arguments[0]).startswith("python"):
        arguments = arguments[1:]
        if arguments[:1] == ["-m"]:
            arguments = arguments[1:]

    if not arguments or name_of(arguments[0]) not in {"aider", "aider-script.py"}:
        return None

    is_once = any(each.partition("=")[0] in _ONCE for each in arguments[1:])
    return ProcessRole.ONCE if is_once else ProcessRole.TALKS


EVIDENCE = Evidence(role=role)
