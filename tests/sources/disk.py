"""A tree of transcripts that changes in every way writers change files.

Each line is an event with a number of its own. The disk itself is the model: what a
look could have found is what it holds then. Besides, it is noted which events may be
counted once more; all others are counted exactly once.
"""

import itertools
import os
import re
import shutil
from collections import Counter
from pathlib import Path

EVENT = re.compile(rb'\{"n":"(\d{6})"\}')
TORN_BYTES = 12
FIRST_MS = 1_700_000_000_000
"""The time of the first change."""
_NUMBER = re.compile(rb'"n":"(\d{6})')


class Disk:
    """Files below *root*, and how often each event in them may be counted."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.may_count_again: Counter[int] = Counter()
        self._numbers = itertools.count()
        self._times = itertools.count(FIRST_MS * 1_000_000, 1_000_000)
        for each in ("p", "q"):
            (root / each).mkdir()

    def path(self, name: str) -> Path:
        """Return the path of the transcript *name*, like `p/1`."""
        return self.root / f"{name}.jsonl"

    def transcripts(self) -> list[Path]:
        """Return all paths that are to be read."""
        return sorted(self.root.glob("*/*.jsonl"))

    def all(self) -> list[Path]:
        """Return all files there are."""
        return [each for each in self.root.glob("*/*") if each.is_file()]

    def events(self) -> set[int]:
        """Return the events that whoever looks now can find."""
        return {each for path in self.transcripts() for each in events_of(path)}

    def lines(self, count: int) -> bytes:
        """Return so many new events, as lines."""
        numbers = itertools.islice(self._numbers, count)
        return b"".join(b'{"n":"%06d"}\n' % number for number in numbers)

    def append(self, path: Path, count: int) -> None:
        """Append new events, after the rest of a torn line."""
        self._append(path, rest_of(path) + self.lines(count))

    def tear(self, path: Path) -> None:
        """Append the first part of a line, and mend one that is torn already."""
        self._append(path, rest_of(path) or self.lines(1)[:TORN_BYTES])

    def rewrite(self, path: Path, data: bytes, *, aside: bool) -> None:
        """Write all of *path* anew, in place or beside it and renamed."""
        if aside:
            other = path.with_suffix(".tmp")
            other.write_bytes(data)
            other.rename(path)
        else:
            path.write_bytes(data)

        self._touch(path)

    def edited(self, data: bytes) -> bytes:
        """Return *data* with another line of equal length in place of a middle one."""
        lines = data.splitlines(keepends=True)
        if lines:
            lines[len(lines) // 2] = lines[len(lines) // 2].upper()

        return b"".join(lines)

    def cut(self, path: Path, keep: float, new: int, *, aside: bool) -> None:
        """Take off the end of *path*, and write *new* other events in its place."""
        data = path.read_bytes()
        kept = data[: int(len(data) * keep)]
        if kept.endswith(b"}"):
            kept = kept[:-1]  # a whole record without an end would count as one

        if len(kept.rpartition(b"\n")[2]) == TORN_BYTES:
            kept = kept[:-1]  # its end would be appended: the same event once more

        if new:
            kept = kept[: kept.rfind(b"\n") + 1]

        self.rewrite(path, kept + self.lines(new), aside=aside)

    def copy(self, path: Path, other: Path) -> None:
        """Copy with all times, as `cp -a` does."""
        shutil.copy2(path, other)

    def allow_again(self, path: Path) -> None:
        """Note that the events now in *path*, torn ones too, may count once more."""
        self.may_count_again.update(map(int, _NUMBER.findall(path.read_bytes())))

    def _append(self, path: Path, data: bytes) -> None:
        with path.open("ab") as file:
            file.write(data)

        self._touch(path)

    def _touch(self, path: Path) -> None:
        # Each change has a time of its own, as changes by people have.
        os.utime(path, ns=(0, next(self._times)))


def events_of(path: Path) -> list[int]:
    """Return the events in whole lines of *path*."""
    whole, _, _ = path.read_bytes().rpartition(b"\n")
    return [int(each) for each in EVENT.findall(whole)]


def rest_of(path: Path) -> bytes:
    """Return what ends the torn line of *path*; nothing if there is none."""
    torn = path.read_bytes().rpartition(b"\n")[2]
    return b"" if not torn else b'"}\n' if len(torn) == TORN_BYTES else b"\n"
