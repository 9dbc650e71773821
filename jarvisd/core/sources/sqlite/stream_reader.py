"""The rows of sessions in one committed state: all of them, or those that changed."""

from collections import OrderedDict
from collections.abc import Mapping

from jarvisd.core.sources.sqlite.database_cursor import StreamPosition, mark_of
from jarvisd.core.sources.sqlite.database_queries import (
    Answers,
    DatabaseQueries,
    RowName,
    number_of,
)
from jarvisd.core.sources.sqlite.row_delivery import RowDelivery

Sizes = Mapping[RowName, int]
"""The characters of each row of one stream."""

MAX_SIZED_STREAMS = 32
MAX_SIZED_ROWS = 200_000

ENTRIES_PER_ITEM = 4
"""So many entries are asked for at once for each item that the budget has room for:
agents write a row several times."""


class RecentSizes(OrderedDict[str, Sizes]):
    """The rows of the streams that changed lately.

    Those of others are listed again with their next change: 0.3 ms for a hundred rows.
    """

    def keep(self, stream: str, sizes: Sizes) -> None:
        """Remember a stream, and forget those that changed long ago."""
        self[stream] = sizes
        self.move_to_end(stream)
        rows = sum(map(len, self.values()))
        while len(self) > MAX_SIZED_STREAMS or rows > MAX_SIZED_ROWS:
            rows -= len(self.popitem(last=False)[1])


class StreamReader:
    """Reads streams from their positions, and advances the positions.

    *known* are the positions so far, *known_sizes* the rows of streams that were read
    since the start of the process, as of their positions.
    """

    def __init__(
        self,
        answers: Answers,
        queries: DatabaseQueries,
        known: Mapping[str, StreamPosition],
        known_sizes: Mapping[str, Sizes],
        delivery: RowDelivery,
    ) -> None:
        self.restarted: list[str] = []
        self.positions: dict[str, StreamPosition] = {}
        self.sizes: dict[str, Sizes] = {}
        self._answers = answers
        self._queries = queries
        self._known = known
        self._known_sizes = known_sizes
        self._delivery = delivery
        self._limit = delivery.budget.items * ENTRIES_PER_ITEM

    def is_continued(self, stream: str, sequence: int) -> bool:
        """Whether a known stream still has the newest entry that was seen of it."""
        known = self._known[stream]
        return sequence >= known.seen and self._mark(stream, known.seen) == known.mark

    def is_behind(self, stream: str, now: int) -> bool:
        """Whether more of a stream is to be read, whose newest entry is *now*."""
        position = self.positions.get(stream)
        return position is None or position.after is not None or position.sequence < now

    def read(self, stream: str, now: int) -> None:
        """Deliver what is new in a stream whose newest entry is *now*."""
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
        sizes = self._unfinished(stream, after)
        names = list(sizes)
        start = 0
        if after is not None and after in sizes:
            start = names.index(after) + 1
        elif after is not None:
            self.restarted.append(stream)

        for name in names[start:]:
            if self._delivery.is_full:
                break

            chars = self._delivery.add(stream, name, None)
            if chars is not None:
                sizes[name], after = chars, name
            else:
                del sizes[name]
                after = after or name
        else:
            after = None

        self.sizes[stream] = sizes
        self._move(stream, begun, now, after)

    def _unfinished(self, stream: str, after: RowName | None) -> dict[RowName, int]:
        """Return the rows of a stream that is being read for the first time.

        Those of the slice before are good enough: what has changed since then has an
        entry. To list them again takes longer than the slice if they are large.
        """
        known = self._known_sizes.get(stream, {})
        return dict(
            known if after is not None and after in known else self.listed(stream)
        )

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
                if self._delivery.is_full:
                    break

                known_chars = 0 if before is None else before.get(name)
                read[name] = self._delivery.add(stream, name, known_chars)

            known = number
        else:
            if len(entries) < self._limit:
                known = now

        self._move(stream, known, now, None)
        if before is None or None in read.values():
            # A row may have taken others with it that no entry names.
            self.listed(stream)
        else:
            present = {name: size for name, size in read.items() if size is not None}
            self.sizes[stream] = {**before, **present}

    def listed(self, stream: str) -> Sizes:
        """Return the rows of a stream with their characters; report deleted ones."""
        listed = self._answers.rows(self._queries.rows, stream=stream)
        now = {
            (str(table), str(key)): number_of(chars) for table, key, chars, *_ in listed
        }
        self.sizes[stream] = now
        if stream not in self.restarted:
            self._delivery.add_deleted(
                self._known_sizes.get(stream, {}).keys() - now.keys()
            )

        return now

    def _mark(self, stream: str, sequence: int) -> bytes:
        row = self._answers.row(self._queries.mark, stream=stream, sequence=sequence)
        return b"" if row is None else mark_of(row[0])

    def _move(self, stream: str, to: int, now: int, after: RowName | None) -> None:
        """Set the position of a stream that was read in a state with entry *now*."""
        mark = self._mark(stream, now)
        self.positions[stream] = StreamPosition(to, now, mark, after)
