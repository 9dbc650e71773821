"""The last number of its kind in the output of a command, such as its exit code."""

import re


def last_number(pattern: re.Pattern[str], mark: str, text: str) -> str | None:
    """Return the first group of the last match of *pattern* in *text*, or None.

    Every match begins with *mark*, so that a search backwards for it finds the last one
    without a look at each character of a long output.
    """
    at = text.rfind(mark)
    while at >= 0:
        found = pattern.match(text, at)
        if found is not None:
            return found[1]

        at = text.rfind(mark, 0, at)

    return None
