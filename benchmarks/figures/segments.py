"""Closing ten thousand idle segments in one sweep, while somebody asks.

Issue 4: one second at most, and no query waits for it. The sessions are history, each an
answer and a call of a tool, so all of them are idle at once: what closes them is `sync`, once
everything has been read. A second `sync` says what of its time is not the closing.
"""

import os
import threading
import time
import uuid

from benchmarks.client import Client
from benchmarks.effort import Effort
from benchmarks.errors import RigError
from benchmarks.home import Home, new_home
from benchmarks.rig import READ_LIMIT_S, Daemon, running
from benchmarks.rows import Row, percentile

SEGMENTS = 10_000
AGE_S = 3_600
PAUSE_S = 0.01
LINE = (
    '{"type":"assistant","uuid":"u%(id)d","timestamp":"%(at)s","message":{"id":"m%(id)d",'
    '"model":"claude-opus-4-5","content":[{"type":"tool_use","id":"t%(id)d","name":"Bash",'
    '"input":{}}],"usage":{"input_tokens":9,"cache_read_input_tokens":100,'
    '"output_tokens":30}}}\n'
)


def measure(effort: Effort) -> list[Row]:
    number = SEGMENTS // 10 if effort.quick else SEGMENTS
    with new_home() as home:
        write(home, number)
        with running(home) as daemon:
            _wait_for_history(daemon)
            took_s, waited_ms = _closing(daemon)
            with daemon.connect() as client:
                closed = client.ask("segments.list", limit=0)["next"]

    if closed != number:
        raise RigError(f"{closed} segments were closed of {number}")

    note = f"{number:,} sessions"
    return [
        Row(
            figure="closing idle segments in one sweep",
            samples=(took_s,),
            unit="s",
            must=1.0,
            note=note,
        ),
        Row(
            figure="status while segments close, p99",
            samples=(percentile(waited_ms, 99),),
            unit="ms",
            must=20.0,
            observations=len(waited_ms),
            note=note,
        ),
    ]


def write(home: Home, number: int) -> None:
    """Write *number* sessions of one answer and one call, as of an hour ago."""
    then = time.time_ns() // 1_000_000_000 - AGE_S
    at = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(then))
    folder = home.folder / ".claude" / "projects" / "-home-dev-work"
    folder.mkdir(parents=True)
    for id_ in range(number):
        path = folder / f"{uuid.UUID(int=id_)}.jsonl"
        path.write_text(LINE % {"id": id_, "at": at})
        os.utime(path, (then, then))


def _wait_for_history(daemon: Daemon) -> None:
    """Return when all is read and stored, which is not to be taken for the closing.

    No look for idle segments comes before half a minute.
    """
    deadline = time.perf_counter() + READ_LIMIT_S
    with daemon.connect() as client:
        while time.perf_counter() < deadline:
            health = client.ask("health")
            is_read = health["blocks"] and not health["backfill"]["files_total"]
            if is_read and not health["store"]["dirty_blocks"]:
                return

            time.sleep(PAUSE_S)  # noqa: TID251 - nothing tells of it

    raise RigError("history was not read in time")


def _closing(daemon: Daemon) -> tuple[float, list[float]]:
    """Return how long the sweep took, and how long answers took meanwhile."""
    waited_ms: list[float] = []
    over = threading.Event()
    with daemon.connect() as asking, daemon.connect() as client:
        asker = threading.Thread(target=_ask, args=(asking, over, waited_ms))
        asker.start()
        try:
            took_s = _sync_s(client) - _sync_s(client)
        finally:
            over.set()
            asker.join()

    return took_s, waited_ms


def _ask(client: Client, over: threading.Event, waited_ms: list[float]) -> None:
    while not over.is_set():
        waited_ms += client.time_apart("status", 1, PAUSE_S / 5)


def _sync_s(client: Client) -> float:
    began = time.perf_counter()
    client.ask("sync")
    return time.perf_counter() - began
