"""Conversations through the socket, in a store of many: saving, opening, recalling.

Issue 4: 100,000 conversations and 2,000,000 messages; a hundredth of that in a quick run.
The store is filled by the store's own functions, as a year of use would leave it.
"""

import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from benchmarks.client import Client
from benchmarks.effort import Effort
from benchmarks.home import Home, new_home
from benchmarks.rig import running
from benchmarks.rows import Row, percentile
from jarvisd.conversations import messages_store, store
from jarvisd.conversations.model import ConversationId, ConversationLimits
from jarvisd.core.message import Role
from jarvisd.core.storage.opening import Opening

CONVERSATIONS = 100_000
MESSAGES_EACH = 20
CLIENTS = 8
IN_FLIGHT = 8
SECONDS = 10
REQUESTS = 1_000
GROUP = 500
WORDS = [
    "the",
    "build",
    "of",
    "this",
    "service",
    "failed",
    "since",
    "its",
    "index",
    "was",
    "there",
    "already",
]

SENDER = """
import json, socket, sys, time
path, id_, seconds, in_flight = sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])
server = socket.socket(socket.AF_UNIX)
server.connect(path)
request = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "conversations.save_message",
    "params": {"conversation_id": id_, "role": "user", "content": "the build is green again"}}
).encode() + b"\\n"
print("ready", flush=True)
sys.stdin.readline()
server.sendall(request * in_flight)
done, deadline = 0, time.perf_counter() + seconds
while time.perf_counter() < deadline:
    answers = server.recv(1 << 16).count(b"\\n")
    done += answers
    server.sendall(request * answers)
print(done, flush=True)
"""


def measure(effort: Effort) -> list[Row]:
    number = CONVERSATIONS // 100 if effort.quick else CONVERSATIONS
    with new_home() as home:
        with running(home):
            pass  # makes the database

        database = home.folder / ".local" / "state" / "jarvisd" / "jarvisd.db"
        ids = fill(database, number)
        with running(home) as daemon, daemon.connect() as client:
            note = f"{number:,} conversations, {number * MESSAGES_EACH:,} messages"
            return [
                *lock_step(client, ids, note),
                throughput(home, ids, effort),
                recall(client, number, note),
            ]


def fill(database: Path, number: int) -> list[str]:
    """Store *number* conversations and return some of their ids."""
    limits, now_ms, ids = (
        ConversationLimits(max_age_hours=24.0, threshold=100),
        time.time_ns() // 1_000_000,
        [],
    )
    with closing(Opening(database, now_ms).connect()) as raw:
        for start in range(0, number, GROUP):
            raw.execute("BEGIN IMMEDIATE")
            group = range(start, min(number, start + GROUP))
            ids += [_fill_one(raw, each, limits, now_ms) for each in group]
            raw.execute("COMMIT")

    return ids[:: max(1, number // 100)]


def _fill_one(
    raw: sqlite3.Connection, number: int, limits: ConversationLimits, now_ms: int
) -> str:
    person = store.Person(f"user-{number}")
    id_ = store.get_or_create(raw, person, limits, now_ms).conversation
    for each in range(MESSAGES_EACH):
        content = f"{' '.join(WORDS)} {number:x} {each}"
        new = messages_store.NewMessage(
            ConversationId(id_.conversation_id), Role.USER, content, "test", now_ms, {}
        )
        messages_store.save_message(raw, new, limits, now_ms)

    return id_.conversation_id


def lock_step(client: Client, ids: list[str], note: str) -> list[Row]:
    saved, found = [], []
    for number in range(REQUESTS):
        started = time.perf_counter()
        client.ask(
            "conversations.save_message",
            conversation_id=ids[number % len(ids)],
            role="user",
            content="one more",
        )
        saved.append((time.perf_counter() - started) * 1e3)
        started = time.perf_counter()
        client.ask("conversations.get_or_create", user_id=f"user-{number}")
        found.append((time.perf_counter() - started) * 1e3)

    return [
        Row(
            figure=f"conversations.{name}, p99",
            samples=(percentile(taken, 99),),
            unit="ms",
            must=5.0,
            observations=REQUESTS,
            note=note,
        )
        for name, taken in (("save_message", saved), ("get_or_create", found))
    ]


def throughput(home: Home, ids: list[str], effort: Effort) -> Row:
    seconds = 2 if effort.quick else SECONDS
    with_arguments = [str(seconds), str(IN_FLIGHT)]
    senders = [
        subprocess.Popen(
            [sys.executable, "-c", SENDER, home.socket, ids[n], *with_arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for n in range(CLIENTS)
    ]
    for each in senders:
        assert each.stdout is not None
        each.stdout.readline()

    done = sum(int(each.communicate(b"go\n", timeout=60)[0]) for each in _told(senders))
    return Row(
        figure="conversations.save_message, 8 clients",
        samples=(done / seconds,),
        unit="/s",
        must=5_000,
        more_is_better=True,
        note=f"{IN_FLIGHT} requests under way each; every answer is on the disk",
    )


def _told(senders: list["subprocess.Popen[bytes]"]) -> list["subprocess.Popen[bytes]"]:
    for each in senders:
        assert each.stdin is not None
        each.stdin.write(b"go\n")
        each.stdin.flush()

    return senders


def recall(client: Client, number: int, note: str) -> Row:
    taken = []
    for each in range(100):
        words = f"{WORDS[each % len(WORDS)]} {each * number // 100:x}"
        started = time.perf_counter()
        client.ask("conversations.recall", words=words)
        taken.append((time.perf_counter() - started) * 1e3)

    return Row(
        figure="conversations.recall, p99",
        samples=(percentile(taken, 99),),
        unit="ms",
        must=50.0,
        observations=len(taken),
        note=note,
    )
