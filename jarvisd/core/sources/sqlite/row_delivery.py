"""Rows as items, as far as the budget of a read goes."""

from jarvisd.core.source import Budget, Item, ItemRef
from jarvisd.core.sources.sqlite.database_errors import RowError
from jarvisd.core.sources.sqlite.database_queries import (
    Answers,
    DatabaseQueries,
    RowName,
    number_of,
    row_ref,
)

UNREADABLE = b"{"
"""The body of a row that cannot be read: malformed, where an empty one would be blank."""


class RowDelivery:
    """The items of one read, and the names of rows that are gone."""

    def __init__(
        self, answers: Answers, queries: DatabaseQueries, budget: Budget
    ) -> None:
        self.items: list[Item] = []
        self.deleted: list[ItemRef] = []
        self._answers = answers
        self._queries = queries
        self.budget = budget
        self._size = 0

    @property
    def is_full(self) -> bool:
        """Whether the budget is used up."""
        return (
            len(self.items) + len(self.deleted) >= self.budget.items
            or self._size >= self.budget.size_bytes
        )

    def add(self, stream: str, name: RowName, known_chars: int | None) -> int | None:
        """Deliver one row, and return its characters; None if it is deleted.

        *known_chars* are those that it had when it was delivered, 0 if they or that are
        not known, None if it was not delivered. If the row cannot be read its body is
        `UNREADABLE`, which no reader takes for a record.
        """
        table, key = name
        query, ref = self._queries.tables[table], row_ref(table, key)
        body, chars = UNREADABLE, 0  # stays so for a row that cannot be read
        try:
            row = self._answers.row(query.sql, key=key)
        except RowError:
            pass
        else:
            if row is None:
                self.deleted.append(ref)
                return None

            stream, chars = str(row[0]), number_of(row[1])
            try:
                body = query.body(table, row[2:])
            except Exception:  # the agent's code; the row costs only itself
                body = UNREADABLE

        replaces = None if known_chars is None else ref
        self.items.append(Item(ref, stream, body, chars, replaces, known_chars or 0))
        self._size += len(body)
        return chars

    def add_deleted(self, names: set[RowName]) -> None:
        """Report rows that are gone, but for those that were reported."""
        refs = [row_ref(*name) for name in sorted(names)]
        self.deleted += [ref for ref in refs if ref not in self.deleted]
