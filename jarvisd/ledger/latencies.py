"""Latencies of responses: percentiles in bounded memory.

Times are kept as they are while there are few different ones, and percentiles of them
are exact, by linear interpolation. Beyond `MAX_EXACT` they are rounded to the buckets
of DDSketch (Masson, Rim and Lee, VLDB 2019), each two percent wide, so that a percentile
is off by one percent at most; there are no more than `MAX_BUCKETS` of them.

The libraries of such sketches can neither take a time back, as when a response turns
out to belong to another session, nor be stored without a format of their own. Both are
two lines here.
"""

import math
from typing import Final

import msgspec

MAX_EXACT: Final = 512
"""Different times kept as they are: more than almost any segment has."""

ERROR: Final = 0.01
"""The greatest relative error of a rounded time."""

MAX_MS: Final = 86_400_000.0
"""A response that took longer than a day is a clock's error."""

MIN_MS: Final = 0.001

_GAMMA: Final = (1 + ERROR) / (1 - ERROR)
_LOG_GAMMA: Final = math.log(_GAMMA)
MAX_BUCKETS: Final = math.ceil(math.log(MAX_MS / MIN_MS) / _LOG_GAMMA) + 1


class Latencies(msgspec.Struct, array_like=True):
    """A multiset of times in ms; *counts* has the number of each.

    A time may be taken away before it is added, by a correction of a closed segment
    already: its count is negative until then.
    """

    counts: dict[float, int] = {}
    rounded: bool = False

    def add(self, took_ms: float, times: int = 1) -> None:
        """Add *took_ms*; a negative number of *times* removes it."""
        counts = self.counts
        if self.rounded:
            took_ms = _rounded(took_ms)
        elif took_ms > MAX_MS:
            took_ms = MAX_MS

        left = counts.get(took_ms, 0) + times
        if left:
            counts[took_ms] = left
            if len(counts) > MAX_EXACT and not self.rounded:
                self._round()
        else:
            del counts[took_ms]

    def absorb(self, other: "Latencies") -> None:
        """Add all of *other*."""
        if other.rounded and not self.rounded:
            self._round()

        for took_ms, times in other.counts.items():
            self.add(took_ms, times)

    def percentile(self, share: float) -> float | None:
        """Return the quantile at *share*; None if there are no times."""
        times = sorted(each for each in self.counts.items() if each[1] > 0)
        total = sum(count for _, count in times)
        if not total:
            return None

        rank = (total - 1) * share
        low, high = _at(times, math.floor(rank)), _at(times, math.ceil(rank))
        return low + (high - low) * (rank - math.floor(rank))

    def _round(self) -> None:
        exact, self.counts, self.rounded = self.counts, {}, True
        for took_ms, times in exact.items():
            self.add(took_ms, times)


def _rounded(took_ms: float) -> float:
    """Return the middle of the bucket of *took_ms*; the same for a middle itself."""
    within = min(max(took_ms, MIN_MS), MAX_MS)
    bucket = math.ceil(math.log(within) / _LOG_GAMMA - 1e-9)
    return float(round(2 * _GAMMA**bucket / (_GAMMA + 1), 6))


def _at(times: list[tuple[float, int]], rank: int) -> float:
    """Return the time at *rank*, from 0, where each stands as often as it is counted."""
    passed = 0
    for took_ms, count in times:
        passed += count
        if passed > rank:
            return took_ms

    raise AssertionError(rank)
