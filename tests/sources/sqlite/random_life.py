"""A random life of a database, and what our source makes of it at each quiet point."""

from dataclasses import dataclass
from pathlib import Path
from random import Random
from unittest.mock import patch

from jarvisd.core.source import Budget
from jarvisd.core.sources.sqlite import database_source
from jarvisd.core.sources.sqlite.database_errors import (
    DefectError,
    RestlessError,
    UnknownVersionError,
)
from jarvisd.core.sources.sqlite.lock_free_vfs import SnapshotReader
from tests.sources.sqlite.database_rig import (
    Consumer,
    Writer,
    asking,
    consuming,
    present,
    totals_of,
    truth,
)
from tests.sources.sqlite.opencode_like import BALANCE, WITH_TITLES


@dataclass
class Life:
    """What happened in it."""

    points: int = 0
    kills: int = 0
    items: int = 0
    sums: int = 0
    torn: int = 0
    wrong: int = 0


def live(folder: Path, *, seed: int, points: int, mode: str) -> Life:
    """Run a writer, kill it now and then, and compare at *points* quiet points.

    We read all the time: while it writes, while it is dead, and after restarts of ours.
    At a quiet point what was counted must be what SQLite's recovery of a copy gives.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path, chance, life = folder / "agent.db", Random(seed), Life()
    writer = Writer(path, mode)
    # By itself it looks less closely once there are more sessions than these.
    always = patch.object(database_source, "COMPARED_ALWAYS", 64 * (seed % 2))
    with always, consuming(path, WITH_TITLES) as consumer, asking(path) as reader:
        try:
            for point in range(points):
                writer("seed", seed * 10_000 + point)
                writer.start("live", chance.randint(1, 200))
                looks = chance.randint(1, 8) if chance.random() < 0.3 else None
                while writer.is_busy(chance.choice((0, 0, 0.002, 0.01))):
                    consumer.read(Budget(items=chance.choice((1, 5, 50, 400))))
                    life.sums += is_summed_up(reader)
                    if looks is not None:
                        looks -= 1
                        if looks == 0:
                            break

                if looks == 0:
                    writer.kill()
                    life.kills += 1
                else:
                    writer.answer()

                if chance.random() < 0.3:
                    consumer.restart()

                compare(consumer, path, folder)
                life.points += 1
                if looks == 0:
                    writer = Writer(path, mode)
        finally:
            writer.kill()

    life.items, life.torn = consumer.items, reader.torn
    return life


def is_summed_up(reader: SnapshotReader) -> bool:
    """Sum up a table; each transaction keeps the sum in a row beside it."""
    try:
        row = reader.ask(lambda snapshot: snapshot.row(BALANCE))
    except (RestlessError, UnknownVersionError, FileNotFoundError):
        return False
    except DefectError as exc:
        # It is being created, or its backup was made before there was a table.
        if "no such table" not in str(exc):
            raise
        return False

    assert row is not None
    assert row[:2] == row[2:], "a state that never was"
    return True


def compare(consumer: Consumer, path: Path, folder: Path) -> None:
    """Hold what was counted against what SQLite's recovery of a copy gives."""
    right = present(truth(path, folder / "copy", WITH_TITLES))
    batch = consumer.drain(Budget(items=30))
    if batch.fault is not None and "journal" in batch.fault.reason:
        # Only its owner may roll back what it left; what was read before stays.
        return

    assert batch.fault is None or not right, batch.fault
    assert present(consumer.streams) == right, "rows are missing or too many"
    totals = {s: t for s, t in consumer.totals.items() if t.items}
    assert totals == totals_of(right), "rows are right, totals are not"
