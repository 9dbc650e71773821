"""Histories to read: made once by the generator in ../shared, kept in a cache folder.

The folder is `$XDG_CACHE_HOME/jarvisd-bench`; remove it whenever you like.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.errors import SkippedError

END = "2025-11-20T18:00:00Z"
"""The newest time in a corpus: safely past, so that no file of it looks live."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """A folder shaped like a home, with `.claude` and `.codex` in it."""

    root: Path

    def files(self) -> list[Path]:
        """Return every transcript."""
        return sorted(self.root.rglob("*.jsonl"))

    def size_bytes(self) -> int:
        """Return the size of all transcripts together."""
        return sum(each.stat().st_size for each in self.files())

    def expected_lines(self) -> int:
        """Return how many lines the generator says that it wrote."""
        facts = json.loads((self.root / "expected.json").read_bytes())
        return int(facts["stat"]["lines"])

    def link_into(self, home: Path) -> None:
        """Show the corpus in *home*: by hard links, which cost no space and no time.

        Nothing is ever appended to these files, so they stay as they were made.
        """
        for each in self.files():
            target = home / each.relative_to(self.root)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(each, target)

    def lines(self, agent: str, limit_bytes: int) -> Iterator[bytes]:
        """Give lines of *agent*, without their ends, until *limit_bytes* of them."""
        left = limit_bytes
        for each in sorted((self.root / f".{agent}").rglob("*.jsonl")):
            for line in each.read_bytes().split(b"\n"):
                if left <= 0:
                    return

                left -= len(line)
                yield line

    def warm(self) -> None:
        """Read all of it once, so that each run finds it in the page cache."""
        for each in self.files():
            each.read_bytes()


def cache_folder() -> Path:
    """Return the folder of all that is kept between runs, which need not exist."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    root = Path(base) if base.startswith("/") else Path.home() / ".cache"
    return root / "jarvisd-bench"


def corpus(*, size: str, files: int) -> Corpus:
    """Return the corpus of *size* (such as 1GB) in *files* files, making it if new.

    Raises:
        SkippedError: The generator is not there.

    """
    arguments = ["--size", size, "--files", str(files), "--seed", "1", "--end", END]
    key = hashlib.blake2b(
        _generator().read_bytes() + " ".join(arguments).encode(), digest_size=4
    )
    root = cache_folder() / f"corpus-{size}-{files}-{key.hexdigest()}"
    if not root.exists():
        print(f"making {root.name}, once ...", file=sys.stderr)
        generate(root, *arguments)

    found = Corpus(root)
    found.warm()
    return found


def generate(root: Path, *arguments: str) -> Corpus:
    """Let the generator fill the folder *root*, which must not exist yet.

    Raises:
        SkippedError: The generator is not there.

    """
    unfinished = root.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    subprocess.run(
        [sys.executable, str(_generator()), "corpus", str(unfinished), *arguments],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    unfinished.rename(root)
    return Corpus(root)


def _generator() -> Path:
    beside = Path(__file__).resolve().parents[2] / "shared"
    shared = Path(os.environ.get("JARVISD_SHARED", beside))
    generator = shared / "tools" / "gen_sessions.py"
    if not generator.exists():
        raise SkippedError("needs ../shared/tools/gen_sessions.py, or JARVISD_SHARED")

    return generator
