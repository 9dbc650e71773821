"""Whether anybody read a log, told by the kernel rather than guessed from counters.

inotify reports each read of a file in a watched folder (IN_ACCESS). No report, no
read: that proves zero, which a process's own counters of bytes cannot, since they
also hold its modules and its database.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from inotify_simple import INotify, flags

LOG = ".jsonl"


@dataclass(slots=True)
class Accesses:
    """The reads of logs below some folders."""

    _notify: INotify

    def count(self) -> int:
        """Return how many reads there were since the last call; runs of reads of
        one file may count as one."""
        return sum(each.name.endswith(LOG) for each in self._notify.read(timeout=0))


@contextmanager
def log_reads(root: Path) -> Iterator[Accesses]:
    """Watch every folder below *root* while the context lasts."""
    with INotify() as notify:
        for folder, _, _ in os.walk(root):
            notify.add_watch(folder, flags.ACCESS)

        yield Accesses(notify)
