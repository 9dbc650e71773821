"""A process killed at any moment leaves whole flushes, and all it said were committed."""

import subprocess
import sys
from pathlib import Path

import pytest

from jarvisd.app.feature_order import open_store
from tests.storage.building import lines_by_id
from tests.storage.saving_child import BLOCKS
from tests.support import FakeClock

REPOSITORY = Path(__file__).parents[2]


def flush_until_killed(path: Path, *, after: int) -> int:
    """Run the saving child, kill it *after* so many flushes; return the last it told."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.storage.saving_child", str(path)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )
    with child:
        assert child.stdout is not None
        told = [child.stdout.readline() for _ in range(after)]
        child.kill()
        told += child.stdout.readlines()
    return int(told[-1])


@pytest.mark.parametrize("after", [1, 7, 40])
async def test_no_flush_is_lost_doubled_or_halved_by_kills(
    tmp_path: Path, after: int
) -> None:
    path = tmp_path / "s.db"
    for _ in range(2):  # the second one finds what the first left behind
        told = flush_until_killed(path, after=after)

        async with open_store(path, clock=FakeClock()) as store:
            lines = await lines_by_id(store)
            assert store.repaired is None
            assert await store.check() == []

        # The row's content is the number of its flush: whoever is ahead was halved.
        assert set(lines.values()) == {store.revision}
        assert len(lines) == BLOCKS
        assert store.revision in (told, told + 1)


LEAVES_WITHOUT_CLOSING = """
import sys
from pathlib import Path

import anyio

from jarvisd.base.clock import SystemClock
from jarvisd.app.feature_order import open_store


async def leave() -> None:
    store = open_store(Path(sys.argv[1]), clock=SystemClock())
    await store.__aenter__()
    print("opened", flush=True)
    sys.exit(3)


anyio.run(leave)
"""


def test_a_process_that_never_closes_the_store_ends_all_the_same(
    tmp_path: Path,
) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", LEAVES_WITHOUT_CLOSING, str(tmp_path / "s.db")],
        cwd=REPOSITORY,
        capture_output=True,
        timeout=20,
        check=False,
    )

    assert (ended.returncode, ended.stdout) == (3, b"opened\n")
