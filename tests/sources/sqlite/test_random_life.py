"""Whatever an agent does to its database, each row counts once, as it is at last."""

from pathlib import Path

import pytest

from tests.sources.sqlite.random_life import live


@pytest.mark.parametrize(
    ("mode", "seed", "points"),
    [("wal", 11, 25), ("wal", 12, 25), ("delete", 13, 8), ("persist", 14, 8)],
)
def test_at_each_quiet_point_all_is_as_recovery_gives_it(
    tmp_path: Path, mode: str, seed: int, points: int
) -> None:
    life = live(tmp_path, seed=seed, points=points, mode=mode)

    assert life.points == points
    assert life.sums >= points
