"""Ctrl-C ends what goes on for ever, whenever it comes."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jarvisd.base.errors import EXIT_INTERRUPTED, EXIT_TERMINATED
from jarvisd.cli.daemon_connection import ANSWER_TIMEOUT_S
from jarvisd.rpc.client_wire import Subscribe
from tests.cli.conftest import LIMIT_S, command
from tests.cli.fake_daemon import FakeDaemon, block
from tests.cli.terminal import Terminal

BLOCK = "0123456789abcdef"
FOLLOWING = {
    "notify": ("notify", "--json", "--by", "bell"),
    "tail": ("tail", "--follow", BLOCK),
    "watch": ("watch", "--json"),
    "next": ("next", "--watch", "--json"),
}

LATE = """
import ctypes, itertools, os, select, signal, sys

libc = ctypes.CDLL(None)
wait = select.select


def wait_with_a_signal(readable, writable, other, timeout_s=None):
    if os.path.exists({flag!r}):
        os.unlink({flag!r})
        # By C alone: Python looks for signals before the wait, and not any more in it.
        late = map(libc.kill, [os.getpid()], [int(signal.SIGINT)])
        readable, timeout_s = itertools.chain(readable, late), None

    return wait(readable, writable, other, timeout_s)


select.select = wait_with_a_signal
sys.argv = ["jarvisctl", *{words!r}]
from jarvisd.cli.main import main

sys.exit(main())
"""
"""A wait, while *flag* is there, begins with a signal, and has no other end."""


@contextmanager
def running(
    argv: list[str], environ: dict[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run *argv*, with an input that never comes, and kill it at the end."""
    with subprocess.Popen(
        argv,
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def late(flag: Path, *words: str) -> list[str]:
    return [sys.executable, "-c", LATE.format(flag=str(flag), words=words)]


@pytest.mark.parametrize("words", [*FOLLOWING.values(), ("ingest",)])
def test_a_signal_just_before_the_first_wait_ends_it(
    environ: dict[str, str], daemon: FakeDaemon, tmp_path: Path, words: tuple[str, ...]
) -> None:
    daemon.blocks = [block(BLOCK)]
    flag = tmp_path / "flag"
    flag.touch()
    with running(late(flag, *words), environ) as process:
        assert process.wait(LIMIT_S) == EXIT_INTERRUPTED


@pytest.mark.parametrize("words", FOLLOWING.values(), ids=FOLLOWING)
def test_a_signal_just_before_a_later_wait_ends_it(
    environ: dict[str, str], daemon: FakeDaemon, tmp_path: Path, words: tuple[str, ...]
) -> None:
    daemon.blocks = [block(BLOCK)]
    flag = tmp_path / "flag"
    with running(late(flag, *words), environ) as process:
        daemon.wait_until(lambda: daemon.was_asked(Subscribe))
        flag.touch()
        daemon.notify("ping", {})
        assert process.wait(LIMIT_S) == EXIT_INTERRUPTED


# Where a signal comes in the middle of a step

IMPORTING = """
import os, signal, sys


class Swallowing:
    def find_spec(self, name, path=None, target=None):
        if name == "jarvisd.cli.parser":
            try:
                os.kill(os.getpid(), signal.SIGINT)
            except KeyboardInterrupt:
                pass  # as in the callbacks of importlib


sys.meta_path.insert(0, Swallowing())
sys.argv = ["jarvisctl", "watch", "--json"]
from jarvisd.cli.main import main

sys.exit(main())
"""


def test_a_signal_during_an_import_is_not_lost(
    environ: dict[str, str], daemon: FakeDaemon
) -> None:
    with running([sys.executable, "-c", IMPORTING], environ) as process:
        assert process.wait(LIMIT_S) == -signal.SIGINT
        assert process.stderr is not None
        assert process.stderr.read() == b""


RAISING = """
import os, signal, sys
import {module} as module

step = module.{step}


def interrupted(*args, **options):
    done = step(*args, **options)
    os.kill(os.getpid(), signal.{name})
    return done


module.{step} = interrupted
sys.argv = ["jarvisctl", *{words!r}]
from jarvisd.cli.main import main

sys.exit(main())
"""


def raising(module: str, step: str, name: str, *words: str) -> list[str]:
    """Return *words*, run so that the signal *name* comes at the end of a step."""
    text = RAISING.format(module=module, step=step, name=name, words=words)
    return [sys.executable, "-c", text]


def test_a_signal_while_a_command_starts_is_passed_on(
    environ: dict[str, str], daemon: FakeDaemon
) -> None:
    argv = raising("subprocess", "Popen", "SIGTERM", "run", "--", "sleep", "600")
    with running(argv, environ) as process:
        assert process.wait(LIMIT_S) == EXIT_TERMINATED

    (ending,) = daemon.closed.values()
    assert ending.exit_status == EXIT_TERMINATED


@pytest.mark.parametrize(
    ("name", "status"), [("SIGINT", EXIT_INTERRUPTED), ("SIGTERM", EXIT_TERMINATED)]
)
@pytest.mark.parametrize("words", [("watch",), ("next", "--watch"), ("pick",)])
def test_a_signal_while_the_screen_opens_leaves_the_terminal_as_it_was(
    environ: dict[str, str],
    daemon: FakeDaemon,
    words: tuple[str, ...],
    name: str,
    status: int,
) -> None:
    with Terminal(raising("tty", "setcbreak", name, *words), environ) as terminal:
        assert terminal.status() == status
        assert terminal.is_restored()


def test_ingest_does_not_wait_for_a_daemon_that_says_nothing(
    environ: dict[str, str], daemon: FakeDaemon
) -> None:
    with running(command("ingest"), environ) as process:
        assert process.stdin is not None
        process.stdin.write(b"one line\n")
        process.stdin.flush()
        daemon.wait_until(lambda: bool(daemon.pushed))
        daemon.may_greet.clear()
        process.send_signal(signal.SIGINT)
        try:
            assert process.wait(ANSWER_TIMEOUT_S) == EXIT_INTERRUPTED
        finally:
            daemon.may_greet.set()
