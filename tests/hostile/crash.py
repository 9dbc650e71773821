"""The daemon is killed, again and again, while fifty transcripts are being written.

Each is written in torn pieces all the time, dead daemon or not. A kill comes at a
random moment after the start, so some come before it is ready. In the end every line
must be counted once, and the store must be whole.
"""

import random
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import anyio

from tests.e2e.home import Home, append_bytes, record
from tests.e2e.rig import Daemon, running_daemon
from tests.hostile.figures import Figure, part

KILLS = 1000
SOURCES = 50
SEED = 20261121
ALIVE_S = 0.7
"""The longest time between a start and its kill; it is ready after about half."""

PIECE_BYTES = 37
"""A record has 40 characters, so most pieces end in the middle of one."""


@dataclass(slots=True)
class Source:
    """A transcript, and what was written into it."""

    path: Path
    chars: int
    written: int = 0

    def write_piece(self) -> None:
        """Append a few bytes, wherever in a line they end."""
        line = f"{record(self.chars)}\n".encode()
        start = self.written % len(line)
        append_bytes(self.path, (line * 2)[start : start + PIECE_BYTES])
        self.written += PIECE_BYTES

    def finish(self) -> None:
        """Append the rest of the line."""
        line = f"{record(self.chars)}\n".encode()
        rest = line[self.written % len(line) :]
        append_bytes(self.path, rest)
        self.written += len(rest)

    @property
    def lines(self) -> int:
        """Return the whole lines written."""
        return self.written // (self.chars + 1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found by the last daemon."""

    written: int
    lost: int
    doubled: int
    wrong_chars: int
    damage: str
    log: str


async def figures(home: Home, *, share: float = 1.0) -> list[Figure]:
    """Kill it a thousand times."""
    kills = part(KILLS, share)
    outcome = await endure(home, kills=kills, sources=SOURCES, seed=SEED)
    return [
        Figure(f"kills (seed {SEED})", kills),
        Figure("lines written in torn pieces meanwhile", outcome.written),
        Figure("lines lost", outcome.lost, 0),
        Figure("lines counted twice", outcome.doubled, 0),
        Figure("characters too many or too few", outcome.wrong_chars, 0),
        Figure(
            f"damage found in the store: {outcome.damage}", outcome.damage != "ok", 0
        ),
    ]


async def endure(home: Home, *, kills: int, sources: int, seed: int) -> Outcome:
    """Kill a daemon *kills* times while *sources* files are written."""
    chance = random.Random(seed)
    written = [Source(home.transcript(), 40 + each) for each in range(sources)]
    async with running_daemon(home) as daemon:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_write, written, random.Random(seed + 1))
            for _ in range(kills):
                await anyio.sleep(chance.uniform(0, ALIVE_S))
                await daemon.kill()
                daemon.spawn()

            tasks.cancel_scope.cancel()

        for source in written:
            source.finish()

        await daemon.answering()
        off, wrong_chars = await _compare(daemon, written)
        await daemon.kill()
        return Outcome(
            written=sum(each.lines for each in written),
            lost=sum(each for each in off if each > 0),
            doubled=-sum(each for each in off if each < 0),
            wrong_chars=wrong_chars,
            damage=damage(home),
            log=daemon.log(),
        )


async def _write(sources: list[Source], chance: random.Random) -> None:
    while True:
        for source in chance.sample(sources, k=max(1, len(sources) // 8)):
            source.write_piece()

        await anyio.sleep(0.005)


async def _compare(daemon: Daemon, sources: list[Source]) -> tuple[list[int], int]:
    """Return how many lines each file lacks, and all characters that are wrong."""
    lacking, wrong_chars = [], 0
    async with daemon.connected() as client:
        await client.sync()
        for source in sources:
            block = await client.block_at(source.path)
            assert block is not None
            lacking.append(source.lines - block.line_count)
            wrong_chars += abs(source.lines * source.chars - block.char_count)

    return lacking, wrong_chars


def damage(home: Home) -> str:
    """Return what SQLite says of the store: `ok` if it is whole."""
    with closing(sqlite3.connect(home.state / "jarvisd.db")) as database:
        return str(database.execute("PRAGMA integrity_check").fetchone()[0])
