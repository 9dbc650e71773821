"""Two of the full disks of `make faults`; and a store that breaks in other ways."""

import os

import pytest

from tests.e2e.home import Home
from tests.hostile.disk import endure


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
async def test_a_disk_that_fills_again_and_again_loses_nothing(home: Home) -> None:
    outcome = await endure(home, times=2, full_s=2.0)

    assert max(outcome.recoveries_s) < 2.5  # the promise is 2 s, without other tests
    assert outcome.lost_lines == 0
