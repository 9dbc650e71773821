"""The command line of `jarvisd`."""

import argparse
import os
from collections.abc import Sequence
from typing import NoReturn

import msgspec

from jarvisd import __version__
from jarvisd.base.errors import ConfigError
from jarvisd.config.settings import LogLevel

_FILES = {
    "--config": "read this configuration instead",
    "--socket": "listen here instead",
    "--store": "keep the database here instead",
}


class Flags(msgspec.Struct, frozen=True, kw_only=True):
    """The flags as given; None where absent. Paths are absolute."""

    config: str | None = None
    socket: str | None = None
    store: str | None = None
    log_level: str | None = None
    check_config: bool = False
    foreground: bool = False


def parse_flags(argv: Sequence[str]) -> Flags:
    """Parse the arguments after the program's name.

    Raises:
        ConfigError: A flag is unknown or lacks its value.
        SystemExit: `--help` or `--version` was given, and its text has been printed.

    """
    return Flags(**vars(_build_parser().parse_args(argv)))


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message}. See `{self.prog} --help`.")


def _build_parser() -> _Parser:
    parser = _Parser(
        prog="jarvisd",
        description="Watch the live output of AI coding agents and answer on a socket.",
        epilog="Query it with jarvisctl. The configuration file is described in "
        "docs/configuration.md and by `jarvisctl config show --origin`.",
        allow_abbrev=False,
    )
    for flag, text in _FILES.items():
        parser.add_argument(flag, type=os.path.abspath, metavar="FILE", help=text)

    parser.add_argument(
        "--log-level", metavar="LEVEL", help=f"one of {', '.join(LogLevel)}"
    )
    parser.add_argument(
        "--check-config",
        action="store_true",
        help="check the configuration, print the result, and exit with 0 or 2",
    )
    parser.add_argument(
        "--foreground",
        action="store_true",
        help="accepted for clarity: jarvisd never leaves the foreground",
    )
    parser.add_argument("--version", action="version", version=f"jarvisd {__version__}")
    return parser
