"""What reports ask of the store: what was spent of late, and how tools were used.

Everything else in reports is in memory. Each function is given a connection, and sees
one moment of the database.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from jarvisd.core.storage.interned import Interned
from jarvisd.ledger.model import ResponseRow
from jarvisd.ledger.store import RESPONSES
from jarvisd.reports.model import Attribution, ToolRow


class Span(NamedTuple):
    """The times from *start_ms* up to *end_ms*, which is not in it.

    All times, and what has none, where *start_ms* is None.
    """

    start_ms: int | None = None
    end_ms: int | None = None
    name: str | None = None


class ToolQuery(NamedTuple):
    """Which uses of tools are asked for.

    *spans* each give rows of their own; *sessions* are agents and ids, None for all.
    """

    spans: Sequence[Span] = (Span(),)
    agent: str | None = None
    sessions: Sequence[tuple[str, str]] | None = None
    by_plugin: bool = False


_SINCE: Final = f"{RESPONSES.select} WHERE at_ms >= ? ORDER BY at_ms"

_EDGES: Final = """
SELECT min(at_ms), max(at_ms) FROM response
CROSS JOIN session ON session.session_key = response.session
CROSS JOIN text ON text.text_key = session.agent
WHERE at_ms >= ? AND at_ms < ? AND text.text = ?
"""
"""CROSS keeps the order of the tables: else each window looks at all of an agent's."""

_KEYS_AT_ONCE: Final = 10_000
_OWNERS: Final = tuple(
    f"""
    SELECT key, session_id FROM {table}
    JOIN session ON session_key = session
    WHERE key IN (SELECT value FROM json_each(?))
    """  # noqa: S608 - the names are ours
    for table in ("response", "call", "mark")
)

_USES: Final = """
SELECT name, kind, source, {figures} FROM tool_use WHERE {chosen}
GROUP BY name, kind, source
ORDER BY count(*) DESC, name, kind, source
"""
_PLUGINS: Final = """
SELECT ref_id, 'plugin', source, {figures} FROM tool_use
WHERE ref_id IS NOT NULL AND {chosen}
GROUP BY ref_id, source
ORDER BY count(*) DESC, ref_id, source
"""
_FIGURES: Final = """
count(*), sum(failed), sum(denied), count(DISTINCT session),
count(duration_ms), coalesce(sum(duration_ms), 0), coalesce(max(duration_ms), 0)
"""
_CHOSEN: Final = """
(:agent IS NULL OR session IN (
    SELECT session_key FROM session JOIN text ON text_key = agent WHERE text = :agent))
AND (:sessions IS NULL OR session IN (
    SELECT session_key FROM json_each(:sessions) AS asked
    CROSS JOIN text ON text = asked.value ->> 0
    CROSS JOIN session ON agent = text_key AND session_id = asked.value ->> 1))
"""
_TIMED: Final = " AND at_ms >= :start AND at_ms < :end"
"""Not `:start IS NULL OR ...`, which would keep SQLite from using the index."""

_STATEMENTS: Final = {
    (by_plugin, timed): form.format(
        figures=_FIGURES, chosen=_CHOSEN + (_TIMED if timed else "")
    )
    for by_plugin, form in ((False, _USES), (True, _PLUGINS))
    for timed in (False, True)
}

_TIMES: Final = "SELECT min(at_ms), max(at_ms) FROM tool_use"


def responses_since(raw: sqlite3.Connection, since_ms: int) -> list[ResponseRow]:
    """Return the rows since then, oldest first."""
    known = Interned()
    found = raw.execute(_SINCE, (since_ms,)).fetchall()
    return [RESPONSES.decode(raw, known, each) for each in found]


def edges(
    raw: sqlite3.Connection, windows: Iterable[tuple[str, int, int]]
) -> list[tuple[int, int] | None]:
    """Return the times of an agent's first and last response in each [start, end).

    None where the store holds none: they are in memory only, so far.
    """
    found = [
        raw.execute(_EDGES, (start_ms, end_ms, agent)).fetchone()
        for agent, start_ms, end_ms in windows
    ]
    return [None if first is None else (first, last) for first, last in found]


def owners(raw: sqlite3.Connection, keys: Sequence[int]) -> dict[int, str]:
    """Return the session that each of the rows *keys* is counted in, as far as stored."""
    found: dict[int, str] = {}
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        some = keys[start : start + _KEYS_AT_ONCE]
        for statement in _OWNERS:
            found |= raw.execute(statement, (json.dumps(some),))

    return found


def times_of_use(raw: sqlite3.Connection) -> tuple[int, int] | None:
    """Return when a tool was first and last used; None if it never was."""
    first, last = raw.execute(_TIMES).fetchone()
    return None if first is None else (first, last)


def tool_rows(raw: sqlite3.Connection, wanted: ToolQuery) -> list[ToolRow]:
    """Return how tools were used, span by span, the most used first."""
    sessions = None if wanted.sessions is None else json.dumps(wanted.sessions)
    rows = []
    for span in wanted.spans:
        timed = span.start_ms is not None
        asked = {
            "start": span.start_ms,
            "end": span.end_ms,
            "agent": wanted.agent,
            "sessions": sessions,
        }
        statement = _STATEMENTS[wanted.by_plugin, timed]
        rows += [_row(span, each) for each in raw.execute(statement, asked)]

    return rows


def _row(span: Span, values: tuple[Any, ...]) -> ToolRow:
    name, kind, source, calls, errors, denials, sessions, timed, total, most = values
    return ToolRow(
        day=span.name,
        name=name,
        kind=kind,
        source=source,
        calls=calls,
        errors=errors,
        denials=denials,
        sessions=sessions,
        timed=timed,
        duration_ms=total,
        longest_ms=most,
    )


def replace_attributions(raw: sqlite3.Connection, rows: Iterable[Attribution]) -> None:
    """Replace all that is known by *rows*; of a name twice, the first counts.

    Inside the caller's transaction.
    """
    raw.execute("DELETE FROM attribution")
    raw.executemany(
        "INSERT INTO attribution (source, kind, name, ref_id) VALUES (?, ?, ?, ?) "
        "ON CONFLICT DO NOTHING",
        (
            (each.source, each.kind, each.name.removeprefix("/"), each.ref_id)
            for each in rows
        ),
    )
