"""What the two programs do to their logs; a test calls one of these for each step."""

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

SCHEMA = """
create table session(
  id text primary key, folder text not null, title text not null, updated integer);
create table entry(
  id text primary key, session text not null, seq integer not null, message text);
create unique index entry_by_session on entry(session, seq);
create table message(
  id text primary key, session text not null, created integer not null,
  updated integer not null, data text not null);
create index message_by_session on message(session, created, id);
"""


class NotebookDatabase:
    """Notebook DB: writes each message by a transaction of its own."""

    def __init__(self, home: Path) -> None:
        self.path = home / ".notebook-db" / "notebook.db"
        self.path.parent.mkdir(exist_ok=True)
        self._connection = sqlite3.connect(self.path, isolation_level=None)
        self._connection.execute("pragma journal_mode = wal")
        self._connection.executescript(SCHEMA)

    def open_session(self, session: str, folder: str, title: str = "") -> None:
        """Begin a session."""
        self._connection.execute(
            "insert into session values(?, ?, ?, ?)",
            (session, folder, title, _now_ms()),
        )

    def rename_session(self, session: str, title: str) -> None:
        """Give a session another title: no entry tells of it."""
        self._connection.execute(
            "update session set title = ?, updated = ? where id = ?",
            (title, _now_ms(), session),
        )

    def write(self, session: str, message: str, *, at_ms: int, **data: Any) -> None:
        """Write a message, or write over it."""
        text = json.dumps({"version": "1.2.0", **data}, ensure_ascii=False)
        self.write_text(session, message, text, at_ms=at_ms)

    def write_text(self, session: str, message: str, text: str, *, at_ms: int) -> None:
        """Write a message as *text*, whatever that is, or write over it."""
        connection = self._connection
        connection.execute("begin immediate")
        connection.execute(
            "insert into message values(?, ?, ?, ?, ?) on conflict(id) do update"
            " set updated = excluded.updated, data = excluded.data",
            (message, session, at_ms, at_ms, text),
        )
        connection.execute(
            "insert into entry select lower(hex(randomblob(8))), session,"
            " max(seq) + 1, ? from (select ? as session, 0 as seq union all"
            " select session, seq from entry where session = ?)",
            (message, session, session),
        )
        connection.execute("commit")

    def delete_message(self, session: str, message: str) -> None:
        """Delete a message, and write an entry that names it."""
        connection = self._connection
        connection.execute("begin immediate")
        connection.execute("delete from message where id = ?", (message,))
        connection.execute(
            "insert into entry select lower(hex(randomblob(8))), session,"
            " max(seq) + 1, ? from entry where session = ?",
            (message, session),
        )
        connection.execute("commit")

    def execute(self, sql: str) -> None:
        """Change the schema, as another version does."""
        self._connection.execute(sql)

    def texts(self, session: str) -> list[str]:
        """Return the text of each row of a session, as it is now."""
        with closing(
            self._connection.execute(
                "select data from message where session = ?1"
                " union all select title from session where id = ?1",
                (session,),
            )
        ) as rows:
            return [row[0] for row in rows]

    def close(self) -> None:
        """Close the database."""
        self._connection.close()


class NotebookFile:
    """Notebook Doc: one session, whose document is rewritten at each step."""

    def __init__(self, home: Path, session: str, folder: str) -> None:
        self.path = home / ".notebook-doc" / "sessions" / f"{session}.json"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.header: dict[str, Any] = {
            "type": "session",
            "id": session,
            "folder": folder,
            "version": "0.9.4",
            "title": "",
        }
        self.messages: list[dict[str, Any]] = []

    def text(self) -> str:
        """Return the document."""
        document = {"session": self.header, "messages": self.messages}
        return json.dumps(document, ensure_ascii=False)

    def save(self) -> None:
        """Write the document over the old one."""
        self.header["at"] = _now_ms()
        self.path.write_text(self.text())

    def write(self, message: str, **fields: Any) -> None:
        """Write a message, or write over it, and save."""
        new = {"id": message, **fields}
        known = [each["id"] for each in self.messages]
        if message in known:
            self.messages[known.index(message)] = new
        else:
            self.messages.append(new)

        self.save()

    def texts(self) -> list[str]:
        """Return the text of each element, as it is written."""
        elements = [self.header, *self.messages]
        return [json.dumps(each, ensure_ascii=False) for each in elements]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
