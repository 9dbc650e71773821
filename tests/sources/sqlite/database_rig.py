"""A writer in a process of its own, and somebody who counts what our source delivers."""

import json
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from jarvisd.base.clock import SystemClock
from jarvisd.core.source import Batch, Budget, ItemRef, StreamTotals
from jarvisd.core.sources.sqlite.database_pages import DatabasePages
from jarvisd.core.sources.sqlite.database_queries import DatabaseQueries, row_ref
from jarvisd.core.sources.sqlite.database_source import DatabaseSource
from jarvisd.core.sources.sqlite.lock_free_vfs import SnapshotReader
from tests.sources.sqlite.opencode_like import QUERIES

Streams = dict[str, dict[ItemRef, bytes]]
BUDGET = Budget()
SIDES = ("-wal", "-shm", "-journal")


class Writer:
    """The program `database_writer`, which does what it is told."""

    def __init__(self, path: Path, mode: str = "wal", locking: str = "normal") -> None:
        self.path = path
        program = "tests.sources.sqlite.database_writer"
        self._process = subprocess.Popen(
            [sys.executable, "-m", program, path, mode, locking],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def __call__(self, command: str, *arguments: object, **named: object) -> Any:
        self.start(command, *arguments, **named)
        return self.answer()

    def start(self, command: str, *arguments: object, **named: object) -> None:
        """Give a command without waiting for its end."""
        assert self._process.stdin is not None
        line = json.dumps([command, *arguments, *([named] if named else [])])
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the writer ended with status {self._process.wait()}"
        return json.loads(line)

    def is_busy(self, wait_s: float = 0.0) -> bool:
        """Whether it has not answered yet."""
        assert self._process.stdout is not None
        return not select.select([self._process.stdout], [], [], wait_s)[0]

    def stop(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()


@contextmanager
def writing(path: Path, mode: str = "wal", locking: str = "normal") -> Iterator[Writer]:
    """Run a writer, and kill it at the end."""
    writer = Writer(path, mode, locking)
    try:
        yield writer
    finally:
        writer.kill()


class Consumer:
    """Counts items as a pipeline does: once each, with the cursor that belongs to it."""

    def __init__(self, path: Path, queries: DatabaseQueries = QUERIES) -> None:
        self.path = path
        self.queries = queries
        self.source = DatabaseSource(str(path), queries, SystemClock())
        self.streams: Streams = {}
        self.totals: dict[str, StreamTotals] = {}
        self.batches = self.items = 0

    def read(self, budget: Budget = BUDGET) -> Batch:
        batch = self.source.read(budget)
        for stream in (*batch.restarted, *batch.ended):
            self.streams.pop(stream, None)
            self.totals.pop(stream, None)

        for ref in batch.deleted:
            self._drop(ref)

        for item in batch.items:
            held = self.streams.setdefault(item.stream, {})
            assert item.replaces == item.ref or item.ref not in held, "counted twice"
            held[item.ref] = item.body

        self.totals |= batch.totals
        self.batches += 1
        self.items += len(batch.items)
        self.source.applied(batch)
        return batch

    def drain(self, budget: Budget = BUDGET) -> Batch:
        """Read until there is nothing more."""
        batch = self.read(budget)
        while batch.more:
            batch = self.read(budget)

        return batch

    def restart(self) -> None:
        """Go on as after a restart of the daemon, from what would be stored."""
        cursor = self.source.cursor()
        self.source.close()
        self.source = DatabaseSource(
            str(self.path), self.queries, SystemClock(), cursor
        )

    def close(self) -> None:
        self.source.close()

    def _drop(self, ref: ItemRef) -> None:
        # As an agent's reader does: with a message go its parts.
        _, table, key = ref.key.split(":")
        for held in self.streams.values():
            held.pop(ref, None)
            if table == "message":
                mine = f'"message_id":"{key}"'.encode()
                for part in [part for part, body in held.items() if mine in body]:
                    del held[part]


@contextmanager
def consuming(path: Path, queries: DatabaseQueries = QUERIES) -> Iterator[Consumer]:
    consumer = Consumer(path, queries)
    try:
        yield consumer
    finally:
        consumer.close()


@contextmanager
def asking(path: Path) -> Iterator[SnapshotReader]:
    """Ask the database directly."""
    clock = SystemClock()
    pages = DatabasePages(str(path), clock)
    reader = SnapshotReader(pages, clock)
    try:
        yield reader
    finally:
        reader.close()
        pages.close()


def truth(path: Path, folder: Path, queries: DatabaseQueries = QUERIES) -> Streams:
    """Return the rows after SQLite's own recovery of a copy of the files."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for suffix in ("", "-wal", "-journal"):
        if (file := Path(f"{path}{suffix}")).exists():
            shutil.copyfile(file, folder / f"copy{suffix}")

    with closing(sqlite3.connect(folder / "copy")) as copy:
        # SQLite 3.40 lacks what newer checks of a table may call.
        copy.create_function("octet_length", 1, octet_length, deterministic=True)
        intact = copy.execute("pragma integrity_check").fetchone()
        assert intact == ("ok",), f"the writer's own database: {intact}"
        held: Streams = {}
        for stream, _ in copy.execute(queries.streams):
            names = copy.execute(queries.rows, {"stream": stream}).fetchall()
            if queries.unnumbered:
                rows = copy.execute(queries.unnumbered, {"limit": 10**6})
                names += [row[1:3] for row in rows if row[0] == stream]

            held[stream] = {}
            for table, key, *_ in names:
                query = queries.tables[table]
                row = copy.execute(query.sql, {"key": key}).fetchone()
                held[stream][row_ref(table, key)] = query.body(table, row[2:])

    return held


def octet_length(value: str | bytes | None) -> int | None:
    """Return the result of SQLite's function of the same name, since 3.43."""
    if value is None:
        return None

    return len(value.encode() if isinstance(value, str) else value)


def present(streams: Streams) -> Streams:
    """Return the streams that have items."""
    return {stream: held for stream, held in streams.items() if held}


def totals_of(streams: Streams) -> dict[str, StreamTotals]:
    """Return the totals as they must be: the characters of what `data` holds."""
    return {
        stream: StreamTotals(len(held), sum(map(characters, held.values())))
        for stream, held in streams.items()
    }


def characters(body: bytes) -> int:
    """Return the length of the `data` of a row, which ends its body."""
    return len(body[body.index(b',"data":') + len(b',"data":') : -1].decode())


def listing(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}
