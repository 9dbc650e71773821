"""Whether a first read leaves the same books as the same lines while they come."""

import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from typing import Any

from benchmarks.corpora import Corpus, corpus
from benchmarks.effort import Effort
from benchmarks.home import Home, new_home
from benchmarks.rig import running
from benchmarks.rows import Row

_SESSION = """(
SELECT text || ' ' || session_id FROM session JOIN text ON text_key = agent
WHERE session_key = session
)"""
_QUERIES = {
    "block": "block_id, line_count, char_count, malformed_count, read_offset",
    "session": (
        "agent, session_id, parent_session_id, cwd, title, model, input, cache_read, "
        "cache_write_5m, cache_write_1h, output, reasoning, cost_micros, unpriced, "
        "messages, prompts, tool_calls, tool_errors, started_ms, last_ms, active_ms, "
        "context_tokens, window_tokens"
    ),
    "response": f"*, {_SESSION}",
    "call": f"*, {_SESSION}",
    "mark": f"*, {_SESSION}",
    "cell": f"*, {_SESSION}",
}
"""What is read of each table; of segments and states, their ends depend on the clock."""

_SURROGATES = {"response_key", "call_key", "mark_key", "session"}
_TEXTS = {
    "agent",
    "cwd",
    "model",
    "branch",
    "account",
    "tool",
    "server",
    "skill",
    "subagent",
    "name",
}


def measure(effort: Effort) -> list[Row]:
    history = corpus(size="20MB", files=100) if effort.quick else effort.history()
    with new_home() as home:
        history.link_into(home.folder)
        with running(home) as daemon:
            daemon.read_all()

        first = _books(home)
        _clear(home, history)
        _write(home, history, second=False)
        with running(home) as daemon:
            daemon.read_all()
            _write(home, history, second=True)
            daemon.read_all()

        second = _books(home)

    differing = (first - second) + (second - first)
    return [
        Row(
            figure="rows of a first read that differ from those of lines as they come",
            samples=(float(differing.total()),),
            unit="rows",
            must=0,
        ),
        Row(figure="- rows compared", samples=(float(first.total()),), unit="rows"),
    ]


def _books(home: Home) -> Counter[tuple[Any, ...]]:
    """Return all rows, each with its table's name and the texts that it refers to."""
    path = home.folder / ".local/state/jarvisd/jarvisd.db"
    found: Counter[tuple[Any, ...]] = Counter()
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as store:
        texts = dict(store.execute("SELECT text_key, text FROM text"))
        for table, columns in _QUERIES.items():
            rows = store.execute(f"SELECT {columns} FROM {table}")
            names = [each[0] for each in rows.description]
            for values in rows:
                row = [
                    (name, texts.get(value, value) if name in _TEXTS else value)
                    for name, value in zip(names, values, strict=True)
                    if name not in _SURROGATES
                ]
                found[table, *row] += 1

    return found


def _clear(home: Home, history: Corpus) -> None:
    """Remove the store and all transcripts, but not the home: accounts depend on it."""
    shutil.rmtree(home.folder / ".local")
    for each in history.files():
        (home.folder / each.relative_to(history.root)).unlink()


def _write(home: Home, history: Corpus, *, second: bool) -> None:
    """Write one half of each transcript, cut anywhere, a line or a character apart."""
    for each in history.files():
        target = home.folder / each.relative_to(history.root)
        text = each.read_bytes()
        half = len(text) // 2
        with target.open("ab") as file:
            file.write(text[half:] if second else text[:half])
