"""What is new in one committed state of a database.

A look changes nothing: the state may prove torn, and is then looked at again. What it
found is applied by `DatabaseSource`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from jarvisd.core.source import Budget, StreamTotals
from jarvisd.core.sources.sqlite.database_cursor import (
    DatabaseCursor,
    RowMark,
    StreamPosition,
    mark_of,
)
from jarvisd.core.sources.sqlite.database_errors import RowError
from jarvisd.core.sources.sqlite.database_queries import (
    Answers,
    DatabaseQueries,
    RowName,
    number_of,
)
from jarvisd.core.sources.sqlite.row_delivery import RowDelivery
from jarvisd.core.sources.sqlite.unnumbered_rows import read_unnumbered

Sizes = Mapping[RowName, int]
"""The characters of each row of one stream."""

ENTRIES_PER_ITEM = 4
"""So many entries are asked for at once for each item that the budget has room for:
agents write a row several times."""


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

    *cursor* has the positions so far. *compare_all*: the file may be another one, so
    each known stream must prove that it is what was read. *sizes* are those of streams
    that were read since the start of the process.
    """

    def __init__(
        self,
        answers: Answers,
        queries: DatabaseQueries,
        cursor: DatabaseCursor,
        sizes: Mapping[str, Sizes],
        *,
        budget: Budget,
        compare_all: bool,
    ) -> None:
        self.delivery = RowDelivery(answers, queries, budget)
        self.restarted: list[str] = []
        self.ended: list[str] = []
        self.positions: dict[str, StreamPosition] = {}
        self.unnumbered: dict[str, dict[RowName, RowMark]] = {}
        self.sizes: dict[str, Sizes] = {}
        self.totals: dict[str, StreamTotals] = {}
        self.problems: dict[str, str] = {}
        self.more = False
        self._answers = answers
        self._queries = queries
        self._known = cursor.streams
        self._known_unnumbered = cursor.unnumbered
        self._known_sizes = sizes
        self._limit = budget.items * ENTRIES_PER_ITEM
        self._compare_all = compare_all

    def run(self) -> "Look":
        """Find what is new, and read what the budget has room for."""
        sequences = {
            str(stream): number_of(sequence)
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
            if self.delivery.is_full:
                break

            with self._failing_alone(stream):
                self._read(stream, sequences[stream])

        self.unnumbered, is_done = read_unnumbered(
            self._answers,
            self._queries,
            self._known_unnumbered,
            (*self.restarted, *self.ended),
            self.delivery,
        )
        self.ended += [
            stream
            for stream, rows in self.unnumbered.items()
            if not rows and stream not in sequences and stream not in self._known
        ]
        self._sum_up()
        self.more = not is_done or any(
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
        if after is not None and after in sizes:
            start = names.index(after) + 1
        elif after is not None:
            self.restarted.append(stream)

        for name in names[start:]:
            if self.delivery.is_full:
                break

            self.delivery.add(stream, name, None)
            after = name
        else:
            after = None

        self._move(stream, begun, now, after)

    def _read_changes(self, stream: str, known: int, now: int) -> None:
        """Deliver the rows that the entries behind the *known* one name."""
        entries = [
            (number_of(number), None if table is None else (str(table), str(key)))
            for number, table, key in self._answers.rows(
                self._queries.changes, stream=stream, after=known, limit=self._limit
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
                if self.delivery.is_full:
                    break

                known_chars = 0 if before is None else before.get(name)
                read[name] = self.delivery.add(stream, name, known_chars)

            known = number
        else:
            if len(entries) < self._limit:
                known = now

        self._move(stream, known, now, None)
        if before is None or None in read.values():
            # A row may have taken others with it that no entry names.
            self._listed(stream)
        else:
            present = {name: size for name, size in read.items() if size is not None}
            self.sizes[stream] = {**before, **present}

    def _listed(self, stream: str) -> Sizes:
        """Return the rows of a stream with their characters; report deleted ones."""
        listed = self._answers.rows(self._queries.rows, stream=stream)
        now = {
            (str(table), str(key)): number_of(chars) for table, key, chars, *_ in listed
        }
        self.sizes[stream] = now
        if stream not in self.restarted:
            self.delivery.add_deleted(
                self._known_sizes.get(stream, {}).keys() - now.keys()
            )

        return now

    def _sum_up(self) -> None:
        """Sum up what the streams have now of which something was read."""
        void = {*self.restarted, *self.ended}
        for stream in {*self.sizes, *self.unnumbered}:
            known = {} if stream in void else self._known_unnumbered
            unnumbered = self.unnumbered.get(stream, known.get(stream, {})).values()
            if stream in self.ended and not unnumbered:
                continue

            with self._failing_alone(stream):
                sizes = self.sizes.get(stream)
                if sizes is None and stream not in void:
                    sizes = self._known_sizes.get(stream)
                if sizes is None:
                    sizes = self._listed(stream)

                chars = sum(sizes.values()) + sum(mark.chars for mark in unnumbered)
                count = len(sizes) + len(unnumbered)
                self.totals[stream] = StreamTotals(count, chars)
