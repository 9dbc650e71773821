"""Running totals as differences: what each report of them adds.

Programs that report what a session used so far repeat their totals, report them late,
and begin a file with those of a history that they copied. What is added is found here,
report by report, with what fits into a reader's memory.
"""

from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from jarvisd.base.usage import NO_TOKENS, Tokens, each_bucket

_NEARLY_PERCENT = 98
"""Totals that fell by less are an old report that comes late."""


class CumulativeUsage(msgspec.Struct, array_like=True):
    """The greatest running totals that were reported; None before any."""

    total: Tokens | None = None

    def added(self, total: Tokens, last: Tokens | None = None) -> Tokens | None:
        """Return the tokens that a report of *total* adds, or None if it adds none.

        *last* is the increment that the program reports. The first totals of a file add that,
        because a session that is resumed starts high, and the whole only without it.
        """
        before = self.total
        if before is None:
            self.total = total
            return total if last is None else _or_none(last)

        if total == before:
            return None

        if total.total < before.total:
            return self._fallen(total, last, before)

        self.total = total
        return last if last is not None and last.total else _difference(total, before)

    def added_alone(self, last: Tokens) -> Tokens | None:
        """Add *last*, the increment of a report without totals, and return it."""
        if not last.total:
            return None

        self.total = (self.total or NO_TOKENS) + last
        return last

    def _fallen(
        self, total: Tokens, last: Tokens | None, before: Tokens
    ) -> Tokens | None:
        fall = before.total - total.total
        late = last is not None and fall <= 2 * last.total
        if total.total * 100 >= before.total * _NEARLY_PERCENT or late:
            return None  # an old report that comes late

        self.total = total
        return None if last is None else _or_none(last)


def _or_none(tokens: Tokens) -> Tokens | None:
    return tokens if tokens.total else None


_growth: Callable[[Tokens, Tokens], Tokens] = each_bucket(
    "Tokens({})", "a.{0} - b.{0} if a.{0} > b.{0} else 0"
)


def _difference(total: Tokens, before: Tokens) -> Tokens:
    grown = _growth(total, before)
    return replace(grown, reasoning=min(grown.reasoning, grown.output))
