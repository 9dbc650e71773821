"""Agents do all to their databases that can be done, and are killed meanwhile."""

from pathlib import Path

from anyio import to_thread

from tests.e2e.home import Home
from tests.hostile.figures import Figure, part
from tests.sources.sqlite.random_life import Life, live

LIVES = {"wal": 24, "delete": 8, "persist": 8, "truncate": 8}
POINTS = 20


async def figures(home: Home, *, share: float = 1.0) -> list[Figure]:
    """Run 48 databases through 20 quiet points each."""
    lives = [
        await to_thread.run_sync(endure, home.folder / f"{mode}-{seed}", seed, mode)
        for mode, count in LIVES.items()
        for seed in range(part(count, share))
    ]
    return [
        Figure("quiet points of databases", sum(life.points for life in lives)),
        Figure("writers killed", sum(life.kills for life in lives)),
        Figure("rows delivered", sum(life.items for life in lives)),
        Figure("states summed up whole", sum(life.sums for life in lives)),
        Figure("torn readings, noticed", sum(life.torn for life in lives)),
        Figure("databases read wrong", sum(life.wrong for life in lives), 0),
    ]


def endure(folder: Path, seed: int, mode: str) -> Life:
    """Return one life, or that something in it was read wrong."""
    try:
        return live(folder, seed=seed, points=POINTS, mode=mode)
    except Exception as exc:
        print(f"{mode}, seed {seed}: {exc!r:.1000}")
        return Life(wrong=1)
