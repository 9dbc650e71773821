"""What is in the wheel, and that it runs where it is all there is."""

import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from jarvisd import __version__
from tests.installing import ROOT, copy_dependencies

LIMIT_S = 120


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the source archive, and the wheel from nothing but that."""
    folder = tmp_path_factory.mktemp("dist")
    build = (sys.executable, "-m", "hatchling", "build", "--directory", folder)
    run(*build, "--target", "sdist", cwd=ROOT)
    (archive,) = folder.glob("*.tar.gz")
    run("tar", "-xf", archive, cwd=folder)
    run(*build, "--target", "wheel", cwd=folder / archive.name.removesuffix(".tar.gz"))
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def files_below(folder: str) -> Iterator[Path]:
    for path in (ROOT / folder).rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(ROOT / folder)


def test_the_wheel_holds_the_whole_package(names: set[str]) -> None:
    expected = {f"jarvisd/{path}" for path in files_below("jarvisd")}
    expected |= {f"jarvisd/cli/units/{path}" for path in files_below("systemd")}
    expected |= {f"jarvisd/cli/share/{path}" for path in files_below("share")}

    assert expected <= names
    assert "jarvisd/cli/share/jarvisd.tmux" in names
    assert {"jarvisd.service", "jarvisd.socket", "50-sandbox.conf"} <= {
        name.removeprefix("jarvisd/cli/units/") for name in names
    }


def test_the_wheel_holds_the_manual(names: set[str]) -> None:
    shared = f"jarvisd-{__version__}.data/data/share/man"
    expected = {
        f"{shared}/man{path.suffix[1:]}/{path.name}" for path in files_below("docs/man")
    }

    # A new page needs a line in [tool.hatch.build.targets.wheel.shared-data].
    assert expected <= names


def test_the_wheel_holds_nothing_else(names: set[str]) -> None:
    strangers = [
        name
        for name in names
        if not name.startswith(("jarvisd/", f"jarvisd-{__version__}."))
    ]

    assert not strangers
    assert any(name.endswith("/licenses/LICENSE") for name in names)


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the commands of an environment that has the wheel and its dependencies."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=True, symlinks=True)
    python = folder / "bin/python"
    (packages,) = folder.glob("lib/python*/site-packages")
    copy_dependencies(packages)
    run(python, "-m", "pip", "install", "--no-deps", "--no-index", wheel, cwd=folder)
    return folder / "bin"


@pytest.mark.parametrize(
    ("command", "module"),
    [
        pytest.param("jarvisd", "__main__.py", id="daemon"),
        pytest.param("jarvisctl", "cli/main.py", id="client"),
    ],
)
def test_what_is_installed_tells_its_version(
    installed: Path, command: str, module: str
) -> None:
    if not (ROOT / "jarvisd" / module).exists():
        pytest.skip(f"{command} is not written yet")

    assert run(installed / command, "--version", cwd=installed) == (
        f"{command} {__version__}\n"
    )


def test_what_is_installed_finds_its_files(installed: Path) -> None:
    """The dependencies are complete, and none is imported from where we develop."""
    script = (
        "import jarvisd.config, jarvisd.app.logs, sys; print('rich' in sys.modules)"
    )

    assert run(installed / "python", "-I", "-c", script, cwd=installed) == "False\n"
