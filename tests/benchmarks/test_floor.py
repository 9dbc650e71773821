"""The least that a program would do counts what is there, or it is no floor."""

import sqlite3
from contextlib import closing
from pathlib import Path

from benchmarks.feeder import Plan
from benchmarks.floor import following, read_cpu_s
from benchmarks.lines import transcript
from benchmarks.live import feeding
from tests.support import eventually


def test_it_reads_every_line(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "a.jsonl").write_bytes(transcript("a", 300))
    (tmp_path / "below" / "b.jsonl").write_bytes(transcript("b", 3))

    cpu_s, lines = read_cpu_s(tmp_path)

    assert lines == 303
    assert cpu_s > 0


async def test_it_counts_and_stores_what_is_appended(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(transcript("a", 1))

    def counted() -> int:
        with closing(sqlite3.connect(tmp_path / "floor.db")) as store:
            return sum(lines for (lines,) in store.execute("SELECT lines FROM block"))

    with following(tmp_path):
        plan = Plan(paths=[str(path)], rate=500, seconds=0.02)
        with feeding(plan) as feeder:
            assert len(feeder.finish()) == 10

        await eventually(lambda: counted() == 10)
