"""A subscriber who comes back after every kill, and what it was told of states."""

import random
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import anyio
import msgspec
from anyio import BrokenResourceError, EndOfStream

from jarvisd.rpc.client_wire import SubscribeResult
from jarvisd.state.model import Transition
from jarvisd.state.wire import StatesHistoryResult
from tests.e2e.client import Client, connected

STAY_S = (0.2, 3.0)
PAUSE_S = 0.02


@dataclass(frozen=True, slots=True)
class Past:
    """What a subscriber was told, held against the history of the last daemon."""

    told: int
    doubled: int
    unknown: int
    missing: int
    misplaced: int


@dataclass(slots=True)
class Follower:
    """Follows all states, each time from the last number that it was told."""

    socket: Path
    told: list[Transition] = field(default_factory=list)
    _cursor: str | None = None

    async def follow(self, chance: random.Random) -> None:
        """Be told until cancelled; hang up now and then, with and without a cursor."""
        while True:
            with suppress(OSError, EndOfStream, BrokenResourceError):
                async with connected(self.socket) as client:
                    await self._subscribe(client, with_cursor=chance.random() < 0.5)
                    with anyio.move_on_after(chance.uniform(*STAY_S)):
                        while True:
                            await self._hear(client)

            await anyio.sleep(PAUSE_S)

    async def past(self, client: Client) -> Past:
        """Be told of the rest by *client*, and compare all with the history."""
        history = await _history(client)
        await self._subscribe(client, with_cursor=False)
        while history and self._last < history[-1].number:
            await self._hear(client)

        counts, stored = Counter(each.number for each in self.told), set(history)
        return Past(
            told=len(self.told),
            doubled=sum(each - 1 for each in counts.values()),
            unknown=sum(each not in stored for each in self.told),
            missing=sum(not counts[each.number] for each in history),
            misplaced=sum(a.number > b.number for a, b in pairwise(self.told)),
        )

    @property
    def _last(self) -> int:
        return self.told[-1].number if self.told else 0

    async def _subscribe(self, client: Client, *, with_cursor: bool) -> None:
        since = {"since": self._cursor} if with_cursor and self._cursor else {}
        topics = ["blocks", "states"]
        asked = {"topics": topics, "after": self._last, **since}
        await client.ask("subscribe", SubscribeResult, **asked)

    async def _hear(self, client: Client) -> None:
        event = await client.next_event()
        self._cursor = event.cursor
        if event.topic == "states":
            self.told.append(msgspec.json.decode(event.data, type=Transition))


async def _history(client: Client) -> list[Transition]:
    found: list[Transition] = []
    after: int | None = 0
    while after is not None:
        page = await client.ask("states.history", StatesHistoryResult, after=after)
        found += page.transitions
        after = page.next

    return found
