"""The tools that users have, as npm has them: where they lie, and how they get there.

Both come from npm into the cache folder, once, and only when they are fetched; nobody
else downloads anything. They are started with `OFFLINE`: tokscale asks for prices at
every start, and finds nobody.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from benchmarks.corpora import cache_folder
from benchmarks.errors import SkippedError

PACKAGES = (
    "@ccusage/ccusage-linux-x64@20.0.24",
    "@tokscale/cli-linux-x64-gnu@4.17.0",
)

_NOBODY = "http://127.0.0.1:9"
OFFLINE = {"HTTP_PROXY": _NOBODY, "HTTPS_PROXY": _NOBODY, "ALL_PROXY": _NOBODY}
"""Environment in which a request ends on this machine, at a port that none serves."""


class Peers(NamedTuple):
    """The two programs."""

    ccusage: Path
    tokscale: Path


def installed() -> Peers | None:
    """Return the peers if they were fetched before; nothing is made or fetched."""
    modules = _folder() / "node_modules"
    peers = Peers(
        modules / "@ccusage/ccusage-linux-x64/bin/ccusage",
        modules / "@tokscale/cli-linux-x64-gnu/bin/tokscale",
    )
    return peers if all(each.exists() for each in peers) else None


def fetched() -> Peers:
    """Return the peers, fetched if need be.

    Raises:
        SkippedError: There is no npm, or it cannot fetch them.

    """
    found = installed()
    if found is None:
        _fetch()
        found = installed()

    if found is None:
        raise SkippedError("the peers are not for this kind of machine")

    return found


def _fetch() -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise SkippedError("npm is not installed, and the peers come from it")

    _folder().mkdir(parents=True, exist_ok=True)
    command = [npm, "install", "--no-save", "--no-fund", "--no-audit", *PACKAGES]
    result = subprocess.run(
        command, cwd=_folder(), env=dict(os.environ), capture_output=True, check=False
    )
    if result.returncode:
        raise SkippedError(
            f"npm cannot fetch the peers: {result.stderr.decode()[-200:]}"
        )

    # Packages that hold nothing but a program may be published without its mode.
    for program in filter(None, installed() or ()):
        program.chmod(0o755)


def _folder() -> Path:
    return cache_folder() / "peers"
