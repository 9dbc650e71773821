"""Folds the oldest half of a conversation into a summary of a few lines. Pure.

A summary is not counted as a message, so it is never folded itself: the next round
extends it, and the number of messages that it replaces stays right over all rounds.
"""

from collections.abc import Sequence

import msgspec

QUOTES_A_ROUND = 10
QUOTE_CHARS = 100
FIRST_QUOTES = 10
"""Quotes of the beginning that are kept in all rounds."""

MAX_QUOTES = 50
"""Quotes of one summary: about as much as a reader reads, and at most 6 kB."""

GAP = "[...]"


class FoldedMessage(msgspec.Struct, frozen=True, gc=False):
    """The parts of a folded message that a summary may quote."""

    role: str
    content: str


class Summary(msgspec.Struct, frozen=True, gc=False):
    """The text that replaces *folded* messages."""

    content: str
    folded: int


def fold_count(count: int, threshold: int) -> int:
    """Return the number of messages to fold out of *count*: half of them, or 0.

    It is 0 for half of the threshold or less, where folding is not worth it.
    """
    return count // 2 if count > threshold // 2 else 0


def fold(before: Summary | None, oldest: Sequence[FoldedMessage]) -> Summary:
    """Return *before* extended by the messages *oldest*, which follow it."""
    folded = len(oldest) + (0 if before is None else before.folded)
    # GAP is removed from the old quotes, and inserted again at its new place below.
    earlier = [] if before is None else _quotes_in(before)
    quotes = [*earlier, *map(_quote, oldest[:QUOTES_A_ROUND])]
    if len(quotes) > MAX_QUOTES:
        newest = quotes[FIRST_QUOTES - MAX_QUOTES :]
        quotes = [*quotes[:FIRST_QUOTES], GAP, *newest]

    return Summary("\n".join([_header(folded), *quotes]), folded)


def without_quotes(folded: int) -> Summary:
    """Return a summary of *folded* messages that quotes none of them."""
    return Summary(_header(folded), folded)


def _header(folded: int) -> str:
    return f"Summary of {folded} earlier message{'' if folded == 1 else 's'}:"


def _quotes_in(summary: Summary) -> list[str]:
    return [each for each in summary.content.split("\n")[1:] if each != GAP]


def _quote(line: FoldedMessage) -> str:
    # Only the head is split, since messages may be long. A quote is one line, because
    # `_quotes_in` splits a summary at its newlines.
    head = line.content[: 10 * QUOTE_CHARS]
    return f"[{line.role}] {' '.join(head.split())[:QUOTE_CHARS]}"
