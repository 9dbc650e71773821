"""A store of an agent that keeps sessions, messages and parts in SQLite, of any size.

Made after databases of opencode: each change of a session has an event with the whole
row, which is most of the file. Texts are of random words, in the lengths of real ones.
"""

import json
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

SCHEMA = """
create table session(
  id text primary key, parent_id text, directory text not null, title text not null,
  version text not null, time_created integer not null, time_updated integer not null);
create table message(
  id text primary key, session_id text not null, time_created integer not null,
  time_updated integer not null, data text not null);
create table part(
  id text primary key, message_id text not null, session_id text not null,
  time_created integer not null, time_updated integer not null, data text not null);
create table event_sequence(aggregate_id text primary key, seq integer not null);
create table event(
  id text primary key, aggregate_id text not null, seq integer not null,
  type text not null, data text not null);
create unique index event_by_session on event(aggregate_id, seq);
create index message_by_session on message(session_id, time_created, id);
create index part_by_message on part(message_id, id);
create index part_by_session on part(session_id);
"""
FOLDER = "/home/dev/work/demo"
_BEGUN_MS = 1_763_600_000_000
_LENGTHS = (80, 300, 1_200, 4_000, 9_000, 20_000)
_OF_WORDS, _OF_OUTPUT = (50, 30, 15, 5, 0, 0), (30, 30, 20, 12, 6, 2)
_WORDS = (
    "alpha",
    "line",
    "value",
    "import",
    "class",
    "return",
    "await",
    "token",
    "path",
)


class EventStore:
    """The program that writes the store."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._random = random.Random(7)
        self._texts = [
            " ".join(self._random.choices(_WORDS, k=length // 6))
            for length in _LENGTHS
            for _ in range(20)
        ]
        self._sequences: dict[str, int] = {}
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.execute("pragma journal_mode = wal")
        self.connection.execute("pragma synchronous = off")

    def fill(self, size_bytes: int, sessions: int) -> int:
        """Write *sessions* of together *size_bytes*; return how many rows they have."""
        self.connection.executescript(SCHEMA)
        rows = 0
        for number in range(sessions):
            session, at_ms = (
                f"ses_{sessions - number:06d}",
                _BEGUN_MS + number * 600_000,
            )
            with self.transaction():
                rows, written = rows + 1, 0
                self.connection.execute(
                    "insert into session values(?, null, ?, ?, '1.18.33', ?, ?)",
                    (session, FOLDER, f"Session {number}", at_ms, at_ms),
                )
                while written < size_bytes / sessions:
                    at_ms += 5_000
                    written += self.answer(session, at_ms)
                    rows += 5

        return rows

    def answer(self, session: str, at_ms: int) -> int:
        """Write an answer with a tool call, in five rows; return how much that is."""
        message = f"msg_{session}_{at_ms:x}"
        tokens = {"input": 114, "output": 43, "cache": {"read": 2017, "write": 0}}
        state = {
            "status": "completed",
            "input": {"command": "ls"},
            "output": self._text(_OF_OUTPUT),
            "metadata": {"exit": 0, "output": self._text(_OF_OUTPUT)},
            "time": {"start": at_ms + 50, "end": at_ms + 900},
        }
        words = self._text(_OF_WORDS)
        times = {"start": at_ms + 30, "end": at_ms + 40}
        parts: tuple[dict[str, Any], ...] = (
            {"type": "step-start"},
            {"type": "text", "text": words, "time": times},
            {"type": "tool", "tool": "bash", "callID": f"call_{at_ms}", "state": state},
            {"type": "step-finish", "reason": "stop", "tokens": tokens, "cost": 0.002},
        )
        written = sum(
            self._part(session, message, number, at_ms, part)
            for number, part in enumerate(parts)
        )
        data = {
            "role": "assistant",
            "modelID": "gpt-5.1",
            "providerID": "openai",
            "path": {"cwd": FOLDER},
            "tokens": tokens,
            "cost": 0.002,
            "finish": "stop",
            "time": {"created": at_ms, "completed": at_ms + 960},
        }
        text = json.dumps(data)
        self.connection.execute(
            "insert into message values(?, ?, ?, ?, ?)",
            (message, session, at_ms, at_ms, text),
        )
        info = {"info": {"id": message, "sessionID": session, **data}}
        return written + len(text) + self._event(session, "message.updated.1", info)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what is written within."""
        self.connection.execute("begin immediate")
        yield
        self.connection.execute("commit")

    def _part(
        self, session: str, message: str, number: int, at_ms: int, data: dict[str, Any]
    ) -> int:
        """Write a part that grew: its row, and an event for each time it was written."""
        name, text = f"prt_{message}_{number}", json.dumps(data)
        self.connection.execute(
            "insert into part values(?, ?, ?, ?, ?, ?)",
            (name, message, session, at_ms, at_ms, text),
        )
        event = {"part": {"id": name, "messageID": message, **data}, "time": at_ms}
        times = 2 if data["type"] in {"text", "tool"} else 1
        return len(text) + sum(
            self._event(session, "message.part.updated.1", event) for _ in range(times)
        )

    def _event(self, session: str, kind: str, data: dict[str, Any]) -> int:
        if session not in self._sequences:
            found = self.connection.execute(
                "select seq from event_sequence where aggregate_id = ?", (session,)
            ).fetchone()
            self._sequences[session] = -1 if found is None else found[0]

        self._sequences[session] += 1
        sequence, text = self._sequences[session], json.dumps(data)
        self.connection.execute(
            "insert into event_sequence values(?, ?)"
            " on conflict(aggregate_id) do update set seq = excluded.seq",
            (session, sequence),
        )
        self.connection.execute(
            "insert into event values(?, ?, ?, ?, ?)",
            (f"evt_{session}_{sequence}", session, sequence, kind, text),
        )
        return len(text)

    def _text(self, weights: tuple[int, ...]) -> str:
        (kind,) = self._random.choices(range(len(_LENGTHS)), weights)
        return self._texts[kind * 20 + self._random.randrange(20)]


def make_store(path: Path, size_bytes: int, sessions: int) -> int:
    """Make a store at *path*, folded; return how many rows it has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    store = EventStore(path)
    with closing(store.connection):
        return store.fill(size_bytes, sessions)
