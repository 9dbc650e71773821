"""`make run`: a daemon for as long as its view is open, or the one that is there."""

import os
import subprocess
import sys
import time
from pathlib import Path

from jarvisd.base.errors import EXIT_USAGE
from tests.cli.fake_daemon import FakeDaemon
from tests.cli.terminal import Terminal
from tests.support import PATIENCE_S

DEMO = [sys.executable, "-m", "jarvisd.cli.demo"]


def test_a_daemon_is_started_for_the_view_and_stopped_with_it(
    environ: dict[str, str], socket_path: Path
) -> None:
    with Terminal(DEMO, environ) as terminal:
        terminal.see("jarvisctl ingest")
        assert socket_path.is_socket()
        terminal.type(b"\x03")
        assert terminal.status() == 0
        assert terminal.is_restored()

    assert not socket_path.exists()


def test_snapshots_are_printed_where_there_is_no_terminal(
    environ: dict[str, str], socket_path: Path
) -> None:
    reading, writing = os.pipe()
    with Terminal(DEMO, environ, stdout=writing) as terminal:
        os.close(writing)
        with os.fdopen(reading, encoding="utf-8") as shown:
            assert shown.readline().endswith(time.strftime(" %z\n"))
            assert shown.readline() == "jarvisd · 0 live · 0 shown\n"

        # The next table finds its reader gone.
        assert terminal.status() == 0

    assert not socket_path.exists()


def test_a_daemon_that_runs_already_is_only_watched(
    environ: dict[str, str], daemon: FakeDaemon
) -> None:
    with Terminal(DEMO, environ) as terminal:
        terminal.see("a daemon runs already")
        terminal.see("jarvisctl ingest")
        terminal.type(b"q")
        assert terminal.status() == 0

    assert daemon.path.is_socket()


def test_help_starts_no_daemon(environ: dict[str, str], socket_path: Path) -> None:
    done = subprocess.run(
        [*DEMO, "--help"],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )

    assert done.returncode == 0
    assert "usage: python -m jarvisd.cli.demo" in done.stdout
    assert not socket_path.exists()


def test_a_daemon_that_cannot_start_says_why(
    environ: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text("colour = 1\n")
    with Terminal(DEMO, environ | {"JARVISD_CONFIG": str(file)}) as terminal:
        assert terminal.status() == EXIT_USAGE
        assert b"colour" in terminal.output
        assert b"jarvisd ended with status 2" in terminal.output
