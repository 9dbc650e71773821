"""Latencies of several runs, as two rows: the usual case and the bad one."""

from dataclasses import dataclass, field
from typing import NamedTuple

from benchmarks.rows import Row, percentile


class Target(NamedTuple):
    """Milliseconds: what must be reached, and what would be fine."""

    must: float | None = None
    ambition: float | None = None


@dataclass(slots=True)
class Spread:
    """p50 and p99 of each run."""

    _p50: list[float] = field(default_factory=list)
    _p99: list[float] = field(default_factory=list)
    _observations: int = 0

    def add(self, taken_ms: list[float]) -> None:
        """Take in one run."""
        self._p50.append(percentile(taken_ms, 50))
        self._p99.append(percentile(taken_ms, 99))
        self._observations = len(taken_ms)

    def rows(self, figure: str, *, p50: Target, p99: Target) -> list[Row]:
        """Return both rows."""
        percentiles = [("p50", self._p50, p50), ("p99", self._p99, p99)]
        return [
            Row(
                figure=f"{figure}, {name}",
                samples=tuple(samples),
                unit="ms",
                must=target.must,
                ambition=target.ambition,
                observations=self._observations,
            )
            for name, samples, target in percentiles
        ]
