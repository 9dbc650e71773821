"""Where GitHub Copilot CLI keeps its sessions, and what their names say.

HOME/.copilot/session-state/SESSION/events.jsonl is a session, and SESSION.jsonl one of an
older version. Subagents are in the session's own file.
"""

from collections.abc import Mapping
from pathlib import Path

from jarvisd.agents._shared.root_folders import distinct, stem_of
from jarvisd.core.origin import SessionId
from jarvisd.core.roots import Place, Tree

_FOLDER = "session-state"
_EVENTS, _LINES = "events", ".jsonl"


def find(
    environ: Mapping[str, str], home: Path, configured: tuple[Path, ...]
) -> tuple[Tree, ...]:
    """Return the trees of every root: the agent's own choice, then *configured*."""
    own = Path(environ.get("COPILOT_HOME") or home / ".copilot")
    roots = distinct(
        each if each.name == _FOLDER else each / _FOLDER for each in (own, *configured)
    )
    return tuple(
        Tree(agent="copilot", root=root, place=place, enters=enters) for root in roots
    )


def place(parts: tuple[str, ...]) -> Place | None:
    """Return the session of the file at *parts*, below a folder of sessions."""
    stem = stem_of(parts[-1])
    if not parts[-1].endswith(_LINES):
        return None

    match parts:
        case (session, _) if stem == _EVENTS:
            return Place(session_id=SessionId(session))
        case (_,):
            return Place(session_id=SessionId(stem))
        case _:
            return None


def enters(parts: tuple[str, ...]) -> bool:
    """Whether sessions may lie in the folder *parts* or deeper."""
    return len(parts) < 2
