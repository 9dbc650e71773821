"""A user's home that lives as long as one test: agents' folders, state, settings."""

import json
import os
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4
from zlib import crc32

import anyio

import jarvisd

CODE = Path(jarvisd.__file__).parents[1]
"""The code under test, also where another one is installed beside it."""


@dataclass(frozen=True, slots=True)
class Home:
    """The folders of one user; *runtime* is short, since it holds a socket."""

    folder: Path
    runtime: Path

    @property
    def projects(self) -> Path:
        """Return where Claude Code keeps its transcripts."""
        return self.folder / ".claude" / "projects"

    @property
    def sessions(self) -> Path:
        """Return where Codex keeps its rollouts."""
        return self.folder / ".codex" / "sessions"

    @property
    def config(self) -> Path:
        """Return the configuration file, which need not exist."""
        return self.folder / ".config" / "jarvisd" / "config.toml"

    @property
    def state(self) -> Path:
        """Return the folder of the database."""
        return self.folder / ".local" / "state" / "jarvisd"

    @property
    def socket(self) -> Path:
        """Return where the daemon listens."""
        return self.runtime / "jarvisd" / "rpc.sock"

    def environ(self) -> dict[str, str]:
        """Return the environment of a program that runs in this home, and no more."""
        return {
            "HOME": str(self.folder),
            "XDG_RUNTIME_DIR": str(self.runtime),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(CODE),
            "PYTHONWARNINGS": "default",
            "LANG": "C.UTF-8",
            "TERM": "dumb",
        }

    def transcript(self, project: str = "demo", session: str | None = None) -> Path:
        """Return the path of a new transcript in an existing folder."""
        path = self.projects / f"-home-me-{project}" / f"{session or uuid4()}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def rollout(self) -> Path:
        """Return the path of a new Codex rollout in an existing folder."""
        name = f"rollout-2026-11-21T02-27-13-{uuid4()}.jsonl"
        path = self.sessions / "2026" / "11" / "21" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def configure(self, toml: str) -> None:
        """Write the configuration file."""
        self.config.parent.mkdir(parents=True, exist_ok=True)
        self.config.write_text(toml)

    def stored_lines(self, block_id: str) -> int | None:
        """Return a block's line count as the database has it; None without a row."""
        uri = f"file:{self.state / 'jarvisd.db'}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as database:
            row = database.execute(
                "SELECT line_count FROM block WHERE block_id = ?", [block_id]
            ).fetchone()

        return None if row is None else int(row[0])

    def stored_messages(self) -> list[str]:
        """Return what the database has of messages, oldest first."""
        uri = f"file:{self.state / 'jarvisd.db'}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as database:
            rows = database.execute(
                "SELECT content FROM conversation_message ORDER BY message_key"
            )
            return [row[0] for row in rows]


@contextmanager
def temporary_home(folder: Path) -> Iterator[Home]:
    """Make a home in *folder*, and a folder for its socket with a short name."""
    with tempfile.TemporaryDirectory(prefix="jv-") as runtime:
        home = Home(folder, Path(runtime))
        home.projects.mkdir(parents=True)
        home.sessions.mkdir(parents=True)
        yield home


def append(path: Path, *lines: str) -> None:
    """Append *lines*, each with a line end, in one write."""
    append_bytes(path, b"".join(f"{each}\n".encode() for each in lines))


def append_bytes(path: Path, data: bytes) -> None:
    """Append *data* as it is, in one write."""
    with path.open("ab") as file:
        file.write(data)


async def write_steadily(path: Path, line: str, *, lines: int, seconds: float) -> None:
    """Append *lines* times *line*, evenly over *seconds* whatever the machine does."""
    start, written = anyio.current_time(), 0
    while written < lines:
        elapsed_s = anyio.current_time() - start
        due = min(lines, 1 + int(lines * elapsed_s / seconds))
        append(path, *[line] * (due - written))
        written = due
        await anyio.sleep(0.01)


def record(chars: int = 40) -> str:
    """Return a record of exactly *chars* characters that an agent could have written.

    Two characters are the least that a JSON object needs. It is the same within a test,
    and another in the next one, see `numbered`.
    """
    if chars < 9:
        return "{" + " " * (chars - 2) + "}"

    return json.dumps({"p": (_test() + "x" * chars)[: chars - 9]})


def numbered(count: int, start: int = 0, *, word: str = "n") -> list[str]:
    """Return records that are all different, and not those of another test.

    Tests that share a daemon share inodes as well: what one has removed, the next one
    may get. With the same lines in it, it is the same file for all that can be known.
    """
    test = _test()
    return [
        f'{{"{word}":{number},"of":"{test}"}}' for number in range(start, start + count)
    ]


def _test() -> str:
    """Return eight characters of the running test's own."""
    name = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]
    return f"{crc32(name.encode()):08x}"
