"""Where Gemini CLI keeps its sessions, and what their names say.

HOME/.gemini/tmp has a folder for each project, named by a word or, in older versions, a
hash of the project's path. In it

    chats/session-<minute>-<id8>.jsonl    a session
    chats/session-<minute>-<id8>.json     the same in older versions, rewritten whole
    chats/PARENT/ID.jsonl                 a subagent of the session PARENT

The name of a session has the start of its id only; its first line has it all. A session
of an older version that is resumed goes on in a file of the new form beside the old one,
which begins with a copy of its messages under the same ids.
"""

from collections.abc import Mapping
from pathlib import Path

from jarvisd.agents._shared.root_folders import distinct, stem_of
from jarvisd.base.clock import Clock
from jarvisd.core.origin import SessionId
from jarvisd.core.roots import Place, SourceKind, Tree
from jarvisd.core.source import Source

_CHATS = "chats"
_SESSION = "session-"
_LINES, _DOCUMENT = ".jsonl", ".json"


def find(
    environ: Mapping[str, str], home: Path, configured: tuple[Path, ...]
) -> tuple[Tree, ...]:
    """Return the trees of every root: the agent's own choice, then *configured*."""
    own = Path(environ.get("GEMINI_CLI_HOME") or home) / ".gemini"
    roots = distinct(_projects(each) for each in (own, *configured))
    return tuple(
        Tree(agent="gemini", root=root, place=place, enters=enters) for root in roots
    )


def place(parts: tuple[str, ...]) -> Place | None:
    """Return the session of the file at *parts*, below a folder of projects."""
    match parts:
        case (_, folder, name) if folder == _CHATS and name.startswith(_SESSION):
            if name.endswith(_LINES):
                return Place()

            return _DOCUMENT_PLACE if name.endswith(_DOCUMENT) else None
        case (_, folder, parent, name) if folder == _CHATS and name.endswith(_LINES):
            return Place(
                session_id=SessionId(stem_of(name)), parent_session_id=SessionId(parent)
            )
        case _:
            return None


def enters(parts: tuple[str, ...]) -> bool:
    """Whether sessions may lie in the folder *parts* or deeper."""
    return len(parts) < 2 or (len(parts) < 4 and parts[1] == _CHATS)


def _projects(root: Path) -> Path:
    return root if root.name == "tmp" else root / "tmp"


def _open(path: str, clock: Clock, cursor: bytes) -> Source:
    from jarvisd.agents.gemini.shape import DOCUMENT  # noqa: PLC0415 - loaded at first use
    from jarvisd.core.sources.document.document_source import (  # noqa: PLC0415 - loaded at first use
        DocumentSource,
    )

    return DocumentSource(path, DOCUMENT, clock, cursor)


_DOCUMENT_PLACE = Place(kind=SourceKind(open=_open))
