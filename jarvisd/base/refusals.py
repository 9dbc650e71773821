"""What was put aside because it could not be taken in or stored as it was."""

from dataclasses import dataclass


@dataclass(slots=True)
class Refusals:
    """How many things of one sort were put aside since the start.

    Attributes:
        count: How many.
        since_ms: When the first was, Unix ms.
        where: Where the last was, without content: a block's id, or a table.

    """

    count: int = 0
    since_ms: int = 0
    where: str = ""

    def add(self, count: int, where: str, now_ms: int) -> None:
        """Count so many more, the last of them at *where*."""
        self.since_ms = self.since_ms or now_ms
        self.count += count
        self.where = where
