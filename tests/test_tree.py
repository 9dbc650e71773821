"""What must not be in the repository: addresses in lock files, places of one machine."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYTHON = ("jarvisd", "tests", "benchmarks", "tools")
LOCKS = ("requirements.lock", "requirements-dev.lock")


def tracked() -> Iterator[tuple[str, str]]:
    """Yield the name and the text of every file that is committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False
    )
    if listed.returncode:
        pytest.skip("needs a git checkout")

    for name in listed.stdout.decode().split("\0")[:-1]:
        if (path := ROOT / name).is_file():
            yield name, path.read_text(errors="replace")


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_file_has_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    pins = re.findall(r"^[\w.-]+==", text, re.MULTILINE)
    options = re.findall(r"^\s*(--(?!hash=sha256:)\S+)", text, re.MULTILINE)

    assert "://" not in text
    assert not options
    assert 0 < len(pins) <= text.count("--hash=sha256:")


def test_what_runs_is_pinned_as_what_is_tested() -> None:
    runtime, dev = (
        set(re.findall(r"^[\w.-]+==[\w.]+", (ROOT / lock).read_text(), re.MULTILINE))
        for lock in LOCKS
    )

    assert runtime < dev


@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
def test_no_file_names_a_place_of_this_machine() -> None:
    places = {str(ROOT), str(Path.home())} - {"/"}
    pattern = re.compile("|".join(rf"(?<![\w~.]){re.escape(p)}/" for p in places))

    named = {
        name: found[0] for name, text in tracked() if (found := pattern.search(text))
    }

    assert not named


@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
def test_no_file_names_a_package_index() -> None:
    options = [f"--{word}" for word in ("index-url", "extra-index-url", "find-links")]

    named = [
        name
        for name, text in tracked()
        if any(f"{option} " in text or f"{option}=" in text for option in options)
    ]

    assert not named


def test_every_exemption_from_a_rule_has_a_reason() -> None:
    bare = re.compile(r"# noqa(?!: [A-Z0-9, ]+ - \S)|# type: ignore(?!\[)")
    files = [path for name in PYTHON for path in (ROOT / name).rglob("*.py")]

    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in files
        if path != Path(__file__)
        for line in path.read_text().splitlines()
        if bare.search(line)
    ]

    assert not found


def test_the_bulkheads_are_those_of_the_architecture_page() -> None:
    page = (ROOT / "docs/internals/architecture.md").read_text()
    listed = page.partition("`except Exception`")[2].partition("\n- ")[0]
    package = ROOT / "jarvisd"

    found = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if "except Exception" in path.read_text()
        and not path.is_relative_to(package / "cli")
    }

    assert found == set(re.findall(r"`([\w/]+\.py)`", listed))


def test_every_link_of_the_pages_leads_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]

    dead = {
        f"{page.relative_to(ROOT)}: {link}"
        for page in pages
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
        if not (page.parent / link).exists()
    }

    assert not dead
