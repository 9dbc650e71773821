"""Appends lines at a steady rate, as a process of its own, and notes when.

It reads one JSON object (`Plan`) from standard input, says `ready`, waits until that
is closed, and then writes whole lines round robin. SIGTERM ends it early. At the end
it prints one line per append: "<nanoseconds> <file number> <size of the file then>".
The moment is taken before the write, on the clock that all processes share.
"""

import os
import signal
import sys
import time
from dataclasses import dataclass, field

import msgspec

from benchmarks.lines import line


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to append to: *rate* lines a second over all *paths*, for *seconds*.

    *first_number* is the number of lines that each file has already.
    """

    paths: list[str]
    rate: float
    seconds: float
    first_number: int = 1


@dataclass(slots=True)
class Feeder:
    """Every file kept open, and what was written so far."""

    plan: Plan
    stopped: bool = False
    log: list[tuple[int, int, int]] = field(default_factory=list)

    def run(self) -> None:
        """Append at the planned rate until the time is over or SIGTERM comes."""
        files = [os.open(each, os.O_WRONLY | os.O_APPEND) for each in self.plan.paths]
        sizes = [os.fstat(each).st_size for each in files]
        started = time.perf_counter()
        for sent in range(int(self.plan.rate * self.plan.seconds)):
            pause = started + sent / self.plan.rate - time.perf_counter()
            if pause > 0:
                time.sleep(pause)  # noqa: TID251 - keeping a pace is waiting for time

            if self.stopped:
                return

            turn, at = divmod(sent, len(files))
            text = line(f"session-{at}", self.plan.first_number + turn)
            sizes[at] += len(text)
            self.log.append((time.perf_counter_ns(), at, sizes[at]))
            os.write(files[at], text)

    def stop(self, *_: object) -> None:
        """Write no further line."""
        self.stopped = True


def main() -> None:
    feeder = Feeder(msgspec.json.decode(sys.stdin.readline(), type=Plan))
    signal.signal(signal.SIGTERM, feeder.stop)
    print("ready", flush=True)
    sys.stdin.read()
    feeder.run()
    for entry in feeder.log:
        print(*entry)


if __name__ == "__main__":
    main()
