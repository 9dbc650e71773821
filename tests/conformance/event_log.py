"""How a database of opencode's schema came to be what it is, by its own log of events.

Each event has the whole message, part or session as it was then, and was written in one
transaction with the row. So the states between the first event and the last are those
that a reader could have met.
"""

import json
import sqlite3
from collections.abc import Iterator
from typing import Any

Statement = tuple[str, tuple[Any, ...]]

_NUMBERED = """
  insert into event_sequence(aggregate_id, seq) values(?, ?)
  on conflict(aggregate_id) do update set seq = excluded.seq"""

TABLES = frozenset({"session", "message", "part", "event", "event_sequence"})
"""Those that the events fill."""


def transactions(recorded: sqlite3.Connection) -> Iterator[list[Statement]]:
    """Yield the statements of each transaction that filled *recorded*, in order."""
    sessions = {
        row["id"]: dict(row) for row in _rows(recorded, "select * from session")
    }
    for event in _rows(recorded, "select * from event order by rowid"):
        data = json.loads(event["data"])
        session, seq = event["aggregate_id"], event["seq"]
        yield [
            (_NUMBERED, (session, seq)),
            _insert("event", dict(event)),
            *_projected(event["type"], data, sessions.get(session, {})),
        ]


def _projected(
    kind: str, data: dict[str, Any], session: dict[str, Any]
) -> Iterator[Statement]:
    """Yield the changes of rows that an event makes."""
    match kind.split("."):
        case ["session", "created" | "updated", *_] if session:
            info = data["info"]
            changed = {
                "title": info.get("title", session["title"]),
                "parent_id": info.get("parentID"),
                "time_updated": info.get("time", {}).get("updated", 0),
                "cost": info.get("cost", 0),
            }
            yield _insert("session", session | changed)
        case ["message", "updated", *_]:
            info = dict(data["info"])
            created = info["time"]["created"]
            yield _insert(
                "message",
                {
                    "id": info.pop("id"),
                    "session_id": info.pop("sessionID"),
                    "time_created": created,
                    "time_updated": info["time"].get("completed", created),
                    "data": json.dumps(info, ensure_ascii=False),
                },
            )
        case ["message", "part", "updated", *_]:
            part, at_ms = dict(data["part"]), data["time"]
            yield _insert(
                "part",
                {
                    "id": part.pop("id"),
                    "message_id": part.pop("messageID"),
                    "session_id": part.pop("sessionID"),
                    "time_created": at_ms,
                    "time_updated": at_ms,
                    "data": json.dumps(part, ensure_ascii=False),
                },
                keep="time_created",
            )
        case ["message", "part", "removed", *_]:
            yield "delete from part where id = ?", (data["partID"],)
        case ["message", "removed", *_]:
            yield "delete from message where id = ?", (data["messageID"],)


def _insert(table: str, row: dict[str, Any], keep: str = "") -> Statement:
    """Return the statement that writes *row*, over the one of its id if there is one."""
    names = ", ".join(f'"{name}"' for name in row)
    sets = ", ".join(f'"{name}" = excluded."{name}"' for name in row if name != keep)
    values = ", ".join("?" * len(row))
    sql = f'insert into "{table}"({names}) values({values})'
    return f"{sql} on conflict(id) do update set {sets}", tuple(row.values())


def _rows(connection: sqlite3.Connection, sql: str) -> list[sqlite3.Row]:
    cursor = connection.cursor()
    cursor.row_factory = sqlite3.Row
    return cursor.execute(sql).fetchall()
