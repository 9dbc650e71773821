"""What is in the database already, remembered so that a row costs no look-up."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from jarvisd.core.origin import BlockId, Origin, SessionId
from jarvisd.core.storage.multi_insert import is_of_row


@dataclass(slots=True)
class Interned:
    """The numbers of shared strings and of sessions, and the origins that are stored.

    It is only as true as the last transaction: after one that failed, `forget`.

    Attributes:
        refused: The rows that this transaction has put aside, each by its table and
            the kind of error; never by what is in it.

    """

    refused: list[str] = field(default_factory=list)

    _keys: dict[str, int] = field(default_factory=dict)
    _origins: dict[BlockId, Origin] = field(default_factory=dict)
    _sessions: dict[tuple[str, SessionId], int] = field(default_factory=dict)
    _text_of: dict[int, str] = field(default_factory=dict)
    _session_of: dict[int, tuple[str, SessionId]] = field(default_factory=dict)

    def key(self, raw: sqlite3.Connection, text: str | None) -> int | None:
        """Return the number of *text*, giving it one if it is new."""
        if text is None:
            return None

        key = self._keys.get(text)
        if key is None:
            key = self._keys[text] = _stored_key(raw, storable(text))
        return key

    def text(self, raw: sqlite3.Connection, key: int | None) -> str | None:
        """Return the string of number *key*, always the same object of it."""
        if key is None:
            return None

        text = self._text_of.get(key)
        if text is None:
            row = raw.execute("SELECT text FROM text WHERE text_key = ?", (key,))
            text = self._text_of[key] = row.fetchone()[0]
        return text

    def learn_texts(self, raw: sqlite3.Connection) -> None:
        """Read all strings at once, where rows that refer to most of them are read."""
        self._text_of.update(raw.execute("SELECT text_key, text FROM text"))

    def session(self, raw: sqlite3.Connection, agent: str, id_: SessionId) -> int:
        """Return the number of a session, which has a row from now on."""
        key = self._sessions.get((agent, id_))
        if key is None:
            key = _session_key(raw, self.key(raw, agent), storable(id_))
            self._sessions[agent, id_] = key
        return key

    def session_of(self, raw: sqlite3.Connection, key: int) -> tuple[str, SessionId]:
        """Return the agent and the id of the session of number *key*."""
        session = self._session_of.get(key)
        if session is None:
            row = raw.execute(_SESSION_OF, (key,))
            session = self._session_of[key] = row.fetchone()
        return session

    def learn_sessions(self, raw: sqlite3.Connection) -> None:
        """Read the agents and ids of all sessions at once, for the same reason."""
        self._session_of.update(
            (key, (agent, session_id))
            for key, agent, session_id in raw.execute(_ALL_SESSIONS)
        )

    @contextmanager
    def part(self, raw: sqlite3.Connection, name: str) -> Iterator[None]:
        """Undo and refuse, by *name*, what the body writes of values that are no good.

        All else of the transaction stays.
        """
        raw.execute("SAVEPOINT part")
        try:
            yield
        except Exception as exc:
            if not is_of_row(exc):
                raise

            raw.execute("ROLLBACK TO part")
            self.forget()
            self.refused.append(f"{name}: {type(exc).__name__}")
        finally:
            if raw.in_transaction:  # after a full disk SQLite has rolled back by itself
                raw.execute("RELEASE part")

    def has(self, origin: Origin) -> bool:
        """Whether a row holds exactly this object; an equal one may be stored too."""
        return self._origins.get(origin.block_id) is origin

    def learn(self, origins: Iterable[Origin]) -> None:
        """Note that rows hold *origins*."""
        self._origins |= {each.block_id: each for each in origins}

    def forget(self) -> None:
        """Trust only the database again."""
        self._keys.clear()
        self._text_of.clear()
        self._sessions.clear()
        self._session_of.clear()
        self._origins.clear()


def storable(text: str) -> str:
    """Return *text* without what is no Unicode: half a surrogate fails the batch."""
    if text.isascii():
        return text
    return text.encode("utf-8", "replace").decode("utf-8")


def _stored_key(raw: sqlite3.Connection, text: str) -> int:
    raw.execute("INSERT INTO text (text) VALUES (?) ON CONFLICT DO NOTHING", (text,))
    row: tuple[int] = raw.execute(
        "SELECT text_key FROM text WHERE text = ?", (text,)
    ).fetchone()
    return row[0]


_ALL_SESSIONS = """
SELECT session_key, text, session_id FROM session JOIN text ON text_key = agent
"""
_SESSION_OF = """
SELECT text, session_id FROM session JOIN text ON text_key = agent WHERE session_key = ?
"""

_NEW_SESSION = """
INSERT INTO session (
    agent, session_id, revision, input, cache_read, cache_write_5m, cache_write_1h,
    output, reasoning, cost_micros, unpriced, messages, prompts, tool_calls,
    tool_errors, active_ms, state
) VALUES (?, ?, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, x'')
ON CONFLICT DO NOTHING
"""
"""A row to refer to; what it says follows in the same transaction."""


def _session_key(raw: sqlite3.Connection, agent: int | None, session_id: str) -> int:
    raw.execute(_NEW_SESSION, (agent, session_id))
    row: tuple[int] = raw.execute(
        "SELECT session_key FROM session WHERE agent = ? AND session_id = ?",
        (agent, session_id),
    ).fetchone()
    return row[0]
