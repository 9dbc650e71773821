"""Reads of which repository a folder of work is a worktree, while the folder is there."""

from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import anyio
import structlog
from anyio import to_thread

from jarvisd.base.errors import SourceError
from jarvisd.core.block_registry import FolderMet
from jarvisd.core.intake import Intake
from jarvisd.core.projects import repository_of
from jarvisd.core.sources.small_file import read_small

log = structlog.get_logger()

_MOUNTS = Path("/proc/self/mounts")

LIMIT_BYTES = 8 * 1024
"""Of a file `.git`: one path."""

MAX_FOLDERS = 50_000
"""Folders that are looked at; logs may name any number."""


class WorktreeReader:
    """Asks each folder once, on a thread: it may lie on a disk that does not answer."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._met: set[str] = set()
        self._waiting: list[str] = []
        self._woken = anyio.Event()

    def folder_met(self, met: FolderMet) -> None:
        """Queue *met* to be looked at soon."""
        self._add([met.folder])

    async def run(self) -> None:
        """Look at the folders of all blocks, and at those that are met, for ever."""
        blocks = self._intake.blocks
        self._add(each.origin.project for each in blocks if each.origin.project)
        while True:
            await self._woken.wait()
            self._woken = anyio.Event()
            folders, self._waiting = self._waiting, []
            found = await to_thread.run_sync(
                _worktrees, folders, abandon_on_cancel=True
            )
            for folder, project in found.items():
                blocks.projects.learn(folder, project)

            if found:
                log.info("worktrees.found", folders=len(found))
                blocks.place_again()
                self._intake.touch_moved()

    def _add(self, folders: Iterable[str]) -> None:
        room = MAX_FOLDERS - len(self._met)
        unmet = (each for each in dict.fromkeys(folders) if each not in self._met)
        new = list(islice(unmet, room))
        if new:
            self._met.update(new)
            self._waiting += new
            self._woken.set()


def is_mounted(folder: str, mounts: str) -> bool:
    """Whether nothing is mounted by looking at *folder*; *mounts* is as in /proc.

    Whoever writes a transcript names its folder, and may name one on another machine.
    """
    best, kind = "", ""
    for each in mounts.splitlines():
        _, point, of_kind, *_ = each.split(" ")
        point = point.replace("\\040", " ").rstrip("/")
        if len(point) >= len(best) and f"{folder}/".startswith(f"{point}/"):
            best, kind = point, of_kind

    return kind not in {"", "autofs"}


def _worktrees(folders: Iterable[str]) -> dict[str, str]:
    """Return the projects of those of *folders* whose `.git` names one."""
    try:
        mounts = _MOUNTS.read_text(errors="replace")
    except OSError:  # not on Linux: what is below the home is there
        mounts = f"home {Path.home()} unknown"

    found = {
        folder: _project(folder) for folder in folders if is_mounted(folder, mounts)
    }
    return {folder: project for folder, project in found.items() if project}


def _project(folder: str) -> str | None:
    path = Path(folder)
    if not path.is_absolute() or ".." in path.parts:
        return None

    try:
        text = read_small(f"{folder}/.git", limit_bytes=LIMIT_BYTES)
    except (SourceError, OSError, ValueError):  # a folder with a NUL is none
        return None

    return (
        None if text is None else repository_of(folder, text.decode(errors="replace"))
    )
