"""Where Qwen Code keeps its sessions, and what their names say.

Below HOME/.qwen/projects a folder for each working folder, whose name cannot be decoded.
In it

    chats/SESSION.jsonl                   a session
    subagents/SESSION/agent-ID.jsonl      a subagent that it started

A subagent's id holds the id of the call that started it, which is the provider's and
not unique, so its session is SESSION/agent-ID.
"""

from collections.abc import Mapping
from pathlib import Path

from jarvisd.agents._shared.root_folders import distinct, stem_of
from jarvisd.core.origin import SessionId
from jarvisd.core.roots import Place, Tree

_FOLDER = "projects"
_CHATS, _SUBAGENTS = "chats", "subagents"
_LINES = ".jsonl"
_MAX_DEPTH = 4


def find(
    environ: Mapping[str, str], home: Path, configured: tuple[Path, ...]
) -> tuple[Tree, ...]:
    """Return the trees of every root: the agent's own choice, then *configured*."""
    own = Path(environ.get("QWEN_HOME") or home / ".qwen")
    roots = distinct(
        each if each.name == _FOLDER else each / _FOLDER for each in (own, *configured)
    )
    return tuple(
        Tree(agent="qwen", root=root, place=place, enters=enters) for root in roots
    )


def place(parts: tuple[str, ...]) -> Place | None:
    """Return the session of the file at *parts*, below a folder of projects."""
    name = parts[-1]
    if not name.endswith(_LINES):
        return None

    match parts:
        case (_, folder, _) if folder == _CHATS:
            return Place(session_id=SessionId(stem_of(name)))
        case (_, folder, parent, _) if folder == _SUBAGENTS:
            return Place(
                session_id=SessionId(f"{parent}/{stem_of(name)}"),
                parent_session_id=SessionId(parent),
            )
        case _:
            return None


def enters(parts: tuple[str, ...]) -> bool:
    """Whether sessions may lie in the folder *parts* or deeper."""
    return len(parts) < 2 or (
        len(parts) < _MAX_DEPTH and parts[1] in {_CHATS, _SUBAGENTS}
    )
