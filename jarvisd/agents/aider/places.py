"""Where Aider keeps what it writes, and what the names say.

    PROJECT/.aider.chat.history.md    all chats of a project, at the root of its repository

Aider has no folder of its own for them: those of the user's projects have to be named
as roots. `AIDER_CHAT_HISTORY_FILE` and `AIDER_ANALYTICS_LOG` name single files.
"""

import re
from collections.abc import Mapping
from functools import partial
from hashlib import blake2b
from pathlib import Path

from jarvisd.agents._shared.root_folders import distinct, listed
from jarvisd.core.origin import SessionId
from jarvisd.core.roots import Place, Tree

HISTORY = ".aider.chat.history.md"
ANALYTICS = ".aider.analytics.jsonl"
_VARIABLES = ("AIDER_CHAT_HISTORY_FILE", "AIDER_ANALYTICS_LOG")
_MAX_DEPTH = 5
_WITHOUT_PROJECTS = {
    *("node_modules", "site-packages", "venv", "vendor", "target", "build", "dist"),
    "__pycache__",
}
_UNUSUAL = re.compile(r"[^\w.-]+")
_MAX_NAME_CHARS = 40


def find(
    environ: Mapping[str, str], home: Path, configured: tuple[Path, ...]
) -> tuple[Tree, ...]:
    """Return the trees of the files that the environment names, and of *configured*."""
    named = (file for each in _VARIABLES for file in listed(environ, each, home))
    return (
        *(
            Tree(
                agent="aider",
                root=file.parent,
                place=partial(_place, file.parent, frozenset({file.name})),
                enters=_enters_none,
            )
            for file in dict.fromkeys(named)
            if file.is_absolute()
        ),
        *(
            Tree(
                agent="aider",
                root=root,
                place=partial(_place, root, frozenset({HISTORY, ANALYTICS})),
                enters=_enters,
            )
            for root in distinct(configured)
        ),
    )


def _place(root: Path, names: frozenset[str], parts: tuple[str, ...]) -> Place | None:
    if parts[-1] not in names or len(parts) > _MAX_DEPTH:
        return None

    path = root.joinpath(*parts)
    is_history = parts[-1] == HISTORY
    # A folder says where it is, and nothing that leaves this machine may.
    digest = blake2b(str(path).encode(errors="replace"), digest_size=4).hexdigest()
    name = _UNUSUAL.sub("_", path.parent.name)[:_MAX_NAME_CHARS]
    return Place(
        session_id=SessionId(f"{name}-{digest}"),
        cwd=str(path.parent) if is_history else None,
    )


def _enters(parts: tuple[str, ...]) -> bool:
    """Whether projects may lie in the folder *parts* or deeper."""
    name = parts[-1] if parts else ""
    is_usual = not name.startswith(".") and name not in _WITHOUT_PROJECTS
    return is_usual and len(parts) < _MAX_DEPTH


def _enters_none(_parts: tuple[str, ...]) -> bool:
    return False
