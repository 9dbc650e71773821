"""Sources that block, read by two callers at once: import and follower."""

from pathlib import Path

import anyio

from jarvisd.base.clock import SystemClock
from jarvisd.core.roots import Position, SourceKind
from jarvisd.core.source import Batch, Budget, Item, ItemRef
from jarvisd.core.sources.blocking_source import BlockingSource
from jarvisd.core.sources.jsonlines.lines import TextLine


class Numbers:
    """Returns a batch of one item, until that was applied, three times."""

    def __init__(self) -> None:
        self.next = 0

    def read(self, budget: Budget) -> Batch:
        del budget
        if self.next == 3:
            return Batch()

        key = str(self.next)
        return Batch([Item(ItemRef(key), "", key.encode(), 1)], more=True)

    def applied(self, batch: Batch) -> None:
        if batch.items and batch.items[0].ref.key == str(self.next):
            self.next += 1

    def cursor(self) -> bytes:
        return b""

    def locate(self, ref: ItemRef) -> bytes | None:
        del ref
        return None


async def test_a_batch_is_applied_once_by_two_callers(tmp_path: Path) -> None:
    numbers = Numbers()
    kind = SourceKind(open=lambda _path, _clock, _cursor: numbers)
    source = BlockingSource(str(tmp_path / "x"), kind, SystemClock())
    found: list[bytes] = []

    async def drain() -> None:
        more = True
        while more:
            if not source.is_ready():
                await source.prepare()

            part = source.read(Position(), 0.0)
            more = part.more
            for each in part.streams.values():
                texts = (x.text for x in each.lines if isinstance(x, TextLine))
                found.extend(texts)

            source.applied()

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(drain)

    assert found == [b"0", b"1", b"2"]
