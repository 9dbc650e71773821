"""`jarvisctl hook`: declared here for its help; `client.hook` does the work."""

import argparse

from jarvisd.cli import hook
from jarvisd.cli.parser import Subparsers, declare

MORE = """It
prints nothing, ends within 0.2 s and always exits with 0, whatever happens and
whether or not a daemon runs. Ids and names are sent, never a prompt or what a
tool is given or returns."""


def add(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = declare(subparsers, "hook", run, more=MORE)
    parser.add_argument("agent", metavar="AGENT", help="the agent that runs the hook")


def run(args: argparse.Namespace) -> int:
    """Report to the daemon; usually the fast path has done so already."""
    return hook.run([args.agent])
