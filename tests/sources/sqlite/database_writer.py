"""An agent that writes its database: a program of its own, to be killed at any moment.

    python -m tests.sources.sqlite.database_writer DATABASE JOURNAL_MODE LOCKING_MODE

It obeys lines on its standard input, `["command", argument, ...]`, and answers each
with a line of JSON once it is done.
"""

import json
import os
import random
import shutil
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from tests.sources.sqlite.opencode_like import SCHEMA, TRIGGERS

BUSY_MS = 2000


class Agent:
    """What an agent does to its database, an operation at a time."""

    def __init__(self, path: str, mode: str, locking: str) -> None:
        self.path = path
        self.mode = mode
        self.random = random.Random(0)
        self.longest_s = 0.0
        self.added = 0
        self.open(locking)

    def open(self, locking: str = "normal") -> None:
        self.db = sqlite3.connect(self.path, isolation_level=None)
        self.db.execute(f"pragma busy_timeout={BUSY_MS}")
        self.db.execute(f"pragma locking_mode={locking}")
        self.db.execute(f"pragma journal_mode={self.mode}")
        self.db.execute("pragma synchronous=off")
        self.db.execute("pragma foreign_keys=1")
        self.db.execute("pragma wal_autocheckpoint=100")
        with self.transaction():
            if not self.db.execute("select 1 from sqlite_schema").fetchone():
                for statement in (*SCHEMA.split(";"), *TRIGGERS):
                    self.db.execute(statement)

    def close(self) -> None:
        self.db.close()

    def reopen(self, locking: str = "normal") -> None:
        self.close()
        self.open(locking)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        if self.db.in_transaction:
            yield
            return

        began = time.perf_counter()
        self.db.execute("begin immediate")
        try:
            yield
        except BaseException:
            self.db.execute("rollback")
            raise
        else:
            self.db.execute("commit")
        self.longest_s = max(self.longest_s, time.perf_counter() - began)

    def begin(self) -> None:
        self.db.execute("begin immediate")

    def commit(self) -> None:
        self.db.execute("commit")

    def rollback(self) -> None:
        self.db.execute("rollback")

    # What it writes.

    def session(self, name: str = "") -> str:
        ses = name or self._new("ses")
        with self.transaction():
            self.db.execute("insert into session values(?, ?)", (ses, '"new"'))
            self.db.execute("insert into event_sequence values(?, -1)", (ses,))
            self._event(ses, "session.created", ses)
        return ses

    def retitle(self, ses: str, title: str = "") -> None:
        title = title or "t" * self.random.randint(1, 40)
        with self.transaction():
            self.db.execute(
                "update session set title = ? where id = ?", (json.dumps(title), ses)
            )

    def message(self, ses: str, size: int = 200, name: str = "") -> str:
        message = name or self._new("msg")
        with self.transaction():
            self.db.execute(
                "insert into message values(?, ?, ?, ?)",
                (message, ses, self.added, self._data(size)),
            )
            self._event(ses, "message.updated", message)
        return message

    def part(self, message: str, size: int = 500, name: str = "") -> str:
        part = name or self._new("prt")
        ses = self._session_of("message", message)
        with self.transaction():
            self.db.execute(
                "insert into part(id, message_id, session_id, time_created, data)"
                " values(?, ?, ?, ?, ?)",
                (part, message, ses, self.added, self._data(size)),
            )
            self._event(ses, "message.part.updated", part)
        return part

    def update(self, table: str, key: str, size: int = 500) -> None:
        ses = self._session_of(table, key)
        kind = "message.part" if table == "part" else "message"
        with self.transaction():
            self.db.execute(
                f"update {table} set data = ? where id = ?", (self._data(size), key)
            )
            self._event(ses, f"{kind}.updated", key)

    def delete(self, table: str, key: str) -> None:
        ses = self._session_of(table, key)
        kind = "message.part" if table == "part" else "message"
        with self.transaction():
            self.db.execute(f"delete from {table} where id = ?", (key,))
            self._event(ses, f"{kind}.removed", key)

    def delete_session(self, ses: str) -> None:
        with self.transaction():
            self.db.execute("delete from session where id = ?", (ses,))
            self.db.execute("delete from part where session_id = ?", (ses,))
            self.db.execute("delete from event_sequence where aggregate_id=?", (ses,))

    def prune(self, ses: str, before: int) -> None:
        self.db.execute(
            "delete from event where aggregate_id = ? and seq < ?", (ses, before)
        )

    # What it does to the file.

    def run(self, sql: str) -> list[tuple[object, ...]]:
        return self.db.execute(sql).fetchall()

    def timed(self, sql: str) -> float:
        began = time.perf_counter()
        self.run(sql)
        return time.perf_counter() - began

    def checkpoint(self, kind: str) -> float:
        return self.timed(f"pragma wal_checkpoint({kind})")

    def journal_mode(self, mode: str) -> str:
        self.mode = mode
        return str(self.db.execute(f"pragma journal_mode={mode}").fetchone()[0])

    def alter(self) -> None:
        self.db.execute(f"alter table part add column added_{self._number()} text")

    def backup(self, *, by_copy: bool = False) -> None:
        unfinished = Path(f"{self.path}.unfinished")
        unfinished.unlink(missing_ok=True)
        if by_copy:
            self.checkpoint("truncate")
            shutil.copyfile(self.path, unfinished)
        else:
            with closing(sqlite3.connect(unfinished)) as copy:
                self.db.backup(copy)
        unfinished.replace(f"{self.path}.backup")

    def restore(self, *, by_rename: bool = True) -> None:
        """Put the backup back, as people and programs do."""
        copy = f"{self.path}.backup"
        if not by_rename:
            with closing(sqlite3.connect(copy)) as source:
                source.backup(self.db)
            return

        self.close()
        for suffix in ("-wal", "-shm", "-journal"):
            Path(self.path + suffix).unlink(missing_ok=True)
        shutil.copyfile(copy, f"{copy}.new")
        Path(f"{copy}.new").replace(self.path)
        self.open()

    def recreate(self) -> None:
        """Delete the database and begin another one under its name."""
        self.close()
        for suffix in ("", "-wal", "-shm", "-journal"):
            Path(self.path + suffix).unlink(missing_ok=True)
        self.open()

    def die(self) -> None:
        os.kill(os.getpid(), 9)

    def longest(self) -> float:
        return self.longest_s

    # All of it, as chance has it.

    def seed(self, number: int) -> None:
        self.random.seed(number)

    def live(self, operations: int, *, evil: bool = True) -> None:
        for _ in range(operations):
            if evil and self.random.random() < 0.04:
                self._disturb()
            else:
                self._work()

    def _work(self) -> None:
        chance = self.random.random()
        ses = self._some("session")
        if ses is None or chance < 0.04:
            self.session()
            return

        message = self._some("message")
        part = self._some("part")
        if message is None or chance < 0.2:
            self.message(ses, self.random.choice((50, 300, 3000)))
        elif chance < 0.24:
            self.retitle(ses)
        elif part is None or chance < 0.5:
            self.part(message, self.random.choice((10, 400, 2000, 9000)))
        elif chance < 0.85:
            self.update("part", part, self.random.choice((10, 400, 2000, 20000)))
        elif chance < 0.92:
            self.update("message", message, self.random.choice((50, 300)))
        elif chance < 0.95:
            self.delete("part", part)
        elif chance < 0.97:
            self.delete("message", message)
        elif chance < 0.98:
            self.delete_session(ses)
        else:
            self._spill(commit=chance < 0.995)

    def _spill(self, *, commit: bool) -> None:
        """Write more in a transaction than fits into SQLite's cache."""
        self.db.execute("pragma cache_size=10")
        self.begin()
        ses = self.session()
        message = self.message(ses)
        for _ in range(self.random.randint(5, 30)):
            self.part(message, 3000)
        self.db.execute("commit" if commit else "rollback")
        self.db.execute("pragma cache_size=-2000")

    def _disturb(self) -> None:
        with suppress(sqlite3.OperationalError):
            chance = self.random.randrange(10)
            if chance == 0:
                self.db.execute("vacuum")
            elif chance in (1, 2, 3, 4):
                kinds = ("passive", "full", "restart", "truncate")
                self.checkpoint(kinds[chance - 1])
            elif chance == 5:
                self.alter()
            elif chance == 6:
                self.reopen(self.random.choice(("normal", "normal", "exclusive")))
            elif chance == 7:
                self.backup(by_copy=self.random.random() < 0.5)
            elif chance == 8 and Path(f"{self.path}.backup").exists():
                self.restore(by_rename=self.random.random() < 0.7)
            else:
                column = self.random.choice(("time_created", "message_id"))
                self.db.execute(f"create index i{self._number()} on part({column})")

    def _some(self, table: str) -> str | None:
        rows = self.db.execute(
            f"select id from {table} order by rowid desc limit ?",
            (1 if self.random.random() < 0.5 else 50,),
        ).fetchall()
        return str(self.random.choice(rows)[0]) if rows else None

    def _session_of(self, table: str, key: str) -> str:
        column = "session_id"
        (ses,) = self.db.execute(
            f"select {column} from {table} where id = ?", (key,)
        ).fetchone()
        return str(ses)

    def _event(self, ses: str, kind: str, key: str) -> None:
        self.db.execute(
            "update event_sequence set seq = seq + 1 where aggregate_id = ?", (ses,)
        )
        self.db.execute(
            "insert into event select ?, aggregate_id, seq, ?, ? from event_sequence"
            " where aggregate_id = ?",
            (self._new("evt"), kind, json.dumps({"id": key}), ses),
        )

    def _data(self, size: int) -> str:
        text = "é" * (size // 2) + "x" * self.random.randint(0, size // 2)
        return json.dumps({"n": self._number(), "text": text}, ensure_ascii=False)

    def _new(self, kind: str) -> str:
        return f"{kind}_{self._number():06x}{self.random.getrandbits(64):016x}"

    def _number(self) -> int:
        self.added += 1
        return self.added


def main(path: str, mode: str, locking: str) -> None:
    agent = Agent(path, mode, locking)
    for line in sys.stdin:
        command, *arguments = json.loads(line)
        named = arguments.pop() if arguments and isinstance(arguments[-1], dict) else {}
        answer = getattr(agent, command)(*arguments, **named)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
