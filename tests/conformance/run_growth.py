"""How the logs of a recorded run came to be what they are, step by step.

Files of lines grow by the bytes that the recorder saw them gain, and are cut between
lines or, where it saw that, in one. A document is written anew with each element more.
A database gets its rows in the order in which they were recorded, each group in a
transaction. All other files of the home are there from the beginning.

The recorder knows lines and not bytes: texts were replaced by fillers afterwards.
"""

import json
import shutil
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from tests.agents.found import AGENTS
from tests.conformance.agent_runs import Run
from tests.conformance.expectations import Growth

PARTS = 24
"""In how many parts a document or a database is written, at most."""

_NOT_COPIED = ("_run", "truth.json")
_BESIDE = ("-wal", "-shm", "-journal")
_FIRST = float("-inf")
_SQLITE = b"SQLite format 3\0"


class Step(NamedTuple):
    """Something that the agent wrote; *at* is the time, or from 0 to 1 over the run."""

    at: float
    write: Callable[[], None]


def grow(run: Run, home: Path) -> list[Step]:
    """Copy what does not grow to *home*, and return the steps in which the rest does."""
    events = _events(run)
    times = [each["t"] for found in events.values() for each in found]
    first, last = min(times, default=0.0), max(times, default=1.0)

    steps: list[Step] = []
    logs = _logs(run, home)
    for path, is_lines in logs.items():
        name, target = (
            str(path.relative_to(run.home)),
            home / path.relative_to(run.home),
        )
        target.parent.mkdir(parents=True, exist_ok=True)
        seen = events.get(name, [])
        span = (seen[0]["t"], seen[-1]["t"]) if seen else (first, last)
        if is_lines:
            steps += line_steps(path, target, seen, span)
        elif path.read_bytes().startswith(_SQLITE):
            steps += database_steps(path, target, run.expected.growth, span)
        else:
            steps += document_steps(path, target, run.expected.growth, span)

    for path in run.home.rglob("*"):
        relative = path.relative_to(run.home)
        is_of_log = (
            str(path).endswith(_BESIDE)
            and path.with_name(path.name.rpartition("-")[0]) in logs
        )
        if not (path.is_dir() or path in logs or is_of_log) and (
            relative.parts[0] not in _NOT_COPIED
        ):
            (home / relative).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, home / relative)

    return sorted(steps, key=lambda step: step.at)


def _logs(run: Run, home: Path) -> dict[Path, bool]:
    """Return the logs of *run*, and whether each is a file of lines."""
    found: dict[Path, bool] = {}
    roots = tuple(run.home / each for each in run.expected.roots)
    for tree in AGENTS[run.agent].roots({}, run.home, roots):
        for path in sorted(tree.root.rglob("*")):
            parts = path.relative_to(tree.root).parts
            if path.is_file() and tree.place(parts) is not None:
                found.setdefault(path, tree.kind_of(parts) is None)

    return found


def _events(run: Run) -> dict[str, list[dict[str, Any]]]:
    """Return by file what the recorder saw happen to it."""
    found = defaultdict(list)
    for line in (run.home / "_run/fsevents.jsonl").read_bytes().splitlines():
        event = json.loads(line)
        if event.get("size"):
            found[event["path"]].append(event)

    return found


def line_steps(
    path: Path, target: Path, seen: list[dict[str, Any]], span: tuple[float, float]
) -> Iterator[Step]:
    """Yield the pieces of a file of lines."""
    data = path.read_bytes()
    ends = [0, *(at + 1 for at, byte in enumerate(data) if byte == 10)]
    if ends[-1] < len(data):
        ends.append(len(data))

    cuts = list(_cuts(seen, ends)) or [
        (at, ends[line]) for line, at in enumerate(_spread(len(ends), span))
    ]
    cuts[-1] = (cuts[-1][0], len(data))
    done = 0
    for at, cut in cuts:
        if cut > done:
            yield Step(at, _appending(target, data[done:cut]))
            done = cut


def _cuts(seen: list[dict[str, Any]], ends: list[int]) -> Iterator[tuple[float, int]]:
    """Yield when a file had which size, as far as the recorder says."""
    lines = 0
    for event in seen:
        is_more = event["op"] in {"create", "append"}
        lines = event.get("lines", lines) + (lines if is_more else 0)
        line = min(lines, len(ends) - 1)
        end, following = ends[line], ends[min(line + 1, len(ends) - 1)]
        yield event["t"], (end + following) // 2 if event["open_tail"] else end


def _appending(target: Path, data: bytes) -> Callable[[], None]:
    def append() -> None:
        with target.open("ab") as file:
            file.write(data)

    return append


def _spread(count: int, span: tuple[float, float]) -> list[float]:
    """Return *count* times, evenly from the first to the last of *span*."""
    first, last = span
    return [first + (last - first) * each / max(1, count - 1) for each in range(count)]


# Documents


def document_steps(
    path: Path, target: Path, growth: Growth, span: tuple[float, float]
) -> Iterator[Step]:
    """Yield each writing of a document, which has some elements more than the one before."""
    data = path.read_bytes()
    try:
        texts = [*_versions(json.loads(data)), data]
    except ValueError:
        texts = [data]  # it is no document as a whole, and was written once

    for at, text in zip(_spread(len(texts), span), texts, strict=True):
        yield Step(at, _writing(target, text, aside=growth.aside))


def _versions(document: Any) -> Iterator[bytes]:
    """Yield the document with more and more elements of its outermost lists of objects."""
    longest = max(map(len, _lists(document)), default=0)
    parts = min(longest, PARTS)
    for part in range(1, parts):
        text = json.dumps(_cut_to(document, part / parts), ensure_ascii=False)
        yield text.encode(errors="surrogatepass")


def _lists(value: Any) -> Iterator[list[Any]]:
    if isinstance(value, list) and any(isinstance(each, dict) for each in value):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _lists(each)


def _cut_to(value: Any, share: float) -> Any:
    if isinstance(value, list) and any(isinstance(each, dict) for each in value):
        return value[: round(len(value) * share)]

    if isinstance(value, dict):
        return {name: _cut_to(each, share) for name, each in value.items()}

    return value


def _writing(target: Path, text: bytes, *, aside: bool) -> Callable[[], None]:
    def write() -> None:
        if aside:
            new = target.with_name(f"{target.name}.new")
            new.write_bytes(text)
            new.replace(target)
        else:
            target.write_bytes(text)

    return write


# Databases


class _Row(NamedTuple):
    """A row that is to be written: when, and by which statement."""

    at: float
    sql: str
    values: tuple[Any, ...]


def database_steps(
    path: Path, target: Path, growth: Growth, span: tuple[float, float]
) -> Iterator[Step]:
    """Yield the transactions that fill a database, and one that ends its counters."""
    folder = target.with_name(f"{target.name}.recorded")
    folder.mkdir()
    for suffix in ("", "-wal"):
        if (file := Path(f"{path}{suffix}")).exists():
            shutil.copyfile(file, folder / f"{path.name}{suffix}")

    with closing(connect(folder / path.name)) as recorded:
        schema = _schema(recorded)
        rows = [
            row
            for table in schema
            if table not in growth.replayed
            for row in _rows(recorded, table, growth)
        ]
        replayed = (
            []
            if growth.transactions is None
            else [
                [_Row(0, *statement) for statement in transaction]
                for transaction in growth.transactions(recorded)
            ]
        )
        ends = [
            row
            for table, columns in growth.counters.items()
            for row in _counters(recorded, table, columns)
        ]
        (mode,) = recorded.execute("pragma journal_mode").fetchone()

    shutil.rmtree(folder)
    rows.sort(key=lambda row: row.at)
    connections: list[sqlite3.Connection] = []

    def create() -> None:
        connection = connect(target)
        connections.append(connection)
        connection.execute(f"pragma journal_mode = {mode}")
        connection.executescript(";\n".join(["begin", *schema.values(), "commit"]))

    def commit(part: list[_Row]) -> Callable[[], None]:
        def write() -> None:
            (connection,) = connections
            connection.execute("begin immediate")
            for row in part:
                connection.execute(row.sql, row.values)

            connection.execute("commit")

        return write

    def end() -> None:
        commit(ends)()
        connections.pop().close()

    size = max(1, -(-len(rows) // PARTS))
    parts = [rows[at : at + size] for at in range(0, len(rows), size)]
    if replayed:
        parts = [rows, *replayed]

    writes = [create, *map(commit, parts), end]
    for at, write in zip(_spread(len(writes), span), writes, strict=True):
        yield Step(at, write)


def connect(path: Path) -> sqlite3.Connection:
    """Return a connection that also knows a function of newer versions of SQLite."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.create_function("octet_length", 1, _octet_length, deterministic=True)
    return connection


def _octet_length(value: str | bytes | float | None) -> int | None:
    if value is None:
        return None

    return len(value if isinstance(value, bytes) else str(value).encode())


def _schema(recorded: sqlite3.Connection) -> dict[str, str]:
    """Return the statements that make tables and indices, by their names.

    Triggers would write rows again that were recorded, and virtual tables need what
    SQLite here may not have.
    """
    entries = recorded.execute(
        "select type, name, tbl_name, sql, rootpage from sqlite_schema"
        " where sql is not null and name not like 'sqlite_%'"
    ).fetchall()
    virtual = [
        name for kind, name, _, _, root in entries if kind == "table" and not root
    ]
    return {
        name: sql
        for kind, name, table, sql, _ in entries
        if kind in {"table", "index"}
        and not any(table == each or table.startswith(f"{each}_") for each in virtual)
    }


def _rows(recorded: sqlite3.Connection, table: str, growth: Growth) -> Iterator[_Row]:
    columns = [
        (name, kind.upper() == "INTEGER" and key == 1)
        for _, name, kind, _, _, key in recorded.execute(
            f'pragma table_info("{table}")'
        )
    ]
    if not columns:
        return  # an index

    names = [f'"{name}"' for name, _ in columns]
    if not any(is_rowid for _, is_rowid in columns):
        names = [*_rowid(recorded, table), *names]

    order = growth.order.get(table, "null")
    values = recorded.execute(
        f'select {order}, {", ".join(names)} from "{table}" order by 1'
    ).fetchall()
    changing = [each.strip('"') in growth.counters.get(table, ()) for each in names]
    sql = (
        f'insert into "{table}"({", ".join(names)})'
        f" values({', '.join('?' * len(names))})"
    )
    for number, (given, *recorded_values) in enumerate(values):
        at = _FIRST if given is None else float(given)
        yield _Row(
            at if growth.order else number / len(values),
            sql,
            tuple(
                0 if is_changing else value
                for is_changing, value in zip(changing, recorded_values, strict=True)
            ),
        )


def _rowid(recorded: sqlite3.Connection, table: str) -> list[str]:
    try:
        recorded.execute(f'select rowid from "{table}" limit 1')
    except sqlite3.OperationalError:
        return []  # WITHOUT ROWID

    return ["rowid"]


def _counters(
    recorded: sqlite3.Connection, table: str, columns: tuple[str, ...]
) -> Iterator[_Row]:
    """Yield the updates that give *columns* of *table* their last values."""
    names = ", ".join(f'"{name}"' for name in columns)
    sets = ", ".join(f'"{name}" = ?' for name in columns)
    for rowid, *values in recorded.execute(f'select rowid, {names} from "{table}"'):
        yield _Row(0, f'update "{table}" set {sets} where rowid = ?', (*values, rowid))
