"""Where Cline keeps its sessions.

The command line writes `ROOT/SESSION/SESSION.json` and `SESSION.messages.json`, and a
further `NAME.messages.json` for each subagent.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from jarvisd.agents._shared.root_folders import distinct
from jarvisd.base.clock import Clock
from jarvisd.core.origin import SessionId
from jarvisd.core.roots import Place, SourceKind, Tree
from jarvisd.core.source import Source

MESSAGES = ".messages.json"
SUBAGENT = "__"
_NAME = re.compile(r"[0-9A-Za-z_-]{1,128}")


def find(
    environ: Mapping[str, str], home: Path, configured: tuple[Path, ...]
) -> tuple[Tree, ...]:
    """Return the trees of its own folder and of *configured* ones."""
    own = environ.get("CLINE_SESSION_DATA_DIR", "").strip()
    sessions = Path(own) if own else _data_folder(environ, home) / "sessions"
    return tuple(
        Tree(agent="cline", root=root, place=place, enters=enters, kind=_KIND)
        for root in distinct((sessions, *map(_sessions_in, configured)))
    )


def place(parts: tuple[str, ...]) -> Place | None:
    """Return the session of the document at *parts*, or None for another file."""
    if len(parts) != 2 or not _NAME.fullmatch(parts[0]):
        return None

    is_document = document_kind(parts[0], parts[1]) is not None
    return Place(session_id=SessionId(parts[0])) if is_document else None


def document_kind(session: str, name: str) -> str | None:
    """Return the part of the session that the file *name* holds; None if it holds none.

    That is "" for the messages of the session, "manifest", or the subagent's name.
    """
    if name == f"{session}.json":
        return "manifest"

    stem = name.removesuffix(MESSAGES)
    if stem == name or not _NAME.fullmatch(stem):
        return None

    return "" if stem == session else stem


def enters(parts: tuple[str, ...]) -> bool:
    """Whether sessions may lie in the folder *parts* or deeper."""
    return len(parts) < 2


def _data_folder(environ: Mapping[str, str], home: Path) -> Path:
    data = environ.get("CLINE_DATA_DIR", "").strip()
    if data:
        return Path(data)

    own = environ.get("CLINE_DIR", "").strip()
    return (Path(own) if own else home / ".cline") / "data"


def _sessions_in(root: Path) -> Path:
    """Return the folder of sessions that the user meant by *root*."""
    if root.name == "sessions":
        return root

    return root / "sessions" if root.name == "data" else root / "data" / "sessions"


def _open(path: str, clock: Clock, cursor: bytes) -> Source:
    from jarvisd.agents.cline.shape import session_documents  # noqa: PLC0415 - loaded at first use
    from jarvisd.core.sources.document.session_folder import (  # noqa: PLC0415 - loaded at first use
        SessionFolder,
    )

    return SessionFolder(path, session_documents(Path(path).name), clock, cursor)


_KIND = SourceKind(open=_open, is_folder=True, title="documents")
