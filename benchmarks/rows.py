"""One row of the table: what was measured, and how it stands to its targets."""

from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure.

    *samples* are the results of whole runs, so their spread is that between runs.
    *observations* counts what one run is made of (lines, requests) where that differs.
    Lower is better unless *more_is_better*.
    """

    figure: str
    samples: tuple[float, ...]
    unit: str
    must: float | None = None
    ambition: float | None = None
    more_is_better: bool = False
    observations: int | None = None
    note: str = ""

    @property
    def median(self) -> float:
        """Return the middle of the runs."""
        return median(self.samples)

    @property
    def verdict(self) -> str:
        """Return `ambition` or `ok` for the target that is met, or `short`."""
        if self._meets(self.ambition):
            return "ambition"

        if self.must is None:
            return ""

        return "ok" if self._meets(self.must) else "short"

    def _meets(self, target: float | None) -> bool:
        if target is None:
            return False

        return self.median >= target if self.more_is_better else self.median <= target


def percentile(samples: list[float], percent: float) -> float:
    """Return the smallest sample that *percent* of all are not above."""
    ordered = sorted(samples)
    return ordered[max(0, -int(-len(ordered) * percent // 100) - 1)]
