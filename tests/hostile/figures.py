"""A figure that is promised: what was measured, and what it may be at most."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of a long suite's result."""

    name: str
    value: float
    at_most: float | None = None
    unit: str = ""

    @property
    def is_kept(self) -> bool:
        """Say whether the promise is kept."""
        return self.at_most is None or self.value <= self.at_most

    def __str__(self) -> str:
        value = f"{self.value:,.1f}" if self.value % 1 else f"{self.value:,.0f}"
        limit = "" if self.at_most is None else f"(at most {self.at_most:,g})"
        mark = "" if self.is_kept else "  <-- BROKEN"
        return f"{self.name:<52} {value:>10} {self.unit:<6} {limit}{mark}"


def part(count: int, share: float) -> int:
    """Return *share* of what is to be done *count* times, but do it once."""
    return max(1, round(count * share))
