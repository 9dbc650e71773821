"""How a conversation is kept short: its oldest half becomes a few lines. Pure.

A summary is its own kind of thing. It is not counted among the messages, so it is never
folded itself: the next round adds to it, and the number of messages it stands for is
right over all rounds.
"""

from collections.abc import Iterable, Sequence

import msgspec

QUOTES_A_ROUND = 10
QUOTE_CHARS = 100
FIRST_QUOTES = 10
"""How many quotes of the beginning outlast all rounds."""

MAX_QUOTES = 50
"""About as much as a reader takes in; 6 kB at most, so a summary never grows large."""

GAP = "[...]"


class FoldedMessage(msgspec.Struct, frozen=True, gc=False):
    """Of a message to be folded, what a summary may quote."""

    role: str
    content: str


class Summary(msgspec.Struct, frozen=True, gc=False):
    """What stands for *folded* messages."""

    content: str
    folded: int


def is_due(count: int, threshold: int) -> bool:
    """Whether *count* messages are more than a conversation keeps."""
    return count > threshold


def foldable(count: int, threshold: int) -> int:
    """Return how many of *count* messages to fold when asked to: half, or none.

    Half of the threshold or less is not worth it.
    """
    return count // 2 if count > threshold // 2 else 0


def fold(before: Summary | None, oldest: Sequence[FoldedMessage]) -> Summary:
    """Return the summary of all *before* stands for and of *oldest*, in that order."""
    folded = len(oldest) + (0 if before is None else before.folded)
    earlier = [] if before is None else _quotes_in(before)
    quotes = [*earlier, *map(_quote, oldest[:QUOTES_A_ROUND])]
    return Summary("\n".join([_header(folded), *_bounded(quotes)]), folded)


def without_quotes(folded: int) -> Summary:
    """Return the summary of *folded* messages of which nothing may be told any more."""
    return Summary(_header(folded), folded)


def _header(folded: int) -> str:
    return f"Summary of {folded} earlier message{'' if folded == 1 else 's'}:"


def _quotes_in(summary: Summary) -> list[str]:
    return [each for each in summary.content.split("\n")[1:] if each != GAP]


def _quote(line: FoldedMessage) -> str:
    # One line each, whatever line ends the message has.
    return f"[{line.role}] {' '.join(_head(line.content).split())[:QUOTE_CHARS]}"


def _head(content: str) -> str:
    # Of a long message the first part has all that is quoted.
    return content[: 10 * QUOTE_CHARS]


def _bounded(quotes: list[str]) -> Iterable[str]:
    if len(quotes) <= MAX_QUOTES:
        return quotes

    newest = quotes[FIRST_QUOTES - MAX_QUOTES :]
    return [*quotes[:FIRST_QUOTES], GAP, *newest]
