"""How long an appended line takes to reach a subscriber.

A feeder process appends and notes when; a connection subscribed to all blocks notes
when it was told. A line has arrived with the first event in which its block has read
as far as the file reached after that line.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from benchmarks.client import Seen
from benchmarks.errors import RigError
from benchmarks.feeder import Plan
from benchmarks.rig import REPOSITORY, Daemon

SETTLE_S = 1.0
"""The last line may be on its way for this long before it counts as lost."""


class Append(NamedTuple):
    """One line: when it was written, where, and how large that made the file."""

    at_ns: int
    path: str
    size: int


@dataclass(slots=True)
class Feeding:
    """A feeder at work."""

    plan: Plan
    _process: subprocess.Popen[bytes]

    def finish(self, *, early: bool = False) -> list[Append]:
        """Wait for the end of the plan, or end it now; return what was written."""
        if early:
            self._process.terminate()

        assert self._process.stdout is not None
        rows = [[int(word) for word in each.split()] for each in self._process.stdout]
        self._process.wait()
        return [Append(at_ns, self.plan.paths[i], size) for at_ns, i, size in rows]


@contextmanager
def feeding(plan: Plan) -> Iterator[Feeding]:
    """Append as *plan* says while the context lasts, or until the plan is done."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.feeder"],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        try:
            process.stdin.write(msgspec.json.encode(plan) + b"\n")
            process.stdin.flush()
            if process.stdout.readline() != b"ready\n":
                raise RigError("the feeder did not start")

            process.stdin.close()
            yield Feeding(plan, process)
        finally:
            process.kill()


def watch(daemon: Daemon, plan: Plan) -> tuple[list[Append], list[Seen]]:
    """Feed *plan* while subscribed to all blocks; return what went in and came out."""
    with daemon.connect() as client:
        client.ask("subscribe", topics=["blocks"])
        with feeding(plan) as feeder:
            client.listen(plan.seconds + SETTLE_S)
            return feeder.finish(), client.seen()


def wake(daemon: Daemon, paths: list[str], *, number: int = 1) -> list[float]:
    """Append line *number* to each of *paths*, so that the daemon follows them all.

    Return what that took to show, in ms: it is the time that a session needs to be
    noticed, not that of its further lines.
    """
    plan = Plan(paths=paths, rate=len(paths), seconds=1, first_number=number)
    return latencies_ms(*watch(daemon, plan))


def latencies_ms(appends: list[Append], seen: list[Seen]) -> list[float]:
    """Return for each append how long it took until it was seen, in ms.

    Raises:
        RigError: A line was never seen.

    """
    events = {path: iter(found) for path, found in _by_path(seen).items()}
    current: dict[str, Seen] = {}
    taken = []
    for append in appends:
        shown = current.get(append.path)
        while shown is None or shown.bytes_read < append.size:
            shown = next(events.get(append.path, iter(())), None)
            if shown is None:
                raise RigError(f"{append} was never shown")

        current[append.path] = shown
        taken.append((shown.at_ns - append.at_ns) / 1e6)

    return taken


def _by_path(seen: list[Seen]) -> dict[str, list[Seen]]:
    found: dict[str, list[Seen]] = {}
    for each in seen:
        found.setdefault(each.path, []).append(each)

    return found
