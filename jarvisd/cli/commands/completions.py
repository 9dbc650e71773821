"""`jarvisctl completions`: what a shell needs to complete our commands and options."""

import argparse

from jarvisd.cli import completion, parser
from jarvisd.cli.output import terminal
from jarvisd.cli.parser import Subparsers, declare


def add(subparsers: Subparsers) -> None:
    """Declare the command."""
    command = declare(subparsers, "completions", run)
    command.add_argument("shell", choices=sorted(completion.SHELLS), help="which shell")


def run(args: argparse.Namespace) -> int:
    """Print the script."""
    script = completion.SHELLS[args.shell](completion.describe(parser.build()))
    terminal.pass_on(script, end="")
    return 0
