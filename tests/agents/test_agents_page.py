"""The steps of docs/internals/agents.md make an agent out of an empty folder."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

PAGE = Path("docs/internals/agents.md")
LIMIT_S = 300
_STEP = re.compile(
    r"^(?:`([^`\n]+)`:\n\n)?```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL
)


def test_the_steps_of_the_page_add_an_agent(repository: Path, tmp_path: Path) -> None:
    """Files are written, commands run in order; the output of a command follows it."""
    without = shutil.ignore_patterns("__pycache__")
    for name in ("jarvisd", "tests"):
        shutil.copytree(repository / name, tmp_path / name, ignore=without)

    shutil.copy(repository / "pyproject.toml", tmp_path)
    page = (repository / PAGE).read_text()
    steps = _STEP.findall(page[page.index("## Adding an agent") :])
    printed = ""
    for file, language, text in steps:
        if file:
            (tmp_path / file).write_text(text)
        elif language == "sh":
            printed = run(text, tmp_path)
        else:
            assert language == "text"
            assert rstripped(printed) == rstripped(text)

    assert len(steps) > 10
    assert re.search(r"^\d+ passed", printed, re.MULTILINE), printed


def rstripped(text: str) -> list[str]:
    return [each.rstrip() for each in text.rstrip().splitlines()]


def run(commands: str, folder: Path) -> str:
    """Run *commands* in *folder*, whose packages are found first; return what they print."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    home = {"HOME": str(folder / "home"), "PATH": path, "LANG": "C.UTF-8"}
    done = subprocess.run(
        ["sh", "-ec", commands],
        cwd=folder,
        env=home,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
