"""How fast tokens burn now: means that forget, as the load average of a machine does.

Each response counts with a weight that falls to 1/e in so many minutes, and is divided
by these. A steady stream shows its rate; when it stops, the rate falls by itself.
"""

import math
from collections.abc import Iterable
from typing import Final, NamedTuple

from jarvisd.base.usage import Tokens
from jarvisd.reports.model import Rate

MEMORIES: Final = (1, 5, 15)
"""Minutes, as everybody knows them from `uptime`."""

HORIZON_MS: Final = 6 * MEMORIES[-1] * 60_000
"""What lies further back weighs less than a quarter of a percent."""


SKEW_MS: Final = 60_000
"""A clock may be ahead by so much. What is dated later has not happened yet."""


class Spending(NamedTuple):
    """One response: when, how many tokens, and at what cost if it has a price."""

    at_ms: int
    tokens: Tokens
    cost_micros: int


def rates(spending: Iterable[Spending], *, now_ms: int) -> list[Rate]:
    """Return the rate with a memory of 1, of 5 and of 15 minutes."""
    lately = list(spending)
    return [rate(lately, minutes=each, now_ms=now_ms) for each in MEMORIES]


def rate(spending: Iterable[Spending], *, minutes: int, now_ms: int) -> Rate:
    """Return the rate at *now_ms*, with a memory of *minutes*."""
    tokens = uncached = cost = 0.0
    for each in spending:
        age_ms = now_ms - each.at_ms
        if age_ms < -SKEW_MS:
            continue

        weight = math.exp(-max(0, age_ms) / (minutes * 60_000)) / minutes
        tokens += weight * each.tokens.total
        uncached += weight * (each.tokens.input + each.tokens.output)
        cost += weight * each.cost_micros

    return Rate(
        minutes=minutes,
        tokens_per_minute=round(tokens, 1),
        uncached_per_minute=round(uncached, 1),
        cost_micros_per_hour=round(cost * 60),
    )
