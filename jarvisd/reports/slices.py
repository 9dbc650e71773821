"""What was spent, in slices: the numbers of cells, added up by session, agent and model."""

from collections.abc import Callable, Collection
from operator import attrgetter
from typing import NamedTuple

from jarvisd.base.usage import BUCKETS, Tokens
from jarvisd.core.feature import SessionKey
from jarvisd.ledger.model import Cell

Numbers = tuple[int, ...]
"""What is added up, in the order of `numbers_of`."""

Models = dict[str | None, Numbers]
"""The same by model; None where the log names none."""


numbers_of: Callable[[Cell], Numbers] = attrgetter(
    *(f"tokens.{each}" for each in BUCKETS),
    "cost_micros",
    "unpriced",
    "responses",
    "web_searches",
)
COST, UNPRICED, RESPONSES, WEB_SEARCHES = range(len(BUCKETS), len(BUCKETS) + 4)
NOTHING: Numbers = (0,) * (len(BUCKETS) + 4)


class UsageSlice(NamedTuple):
    """What some sessions of one agent spent in one local day.

    *day* counts from 1970-01-01; None is for what the logs give no date. *branch* and
    *account* are None as well where slices are not parted by them.
    """

    day: int | None
    agent: str
    sessions: Collection[SessionKey]
    models: Models
    branch: str | None = None
    account: str | None = None


def joined(slices: list[UsageSlice]) -> UsageSlice:
    """Return one slice for all *slices*, which are of one day and agent."""
    models: dict[str | None, list[Numbers]] = {}
    for each in slices:
        for model, numbers in each.models.items():
            models.setdefault(model, []).append(numbers)

    return UsageSlice(
        slices[0].day,
        slices[0].agent,
        # A set joins others without hashing what is in it once more.
        frozenset().union(*(each.sessions for each in slices)),
        {model: added(numbers) for model, numbers in models.items()},
    )


def added(numbers: list[Numbers]) -> Numbers:
    """Return the sum, column by column; of nothing, zeros."""
    if len(numbers) <= 1:
        return numbers[0] if numbers else NOTHING

    return tuple(map(sum, zip(*numbers, strict=True)))


def tokens_of(numbers: Numbers) -> Tokens:
    """Return the buckets among *numbers*."""
    return Tokens(*numbers[: len(BUCKETS)])
