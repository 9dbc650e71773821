"""Transitions to and from SQL: what state each session was in, and when."""

import sqlite3
from collections.abc import Iterable
from typing import Final, NamedTuple

from jarvisd.base.session_words import Activity, Confidence, State
from jarvisd.core.feature import Tx
from jarvisd.core.origin import SessionId
from jarvisd.core.storage.interned import Interned
from jarvisd.core.storage.table import INTERNED, Table, interned_enum, session_column
from jarvisd.state.model import Tier, Transition

TRANSITIONS: Final = Table(
    "transition",
    Transition,
    key=("number",),
    columns={
        "before": interned_enum(State),
        "state": interned_enum(State),
        "activity": interned_enum(Activity),
        "tool": INTERNED,
        "evidence": INTERNED,
        "tier": interned_enum(Tier),
        "confidence": interned_enum(Confidence),
    },
    together=(session_column(),),
    unstored=("stored",),
)
_INSERT: Final = TRANSITIONS.insert("ON CONFLICT DO NOTHING")
"""A batch may be tried again that was written after all."""

_SELECT: Final = f"""
{TRANSITIONS.select}
WHERE number > :after AND at_ms >= :since_ms AND at_ms < :until_ms
AND (:agent IS NULL AND :session_id IS NULL OR session IN (
    SELECT session_key FROM session JOIN text ON text_key = agent
    WHERE (:agent IS NULL OR text = :agent)
    AND (:session_id IS NULL OR session_id = :session_id)
))
ORDER BY number LIMIT :limit
"""  # noqa: S608 - our own names


class Which(NamedTuple):
    """Which transitions are asked for; None and the extremes mean all."""

    after: int = 0
    agent: str | None = None
    session_id: SessionId | None = None
    since_ms: int = -(2**62)
    until_ms: int = 2**62
    limit: int = 10_000


def write_transitions(tx: Tx, transitions: Iterable[Transition]) -> None:
    """Store *transitions* inside the caller's transaction."""
    _INSERT.run(tx.raw, tx.known, transitions)


def read_transitions(raw: sqlite3.Connection, *, which: Which) -> list[Transition]:
    """Return those that are asked for, oldest first."""
    known, found = Interned(), raw.execute(_SELECT, which._asdict())
    return [TRANSITIONS.decode(raw, known, row) for row in found]


def last_number(raw: sqlite3.Connection) -> int:
    """Return the greatest number given so far; 0 if none was."""
    row: tuple[int] = raw.execute(
        "SELECT coalesce(max(number), 0) FROM transition"
    ).fetchone()
    return row[0]
