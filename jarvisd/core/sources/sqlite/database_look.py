"""What is new in one committed state of a database.

A look changes nothing: the state may prove torn, and is then looked at again. What it
found is applied by `DatabaseSource`.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol, TypeVar

from jarvisd.core.source import Budget, Item, ItemRef, StreamTotals
from jarvisd.core.sources.sqlite.database_cursor import StreamPosition, mark_of
from jarvisd.core.sources.sqlite.database_errors import RowError
from jarvisd.core.sources.sqlite.database_queries import (
    DatabaseQueries,
    Row,
    SqliteValue,
    row_ref,
)

T = TypeVar("T")

RowName = tuple[str, str]
"""Table and key."""

Sizes = Mapping[RowName, int]
"""The characters of each row of one stream."""

ENTRIES_PER_ITEM = 4
"""So many entries are asked for at once for each item that the budget has room for:
agents write a row several times."""


class Answers(Protocol):
    """One committed state, as `lock_free_vfs.Snapshot`.

    *schema* is another number when tables, columns or indexes are others.
    """

    schema: int

    def rows(self, sql: str, /, **values: SqliteValue) -> Iterator[Row]:
        """Return the rows of a query."""
        ...

    def row(self, sql: str, /, **values: SqliteValue) -> Row | None:
        """Return the first row of a query, or None."""
        ...

    def columns(self, table: str) -> frozenset[str]:
        """Return the columns of a table, none if there is no such table."""
        ...


class Reader(Protocol):
    """What asks a database, as `lock_free_vfs.SnapshotReader`."""

    def ask(self, question: Callable[[Answers], T]) -> T:
        """Return the answer of *question* to one committed state."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


def missing(answers: Answers, queries: DatabaseQueries) -> str:
    """Return which tables and columns the database lacks; empty if none."""
    lacks: list[str] = []
    for table, columns in sorted(queries.needs.items()):
        found = answers.columns(table)
        if not found:
            lacks.append(table)
        else:
            lacks += [f"{table}.{column}" for column in sorted(columns - found)]

    return ", ".join(lacks)


class Look:
    """One look: the streams that are new, changed, begun again or gone, and their rows.

    *known* are the positions so far. *compare_all*: the file may be another one, so
    each known stream must prove that it is what was read. *sizes* are those of streams
    that were read since the start of the process.
    """

    def __init__(
        self,
        answers: Answers,
        queries: DatabaseQueries,
        known: Mapping[str, StreamPosition],
        sizes: Mapping[str, Sizes],
        *,
        budget: Budget,
        compare_all: bool,
    ) -> None:
        self.items: list[Item] = []
        self.restarted: list[str] = []
        self.ended: list[str] = []
        self.deleted: list[ItemRef] = []
        self.positions: dict[str, StreamPosition] = {}
        self.sizes: dict[str, dict[RowName, int]] = {}
        self.problems: dict[str, str] = {}
        self.more = False
        self._answers = answers
        self._queries = queries
        self._known = known
        self._known_sizes = sizes
        self._budget = budget
        self._compare_all = compare_all
        self._size = 0

    @property
    def totals(self) -> dict[str, StreamTotals]:
        """The totals of each stream that was read."""
        return {
            stream: StreamTotals(len(sizes), sum(sizes.values()))
            for stream, sizes in self.sizes.items()
        }

    def run(self) -> "Look":
        """Find what is new, and read what the budget has room for."""
        sequences = {
            str(stream): _number(sequence)
            for stream, sequence in self._answers.rows(self._queries.streams)
        }
        self.ended = [stream for stream in self._known if stream not in sequences]
        grown: list[str] = []
        unread: list[str] = []
        for stream, sequence in sequences.items():
            with self._failing_alone(stream):
                if self._is_unread(stream, sequence):
                    unread.append(stream)
                elif sequence > self._known[stream].sequence:
                    grown.append(stream)

        waiting = grown + unread
        for stream in waiting:
            if self._is_full:
                break

            with self._failing_alone(stream):
                self._read(stream, sequences[stream])

        self.more = any(
            (position := self.positions.get(stream)) is None
            or position.after is not None
            or position.sequence < sequences[stream]
            for stream in waiting
            if stream not in self.problems
        )
        return self

    @contextmanager
    def _failing_alone(self, stream: str) -> Iterator[None]:
        """Go on with the other streams if a page of this one is corrupt."""
        try:
            yield
        except RowError as exc:
            self.problems[stream] = str(exc)

    def _is_unread(self, stream: str, sequence: int) -> bool:
        """Whether the stream is new, not read to its end, or not what was read."""
        known = self._known.get(stream)
        if known is None:
            return True

        if sequence != known.seen or self._compare_all:
            is_continued = (
                sequence >= known.seen and self._mark(stream, known.seen) == known.mark
            )
            if not is_continued:
                self.restarted.append(stream)
                return True

        return known.after is not None

    @property
    def _is_full(self) -> bool:
        return (
            len(self.items) + len(self.deleted) >= self._budget.items
            or self._size >= self._budget.size_bytes
        )

    def _mark(self, stream: str, sequence: int) -> bytes:
        row = self._answers.row(self._queries.mark, stream=stream, sequence=sequence)
        return b"" if row is None else mark_of(row[0])

    def _move(self, stream: str, to: int, now: int, after: RowName | None) -> None:
        """Set the position of a stream that was read in a state with entry *now*."""
        mark = self._mark(stream, now)
        self.positions[stream] = StreamPosition(to, now, mark, after)

    def _read(self, stream: str, now: int) -> None:
        known = self._known.get(stream)
        if known is None or stream in self.restarted:
            self._read_all(stream, now, now, None)
        elif known.after is not None:
            self._read_all(stream, known.sequence, now, known.after)
        else:
            self._read_changes(stream, known.sequence, now)

    def _read_all(
        self, stream: str, begun: int, now: int, after: RowName | None
    ) -> None:
        """Deliver the rows of a stream behind *after*, in its order.

        The position remains that where it was *begun*: what has changed since then in
        rows that were delivered already is found by the sequence, once all were.
        """
        sizes = self._listed(stream)
        names = list(sizes)
        start = 0
        if after in sizes:
            start = names.index(after) + 1
        elif after is not None:
            self.restarted.append(stream)

        for name in names[start:]:
            if self._is_full:
                break

            self._read_row(stream, name, None)
            after = name
        else:
            after = None

        self._move(stream, begun, now, after)

    def _read_changes(self, stream: str, known: int, now: int) -> None:
        """Deliver the rows that the entries behind the *known* one name."""
        limit = self._budget.items * ENTRIES_PER_ITEM
        entries = [
            (_number(number), None if table is None else (str(table), str(key)))
            for number, table, key in self._answers.rows(
                self._queries.changes, stream=stream, after=known, limit=limit
            )
        ]
        numbers = [number for number, _ in entries]
        dense = list(range(known + 1, known + 1 + len(entries)))
        if not entries or (self._queries.is_dense and numbers != dense):
            # Entries were pruned: what they named is not known any more.
            self.restarted.append(stream)
            self._read_all(stream, now, now, None)
            return

        before = self._known_sizes.get(stream)
        read: dict[RowName, int | None] = {}
        for number, name in entries:
            if name is not None and name not in read:
                if self._is_full:
                    break

                known_chars = 0 if before is None else before.get(name)
                read[name] = self._read_row(stream, name, known_chars)

            known = number
        else:
            if len(entries) < limit:
                known = now

        self._move(stream, known, now, None)
        if before is None or None in read.values():
            # A row may have taken others with it that no entry names.
            self._listed(stream)
        else:
            present = {name: size for name, size in read.items() if size is not None}
            self.sizes[stream] = {**before, **present}

    def _listed(self, stream: str) -> dict[RowName, int]:
        """Return the rows of a stream with their characters; report deleted ones."""
        listed = self._answers.rows(self._queries.rows, stream=stream)
        now = {
            (str(table), str(key)): _number(chars) for table, key, chars, *_ in listed
        }
        self.sizes[stream] = now
        if stream not in self.restarted:
            gone = self._known_sizes.get(stream, {}).keys() - now.keys()
            refs = [row_ref(*name) for name in sorted(gone)]
            self.deleted += [ref for ref in refs if ref not in self.deleted]

        return now

    def _read_row(
        self, stream: str, name: RowName, known_chars: int | None
    ) -> int | None:
        """Deliver one row, and return its characters; None if it is deleted.

        *known_chars* are those that it had when it was delivered, 0 if they or that are
        not known, None if it was not delivered.

        If it cannot be read, its body is empty, which no reader takes for a record.
        """
        table, key = name
        query, ref = self._queries.tables[table], row_ref(table, key)
        body, chars = b"", 0  # stays so for a row that cannot be read
        try:
            row = self._answers.row(query.sql, key=key)
        except RowError:
            pass
        else:
            if row is None:
                self.deleted.append(ref)
                return None

            stream, chars = str(row[0]), _number(row[1])
            try:
                body = query.body(table, row[2:])
            except Exception:  # the agent's code; the row costs only itself
                body = b""

        replaces = None if known_chars is None else ref
        self.items.append(Item(ref, stream, body, chars, replaces, known_chars or 0))
        self._size += len(body)
        return chars


def _number(value: SqliteValue) -> int:
    """Return a number of the database as one; a null counts as 0."""
    return int(value or 0)
