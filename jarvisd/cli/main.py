"""The entry of `jarvisctl`: what scripts ask at once, everything else through the shell.

A status bar runs `jarvisctl line` every few seconds for ever, and scripts `jarvisctl
report --json`; agents wait for `jarvisctl hook` at every tool call. So these are looked
for before anything is imported, and are gone as soon as they are done. Tests hold the
list of modules that they may load.
"""

import _signal  # type: ignore[import-not-found]  # `signal` loads `enum`
import os
import sys

_HELP = (["-h"], ["--help"])
_PRINTED = frozenset({"next", "ps", "report", "segments", "show"})
"""Commands that ask, print and leave nothing behind: without a thread or a file open."""

_EPIPE, _EXIT_BROKEN_PIPE = 32, 141
"""As in `errno` and `shell`, which cost as much as the line itself."""


def main(*packages: str) -> int:
    """Run the command line of this process and return its exit status.

    *packages* hold agents besides those that come with it.
    """
    # An exception in the middle of an import may be lost, or crash msgspec: until a
    # command runs, Ctrl-C simply ends the process.
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)

    argv = sys.argv[1:]
    try:
        status = _at_once(argv)
    except OSError as exc:  # every case with a status of its own is handled
        status = _unwritten(exc)

    if status is not None:
        # All has been written, past Python's buffers. To take the interpreter apart
        # would be a sixth of all that they take.
        os._exit(status)

    from jarvisd.cli import shell  # noqa: PLC0415 - see above

    status = shell.run(argv, packages)
    if argv and argv[0] in _PRINTED:
        sys.stdout.flush()
        os._exit(status)

    return status


def _at_once(argv: list[str]) -> int | None:
    """Do what must be quick; None means that *argv* is not, or is not understood."""
    match argv:
        case ["hook", *words] if words not in _HELP:
            from jarvisd.cli import hook  # noqa: PLC0415 - see above

            return hook.run(words)
        case ["statusline", *words] if words not in _HELP:
            from jarvisd.cli import statusline  # noqa: PLC0415 - see above

            return statusline.show(words)
        case ["line", *words]:
            from jarvisd.cli import line  # noqa: PLC0415 - see above

            return line.print_line(words)
        case ["report", *words] if "--json" in words:
            from jarvisd.cli import quick  # noqa: PLC0415 - see above

            return quick.print_report(words)
        case _:
            return None


def _unwritten(exc: OSError) -> int:
    """Report why the output could not be written, unless its reader has just gone."""
    if exc.errno == _EPIPE:
        return _EXIT_BROKEN_PIPE

    os.write(2, f"jarvisctl: cannot write: {exc.strerror}\n".encode())
    return 1


if __name__ == "__main__":
    sys.exit(main())
