"""The status line: quick, quiet, and never in the way."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from jarvisd.base.errors import EXIT_NO_DAEMON, EXIT_USAGE
from tests.cli.conftest import LIMIT_S, Ctl
from tests.cli.fake_daemon import FakeDaemon

ALLOWED = {
    "jarvisd.base",
    *("jarvisd", "jarvisd.cli", "jarvisd.cli.line", "jarvisd.cli.wall_clock"),
    *("jarvisd.cli.main", "jarvisd.base.paths"),
}
"""Everything that the fast path may load beyond what the interpreter has anyway."""

ASKING = {"_socket", "_json"}
"""What comes to that where the file is stale."""

FAST = "import sys; sys.argv[1:] = ['line']; from jarvisd.cli.main import main; main()"


def loaded_by(code: str, environ: dict[str, str]) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code],
        env=environ,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=True,
    )
    return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}


@pytest.fixture
def line_file(socket_path: Path) -> Path:
    path = socket_path.with_name("line")
    path.write_text("claude 3 live · #1\n", encoding="utf-8")
    return path


def make_stale(path: Path) -> None:
    os.utime(path, (1, 1))


def test_a_fresh_file_is_the_answer(ctl: Ctl, line_file: Path) -> None:
    done = ctl("line")

    assert (done.returncode, done.stdout) == (0, "claude 3 live · #1\n")


def test_the_file_lies_beside_the_socket(
    ctl: Ctl, line_file: Path, tmp_path: Path
) -> None:
    line_file.rename(tmp_path / "line")
    done = ctl("line", env={"JARVISD_SOCKET": str(tmp_path / "rpc.sock")})

    assert done.stdout == "claude 3 live · #1\n"


def test_tmux_is_given_two_signs_for_one(ctl: Ctl, line_file: Path) -> None:
    assert ctl("line", "--tmux").stdout == "claude 3 live · ##1\n"


def test_a_stale_file_makes_us_ask(
    ctl: Ctl, line_file: Path, daemon: FakeDaemon
) -> None:
    make_stale(line_file)

    assert ctl("line").stdout == 'say "hi" · 3 live \\ #1\n'


def test_a_width_makes_us_ask(ctl: Ctl, line_file: Path, daemon: FakeDaemon) -> None:
    assert ctl("line", "--width", "20").stdout == 'say "hi" · 3 live \\ #1\n'
    assert [each.width for each in daemon.asked] == [20]  # type: ignore[attr-defined]


def test_the_full_parser_understands_the_same(ctl: Ctl, daemon: FakeDaemon) -> None:
    assert ctl("line", "--width=20").stdout == 'say "hi" · 3 live \\ #1\n'


@pytest.mark.parametrize(("words", "status"), [((), 0), (("--check",), EXIT_NO_DAEMON)])
def test_without_a_daemon_nothing_is_printed(
    ctl: Ctl, line_file: Path, words: tuple[str, ...], status: int
) -> None:
    make_stale(line_file)
    done = ctl("line", *words)

    assert (done.returncode, done.stdout, done.stderr) == (status, "", "")


def test_a_daemon_that_hangs_is_not_waited_for(ctl: Ctl, socket_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as deaf:
        deaf.bind(str(socket_path))
        deaf.listen()
        done = ctl("line", "--check")

    assert (done.returncode, done.stdout) == (EXIT_NO_DAEMON, "")


def test_a_mistyped_option_is_explained(ctl: Ctl) -> None:
    done = ctl("line", "--widht", "3")

    assert done.returncode == EXIT_USAGE
    assert "did you mean `--width`?" in done.stderr


@pytest.mark.parametrize("age_s", [0, 3600], ids=["from the file", "from the socket"])
def test_the_fast_path_loads_next_to_nothing(
    environ: dict[str, str], line_file: Path, daemon: FakeDaemon, age_s: int
) -> None:
    written = line_file.stat().st_mtime - age_s
    os.utime(line_file, (written, written))
    before = loaded_by("import os, sys", environ)

    assert loaded_by(FAST, environ) - before <= ALLOWED | (ASKING if age_s else set())
    assert bool(daemon.asked) == bool(age_s)


def test_nothing_is_taken_apart_at_the_end(
    environ: dict[str, str], line_file: Path
) -> None:
    code = f"import atexit; atexit.register(print, 'late'); {FAST}"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environ,
        capture_output=True,
        timeout=LIMIT_S,
        check=True,
    )

    assert done.stdout.decode() == "claude 3 live · #1\n"
