"""The least that a program in Python would do: what the figures are held against.

`python -m benchmarks.floor read FOLDER` reads all transcripts and ends;
`python -m benchmarks.floor follow FOLDER` says `ready` and counts what is appended until
it is terminated. Both know each line for a JSON object and count lines and code points,
which is what block statistics are made of, and nothing else: no file is known again,
nothing odd is minded, nobody may ask.
"""

import asyncio
import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
from inotify_simple import INotify, flags, parse_events

_REPOSITORY = Path(__file__).parent.parent

SLICE_BYTES = 256 * 1024
EVENTS_BYTES = 16 * 1024
FLUSH_S = 1.0


class OneField(msgspec.Struct, gc=False):
    """As little as can be asked of a line."""

    type: str = ""


_decode = msgspec.json.Decoder(OneField).decode


@dataclass(slots=True)
class Counted:
    """One file, read to *offset*."""

    path: str
    fd: int
    offset: int = 0
    lines: int = 0
    chars: int = 0

    def read(self) -> bool:
        """Count the whole lines of one slice; return whether there were any."""
        data = os.pread(self.fd, SLICE_BYTES, self.offset)
        start, texts = 0, []
        while (end := data.find(b"\n", start)) >= 0:
            texts.append(data[start:end])
            start = end + 1

        for _ in map(_decode, texts):
            pass  # knowing them for JSON is all

        self.chars += sum(map(len, map(bytes.decode, texts)))
        self.lines += len(texts)
        self.offset += start
        return start > 0


def read_cpu_s(folder: Path) -> tuple[float, int]:
    """Return the CPU seconds of a process that reads all in *folder*, and its lines."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        _command("read", folder), cwd=_REPOSITORY, check=True, capture_output=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    user_s = after.ru_utime - before.ru_utime
    return user_s + after.ru_stime - before.ru_stime, int(done.stdout)


@contextmanager
def following(folder: Path) -> Iterator[int]:
    """Give the id of a process that follows all files in *folder*."""
    command = _command("follow", folder)
    with subprocess.Popen(command, cwd=_REPOSITORY, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield process.pid
        finally:
            process.terminate()


def _command(what: str, folder: Path) -> list[str]:
    return [sys.executable, "-m", "benchmarks.floor", what, str(folder)]


def _read(folder: Path) -> None:
    lines = 0
    for path in folder.rglob("*.jsonl"):
        file = Counted(str(path), os.open(path, os.O_RDONLY))
        while file.read():
            pass

        os.close(file.fd)
        lines += file.lines

    print(lines)


def _opened(folder: Path) -> dict[str, Counted]:
    return {
        str(path): Counted(str(path), os.open(path, os.O_RDONLY), path.stat().st_size)
        for path in folder.rglob("*.jsonl")
    }


async def _follow(files: dict[str, Counted], store_path: Path) -> None:
    notify, changed = INotify(nonblocking=True), set[str]()
    folders = {path.rpartition("/")[0] for path in files}
    watches = {notify.add_watch(each, flags.MODIFY): each for each in folders}

    def look() -> None:
        told = os.read(notify.fileno(), EVENTS_BYTES)
        for watch, _, _, name in parse_events(told):
            file = files[f"{watches[watch]}/{name}"]
            if file.read():
                changed.add(file.path)

    asyncio.get_running_loop().add_reader(notify.fileno(), look)
    with sqlite3.connect(store_path, check_same_thread=False) as store:
        store.execute("PRAGMA journal_mode = WAL")
        store.execute("CREATE TABLE block (path PRIMARY KEY, lines, chars, offset)")
        print("ready", flush=True)
        while True:
            await asyncio.sleep(FLUSH_S)
            rows = [_row(files[each]) for each in changed]
            changed.clear()
            await asyncio.to_thread(_store, store, rows)


def _row(file: Counted) -> tuple[str, int, int, int]:
    return file.path, file.lines, file.chars, file.offset


def _store(store: sqlite3.Connection, rows: list[tuple[str, int, int, int]]) -> None:
    store.executemany("INSERT OR REPLACE INTO block VALUES (?, ?, ?, ?)", rows)
    store.commit()


if __name__ == "__main__":
    home = Path(sys.argv[2])
    if sys.argv[1] == "read":
        _read(home)
    else:
        asyncio.run(_follow(_opened(home), home / "floor.db"))
