"""Asks ccusage, tokscale and the daemon about one home, as their users would.

The peers are those that `make bench` fetched; here nothing is ever downloaded. They get
a private home and an environment without a way out of this machine.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from benchmarks import peers
from tests.e2e.commands import jarvisctl
from tests.e2e.home import Home

Json = dict[str, Any]

LIMIT_S = 60.0
ZONES = ("UTC", "Asia/Kathmandu")
"""The second is a quarter of an hour off the others."""

REPORTS = {
    "daily": "daily",
    "weekly": "weekly",
    "monthly": "monthly",
    "session": "session",
    "blocks": "blocks",
    "claude daily": "daily --agent claude",
    "claude weekly": "weekly --agent claude",
    "claude monthly": "monthly --agent claude",
    "claude session": "session --agent claude",
}
"""What is asked of ccusage, and how `jarvisctl report` calls it."""


def needs_peers() -> pytest.MarkDecorator:
    """Return a mark that skips a test where the peers were never fetched."""
    return pytest.mark.skipif(
        peers.installed() is None,
        reason="ccusage and tokscale are not there: `make bench ARGS=peers` fetches them",
    )


def ccusage(home: Path, report: str, zone: str = "UTC") -> Json:
    """Return what `ccusage REPORT` says of *home*."""
    words = (*report.split(), "--json", "--offline", "--timezone", zone)
    return _asked(_installed().ccusage, home, *words)


def tokscale(home: Path, *words: str) -> Json:
    """Return what tokscale says of *home*."""
    return _asked(_installed().tokscale, home, *words, "--json")


async def compatible(home: Home, report: str, zone: str = "UTC") -> Json:
    """Return what the daemon of *home* says instead of `ccusage REPORT`."""
    words = REPORTS[report].split()
    return await reported(home, *words, "--compat", "ccusage", "--tz", zone)


async def reported(home: Home, *words: str) -> Json:
    """Return the JSON that `jarvisctl report` prints."""
    result = await jarvisctl(home, "report", *words)
    assert result.returncode == 0, result.stderr.decode()
    told: Json = json.loads(result.stdout)
    return told


def _installed() -> peers.Peers:
    found = peers.installed()
    assert found is not None
    return found


def _asked(program: Path, home: Path, *words: str) -> Json:
    environ = {"HOME": str(home), "TZ": "UTC", "LANG": "C.UTF-8", **peers.OFFLINE}
    result = subprocess.run(
        [program, *words],
        env=environ,
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert result.returncode == 0, result.stderr.decode()
    told: Json = json.loads(result.stdout)
    return told
