"""The user's own commands: a list of words with placeholders, and never a shell."""

import re
from collections.abc import Mapping, Sequence

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


def fill(command: Sequence[str], facts: Mapping[str, object]) -> list[str]:
    """Return *command* with `{name}` replaced by what *facts* have of that name.

    What is in braces and no fact stays as it is. What is filled in is not looked at
    again, and is never split into words.
    """
    return [
        _PLACEHOLDER.sub(lambda found: _fact(found, facts), word) for word in command
    ]


def _fact(found: "re.Match[str]", facts: Mapping[str, object]) -> str:
    value = facts.get(found[1], found[0])
    return "" if value is None else str(value)
