"""The unit files as systemd reads them, without a running manager."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from jarvisd.base import errors, paths

UNITS = Path(__file__).parents[2] / "systemd"
SERVICE = (UNITS / "jarvisd.service").read_text()
SANDBOX = (UNITS / "50-sandbox.conf").read_text()
MAX_EXPOSURE = 1.0

needs_analyze = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="needs systemd-analyze"
)


def analyze(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *arguments],
        cwd=folder,
        env=os.environ | {"XDG_RUNTIME_DIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(params=["base", "sandboxed"])
def installed(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a folder with the units as they are installed."""
    service = SERVICE.replace("@JARVISD@", "/bin/true")
    if request.param == "sandboxed":
        service += SANDBOX

    (tmp_path / "jarvisd.service").write_text(service)
    notify = (UNITS / "jarvisd-notify.service").read_text()
    notify = notify.replace("@JARVISCTL@", "/bin/true")
    (tmp_path / "jarvisd-notify.service").write_text(notify)
    shutil.copy(UNITS / "jarvisd.socket", tmp_path)
    return tmp_path


@needs_analyze
def test_systemd_has_nothing_to_remark(installed: Path) -> None:
    units = ["./jarvisd.service", "./jarvisd.socket", "./jarvisd-notify.service"]

    verified = analyze(installed, "verify", "--user", *units)

    assert (verified.returncode, verified.stderr) == (0, "")


@needs_analyze
@pytest.mark.parametrize("installed", ["sandboxed"], indirect=True)
def test_the_sandbox_is_tight(installed: Path) -> None:
    judged = analyze(
        installed,
        "security",
        "--offline=yes",
        f"--threshold={MAX_EXPOSURE * 10:.0f}",
        "--json=short",
        "./jarvisd.service",
    )

    open_doors = [
        row["json_field"]
        for row in json.loads(judged.stdout)
        if row["exposure"] not in (None, "0.0")
    ]
    assert judged.returncode == 0, open_doors


def test_what_needs_a_user_namespace_is_in_the_drop_in_alone() -> None:
    needy = re.findall(r"^(\w+)=", SANDBOX, re.MULTILINE)

    assert "PrivateUsers" in needy
    assert not [key for key in needy if re.search(rf"^{key}=", SERVICE, re.MULTILINE)]


def test_systemd_does_not_start_again_what_cannot_be_mended() -> None:
    statuses = re.search(r"^RestartPreventExitStatus=(.+)$", SERVICE, re.MULTILINE)

    assert statuses
    assert set(map(int, statuses[1].split())) == {
        errors.EXIT_USAGE,
        errors.EXIT_ALREADY_RUNNING,
        errors.EXIT_STORE_TOO_NEW,
    }


def test_units_and_code_agree_on_the_places() -> None:
    socket = paths.socket_path({"XDG_RUNTIME_DIR": "/t"}).replace("/t/", "%t/")

    assert f"ListenStream={socket}\n" in (UNITS / "jarvisd.socket").read_text()
    assert f"RuntimeDirectory={paths.APP}\n" in SERVICE
    assert (
        f"ReadWritePaths=-{paths.state_folder({'HOME': '/%h'}).removeprefix('/')}\n"
        in SANDBOX
    )
