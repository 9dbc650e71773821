"""How thoroughly to measure: every figure asks this how often and how long."""

from dataclasses import dataclass

from benchmarks.corpora import Corpus, corpus


@dataclass(frozen=True, slots=True)
class Effort:
    """Thorough, or quick: a look rather than a measurement."""

    quick: bool = False

    def runs(self, thorough: int) -> int:
        """Return how often to repeat a run that is repeated *thorough* times."""
        return 1 if self.quick else thorough

    def seconds(self, thorough: float, quick: float) -> float:
        """Return how long to observe."""
        return quick if self.quick else thorough

    def history(self) -> Corpus:
        """Return 1 GB in 5,000 files, a fifth of it when quick."""
        if self.quick:
            return corpus(size="200MB", files=1000)

        return corpus(size="1GB", files=5000)

    def sessions(self) -> Corpus:
        """Return 50,000 small sessions, a tenth of them when quick."""
        if self.quick:
            return corpus(size="30MB", files=5000)

        return corpus(size="300MB", files=50000)
