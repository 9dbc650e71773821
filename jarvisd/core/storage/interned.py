"""Caches the keys of stored strings, sessions and origins, to avoid lookups."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from jarvisd.core.origin import BlockId, Origin, SessionId
from jarvisd.core.storage.multi_insert import is_of_row


@dataclass(slots=True)
class Interned:
    """The keys of shared strings and sessions, and the origins that are stored.

    It is valid for committed data: after a transaction that failed, call `forget`.

    Attributes:
        refused: The rows that this transaction has refused, each by its table and the
            type of the error, never with its content.

    """

    refused: list[str] = field(default_factory=list)

    _keys: dict[str, int] = field(default_factory=dict)
    _origins: dict[BlockId, Origin] = field(default_factory=dict)
    _sessions: dict[tuple[str, SessionId], int] = field(default_factory=dict)
    _text_of: dict[int, str] = field(default_factory=dict)
    _session_of: dict[int, tuple[str, SessionId]] = field(default_factory=dict)

    def key(self, raw: sqlite3.Connection, text: str | None) -> int | None:
        """Return the key of *text*; insert it if it is new."""
        if text is None:
            return None

        key = self._keys.get(text)
        if key is None:
            key = self._keys[text] = _intern(raw, storable(text))
        return key

    def text(self, raw: sqlite3.Connection, key: int | None) -> str | None:
        """Return the string with the key *key*, always as the same object."""
        if key is None:
            return None

        text = self._text_of.get(key)
        if text is None:
            row = raw.execute("SELECT text FROM text WHERE text_key = ?", (key,))
            text = self._text_of[key] = row.fetchone()[0]
        return text

    def load_texts(self, raw: sqlite3.Connection) -> None:
        """Load all strings at once, before reading rows that refer to most of them."""
        self._text_of.update(raw.execute("SELECT text_key, text FROM text"))

    def session(self, raw: sqlite3.Connection, agent: str, id_: SessionId) -> int:
        """Return the key of a session; insert a row if it is new."""
        key = self._sessions.get((agent, id_))
        if key is None:
            key = _session_key(raw, self.key(raw, agent), storable(id_))
            self._sessions[agent, id_] = key
        return key

    def session_of(self, raw: sqlite3.Connection, key: int) -> tuple[str, SessionId]:
        """Return agent and id of the session with the key *key*."""
        session = self._session_of.get(key)
        if session is None:
            row = raw.execute(_SESSION_OF, (key,))
            session = self._session_of[key] = row.fetchone()
        return session

    def load_sessions(self, raw: sqlite3.Connection) -> None:
        """Load agent and id of all sessions at once, for the same reason."""
        self._session_of.update(
            (key, (agent, session_id))
            for key, agent, session_id in raw.execute(_ALL_SESSIONS)
        )

    @contextmanager
    def part(self, raw: sqlite3.Connection, name: str) -> Iterator[None]:
        """Run the body in a savepoint; refuse it by *name* if its values are invalid.

        The rest of the transaction is kept.
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

    def has_origin(self, origin: Origin) -> bool:
        """Whether this object was stored; False does not exclude an equal one."""
        return self._origins.get(origin.block_id) is origin

    def add_origins(self, origins: Iterable[Origin]) -> None:
        """Record that rows with *origins* are stored."""
        self._origins |= {each.block_id: each for each in origins}

    def forget(self) -> None:
        """Clear all caches; the database may lack what they contain."""
        self._keys.clear()
        self._text_of.clear()
        self._sessions.clear()
        self._session_of.clear()
        self._origins.clear()


def storable(text: str) -> str:
    """Return *text* with lone surrogates replaced, since one would fail the batch."""
    if text.isascii():
        return text
    return text.encode("utf-8", "replace").decode("utf-8")


def _intern(raw: sqlite3.Connection, text: str) -> int:
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
"""A row for foreign keys; its values are written in the same transaction."""


def _session_key(raw: sqlite3.Connection, agent: int | None, session_id: str) -> int:
    raw.execute(_NEW_SESSION, (agent, session_id))
    row: tuple[int] = raw.execute(
        "SELECT session_key FROM session WHERE agent = ? AND session_id = ?",
        (agent, session_id),
    ).fetchone()
    return row[0]
