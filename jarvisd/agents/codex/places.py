"""Where Codex keeps its rollouts, and what their names say.

Below ROOT/sessions, in folders by day, and flat or by day below ROOT/archived_sessions:
`rollout-<local time>-<thread id>.jsonl`. A rollout is moved to the archive, and may for
a while be in both: the thread id, which is the place's session, tells that they are
one. Codex compresses rollouts that were idle for a week (`.jsonl.zst`, zstd at level 3,
renamed into place before the plain one is removed), and unpacks them when their thread
is resumed; both have the same text.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from jarvisd.agents._shared.root_folders import account_key, distinct, listed
from jarvisd.core.origin import SessionId
from jarvisd.core.roots import Place, Tree
from jarvisd.core.traits import Worktree

_NAME = re.compile(r"rollout-.*\.jsonl", re.DOTALL)
_THREAD = re.compile(r"-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.jsonl$")
_WORKTREE = re.compile(
    r"(.+?[\\/]\.codex[\\/]worktrees)(?:[\\/][^\\/]+)?([\\/][^\\/]+)", re.DOTALL
)
_COMPRESSED = ".zst"
FOLDERS = ("sessions", "archived_sessions")
_MAX_DEPTH = 4


def find(
    environ: Mapping[str, str], home: Path, configured: tuple[Path, ...]
) -> tuple[Tree, ...]:
    """Return the trees of every root: the agent's own choice, then *configured*."""
    own = own_roots(environ, home)
    folders = (folder for root in (*own, *configured) for folder in _folders(root))
    return tuple(
        Tree(
            agent="codex",
            root=folder,
            place=place,
            enters=enters,
            compressed=_COMPRESSED,
        )
        for folder in distinct(folders)
    )


def own_roots(environ: Mapping[str, str], home: Path) -> tuple[Path, ...]:
    """Return the folders of its settings: the user's choice, or the usual one."""
    return listed(environ, "CODEX_HOME", home) or (home / ".codex",)


def place(parts: tuple[str, ...]) -> Place | None:
    """Return the thread of the rollout at *parts*, or None for any other file."""
    if not parts or not _NAME.fullmatch(parts[-1]):
        return None

    thread = _THREAD.search(parts[-1])
    return Place(session_id=None if thread is None else SessionId(thread.group(1)))


def account(path: str) -> str | None:
    """Return the key of the account whose rollout is at *path*."""
    parts = path.split("/")
    for index in range(len(parts) - 1, 0, -1):
        if parts[index] in FOLDERS and place(tuple(parts[index + 1 :])) is not None:
            return account_key("/".join(parts[:index]))

    return None


def worktree(folder: str) -> Worktree | None:
    """Return the project that *folder* is a worktree of: .codex/worktrees/ID/PROJECT.

    That tells the name of the project only. Without the ID it is the project of all
    worktrees of that name, while nobody knows where the project itself is.
    """
    found = _WORKTREE.match(folder)
    return None if found is None else Worktree(found[1] + found[2], is_exact=False)


def enters(parts: tuple[str, ...]) -> bool:
    """Whether rollouts may lie in the folder *parts* or deeper."""
    return len(parts) < _MAX_DEPTH


def _folders(root: Path) -> tuple[Path, ...]:
    return (root,) if root.name in FOLDERS else tuple(root / each for each in FOLDERS)
