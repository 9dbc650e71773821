"""One flush of 1,000 and of 10,000 blocks, in this process: its length, and the stall.

The stall is what a line that arrives meanwhile would wait for: a task that wakes every
millisecond notes by how much it was late. One that asked for every turn of the loop
would measure itself: it leaves the store's thread no moment of its own.
"""

import logging
import sys
import time
from pathlib import Path

import anyio
import structlog

from benchmarks.effort import Effort
from benchmarks.home import new_home
from benchmarks.rows import Row
from jarvisd.__main__ import SWITCH_S
from jarvisd.app.feature_order import build_features, open_store
from jarvisd.base.clock import SystemClock
from jarvisd.core.block import Block
from jarvisd.core.flush import Flusher
from jarvisd.core.origin import BlockId, Kind, Origin
from jarvisd.overview.sessions import Sessions
from jarvisd.state.journal import Journal

SIZES = (1_000, 10_000)
TICK_S = 0.001


def measure(effort: Effort) -> list[Row]:
    rows = []
    sys.setswitchinterval(SWITCH_S)  # as the daemon does
    level = structlog.make_filtering_bound_logger(logging.INFO)
    structlog.configure(wrapper_class=level)  # as the daemon logs
    with new_home() as home:
        for size in SIZES:
            path = home.folder / f"{size}.db"
            runs = anyio.run(_flushes, path, size, effort.runs(7))
            took_ms, stall_ms = zip(*runs, strict=True)
            rows += [
                Row(figure=f"flush of {size:,} blocks", samples=took_ms, unit="ms"),
                Row(
                    figure=f"flush of {size:,} blocks, longest stall of the loop",
                    samples=stall_ms,
                    unit="ms",
                    must=10,
                    ambition=3,
                ),
            ]

    return rows


async def _flushes(path: Path, size: int, runs: int) -> list[tuple[float, float]]:
    clock = SystemClock()
    blocks = [_block(number) for number in range(size)]
    async with open_store(path, clock=clock) as store:
        known = Sessions()
        features = build_features(known, Journal())
        streams_of = known.blocks_of
        flusher = Flusher(store, clock, blocks, features, streams_of=streams_of)
        await _flush(flusher, blocks)  # makes the files; that is no usual flush
        return [await _flush(flusher, blocks) for _ in range(runs)]


async def _flush(flusher: Flusher, blocks: list[Block]) -> tuple[float, float]:
    """Return how long a flush of all *blocks* took and the longest stall, in ms."""
    for block in blocks:
        block.line_count += 1
        flusher.touch(block)

    stall = Stall()
    async with anyio.create_task_group() as group:
        await group.start(stall.watch)
        started = time.perf_counter()
        await flusher.flush_all()
        took_s = time.perf_counter() - started
        group.cancel_scope.cancel()

    return took_s * 1e3, stall.longest_s * 1e3


class Stall:
    """The longest time for which the loop did not come round."""

    longest_s = 0.0

    async def watch(self, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        """Wake every TICK_S until cancelled."""
        task_status.started()
        while True:
            due = time.perf_counter() + TICK_S
            await anyio.sleep(TICK_S)
            self.longest_s = max(self.longest_s, time.perf_counter() - due)


def _block(number: int) -> Block:
    return Block(
        Origin(
            block_id=BlockId(f"{number:016x}"),
            kind=Kind.TRANSCRIPT,
            agent="claude",
            path=f"/home/dev/.claude/projects/-home-dev-work/{number}.jsonl",
            project="/home/dev/work",
        )
    )
