"""Rows of the ledger to and from SQL: responses, calls and marks.

One `RowTable` for each: the statements, and the two functions between a row and a tuple of
values in the order of its columns.
"""

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, TypeVar

import msgspec

from jarvisd.base.usage import STANDARD, Variant
from jarvisd.core.event import Outcome, ToolKind
from jarvisd.core.storage.interned import Interned
from jarvisd.core.storage.multi_insert import put
from jarvisd.ledger.model import NO_INPUT, CallRow, Mark, MarkRow, ResponseRow, Row

R = TypeVar("R", ResponseRow, CallRow, MarkRow)

Values = tuple[Any, ...]

_KEYS: Final = msgspec.json.Decoder(list[int])

ALL: Final = 2**31
"""Before this version is every parser."""
Encode = Callable[[sqlite3.Connection, Interned, R], Values]
Decode = Callable[[Mapping[int | None, str], Values], R]

_KINDS: Final = (ToolKind.TOOL, ToolKind.SUBAGENT, ToolKind.MCP)
_KIND_NUMBERS: Final = {kind: number for number, kind in enumerate(_KINDS)}
_OUTCOMES: Final = (Outcome.OK, Outcome.ERROR, Outcome.DENIED)
_OUTCOME_NUMBERS: Final = {each: number for number, each in enumerate(_OUTCOMES)}


@dataclass(frozen=True, slots=True)
class RowTable(Generic[R]):
    """One kind of rows in the database."""

    upsert: str
    select: str
    of_session: str
    delete: str
    keys: str
    encode: Encode[R]
    decode: Decode[R]

    def write(
        self, raw: sqlite3.Connection, known: Interned, rows: Iterable[R]
    ) -> None:
        """Store *rows* in place of those with the same keys."""
        values = map(partial(self.encode, raw, known), rows)
        put(raw, self.upsert, values, known.refused)

    def read(self, raw: sqlite3.Connection, known: Interned, key: int) -> R | None:
        """Return the row under *key*."""
        found: Values | None = raw.execute(self.select, (key,)).fetchone()
        return None if found is None else self.decode(known.texts(raw), found)

    def read_session(
        self, raw: sqlite3.Connection, known: Interned, session: int, *, before: int
    ) -> list[R]:
        """Return the rows of *session* that parsers of a version *before* have read."""
        texts = known.texts(raw)
        found = raw.execute(self.of_session, (session, before))
        return [self.decode(texts, values) for values in found]

    def drop(self, raw: sqlite3.Connection, rows: Iterable[Row]) -> None:
        """Delete *rows*."""
        raw.executemany(self.delete, ((row.key,) for row in rows))

    def all_keys(self, raw: sqlite3.Connection) -> list[int]:
        """Return every key, in order.

        As one JSON text: a row for each would take three times as long, and keep the
        interpreter busy meanwhile.
        """
        row: tuple[str] = raw.execute(self.keys).fetchone()
        return _KEYS.decode(row[0])


def _owner(raw: sqlite3.Connection, known: Interned, row: Row) -> Values:
    session = known.session(raw, row.agent, row.session_id)
    return row.key, session, row.rank, row.start_ms, row.version


def _owned(texts: Mapping[int | None, str], values: Values) -> dict[str, Any]:
    key, agent, session_id, rank, start_ms, version = values
    return {
        "key": key,
        "agent": texts[agent],
        "session_id": session_id,
        "rank": rank,
        "start_ms": start_ms,
        "version": version,
    }


# Responses

_RESPONSE_UPSERT: Final = """
INSERT INTO response (
    key, session, rank, start_ms, version, at_ms, model, model_ms, served,
    input_cached, input_bare, cache_read, cache_write_flat, cache_write_5m,
    cache_write_1h, output, reasoning, web_searches, latency_ms
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET
    session = excluded.session, rank = excluded.rank, start_ms = excluded.start_ms,
    version = excluded.version, at_ms = excluded.at_ms, model = excluded.model,
    model_ms = excluded.model_ms, served = excluded.served,
    input_cached = excluded.input_cached, input_bare = excluded.input_bare,
    cache_read = excluded.cache_read, cache_write_flat = excluded.cache_write_flat,
    cache_write_5m = excluded.cache_write_5m, cache_write_1h = excluded.cache_write_1h,
    output = excluded.output, reasoning = excluded.reasoning,
    web_searches = excluded.web_searches, latency_ms = excluded.latency_ms
"""
_RESPONSE_SELECT: Final = """
SELECT r.key, s.agent, s.session_id, r.rank, r.start_ms, r.version, r.at_ms, r.model,
    r.model_ms, r.served, r.input_cached, r.input_bare, r.cache_read,
    r.cache_write_flat, r.cache_write_5m, r.cache_write_1h, r.output, r.reasoning,
    r.web_searches, r.latency_ms
FROM response AS r JOIN session AS s ON s.session_key = r.session
WHERE r.key = ?
"""
_RESPONSES_OF_SESSION: Final = _RESPONSE_SELECT.replace(
    "WHERE r.key = ?", "WHERE r.session = ? AND r.version < ?"
)


def _response_values(
    raw: sqlite3.Connection, known: Interned, row: ResponseRow
) -> Values:
    return (
        *_owner(raw, known, row),
        row.at_ms,
        known.key(raw, row.model),
        row.model_ms,
        None if row.variant is STANDARD else _served(row.variant),
        None if row.input_cached == NO_INPUT else row.input_cached,
        None if row.input_bare == NO_INPUT else row.input_bare,
        row.cache_read,
        row.cache_write_flat,
        row.cache_write_5m,
        row.cache_write_1h,
        row.output,
        row.reasoning,
        row.web_searches,
        row.latency_ms,
    )


def _response_of(texts: Mapping[int | None, str], values: Values) -> ResponseRow:
    at_ms, model, model_ms, served, cached, bare = values[6:12]
    return ResponseRow(
        **_owned(texts, values[:6]),
        at_ms=at_ms,
        model=texts.get(model),
        model_ms=model_ms,
        variant=_variant(served),
        input_cached=NO_INPUT if cached is None else cached,
        input_bare=NO_INPUT if bare is None else bare,
        cache_read=values[12],
        cache_write_flat=values[13],
        cache_write_5m=values[14],
        cache_write_1h=values[15],
        output=values[16],
        reasoning=values[17],
        web_searches=values[18],
        latency_ms=values[19],
    )


def _served(variant: Variant) -> str | None:
    if variant == STANDARD:
        return None

    return f"{variant.speed}/{variant.tier}/{'us' if variant.geo_us else ''}"


def _variant(served: str | None) -> Variant:
    if served is None:
        return STANDARD

    speed, tier, place = served.split("/")
    return Variant(speed, tier, place == "us")  # type: ignore[arg-type]


# Calls

_CALL_UPSERT: Final = """
INSERT INTO call (
    key, session, rank, start_ms, version, tool, kind, server, skill, subagent,
    called_ms, returned_ms, measured_ms, outcome
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET
    session = excluded.session, rank = excluded.rank, start_ms = excluded.start_ms,
    version = excluded.version, tool = excluded.tool, kind = excluded.kind,
    server = excluded.server, skill = excluded.skill, subagent = excluded.subagent,
    called_ms = excluded.called_ms, returned_ms = excluded.returned_ms,
    measured_ms = excluded.measured_ms, outcome = excluded.outcome
"""
_CALL_SELECT: Final = """
SELECT c.key, s.agent, s.session_id, c.rank, c.start_ms, c.version, c.tool, c.kind,
    c.server, c.skill, c.subagent, c.called_ms, c.returned_ms, c.measured_ms, c.outcome
FROM call AS c JOIN session AS s ON s.session_key = c.session
WHERE c.key = ?
"""
_CALLS_OF_SESSION: Final = _CALL_SELECT.replace(
    "WHERE c.key = ?", "WHERE c.session = ? AND c.version < ?"
)


def _call_values(raw: sqlite3.Connection, known: Interned, row: CallRow) -> Values:
    return (
        *_owner(raw, known, row),
        known.key(raw, row.tool),
        _KIND_NUMBERS[row.kind],
        known.key(raw, row.server),
        known.key(raw, row.skill),
        known.key(raw, row.subagent),
        row.called_ms,
        row.returned_ms,
        row.measured_ms,
        None if row.outcome is None else _OUTCOME_NUMBERS[row.outcome],
    )


def _call_of(texts: Mapping[int | None, str], values: Values) -> CallRow:
    tool, kind, server, skill, subagent, called, returned, measured, outcome = values[
        6:
    ]
    return CallRow(
        **_owned(texts, values[:6]),
        tool=texts.get(tool),
        kind=_KINDS[kind],
        server=texts.get(server),
        skill=texts.get(skill),
        subagent=texts.get(subagent),
        called_ms=called,
        returned_ms=returned,
        measured_ms=measured,
        outcome=None if outcome is None else _OUTCOMES[outcome],
    )


# Marks

_MARK_UPSERT: Final = """
INSERT INTO mark (
    key, session, rank, start_ms, version, mark, at_ms, name, chars
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET
    session = excluded.session, rank = excluded.rank, start_ms = excluded.start_ms,
    version = excluded.version, mark = excluded.mark, at_ms = excluded.at_ms,
    name = excluded.name, chars = excluded.chars
"""
_MARK_SELECT: Final = """
SELECT m.key, s.agent, s.session_id, m.rank, m.start_ms, m.version, m.mark, m.at_ms,
    m.name, m.chars
FROM mark AS m JOIN session AS s ON s.session_key = m.session
WHERE m.key = ?
"""
_MARKS_OF_SESSION: Final = _MARK_SELECT.replace(
    "WHERE m.key = ?", "WHERE m.session = ? AND m.version < ?"
)


def _mark_values(raw: sqlite3.Connection, known: Interned, row: MarkRow) -> Values:
    return (
        *_owner(raw, known, row),
        row.mark.value,
        row.at_ms,
        known.key(raw, row.name),
        row.chars,
    )


def _mark_of(texts: Mapping[int | None, str], values: Values) -> MarkRow:
    mark, at_ms, name, chars = values[6:]
    return MarkRow(
        **_owned(texts, values[:6]),
        mark=Mark(mark),
        at_ms=at_ms,
        name=texts.get(name),
        chars=chars,
    )


RESPONSES: Final = RowTable(
    _RESPONSE_UPSERT,
    _RESPONSE_SELECT,
    _RESPONSES_OF_SESSION,
    "DELETE FROM response WHERE key = ?",
    "SELECT json_group_array(key) FROM (SELECT key FROM response ORDER BY key)",
    _response_values,
    _response_of,
)
CALLS: Final = RowTable(
    _CALL_UPSERT,
    _CALL_SELECT,
    _CALLS_OF_SESSION,
    "DELETE FROM call WHERE key = ?",
    "SELECT json_group_array(key) FROM (SELECT key FROM call ORDER BY key)",
    _call_values,
    _call_of,
)
MARKS: Final = RowTable(
    _MARK_UPSERT,
    _MARK_SELECT,
    _MARKS_OF_SESSION,
    "DELETE FROM mark WHERE key = ?",
    "SELECT json_group_array(key) FROM (SELECT key FROM mark ORDER BY key)",
    _mark_values,
    _mark_of,
)
