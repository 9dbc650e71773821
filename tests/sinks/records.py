"""Segments and what waits of them."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from jarvisd.core.origin import BlockId, SessionId
from jarvisd.segments.model import Closed, Segment
from jarvisd.sinks import store
from jarvisd.sinks.store import QueuedRecord
from tests.support import EPOCH_MS


def segment(number: int = 1, **other: Any) -> Segment:
    """Return a segment in which something of everything happened."""
    whole: dict[str, Any] = {
        "segment_id": f"{number:016x}",
        "agent": "claude",
        "session_id": SessionId(f"session-{number}"),
        "segment": 1,
        "block_id": BlockId(f"{number:016x}"),
        "started_ms": EPOCH_MS,
        "ended_ms": EPOCH_MS + 60_000,
        "duration_ms": 60_000,
        "reason": Closed.IDLE,
        "turns": 5,
        "tokens_in": 50,
        "tokens_out": 25,
        "cost_micros": 1_234,
        "unpriced": 0,
        "latency_p50_ms": 300.0,
        "latency_p95_ms": 480.0,
        "tools": 3,
        "unique_tools": 2,
        "unique_models": 1,
        "errors": 1,
        "model": "llama3.1:8b",
        "engine": "ollama",
        "project": "/home/ann/client-a",
        "closed_ms": EPOCH_MS + number,
    }
    return Segment(**whole | other)


def waiting(number: int = 1, **other: Any) -> QueuedRecord:
    one = segment(number, **other)
    return QueuedRecord(one.segment_id, msgspec.json.encode(one).decode())


def rows(
    sinks: Iterable[str], segments: Iterable[Segment]
) -> list[tuple[str, str, str]]:
    """Return the rows of the outbox that let *segments* wait for *sinks*."""
    texts = [(each.segment_id, msgspec.json.encode(each).decode()) for each in segments]
    return [(sink, *text) for text in texts for sink in sinks]


def ids(count: int, *, first: int = 0) -> list[str]:
    return [f"{number:016x}" for number in range(first, first + count)]


def put_directly(path: Path, sinks: list[str], *, count: int, first: int = 0) -> None:
    """Put records into the outbox of a database that no daemon has open."""
    with closing(sqlite3.connect(path)) as raw, raw:
        store.enqueue(raw, rows(sinks, map(segment, range(first, first + count))))
