"""`make run`: the daemon and its live view, in one terminal, on the real logs.

A daemon that runs already is only watched. Otherwise one is started for as long as the
view is open, on the paths it always uses: what it has read is there next time.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from jarvisd.base import paths
from jarvisd.base.errors import EXIT_FAILURE, DaemonUnreachableError, JarvisError
from jarvisd.cli import client_failures, waiting, wall_clock
from jarvisd.cli.daemon_connection import DaemonConnection
from jarvisd.cli.feed import Feed
from jarvisd.cli.output import live_view, terminal

START_LIMIT_S = 20.0
STOP_LIMIT_S = 15.0
LOOK_AGAIN_S = 0.05
LAST_WORDS_BYTES = 4_000


def main() -> int:
    """Watch until the person leaves; return the exit status."""
    argparse.ArgumentParser(
        prog="python -m jarvisd.cli.demo", description=__doc__
    ).parse_args()
    path = paths.socket_path(os.environ)
    waiting.watch_signals()
    # Else the daemon would stay behind.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, terminal.end)

    try:
        with _daemon(path):
            feed = Feed(path)
            view = live_view.LiveView(
                feed,
                everything=False,
                project=None,
                colour=terminal.wants_colour("auto", os.environ),
            )
            live_view.run(feed, view)
    except KeyboardInterrupt:
        return 0  # the way to leave this view, which make would report as an error
    except BrokenPipeError:
        terminal.silence_stdout()
    except JarvisError as exc:
        terminal.report(client_failures.explain(exc))
        return client_failures.exit_status(exc)
    except subprocess.SubprocessError as exc:
        terminal.report(str(exc))
        return EXIT_FAILURE

    return 0


@contextmanager
def _daemon(path: str) -> Iterator[None]:
    """Run a daemon for the length of a block, unless there is one."""
    if _answers(path):
        terminal.report("a daemon runs already; watching that one")
        yield
        return

    with tempfile.TemporaryFile() as log:
        # In a session of its own, so that Ctrl-C asks us, and we ask it.
        child = subprocess.Popen(
            [sys.executable, "-m", "jarvisd"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            _wait_for(path, child, log)
            yield
        finally:
            _stop(child)


def _answers(path: str) -> bool:
    try:
        DaemonConnection(path).close()
    except DaemonUnreachableError:
        return False

    return True


def _wait_for(path: str, child: "subprocess.Popen[bytes]", log: IO[bytes]) -> None:
    deadline = wall_clock.monotonic() + START_LIMIT_S
    while not _answers(path):
        if _has_ended(child):
            raise SystemExit(_last_words(child.returncode, log))

        if wall_clock.monotonic() > deadline:
            raise subprocess.TimeoutExpired("jarvisd", START_LIMIT_S)


def _has_ended(child: "subprocess.Popen[bytes]") -> bool:
    try:
        child.wait(LOOK_AGAIN_S)
    except subprocess.TimeoutExpired:
        return False

    return True


def _last_words(status: int, log: IO[bytes]) -> int:
    log.seek(0)
    words = log.read()[-LAST_WORDS_BYTES:].decode("utf-8", "replace")
    print(terminal.as_prose(words.splitlines(), sys.stderr), file=sys.stderr)
    terminal.report(f"jarvisd ended with status {status}")
    return status


def _stop(child: "subprocess.Popen[bytes]") -> None:
    child.terminate()
    try:
        child.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


if __name__ == "__main__":
    sys.exit(main())
