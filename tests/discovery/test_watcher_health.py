"""Whose hints are believed: a file that was missed is looked at by time, no other."""

from itertools import count
from pathlib import Path

import anyio

from jarvisd.base.clock import SystemClock
from jarvisd.core.discovery.scheduler import Scheduler
from jarvisd.core.discovery.watch_health import HINT_MS
from tests.books.rig import append, running, transcript
from tests.ledger import test_ledger_claude as claude
from tests.support import eventually

ATTEMPTS = 20


def is_hinted(reader: Scheduler, path: Path) -> bool:
    known = reader.file_registry.get(str(path))
    return known is not None and known.hinted


async def followed_by_hints(reader: Scheduler, path: Path) -> None:
    """Let *path* grow until its watch has told of it."""
    number = count()

    def is_told() -> bool:
        append(path, claude.prompt(second=0, key=f"{path.stem} {next(number)}"))
        return is_hinted(reader, path)

    await eventually(is_told)


async def change_unheard(reader: Scheduler, path: Path) -> None:
    """Append to *path* while no watch tells of it, and have it found by a scan."""
    reader.live_watch.remove(str(path.parent))
    append(path, claude.prompt(second=1, key=f"at {SystemClock().monotonic()}"))
    await anyio.sleep(1.1 * HINT_MS / 1000)  # for so long a hint is only late
    scanned_ms = reader.reconciler.finished_ms
    reader.reconciler.request_scan()
    await eventually(lambda: reader.reconciler.finished_ms != scanned_ms)


async def test_a_file_whose_hints_were_lost_is_looked_at_by_time_and_no_other(
    tmp_path: Path,
) -> None:
    first, second = transcript(tmp_path, "first"), transcript(tmp_path, "second")
    second = second.parent.with_name("-elsewhere") / second.name
    second.parent.mkdir()
    async with running(tmp_path) as daemon:
        reader = daemon.reader
        for path in (first, second):
            await followed_by_hints(reader, path)

        await daemon.sync()
        attempts = count()
        while is_hinted(reader, first):
            # A scan that comes by before a hint would have come blames nobody.
            assert next(attempts) < ATTEMPTS
            await change_unheard(reader, first)

        assert is_hinted(reader, second)
        await daemon.sync()
