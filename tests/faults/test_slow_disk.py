"""A disk that takes long to open a file delays what lies on it, and nothing else."""

import shutil
import subprocess
from functools import partial

import pytest

from jarvisd.overview.health_wire import HealthResult
from tests.e2e.home import Home, append, record
from tests.e2e.rig import Daemon, running_daemon
from tests.support import eventually

SLOW_S = 10


def _can_delay() -> bool:
    command = ["strace", "-f", "--seccomp-bpf", "-o", "/dev/null"]
    command += ["-e", "inject=openat:delay_enter=1us", "true"]
    if shutil.which("strace") is None:
        return False

    return subprocess.run(command, capture_output=True, check=False).returncode == 0


needs_delays = pytest.mark.skipif(not _can_delay(), reason="no strace that can delay")


@needs_delays
@pytest.mark.parametrize("historic", [False, True])
async def test_a_slow_open_holds_up_no_other_file_and_no_client(
    home: Home, *, historic: bool
) -> None:
    slow, other = home.transcript(), home.transcript()
    delay = f"inject=openat:delay_enter={SLOW_S}s"
    quietly = ("strace", "-D", "-f", "--seccomp-bpf", "-q", "-o", "/dev/null")
    strace = (*quietly, "-P", str(slow), "-e", "trace=openat", "-e", delay)
    if historic:
        append(slow, record())

    async with running_daemon(home, outside=strace) as daemon:
        await eventually(partial(has_looked, daemon))
        append(slow, record())
        for number in range(1, 6):
            append(other, record())
            await eventually(partial(daemon.shows, other, lines=number))

        assert not await daemon.shows(slow, lines=1 + historic)
        await eventually(lambda: daemon.shows(slow, lines=1 + historic))


async def has_looked(daemon: Daemon) -> bool:
    """Whether the first look is over: what comes later is no history."""
    health = await daemon.ask("health", HealthResult)
    return health.watch.last_scan_ms is not None
