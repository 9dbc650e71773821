"""Run the figures and print one table: `python -m benchmarks [NAME...] [--quick]`.

Nothing here fails because a figure is short of its target; the exit status is 1 only
when something could not be measured that should have been.
"""

import argparse
import sys
import traceback
from pathlib import Path

from benchmarks import proc, table
from benchmarks.effort import Effort
from benchmarks.errors import SkippedError
from benchmarks.figures import FIGURES
from benchmarks.rows import Row


def main() -> int:
    arguments = _arguments()
    machine = proc.machine() | {"load before": proc.load()}
    rows: list[Row] = []
    skipped: list[tuple[str, str]] = []
    failed: list[tuple[str, str]] = []
    for name in arguments.names or FIGURES:
        print(f"measuring {name} ...", file=sys.stderr)
        try:
            rows += FIGURES[name](Effort(quick=arguments.quick))
        except SkippedError as exc:
            skipped.append((name, str(exc)))
        except Exception as exc:  # one that fails must not cost the others' results
            traceback.print_exc()
            failed.append((name, f"FAILED: {exc}"))

    machine["load after"] = proc.load()
    print(table.render(rows, [*skipped, *failed]))
    print(", ".join(f"{name} {fact}" for name, fact in machine.items()))
    if arguments.json:
        table.save(arguments.json, rows, machine)

    return 1 if failed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(FIGURES)}; default all"
    )
    parser.add_argument("--quick", action="store_true", help="a look, in two minutes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="save all samples")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(FIGURES)
    if unknown:
        parser.error(f"no figure {', '.join(sorted(unknown))}")

    return arguments


if __name__ == "__main__":
    sys.exit(main())
