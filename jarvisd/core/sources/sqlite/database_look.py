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
)
from jarvisd.core.sources.sqlite.database_errors import (
    RowError,
    UnknownVersionError,
)
from jarvisd.core.sources.sqlite.database_queries import (
    Answers,
    DatabaseQueries,
    RowName,
    number_of,
)
from jarvisd.core.sources.sqlite.row_delivery import RowDelivery
from jarvisd.core.sources.sqlite.stream_reader import Sizes, StreamReader
from jarvisd.core.sources.sqlite.unnumbered_rows import read_unnumbered


def fitting(answers: Answers, queries: DatabaseQueries) -> DatabaseQueries:
    """Return the newest of *queries* whose tables and columns the database has.

    If it has those of none, `UnknownVersionError` names what the newest ones lack.
    """
    each: DatabaseQueries | None = queries
    while each is not None:
        if not _missing(answers, each):
            return each

        each = each.older

    raise UnknownVersionError(_missing(answers, queries))


def _missing(answers: Answers, queries: DatabaseQueries) -> str:
    """Return the tables and columns that the database lacks; empty if none."""
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
        self.streams = StreamReader(
            answers,
            queries,
            cursor.streams,
            sizes,
            self.delivery,
        )
        self.ended: list[str] = []
        self.unnumbered: dict[str, dict[RowName, RowMark]] = {}
        self.totals: dict[str, StreamTotals] = {}
        self.problems: dict[str, str] = {}
        self.more = False
        self._answers = answers
        self._queries = queries
        self._known = cursor.streams
        self._known_unnumbered = cursor.unnumbered
        self._known_sizes = sizes
        self._compare_all = compare_all

    def run(self) -> "Look":
        """Find the changed streams, and read them as far as the budget goes."""
        sequences = {
            str(stream): number_of(sequence)
            for stream, sequence in self._answers.rows(self._queries.streams)
        }
        self.ended = [stream for stream in self._known if stream not in sequences]
        waiting = self._waiting(sequences)
        for stream in waiting:
            if self.delivery.is_full:
                break

            with self._failing_alone(stream):
                self.streams.read(stream, sequences[stream])

        self.unnumbered, is_done = read_unnumbered(
            self._answers,
            self._queries,
            self._known_unnumbered,
            (*self.streams.restarted, *self.ended),
            self.delivery,
        )
        self.ended += [
            stream
            for stream, rows in self.unnumbered.items()
            if not rows and stream not in sequences and stream not in self._known
        ]
        self._sum_up()
        self.more = not is_done or any(
            self.streams.is_behind(stream, sequences[stream])
            for stream in waiting
            if stream not in self.problems
        )
        return self

    def _waiting(self, sequences: Mapping[str, int]) -> list[str]:
        """Return the streams to read: first those that grew, then unread ones."""
        grown: list[str] = []
        unread: list[str] = []
        for stream, sequence in sequences.items():
            known = self._known.get(stream)
            if known is None:
                unread.append(stream)
                continue

            if sequence != known.seen or self._compare_all:
                with self._failing_alone(stream):
                    if not self.streams.is_continued(stream, sequence):
                        self.streams.restarted.append(stream)

                if stream in self.problems:
                    continue

            if known.after is not None or stream in self.streams.restarted:
                unread.append(stream)
            elif sequence > known.sequence:
                grown.append(stream)

        return grown + unread

    @contextmanager
    def _failing_alone(self, stream: str) -> Iterator[None]:
        """Go on with the other streams if a page of this one is corrupt."""
        try:
            yield
        except RowError as exc:
            self.problems[stream] = str(exc)

    def _sum_up(self) -> None:
        """Sum up what the streams have now of which something was read."""
        void = {*self.streams.restarted, *self.ended}
        for stream in {*self.streams.sizes, *self.unnumbered}:
            known = {} if stream in void else self._known_unnumbered
            unnumbered = self.unnumbered.get(stream, known.get(stream, {})).values()
            if stream in self.ended and not unnumbered:
                continue

            with self._failing_alone(stream):
                sizes = self.streams.sizes.get(stream)
                if sizes is None and stream not in void:
                    sizes = self._known_sizes.get(stream)
                if sizes is None:
                    sizes = self.streams.listed(stream)

                chars = sum(sizes.values()) + sum(mark.chars for mark in unnumbered)
                count = len(sizes) + len(unnumbered)
                self.totals[stream] = StreamTotals(count, chars)
