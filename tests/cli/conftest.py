"""Fixtures of the client's tests: a private home, a daemon, and our command in it."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.cli.fake_daemon import FakeDaemon

LIMIT_S = 60.0

Ctl = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which everything lies below a temporary folder."""
    runtime = tmp_path / "run"
    (runtime / "jarvisd").mkdir(parents=True, mode=0o700)
    kept = {key: os.environ[key] for key in ("PATH", "PYTHONPATH") if key in os.environ}
    return kept | {
        "HOME": str(tmp_path),
        "XDG_RUNTIME_DIR": str(runtime),
        "LANG": "C.UTF-8",
        "TERM": "xterm",
        "COLUMNS": "100",
    }


@pytest.fixture
def socket_path(environ: dict[str, str]) -> Path:
    """Return where the daemon of *environ* listens."""
    return Path(environ["XDG_RUNTIME_DIR"]) / "jarvisd" / "rpc.sock"


@pytest.fixture
def daemon(socket_path: Path) -> Iterator[FakeDaemon]:
    """Yield a daemon that answers in *environ*."""
    with FakeDaemon(socket_path) as running:
        yield running


def command(*words: str) -> list[str]:
    """Return `jarvisctl WORDS` as it is run in tests."""
    return [sys.executable, "-m", "jarvisd.cli.main", *words]


@pytest.fixture
def ctl(environ: dict[str, str]) -> Ctl:
    """Return a function that runs `jarvisctl` in *environ*, without a terminal."""

    def run(
        *words: str,
        env: Mapping[str, str] = {},
        stdin: bytes = b"",
        closed_stdout: bool = False,
        full_stdout: bool = False,
    ) -> "subprocess.CompletedProcess[str]":
        if closed_stdout:
            return _without_reader(command(*words), environ | dict(env))

        if full_stdout:
            with Path("/dev/full").open("w") as full:
                return _writing_to(full.fileno(), command(*words), environ | dict(env))

        done = subprocess.run(
            command(*words),
            env=environ | dict(env),
            input=stdin,
            capture_output=True,
            timeout=LIMIT_S,
            check=False,
        )
        stdout, stderr = done.stdout.decode(), done.stderr.decode()
        return subprocess.CompletedProcess(done.args, done.returncode, stdout, stderr)

    return run


def _without_reader(
    command: list[str], environ: Mapping[str, str]
) -> "subprocess.CompletedProcess[str]":
    reading, writing = os.pipe()
    os.close(reading)
    try:
        return _writing_to(writing, command, environ)
    finally:
        os.close(writing)


def _writing_to(
    stdout: int, command: list[str], environ: Mapping[str, str]
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
