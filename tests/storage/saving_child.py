"""A process to be killed: saves for ever, and says of each flush that it is committed."""

import sys
from itertools import count
from pathlib import Path

import anyio

from jarvisd.app.feature_order import open_store
from jarvisd.base.clock import SystemClock
from tests.storage.building import many

BLOCKS = 50


async def save_for_ever(path: Path) -> None:
    async with open_store(path, clock=SystemClock()) as store:
        for lines in count(store.revision + 1):
            revision = (await store.save(many(lines=lines, blocks=BLOCKS))).revision
            print(revision, flush=True)


if __name__ == "__main__":
    anyio.run(save_for_ever, Path(sys.argv[1]))
