"""Completions, man pages and docs tell of every command and option that there is."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from jarvisd.cli import completion, manual, parser
from jarvisd.cli.commands import COMMANDS
from jarvisd.cli.completion import Command
from tests.cli.conftest import LIMIT_S, Ctl

SYNTAX_CHECK = {
    "bash": ["bash", "-n"],
    "zsh": ["zsh", "-n"],
    "fish": ["fish", "--no-config", "-n"],
}


@pytest.fixture(scope="module")
def top() -> Command:
    return completion.describe(parser.build())


def options_of(command: Command) -> set[str]:
    found = {name for option in command.options for name in option.names}
    return found.union(*map(options_of, command.commands))


@pytest.mark.parametrize("shell", SYNTAX_CHECK)
def test_completions_know_every_command_and_option(shell: str, top: Command) -> None:
    script = completion.SHELLS[shell](top)

    assert all(name in script for name in COMMANDS)
    for option in options_of(top):
        shown = option if shell != "fish" else f"-{'s l'[len(option) > 2 and 2]} "
        assert (shown + option.lstrip("-") if shell == "fish" else shown) in script


@pytest.mark.parametrize("shell", SYNTAX_CHECK)
def test_completions_are_right_for_their_shell(
    ctl: Ctl, tmp_path: Path, shell: str
) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")

    script = tmp_path / "script"
    script.write_text(ctl("completions", shell).stdout)
    checked = subprocess.run(
        [*SYNTAX_CHECK[shell], str(script)],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )

    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (("he",), ["health"]),
        (("ps", "--pl"), ["--plain"]),
        (("service", "sta"), ["start", "status"]),
        (("completions", "z"), ["zsh"]),
    ],
)
def test_bash_offers_what_fits(
    top: Command, tmp_path: Path, typed: tuple[str, ...], offered: list[str]
) -> None:
    script = tmp_path / "script"
    script.write_text(completion.bash(top))
    words = " ".join(("jarvisctl", *typed))
    asked = (
        f"source {script}; COMP_WORDS=({words}); COMP_CWORD={len(typed)}; "
        '_jarvisctl; echo "${COMPREPLY[@]}"'
    )
    shown = subprocess.run(
        ["bash", "-c", asked],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=True,
    )

    assert shown.stdout.split() == offered


def test_the_man_page_is_that_of_this_parser(repository: Path) -> None:
    page = repository / "docs" / "man" / "jarvisctl.1"

    assert page.read_text(encoding="utf-8") == manual.page(), "run `make man`"


def test_the_man_page_knows_every_command_and_option(top: Command) -> None:
    page = manual.page().replace("\\-", "-")

    assert all(f'.SS "{name}"' in page for name in COMMANDS)
    assert all(name in page for name in options_of(top) - {"-h", "--help", "--version"})


def test_the_daemons_man_page_knows_every_option(repository: Path) -> None:
    page = (repository / "docs" / "man" / "jarvisd.8").read_text().replace("\\-", "-")
    shown = subprocess.run(
        [sys.executable, "-m", "jarvisd", "--help"],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=True,
    )

    options = set(re.findall(r"^ .*?(--[a-z-]+)", shown.stdout, re.MULTILINE))
    assert options
    assert all(option in page for option in options)


@pytest.mark.parametrize("name", ["jarvisctl.1", "jarvisd.8"])
def test_man_pages_are_right(repository: Path, name: str) -> None:
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed")

    checked = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", str(repository / "docs" / "man" / name)],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=True,
    )

    assert checked.stderr == ""


def test_the_reference_tells_of_every_command_option_and_status(
    repository: Path, top: Command
) -> None:
    text = (repository / "docs" / "cli.md").read_text(encoding="utf-8")

    assert all(f"## {name}" in text for name in COMMANDS)
    assert all(f"`{option}" in text for option in options_of(top) - {"-h", "--help"})
    assert all(f"| {status} |" in text for status in manual.EXIT_STATUSES)
