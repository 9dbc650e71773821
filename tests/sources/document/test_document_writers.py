"""Documents read while real processes rewrite them in each manner that agents have.

Whatever the moment of a look: nothing is counted that was not written, nothing twice,
and when the writer rests all that is in the document counts as it is.
"""

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

import anyio
import pytest

from jarvisd.base.clock import SystemClock
from jarvisd.core.source import Budget, Source
from jarvisd.core.sources.document.document_source import DocumentSource
from jarvisd.core.sources.document.event_folder import EventFolder
from tests.conftest import REPOSITORY
from tests.sources.document import writer
from tests.sources.document.counting import Counted, drain
from tests.sources.document.kinds import CLINE, OPENHANDS_EVENTS
from tests.support import PATIENCE_S, eventually

IS_LONG = int(os.environ.get("JARVISD_EXAMPLES", "200")) >= 1000
SEEDS = range(20 if IS_LONG else 1)
STEPS = 40
EVENTS = 70
BUDGET = Budget(items=7, size_bytes=50_000)


class Process:
    """A writer, and what it says."""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.sources.document.writer", *arguments],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._said: SimpleQueue[bytes] = SimpleQueue()
        self._listener = Thread(target=self._listen)
        self._listener.start()

    async def said(self, source: Source, counted: Counted) -> dict[str, object]:
        """Return its next line; *source* is read all the time until then."""
        with anyio.fail_after(PATIENCE_S):
            while True:
                drain(source, counted, BUDGET)
                try:
                    found: dict[str, object] = json.loads(self._said.get_nowait())
                except Empty:
                    await anyio.sleep(0.002)
                else:
                    return found

    def go_on(self) -> None:
        """Resume the writer from its pause."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()

    def kill(self) -> None:
        self._process.kill()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._listener.join()
        for each in (self._process.stdin, self._process.stdout):
            assert each is not None
            each.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._said.put(line)


@contextmanager
def writing(*arguments: str) -> Iterator[Process]:
    """Run a writer as long as the block runs."""
    process = Process(*arguments)
    try:
        yield process
    finally:
        process.close()


def told(counted: Counted) -> dict[str, str]:
    """Return the digest of each message as it counts now."""
    return {
        key.removeprefix("element:message/"): writer.digest(json.loads(body))
        for key, body in counted.last.items()
    }


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("manner", writer.MANNERS)
async def test_what_is_counted_was_written_and_counts_once(
    tmp_path: Path, manner: str, seed: int
) -> None:
    path, clock = tmp_path / "messages.json", SystemClock()
    source, counted = DocumentSource(str(path), CLINE, clock), Counted()
    with writing(manner, str(path), str(seed), str(STEPS)) as process:
        for _ in range(STEPS // 10 + 1):
            state = await process.said(source, counted)
            await eventually(partial(is_counted, state, source, counted))
            # Another daemon goes on from here: its cursor has all that was counted.
            source = DocumentSource(str(path), CLINE, clock, source.cursor())
            process.go_on()

        written = await process.said(source, counted)

    for key, bodies in counted.bodies.items():
        digests = {writer.digest(json.loads(each)) for each in bodies}
        assert digests <= set(written[key.removeprefix("element:message/")])  # type: ignore[call-overload]

    assert counted.items == len(counted.bodies)
    assert counted.chars == sum(len(each.decode()) for each in counted.last.values())
    assert counted.fault is None


@pytest.mark.parametrize("seed", SEEDS)
async def test_killed_writers_leave_nothing_uncounted(
    tmp_path: Path, seed: int
) -> None:
    path, chance = tmp_path / "messages.json", random.Random(seed)
    source, counted = DocumentSource(str(path), CLINE, SystemClock()), Counted()
    for _ in range(4):
        manner = chance.choice(list(writer.MANNERS))
        with writing(manner, str(path), str(chance.random())[2:], "500") as process:
            state = await process.said(source, counted)
            process.go_on()
            for _ in range(chance.randrange(30)):
                drain(source, counted, BUDGET)
                await anyio.sleep(0.003)

            process.kill()

    # The last one comes to its rest, and what is there then counts as it is.
    with writing("truncating", str(path), str(seed), "10") as process:
        state = await process.said(source, counted)
        await eventually(lambda: is_counted(state, source, counted))
        assert counted.fault is None


@pytest.mark.parametrize("seed", SEEDS)
async def test_each_event_counts_once_while_they_are_written(
    tmp_path: Path, seed: int
) -> None:
    clock, counted = SystemClock(), Counted()
    source = EventFolder(str(tmp_path), OPENHANDS_EVENTS, clock)
    with writing("events", str(tmp_path), str(seed), str(EVENTS)) as process:
        state = await process.said(source, counted)
        source = EventFolder(str(tmp_path), OPENHANDS_EVENTS, clock, source.cursor())
        await eventually(lambda: drain(source, counted).items == EVENTS)

    assert {
        key.removeprefix("element:"): body.decode()
        for key, body in counted.last.items()
    } == state
    assert counted.order == sorted(counted.order)


def is_counted(state: dict[str, object], source: Source, counted: Counted) -> bool:
    """Read *source*, and return True if all of *state* counts as it is."""
    drain(source, counted, BUDGET)
    return state.items() <= told(counted).items()
