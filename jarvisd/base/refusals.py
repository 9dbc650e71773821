"""Counts records and rows that were put aside because they could not be handled."""

from dataclasses import dataclass


@dataclass(slots=True)
class Refusals:
    """The number of records or rows of one kind that were put aside since the start.

    Attributes:
        count: Their number.
        since_ms: The time of the first, Unix ms; 0 if there was none.
        where: The place of the last, without content: a block's id, or a table.

    """

    count: int = 0
    since_ms: int = 0
    where: str = ""

    def add(self, count: int, where: str, now_ms: int) -> None:
        """Add *count* more, the last of them at *where*."""
        self.since_ms = self.since_ms or now_ms
        self.count += count
        self.where = where
