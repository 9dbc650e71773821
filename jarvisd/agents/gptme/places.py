"""Where gptme keeps its conversations, and what their names say.

Each is a folder below ~/.local/share/gptme/logs, and the name of the folder is its id. In
it conversation.jsonl is what is said now, and branches/NAME.jsonl what was said before it
was undone or edited. A subagent has a folder of its own, `subagent-...`, beside the others.
"""

from collections.abc import Mapping
from pathlib import Path

from jarvisd.agents._shared.root_folders import distinct, stem_of
from jarvisd.core.origin import SessionId
from jarvisd.core.roots import Place, Tree

_FOLDER = "logs"
_CONVERSATION, _BRANCHES, _LINES = "conversation", "branches", ".jsonl"
SUBAGENT = "subagent-"
"""How the ids of subagents begin."""


def find(
    environ: Mapping[str, str], home: Path, configured: tuple[Path, ...]
) -> tuple[Tree, ...]:
    """Return the trees of every root: the agent's own choice, then *configured*."""
    data = Path(environ.get("XDG_DATA_HOME") or home / ".local/share")
    chosen = environ.get("GPTME_LOGS_HOME")
    own = Path(chosen) if chosen else data / "gptme" / _FOLDER
    roots = distinct(
        (
            own,
            *(each if each.name == _FOLDER else each / _FOLDER for each in configured),
        )
    )
    return tuple(
        Tree(agent="gptme", root=root, place=place, enters=enters) for root in roots
    )


def place(parts: tuple[str, ...]) -> Place | None:
    """Return the session of the file at *parts*, below a folder of conversations."""
    name = parts[-1]
    if not name.endswith(_LINES):
        return None

    match parts:
        case (session, _) if stem_of(name) == _CONVERSATION:
            return Place(session_id=SessionId(session))
        case (session, folder, _) if folder == _BRANCHES:
            return Place(session_id=SessionId(session))
        case _:
            return None


def enters(parts: tuple[str, ...]) -> bool:
    """Whether conversations may lie in the folder *parts* or deeper."""
    return len(parts) < 2 or (len(parts) == 2 and parts[1] == _BRANCHES)
