"""The service in a real user manager of a private systemd.

The tool that boots it is no part of this repository: it lies in the shared folder, or
where JARVISD_SHARED says. What is checked inside is in inside.py.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.installing import ROOT, copy_dependencies

SHARED = Path(os.environ.get("JARVISD_SHARED", ROOT.parent / "shared"))
BOOT = SHARED / "tools" / "user-systemd"
PACKAGES = ("dbus-daemon", "unshare", "nsenter", "runuser")
LIMIT_S = 180


def obstacle() -> str | None:
    """Return why a systemd cannot be booted here, or None."""
    if not BOOT.exists():
        return f"needs {BOOT.name} of the shared folder; set JARVISD_SHARED"

    if os.geteuid() != 0:
        return "needs root, for namespaces and mounts"

    missing = [each for each in PACKAGES if not shutil.which(each)]
    if missing or not Path("/lib/systemd/systemd").exists():
        return "needs the packages dbus dbus-user-session libpam-systemd systemd"

    if not _python():
        return "needs a python3 of this version that other users may run"

    if not importlib.util.find_spec("jarvisd.__main__"):
        return "needs the daemon"

    return None


def _python() -> str | None:
    """Return an interpreter that an unprivileged user inside can run."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return shutil.which(name, path="/usr/local/bin:/usr/bin")


@pytest.fixture
def share(tmp_path: Path) -> Path:
    """Return a folder with all that is needed inside, readable by everyone."""
    copy_dependencies(tmp_path / "site")
    shutil.copytree(ROOT / "jarvisd", tmp_path / "site/jarvisd")
    shutil.copytree(ROOT / "systemd", tmp_path / "units")
    shutil.copy(Path(__file__).with_name("inside.py"), tmp_path)
    tmp_path.chmod(0o755)
    return tmp_path


@pytest.mark.systemd
@pytest.mark.timeout(LIMIT_S + 20)
@pytest.mark.skipif(obstacle() is not None, reason=str(obstacle()))
def test_the_service_holds_in_a_real_user_manager(share: Path) -> None:
    inside = ["/srv/share/inside.py", "/srv/share/site", "/srv/share/units"]

    done = subprocess.run(
        [BOOT, "--share", share, "--", str(_python()), *inside],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert len(done.stdout.splitlines()) == 8, done.stdout
