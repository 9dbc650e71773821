"""Homes and a daemon to share. A fixture may hold a process, never a task group."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.home import Home, temporary_home
from tests.e2e.rig import Daemon, running_daemon
from tests.support import eventually


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """Return an empty home of the test's own."""
    with temporary_home(tmp_path) as home:
        yield home


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def daemon(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Daemon]:
    """Return a daemon that all tests of a file share: write files of your own only."""
    with temporary_home(tmp_path_factory.mktemp("home")) as home:
        async with running_daemon(home) as daemon:
            # What it finds in its first scan is history, and no test means that.
            await eventually(lambda: "daemon.started" in daemon.log())
            await daemon.sync()
            yield daemon
