"""The long suites: each runs alone and prints one line a figure.

    python -m tests.hostile crowd

Exit status 1 says that a promise was broken.
"""

import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio

from tests.e2e.home import Home, temporary_home
from tests.hostile import crash, crowd, disk, overflow, scan, soak, syscalls
from tests.hostile.figures import Figure

SUITES: dict[str, Callable[[Home], Awaitable[list[Figure]]]] = {
    "crash": crash.figures,
    "crowd": crowd.figures,
    "disk": disk.figures,
    "faults": syscalls.figures,
    "overflow": overflow.figures,
    "scan": scan.figures,
    "soak": soak.figures,
}


async def measure(suite: str) -> list[Figure]:
    """Run *suite* in a home of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="jarvisd-") as folder,
        temporary_home(Path(folder)) as home,
    ):
        return await SUITES[suite](home)


def main() -> int:
    broken = 0
    for suite in sys.argv[1:]:
        for figure in anyio.run(measure, suite):
            print(f"{suite}: {figure}", flush=True)
            broken += not figure.is_kept

    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())
