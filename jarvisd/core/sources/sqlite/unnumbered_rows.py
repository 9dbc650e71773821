"""Rows that change in place without an entry of their session: compared as a whole.

Agents keep totals in such rows, a few for each session.
"""

from collections.abc import Collection, Mapping

from jarvisd.core.sources.sqlite.database_cursor import RowMark, mark_of
from jarvisd.core.sources.sqlite.database_queries import (
    Answers,
    DatabaseQueries,
    RowName,
    number_of,
)
from jarvisd.core.sources.sqlite.row_delivery import RowDelivery

MAX_ROWS = 10_000
"""More take too long to compare at each look. The newest are those that count."""

Unnumbered = Mapping[str, Mapping[RowName, RowMark]]
"""By stream, what was delivered of each row."""


def read_unnumbered(
    answers: Answers,
    queries: DatabaseQueries,
    known: Unnumbered,
    void: Collection[str],
    delivery: RowDelivery,
) -> tuple[dict[str, dict[RowName, RowMark]], bool]:
    """Deliver the rows that are new or changed; return what streams have, if all was.

    Streams in *void* are delivered from the beginning. Those that have not changed are
    not returned; one that is gone is returned without rows.
    """
    present: dict[str, dict[RowName, RowMark]] = {}
    if queries.unnumbered:
        rows = answers.rows(queries.unnumbered, limit=MAX_ROWS)
        for stream, table, key, chars, digest in rows:
            held = present.setdefault(str(stream), {})
            mark = RowMark(mark_of(digest), number_of(chars))
            held[str(table), str(key)] = mark

    changed: dict[str, dict[RowName, RowMark]] = {}
    for stream in (*present, *(stream for stream in known if stream not in present)):
        before = {} if stream in void else known.get(stream, {})
        now = present.get(stream, {})
        if now == before:
            continue

        if delivery.is_full:
            return changed, False

        delivery.add_deleted(before.keys() - now.keys())
        done = {name: mark for name, mark in before.items() if name in now}
        changed[stream] = done
        for name, mark in now.items():
            if done.get(name) == mark:
                continue

            if delivery.is_full:
                return changed, False

            known_mark = done.get(name)
            delivery.add(stream, name, None if known_mark is None else known_mark.chars)
            done[name] = mark

    return changed, True
