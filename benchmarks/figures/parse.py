"""What reading a line costs by itself: each agent's reader, lines in memory.

The floor is a decoder that wants one field: it validates the line and skips the rest.
It takes turns with the reader, and also tells how fast the machine is at the moment.
"""

import time
from collections.abc import Callable
from functools import partial

import msgspec

from benchmarks.effort import Effort
from benchmarks.floor import OneField
from benchmarks.rows import Row
from jarvisd import agents
from jarvisd.core.agent import ReaderContext, discover_agents
from jarvisd.core.sources.jsonlines.lines import LineSplitter

AGENTS = ("claude", "codex")
SAMPLE_BYTES = 60_000_000
CHUNK_BYTES = 64 * 1024


def measure(effort: Effort) -> list[Row]:
    history, rows = effort.history(), []
    decode = msgspec.json.Decoder(OneField).decode
    known = discover_agents(agents.__name__)
    for agent in AGENTS:
        reader = known[agent].reader(ReaderContext(), b"")
        lines = [line for line in history.lines(agent, SAMPLE_BYTES) if line]
        parsed, floor = [], []
        for _ in range(effort.runs(5)):
            parsed.append(_mb_per_s(partial(reader.read, offset=0), lines))
            floor.append(_mb_per_s(decode, lines))

        rows += [
            _row(f"parse {agent} lines", parsed),
            _row("- its floor: one field", floor),
        ]

    chunks = _chunks(b"\n".join(lines) + b"\n")
    runs = [_mb_per_s(LineSplitter().feed, chunks) for _ in range(effort.runs(5))]
    return [*rows, _row("cut into lines", runs)]


def _row(figure: str, runs: list[float]) -> Row:
    return Row(figure=figure, samples=tuple(runs), unit="MB/CPU-s", more_is_better=True)


def _mb_per_s(take: Callable[[bytes], object], pieces: list[bytes]) -> float:
    started = time.process_time()
    for piece in pieces:
        take(piece)

    return sum(map(len, pieces)) / 1e6 / (time.process_time() - started)


def _chunks(text: bytes) -> list[bytes]:
    return [text[at : at + CHUNK_BYTES] for at in range(0, len(text), CHUNK_BYTES)]
