"""A private home with transcripts in it, and everything removed afterwards.

A home lies in the cache folder, on the disk that a user's home would be on; its
runtime folder lies in memory, as /run/user does, under a path short enough for a
socket.
"""

import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.corpora import cache_folder
from benchmarks.lines import transcript

MEMORY = Path("/dev/shm")


@dataclass(slots=True)
class Home:
    """A home folder with transcripts, and the environment that leads to it."""

    folder: Path
    runtime: Path
    _made: int = 0

    @property
    def socket(self) -> str:
        """Return where the daemon will listen."""
        return f"{self.runtime}/jarvisd/rpc.sock"

    @property
    def line_file(self) -> str:
        """Return the rendered status line."""
        return f"{self.runtime}/jarvisd/line"

    @property
    def store_bytes(self) -> int:
        """Return the size of the database with all that belongs to it."""
        found = (self.folder / ".local" / "state").rglob("*")
        return sum(each.stat().st_size for each in found if each.is_file())

    def environ(self) -> dict[str, str]:
        """Return the whole environment: nothing of the caller's but the search path."""
        return {
            "HOME": str(self.folder),
            "XDG_RUNTIME_DIR": str(self.runtime),
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
        }

    def configure(self, settings: str) -> None:
        """Write the configuration file."""
        path = self.folder / ".config" / "jarvisd" / "config.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(settings)

    def write(self, count: int, *, lines: int = 1, age_s: float = 0) -> list[str]:
        """Make *count* transcripts, last changed *age_s* ago, in a few projects."""
        paths = []
        for _ in range(count):
            project = f"-home-dev-work-{self._made % 20}"
            name = f"{uuid.UUID(int=self._made)}.jsonl"
            path = self.folder / ".claude" / "projects" / project / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(transcript(f"session-{self._made}", lines))
            then = time.time_ns() - int(age_s * 1e9)
            os.utime(path, ns=(then, then))
            paths.append(str(path))
            self._made += 1

        return paths


@contextmanager
def new_home() -> Iterator[Home]:
    """Give an empty home, and remove it with all that came into it."""
    homes = cache_folder() / "homes"
    homes.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=homes))
    base = MEMORY if os.access(MEMORY, os.W_OK) else None
    runtime = Path(tempfile.mkdtemp(prefix="jarvisd-", dir=base))
    try:
        yield Home(folder, runtime)
    finally:
        shutil.rmtree(runtime, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
