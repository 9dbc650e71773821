"""`jarvisctl run`: run a command as if alone, and count its output."""

import argparse
import os
import socket

from jarvisd.base import paths
from jarvisd.base.errors import EXIT_USAGE
from jarvisd.cli.child import EXIT_NOT_EXECUTABLE, EXIT_NOT_FOUND, ChildCommand
from jarvisd.cli.output import terminal
from jarvisd.cli.output_recorder import OutputRecorder, RecordingOutcome
from jarvisd.cli.parser import Subparsers, declare
from jarvisd.cli.push_delivery import new_block_id
from jarvisd.core.agent_folders import agent_names
from jarvisd.core.wire import PushOpen

MORE = """Output, exit status and signals pass through
unchanged, and a terminal stays a terminal. The command never waits for the daemon."""

AGENTS = "jarvisd.agents"
"""The package with a folder for each agent. A command is of the agent of its own name;
anything else is `text`."""

LOOK_TIMEOUT_S = 0.1


def add(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = declare(subparsers, "run", run, more=MORE)
    parser.usage = "jarvisctl run [options] -- COMMAND [ARGUMENT ...]"
    parser.add_argument(
        "--agent", metavar="NAME", help="whose output it is (from the command's name)"
    )
    parser.add_argument("--project", metavar="NAME", help="which project it belongs to")
    parser.add_argument("--socket", metavar="PATH", help="the daemon's socket")
    parser.add_argument(
        "words", metavar="COMMAND", nargs=argparse.REMAINDER, help="what to run"
    )


def run(args: argparse.Namespace) -> int:
    """Run the command and return its exit status."""
    # Whether argparse leaves the `--` in place depends on the Python.
    command = args.words[1:] if args.words[:1] == ["--"] else args.words
    if not command:
        terminal.report("run what? Try `jarvisctl run -- make test`.")
        return EXIT_USAGE

    path = args.socket or paths.socket_path(os.environ)
    if not _is_there(path):
        terminal.report(
            "jarvisd is not running: the command runs on, and its output is counted "
            "if the daemon comes back in time"
        )

    try:
        child = ChildCommand(command)
    except OSError as exc:
        terminal.report(f"{command[0]}: {exc.strerror}")
        missing = isinstance(exc, FileNotFoundError)
        return EXIT_NOT_FOUND if missing else EXIT_NOT_EXECUTABLE

    recorder = OutputRecorder(path, _opening(args, command[0], child.pid))
    recorder.start()
    status = child.run(recorder.offer)
    _print_lost(recorder.finish(status))
    return status


def _opening(args: argparse.Namespace, program: str, pid: int) -> PushOpen:
    name = os.path.basename(program)  # noqa: PTH119 - text in, text out
    return PushOpen(
        block_id=new_block_id(),
        agent=args.agent or (name if name in agent_names(AGENTS) else "text"),
        kind="process",
        project=args.project,
        cwd=terminal.folder(),
        pid=pid,
    )


def _is_there(path: str) -> bool:
    """Whether the daemon listens; reported before the command owns the terminal."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(LOOK_TIMEOUT_S)
        try:
            probe.connect(path)
        except OSError:
            return False

    return True


def _print_lost(outcome: RecordingOutcome) -> None:
    if outcome.lost_lines:
        why = outcome.error or "there was more than could be kept for jarvisd"
        lines = "line was" if outcome.lost_lines == 1 else "lines were"
        terminal.report(f"{outcome.lost_lines:,} {lines} not counted: {why}")
    elif outcome.unsure:
        terminal.report("jarvisd has not yet confirmed the last lines")
