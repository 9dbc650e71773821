"""The entry of `jarvisctl`: what scripts ask at once, everything else through the shell.

A status bar runs `jarvisctl line` every few seconds for ever, and scripts `jarvisctl
report --json`; agents wait for `jarvisctl hook` at every tool call. So these are looked
for before anything is imported. Tests hold the list of modules that they may load.
"""

import sys

_HELP = (["-h"], ["--help"])


def main() -> int:
    """Run the command line of this process and return its exit status."""
    argv = sys.argv[1:]
    if argv[:1] == ["hook"] and argv[1:] not in _HELP:
        from jarvisd.client import hook  # noqa: PLC0415 - see above

        return hook.tell(argv[1:])

    if argv[:1] == ["statusline"] and argv[1:] not in _HELP:
        from jarvisd.client import statusline  # noqa: PLC0415 - see above

        status = statusline.show(argv[1:])
        if status is not None:
            return status

    if argv[:1] == ["line"]:
        from jarvisd.client import line  # noqa: PLC0415 - see above

        status = line.print_line(argv[1:])
        if status is not None:
            return status

    if argv[:1] == ["report"] and "--json" in argv:
        from jarvisd.client import quick  # noqa: PLC0415 - see above

        status = quick.print_report(argv[1:])
        if status is not None:
            return status

    from jarvisd.client import shell  # noqa: PLC0415 - see above

    return shell.run(argv)


if __name__ == "__main__":
    sys.exit(main())
