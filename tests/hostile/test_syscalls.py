"""A few of the failing system calls of `make faults`, one of each kind."""

import os

import pytest

from tests.e2e.home import Home
from tests.hostile.syscalls import STRACE, Fault, survives

pytestmark = pytest.mark.skipif(
    STRACE is None or os.geteuid() != 0, reason="needs strace, and root to attach it"
)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("write", "EIO", 3, early=True),
        Fault("write", "ENOSPC", 5, early=False),
        Fault("pwrite64", "ENOSPC", 2, early=False),
        Fault("pwrite64", "EIO", 4, early=False),
        Fault("pwrite64", "EIO", 1, early=True),
        Fault("fdatasync", "EIO", 1, early=True),
        Fault("fdatasync", "EIO", 1, early=False),
        Fault("openat", "EMFILE", 1, early=False),
        Fault("inotify_add_watch", "ENOSPC", 1, early=False),
        Fault("accept4", "EMFILE", 1, early=False),
        Fault("accept4", "EIO", 2, early=False),
        Fault("accept4", "EINTR", 2, early=True),
    ],
    ids=str,
)
async def test_a_failing_system_call_loses_and_doubles_nothing(
    home: Home, fault: Fault
) -> None:
    ended = await survives(home, fault)

    assert not ended
