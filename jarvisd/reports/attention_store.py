"""Changes of state and awake times, for the report of attention.

A wait of low confidence counts as `unknown`: nothing shows that a person was needed, or
when they decided.

A hundred thousand rows are read in some tens of milliseconds, since nothing is joined
to them: sessions and states are numbers, with a table for each.
"""

import json
import sqlite3
from typing import Final, NamedTuple

from jarvisd.base.ids import SessionId
from jarvisd.base.session_words import Confidence, State
from jarvisd.core.feature import Tx

Row = tuple[int, int, int, int]
"""Session, when the state began and when that was reported (Unix ms), state; session
and state as keys of their tables. A transition's number is the time of its report."""

_GUESSED: Final = 0
"""The state of a guessed wait in the queries; keys of texts begin with 1."""

_ROWS: Final = """
SELECT session, at_ms, number,
       CASE WHEN confidence = :low AND state IN (:approval, :answer)
       THEN 0 ELSE state END
FROM transition WHERE number >= :since_ms ORDER BY number
"""
"""By the time of the report: a state reported today may have begun yesterday. Later
reports end states that began in the requested time.
"""
_BEFORE: Final = """
SELECT session, at_ms, number,
       CASE WHEN confidence = :low AND state IN (:approval, :answer)
       THEN 0 ELSE state END
FROM transition WHERE number IN (
    SELECT max(number) FROM transition WHERE number < :since_ms GROUP BY session
)
"""
_SESSIONS: Final = """
SELECT session_key, text, session_id FROM session JOIN text ON text_key = agent
"""
_AWAKE: Final = "SELECT start_ms, end_ms FROM awake WHERE end_ms > ? ORDER BY start_ms"
_BEAT: Final = """
INSERT INTO awake (start_ms, end_ms) VALUES (?, ?)
ON CONFLICT DO UPDATE SET end_ms = max(end_ms, excluded.end_ms)
"""


class Seen(NamedTuple):
    """Changes of state in the order of their reports, and the tables they refer to."""

    rows: list[Row]
    sessions: dict[int, tuple[str, SessionId]]
    states: dict[int, State]
    awake: list[tuple[int, int]]


def seen(raw: sqlite3.Connection, *, since_ms: int) -> Seen:
    """Return the changes since *since_ms*, after the state of each session before it."""
    keys = dict(
        raw.execute(
            "SELECT text, text_key FROM text WHERE text IN (SELECT value"
            " FROM json_each(?))",
            [_WORDS],
        )
    )
    asked = {
        "since_ms": since_ms,
        "low": keys.pop(Confidence.LOW, None),
        "approval": keys.get(State.WAITING_APPROVAL),
        "answer": keys.get(State.WAITING_ANSWER),
    }
    rows = raw.execute(_BEFORE, asked).fetchall()
    rows += raw.execute(_ROWS, asked).fetchall()
    reported = {row[0] for row in rows}
    return Seen(
        rows,
        {
            key: (agent, SessionId(session_id))
            for key, agent, session_id in raw.execute(_SESSIONS)
            if key in reported
        },
        {_GUESSED: State.UNKNOWN} | {key: State(word) for word, key in keys.items()},
        raw.execute(_AWAKE, [since_ms]).fetchall(),
    )


def write_awake(tx: Tx, span: tuple[int, int]) -> None:
    """Store that a daemon was awake in all of *span*, inside the caller's transaction."""
    tx.raw.execute(_BEAT, span)


_WORDS: Final = json.dumps([*State, Confidence.LOW])
