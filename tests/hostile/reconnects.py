"""A subscriber that loses its connection again and again, and must miss nothing.

Counters of a block are conflated, so what it is told must grow with every notification
and end where the files end; and of every new file it must be told.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import msgspec

from jarvisd.core.origin import BlockView
from jarvisd.rpc.client_wire import SubscribeResult
from tests.e2e.client import Client
from tests.e2e.home import Home, append, record
from tests.e2e.rig import Daemon, running_daemon
from tests.hostile.figures import Figure, part

TIMES = 1000
GROWING = 5
LONGEST_S = 0.05
PATIENCE_S = 60.0


@dataclass(slots=True)
class Subscriber:
    """What it was told so far, over all its connections."""

    cursor: str | None = None
    counts: dict[str, int] = field(default_factory=dict)
    told: int = 0
    duplicates: int = 0
    resets: int = 0

    async def listen(self, daemon: Daemon, seconds: float) -> None:
        """Connect, go on where it was, and hang up after so many seconds."""
        async with daemon.connected() as client:
            await self._subscribe(client)
            with anyio.move_on_after(seconds):
                await self._take_all(client)

    async def _subscribe(self, client: Client) -> None:
        since = {} if self.cursor is None else {"since": self.cursor}
        answer = await client.ask(
            "subscribe", SubscribeResult, topics=["blocks"], **since
        )
        self.resets += answer.reset
        self.cursor = answer.cursor

    async def _take_all(self, client: Client) -> None:
        while True:
            event = await client.next_event()
            block = msgspec.json.decode(event.data, type=BlockView)
            assert block.path is not None
            self._take(block.path, block.line_count)
            self.cursor = event.cursor

    def _take(self, path: str, lines: int) -> None:
        self.told += 1
        # A block may change in more than its lines, but never without growing once.
        self.duplicates += lines < self.counts.get(path, 0)
        self.counts[path] = lines


async def figures(home: Home, *, share: float = 1.0) -> list[Figure]:
    """Reconnect 1,000 times."""
    times = part(TIMES, share)
    subscriber, missed = await endure(home, times=times)
    return [
        Figure("reconnects with `since`", times),
        Figure("notifications", subscriber.told),
        Figure("files whose last state was missed", missed, 0),
        Figure("notifications that went back", subscriber.duplicates, 0),
        Figure("resets", subscriber.resets, 0),
    ]


async def endure(home: Home, *, times: int) -> tuple[Subscriber, int]:
    """Reconnect *times* while files come and grow; return also what was missed."""
    subscriber, chance = Subscriber(), random.Random(times)
    files = _files(home)
    paths = [next(files) for _ in range(GROWING)]
    async with running_daemon(home) as daemon:
        await daemon.sync()
        await subscriber.listen(daemon, 0)
        for _ in range(times):
            for path in paths[:GROWING]:
                append(path, record())
            paths.append(next(files))
            append(paths[-1], record())
            await subscriber.listen(daemon, chance.uniform(0, LONGEST_S))

        await daemon.sync()
        await subscriber.listen(daemon, 1.0)

    wanted = {str(each): each.read_bytes().count(b"\n") for each in paths}
    missed = sum(subscriber.counts.get(path) != n for path, n in wanted.items())
    return subscriber, missed


def _files(home: Home) -> Iterator[Path]:
    """Give new files, a few to a project."""
    number = 0
    while True:
        yield home.transcript(f"p{number // 50}")
        number += 1
