"""The parser of the command line: argparse, with examples first and kinder errors.

One file a command below `commands/`: `add` declares it, `run` does it. Only the command
that is asked for is imported; the generators of completions and man pages take all.
"""

import argparse
import importlib
import math
import os
import re
import sys
from collections.abc import Callable, Iterable
from typing import Any, NoReturn, TypeAlias

from jarvisd import __version__
from jarvisd.base import paths
from jarvisd.base.errors import EXIT_USAGE
from jarvisd.cli.commands import COMMANDS
from jarvisd.cli.daemon_client import Client
from jarvisd.cli.examples import EXAMPLES, OVERVIEW
from jarvisd.cli.output import terminal

# argparse has no public names for what its own methods return.
Subparsers: TypeAlias = "argparse._SubParsersAction[Parser]"  # noqa: SLF001 - argparse offers no other way
Options = argparse._ActionsContainer  # noqa: SLF001 - argparse offers no other way

DEFAULT_TIMEOUT_S = 10.0


# What argparse prints for a wrong choice, from 3.11 to 3.14.
_CHOICE = re.compile(r"invalid choice: '(?P<given>.*?)' \(choose from (?P<known>.*)\)")
_WORD = re.compile(r"[\w-]+")


class HelpForm(argparse.RawDescriptionHelpFormatter):
    """The form of help, as wide as the terminal; argparse would import `shutil` for it."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=terminal.size()[0] - 2)


class Parser(argparse.ArgumentParser):
    """An argument parser that shows *examples* first and suggests what was meant."""

    examples = ""

    def format_help(self) -> str:
        """Return the help: what it is for, examples, then the options."""
        full = super().format_help()
        usage, _, rest = full.partition("\n\n")
        examples = "\n".join(f"  {line}" for line in self.examples.splitlines())
        parts = [usage, f"examples:\n{examples}" if examples else "", rest]
        return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"

    def error(self, message: str) -> NoReturn:
        """Leave with status 2 and one sentence that says what to do."""
        self.exit(
            EXIT_USAGE,
            f"{self.prog}: {message}{self._suggestion(message)}\n"
            f"Try `{self.prog} --help`.\n",
        )

    def _print_message(self, message: str, file: Any = None) -> None:
        if message:
            stream = file or sys.stderr
            stream.write(f"{terminal.as_prose(message.splitlines(), stream)}\n")

    def _suggestion(self, message: str) -> str:
        _, found, words = message.partition("unrecognized arguments: ")
        if found:
            known = [name for action in self._actions for name in action.option_strings]
            return nearest(words.split()[0], known)

        choice = _CHOICE.search(message)
        if choice is None:
            return ""

        return nearest(choice["given"], _WORD.findall(choice["known"]))


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean X?` for the known word like *word*, or nothing.

    Words of one or two letters are like too many others.
    """
    import difflib  # noqa: PLC0415 - only for the one who mistyped

    if len(word.lstrip("-")) < 3:
        return ""

    matches = difflib.get_close_matches(word, list(known), n=1, cutoff=0.7)
    return f"; did you mean `{matches[0]}`?" if matches else ""


def declare(
    subparsers: Subparsers,
    name: str,
    run: Callable[[argparse.Namespace], int],
    *,
    more: str = "",
) -> Parser:
    """Add command *name*, which *run* does; *more* is printed below its summary."""
    summary = COMMANDS[name]
    parser = subparsers.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.{more and f' {more}'}",
        formatter_class=HelpForm,
        allow_abbrev=False,
    )
    parser.examples = EXAMPLES[name]
    parser.set_defaults(run=run, parser=parser)
    return parser


def add_connection(parser: Parser, *, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
    """Add the options of every command that asks the daemon."""
    group = parser.add_argument_group("connection")
    group.add_argument("--socket", metavar="PATH", help="ask the daemon on this socket")
    group.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=seconds,
        default=timeout_s,
        help=f"give up after this long ({timeout_s:g})",
    )


def add_colour(parser: Parser) -> None:
    """Add the options that decide on colour."""
    parser.add_argument(
        "--color",
        choices=("auto", "always", "never"),
        metavar="WHEN",
        default="auto",
        help="colour: auto (on a terminal), always or never",
    )
    parser.add_argument(
        "--no-color",
        dest="color",
        action="store_const",
        const="never",
        help="the same as --color=never",
    )


def add_json(parser: Options) -> None:
    """Add the option of every command that answers programs too."""
    parser.add_argument("--json", action="store_true", help="print JSON for programs")


def seconds(text: str) -> float:
    """Return *text* as a positive number of seconds; the type of an option."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan

    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"expected seconds above 0, not `{text}`")

    return number


def whole(text: str) -> int:
    """Return *text* as a number above zero; the type of an option."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(
            f"expected a whole number above 0, not `{text}`"
        )

    return int(text)


def client_of(args: argparse.Namespace) -> Client:
    """Return a client of the daemon that the options and the environment name."""
    path: str = args.socket or paths.socket_path(os.environ)
    return Client(path, timeout_s=args.timeout)


def build(names: Iterable[str] = COMMANDS) -> Parser:
    """Return the parser that knows the commands *names*."""
    parser = Parser(
        prog="jarvisctl",
        description="See what every AI coding agent on this workstation is doing.",
        formatter_class=HelpForm,
        allow_abbrev=False,
    )
    parser.examples = OVERVIEW
    parser.add_argument(
        "--version",
        action="version",
        version=f"%(prog)s {__version__}",
        help="print the version",
    )
    subparsers = parser.add_subparsers(
        title="commands",
        dest="command",
        metavar="COMMAND",
        required=True,
    )
    for name in names:
        importlib.import_module(f"jarvisd.cli.commands.{name}").add(subparsers)

    return parser
