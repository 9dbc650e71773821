"""What reading a line costs by itself: each agent's `parse`, lines in memory."""

import time

from benchmarks.effort import Effort
from benchmarks.rows import Row
from jarvisd.agents import agent_named
from jarvisd.lines import LineSplitter

AGENTS = ("claude", "codex")
SAMPLE_BYTES = 60_000_000
CHUNK_BYTES = 64 * 1024


def measure(effort: Effort) -> list[Row]:
    history, rows = effort.history(), []
    for agent in AGENTS:
        lines = list(history.lines(agent, SAMPLE_BYTES))
        runs = [_parsed_mb_per_s(agent, lines) for _ in range(effort.runs(5))]
        rows.append(_row(f"parse {agent} lines", runs))

    text = b"\n".join(lines) + b"\n"
    runs = [_split_mb_per_s(text) for _ in range(effort.runs(5))]
    return [*rows, _row("cut into lines", runs)]


def _row(figure: str, runs: list[float]) -> Row:
    return Row(figure=figure, samples=tuple(runs), unit="MB/CPU-s", more_is_better=True)


def _parsed_mb_per_s(agent: str, lines: list[bytes]) -> float:
    parse = agent_named(agent).parse
    started = time.process_time()
    for line in lines:
        parse(line, offset=0)

    return sum(map(len, lines)) / 1e6 / (time.process_time() - started)


def _split_mb_per_s(text: bytes) -> float:
    chunks = [text[at : at + CHUNK_BYTES] for at in range(0, len(text), CHUNK_BYTES)]
    splitter = LineSplitter()
    started = time.process_time()
    for chunk in chunks:
        splitter.feed(chunk)

    return len(text) / 1e6 / (time.process_time() - started)
