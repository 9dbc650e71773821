"""How processes of Hermes are known. It keeps no registry of sessions.

It is a console script of Python: the interpreter, the script, and its arguments.
"""

import re
from collections.abc import Sequence

from jarvisd.agents._shared.presence import name_of
from jarvisd.core.presence_evidence import Evidence
from jarvisd.core.process import ProcessRole

_PYTHON = re.compile(r"python[\d.]*")
_SERVERS = frozenset({"gateway", "serve", "acp", "dashboard", "cron"})
_QUERY = frozenset({"-q", "--query"})


def role(argv: Sequence[str]) -> ProcessRole | None:
    """Return the role of the process with *argv*, or None if it is not Hermes."""
    words = list(argv)
    if words and _PYTHON.fullmatch(name_of(words[0])):
        del words[0]
        while words and words[0].startswith("-") and words[0] != "-m":
            del words[0]

    if not words or name_of(words[0]) != "hermes":
        return None

    arguments = words[1:]
    command = next((word for word in arguments if not word.startswith("-")), "chat")
    if not _QUERY.isdisjoint(arguments):
        return ProcessRole.ONCE

    if command in _SERVERS:
        return ProcessRole.HOSTS

    is_talk = command == "chat" or not arguments or arguments[0].startswith("-")
    return ProcessRole.TALKS if is_talk else None


EVIDENCE = Evidence(role=role)
