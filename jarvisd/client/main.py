"""The entry of `jarvisctl`: what scripts ask at once, everything else through the shell.

A status bar runs `jarvisctl line` every few seconds for ever, and scripts `jarvisctl
report --json`, so these are looked for before anything is imported. A test holds the
list of modules that they may load.
"""

import sys


def main() -> int:
    """Run the command line of this process and return its exit status."""
    argv = sys.argv[1:]
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
