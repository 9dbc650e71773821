"""An hour in twenty minutes: sessions are born, grow, end and are deleted, clients come and go.

What must stay constant is looked at all the while: descriptors, memory, the log of the
database, and how much is logged.
"""

import random
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

import anyio

from jarvisd.overview.wire import StatusResult
from tests.e2e.home import Home, append, record
from tests.e2e.rig import Daemon, running_daemon
from tests.hostile import reconnects
from tests.hostile.figures import Figure
from tests.hostile.reconnects import Subscriber

SOAK_S = 1200.0
AGENTS = 10
"""At a time. A session lasts two minutes or so, which stand for six: a hundred in the
run. What is known of one for ever is some kilobytes, which are no leak."""
LINES_A_SECOND = 10
SESSION_S = (30, 240)
SUBSCRIBERS = 5
SAMPLE_S = 2.0
WARM_UP = 0.5
"""The share of the run after which everything is as full as it will be: a session is
followed for five minutes after its last line, and memory that the allocator keeps stops
growing after some 40,000 lines of all lengths."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What was seen at one moment."""

    at_s: float
    resident_bytes: int
    descriptors: int
    log_bytes: int


async def figures(home: Home, *, share: float = 1.0) -> list[Figure]:
    """Live through an hour, then reconnect a thousand times."""
    samples, lines, logged = await endure(home, seconds=SOAK_S * share)
    steady = samples[int(len(samples) * WARM_UP) :]
    sockets = [each.descriptors for each in steady]
    return [
        Figure("lines counted, all exact", lines),
        Figure("descriptors that are no transcript, most", max(sockets)),
        Figure(
            "and more than the fewest", max(sockets) - min(sockets), SUBSCRIBERS + 2
        ),
        Figure("memory in the end", samples[-1].resident_bytes / 1e6, 150, "MB"),
        # In a shorter run memory is still growing to what is needed.
        Figure(
            "memory's slope", slope_mb_a_run(steady), 1 if share >= 1 else None, "MB/h"
        ),
        Figure("the store's log, at most", _most_log(samples), 64, "MB"),
        Figure("lines in the daemon's log", logged / (SOAK_S * share / 60), 1, "/min"),
        *await reconnects.figures(home, share=share),
    ]


async def endure(home: Home, *, seconds: float) -> tuple[list[Sample], int, int]:
    """Live so long; return samples, lines counted and lines logged."""
    files, samples, chance = _files(home), list[Sample](), random.Random(1)
    kept: dict[Path, int] = {}
    async with running_daemon(home) as daemon:
        with anyio.move_on_after(seconds):
            async with anyio.create_task_group() as group:
                for _ in range(AGENTS):
                    group.start_soon(_work, files, kept, chance)
                for _ in range(SUBSCRIBERS):
                    group.start_soon(_follow, daemon, chance)
                group.start_soon(partial(_watch, daemon, samples))

        total = await _checked(daemon, kept)
        logged = len(daemon.log().splitlines())
    return samples, total, logged


def slope_mb_a_run(samples: list[Sample]) -> float:
    """Return how memory grows over a whole run, which stands for an hour."""
    times = [each.at_s for each in samples]
    sizes = [each.resident_bytes / 1e6 for each in samples]
    middle, mean = sum(times) / len(times), sum(sizes) / len(sizes)
    spread = sum((at - middle) ** 2 for at in times)
    together = sum((t - middle) * (s - mean) for t, s in zip(times, sizes, strict=True))
    return together / spread * SOAK_S


async def _work(
    files: Iterator[Path], kept: dict[Path, int], chance: random.Random
) -> None:
    """Be an agent: one session after the other; every second one is deleted."""
    for number in count():
        path, until = next(files), anyio.current_time() + chance.uniform(*SESSION_S)
        kept[path] = 0
        while anyio.current_time() < until:
            append(path, record(chance.randrange(40, 4000)))
            kept[path] += 1
            await anyio.sleep(1 / LINES_A_SECOND)

        if number % 2:
            del kept[path]
            path.unlink()


async def _follow(daemon: Daemon, chance: random.Random) -> None:
    """Be a frontend that its user opens and closes."""
    subscriber = Subscriber()
    while True:
        with suppress(OSError, anyio.EndOfStream):
            await subscriber.listen(daemon, chance.uniform(0.1, 3))
            await daemon.ask("status", StatusResult)


async def _watch(daemon: Daemon, samples: list[Sample]) -> None:
    """Take a sample every few seconds."""
    began = anyio.current_time()
    while True:
        await anyio.sleep(SAMPLE_S)
        others = [each for each in daemon.open_files() if not each.endswith(".jsonl")]
        log = daemon.home.state / "jarvisd.db-wal"
        samples.append(
            Sample(
                anyio.current_time() - began,
                daemon.resident_bytes(),
                len(others),
                _size(log),
            )
        )


async def _checked(daemon: Daemon, kept: dict[Path, int]) -> int:
    """Return how many lines are counted; each file's must be as they were written."""
    async with daemon.connected() as client:
        await client.sync()
        found = {each.path: each.line_count for each in await client.blocks()}
        assert {path: found[str(path)] for path in kept} == kept

    return sum(found.values())


def _most_log(samples: list[Sample]) -> float:
    return max(each.log_bytes for each in samples) / 1e6


def _size(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_size

    return 0


def _files(home: Home) -> Iterator[Path]:
    """Give new files, in a few projects."""
    for number in count():
        yield home.transcript(f"soak{number % 10}")
