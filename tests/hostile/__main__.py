"""The long suites: each runs alone and prints one line a figure.

    python -m tests.hostile crowd disk
    python -m tests.hostile --share 0.1 crash

A share does so much of what is repeated. Exit status 1 says that a promise was broken.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol

import anyio

from jarvisd.base.clock import SystemClock
from tests.e2e.home import Home, temporary_home
from tests.hostile import (
    crash,
    crowd,
    databases,
    disk,
    kills,
    mutants,
    overflow,
    scan,
    soak,
    syscalls,
)
from tests.hostile.figures import Figure


class Measure(Protocol):
    """What each suite is: the figures of a home of its own."""

    async def __call__(self, home: Home, /, *, share: float) -> list[Figure]:
        """Do *share* of all that is to be done, and return what came of it."""
        ...


class Suite(NamedTuple):
    """One suite, and how long all of it may take."""

    figures: Measure
    minutes: float


SUITES = {
    "crash": Suite(crash.figures, 15),
    "crowd": Suite(crowd.figures, 1),
    "databases": Suite(databases.figures, 15),
    "disk": Suite(disk.figures, 5),
    "faults": Suite(syscalls.figures, 12),
    "kills": Suite(kills.figures, 10),
    "mutants": Suite(mutants.figures, 15),
    "overflow": Suite(overflow.figures, 10),
    "scan": Suite(scan.figures, 10),
    "soak": Suite(soak.figures, 25),
}


def main(argv: list[str]) -> int:
    """Run the suites that are named; return 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile")
    parser.add_argument("--share", type=float, default=1.0, metavar="PART")
    parser.add_argument("suites", nargs="+", choices=SUITES)
    args = parser.parse_args(argv)
    broken = 0
    for suite in args.suites:
        for figure in measured(suite, args.share):
            print(f"{suite}: {figure}", flush=True)
            broken += not figure.is_kept

    return int(broken > 0)


def measured(suite: str, share: float) -> Iterator[Figure]:
    """Run *suite* in a home of its own, and give its figures and how long it took."""
    clock = SystemClock()
    began = clock.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="jarvisd-") as folder,
        temporary_home(Path(folder)) as home,
    ):
        yield from anyio.run(partial(SUITES[suite].figures, home, share=share))

    minutes = (clock.monotonic() - began) / 60
    yield Figure("minutes that it took", minutes, SUITES[suite].minutes, "min")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
