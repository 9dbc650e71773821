"""Find the command, run it, and turn whatever happens into a status and a sentence."""

import os
import sys
from types import TracebackType

from jarvisd.base.errors import EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_USAGE, JarvisError
from jarvisd.base.paths import HomeError
from jarvisd.cli import client_failures, parser, waiting
from jarvisd.cli.commands import COMMANDS
from jarvisd.cli.output.terminal import report, silence_stdout

EXIT_BROKEN_PIPE = 141
"""128 + SIGPIPE: what a shell reports of a program that the signal ended."""


def run(argv: list[str], packages: tuple[str, ...] = ()) -> int:
    """Run the command line *argv* and return its exit status.

    *packages* hold agents besides those that come with it.
    """
    sys.excepthook = _no_traceback
    # A name that the terminal's encoding lacks is no reason to stop.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]

    try:
        status = _dispatch(argv, packages)
        sys.stdout.flush()
    except JarvisError as exc:
        if _debugging():
            raise

        report(client_failures.explain(exc))
        return client_failures.exit_status(exc)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        silence_stdout()
        return EXIT_BROKEN_PIPE
    except HomeError as exc:
        report(str(exc))
        return EXIT_USAGE
    except OSError as exc:
        if _debugging() or exc.filename is not None:
            raise

        silence_stdout()
        report(f"cannot write: {exc.strerror}")
        return EXIT_FAILURE

    return status


def _dispatch(argv: list[str], packages: tuple[str, ...]) -> int:
    if not argv:
        parser.build().print_help(sys.stderr)
        return EXIT_USAGE

    if argv[0] in COMMANDS:
        return _run_command(argv, packages)

    if argv[0].startswith("-"):
        parser.build().parse_args(argv)
        return EXIT_USAGE

    report(f"there is no command `{argv[0]}`{parser.nearest(argv[0], COMMANDS)}")
    return EXIT_USAGE


def _run_command(argv: list[str], packages: tuple[str, ...]) -> int:
    args, unknown = parser.build([argv[0]]).parse_known_args(argv)
    if unknown:
        # The command's own parser knows what may have been meant.
        args.parser.error(f"unrecognized arguments: {' '.join(unknown)}")

    args.packages = packages
    waiting.watch_signals()
    status: int = args.run(args)
    return status


def _debugging() -> bool:
    return bool(os.environ.get("JARVISD_DEBUG"))


def _no_traceback(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    if _debugging():
        sys.__excepthook__(kind, error, traceback)
        return

    report(f"internal error: {kind.__name__}: {error} (JARVISD_DEBUG=1 shows where)")
