"""Transitions to and from SQL: what state each session was in, and when."""

import sqlite3
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Final, NamedTuple

from jarvisd.core.feature import Tx
from jarvisd.core.origin import SessionId
from jarvisd.core.storage.interned import Interned
from jarvisd.core.storage.multi_insert import put
from jarvisd.state.model import Activity, Confidence, State, Tier, Transition

_INSERT: Final = """
INSERT INTO transition (
    number, session, at_ms, before, state, activity, tool, evidence, tier, confidence,
    until_ms
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING
"""
"""A batch may be tried again that was written after all."""

_SELECT: Final = """
SELECT t.number, agent.text, s.session_id, t.at_ms, before.text, state.text,
       activity.text, tool.text, evidence.text, tier.text, confidence.text, t.until_ms
FROM transition AS t
JOIN session AS s ON s.session_key = t.session
JOIN text AS agent ON agent.text_key = s.agent
JOIN text AS state ON state.text_key = t.state
JOIN text AS evidence ON evidence.text_key = t.evidence
JOIN text AS tier ON tier.text_key = t.tier
JOIN text AS confidence ON confidence.text_key = t.confidence
LEFT JOIN text AS before ON before.text_key = t.before
LEFT JOIN text AS activity ON activity.text_key = t.activity
LEFT JOIN text AS tool ON tool.text_key = t.tool
WHERE t.number > :after
AND (:agent IS NULL OR agent.text = :agent)
AND (:session_id IS NULL OR s.session_id = :session_id)
AND t.at_ms >= :since_ms AND t.at_ms < :until_ms
ORDER BY t.number LIMIT :limit
"""


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
    raw, known, _ = tx
    put(raw, _INSERT, map(partial(_values, raw, known), transitions), known.refused)


def read_transitions(raw: sqlite3.Connection, *, which: Which) -> list[Transition]:
    """Return those that are asked for, oldest first."""
    return [_transition(row) for row in raw.execute(_SELECT, which._asdict())]


def last_number(raw: sqlite3.Connection) -> int:
    """Return the greatest number given so far; 0 if none was."""
    row: tuple[int] = raw.execute(
        "SELECT coalesce(max(number), 0) FROM transition"
    ).fetchone()
    return row[0]


def _values(
    raw: sqlite3.Connection, known: Interned, each: Transition
) -> tuple[Any, ...]:
    return (
        each.number,
        known.session(raw, each.agent, each.session_id),
        each.at_ms,
        known.key(raw, each.before),
        known.key(raw, each.state),
        known.key(raw, each.activity),
        known.key(raw, each.tool),
        known.key(raw, each.evidence),
        known.key(raw, each.tier),
        known.key(raw, each.confidence),
        each.until_ms,
    )


_ACTIVITIES: Final[Mapping[str | None, Activity]] = {
    each.value: each for each in Activity
}
_STATES: Final[Mapping[str | None, State]] = {each.value: each for each in State}


def _transition(row: tuple[Any, ...]) -> Transition:
    number, agent, session_id, at_ms, before, state, activity, tool, *rest = row
    evidence, tier, confidence, until_ms = rest
    return Transition(
        number=number,
        agent=agent,
        session_id=session_id,
        at_ms=at_ms,
        before=_STATES.get(before),
        state=State(state),
        activity=_ACTIVITIES.get(activity),
        tool=tool,
        evidence=evidence,
        tier=Tier(tier),
        confidence=Confidence(confidence),
        until_ms=until_ms,
    )
