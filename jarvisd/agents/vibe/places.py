"""Where Mistral Vibe keeps its sessions, and what their names say.

Below ROOT/logs/session, where ROOT is VIBE_HOME or ~/.vibe:

    unified/SESSION/          a session of version 3: `documents.py` has its parts
    unified/child-DIGEST/     a subagent; its records name the session that started it
    session_STAMP_ID/         a session of an older version
    active/SESSION.lock       locked while a process has the session open
"""

import re
from collections.abc import Mapping
from pathlib import Path

from jarvisd.agents._shared.root_folders import account_key, distinct, listed
from jarvisd.base.clock import Clock
from jarvisd.core.origin import SessionId
from jarvisd.core.roots import Place, SourceKind, Tree
from jarvisd.core.source import Source

_FOLDER = Path("logs/session")
_UNIFIED = "unified"
_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]{0,127}")
_OLD = re.compile(r"session_[0-9A-Za-z_.-]{1,120}")
_JOURNAL = re.compile(r"\d{1,16}\.jsonl")
_PARTS = {"meta.json", "CURRENT"}


def find(
    environ: Mapping[str, str], home: Path, configured: tuple[Path, ...]
) -> tuple[Tree, ...]:
    """Return the trees of every root: the agent's own, then *configured*."""
    own = listed(environ, "VIBE_HOME", home) or (home / ".vibe",)
    roots = distinct(
        each if each.name == _FOLDER.name else each / _FOLDER
        for each in (*own, *configured)
    )
    return tuple(
        Tree(agent="vibe", root=root, place=place, enters=enters, kind=_KIND)
        for root in roots
    )


def place(parts: tuple[str, ...]) -> Place | None:
    """Return the session of the file at *parts*, below a folder of sessions."""
    match parts:
        case (top, session, name) if top == _UNIFIED and name in _PARTS:
            return _place(session)
        case (top, session, "journal", name) if top == _UNIFIED:
            return _place(session) if _JOURNAL.fullmatch(name) else None
        case (session, "meta.json" | "messages.jsonl") if _OLD.fullmatch(session):
            return Place(session_id=SessionId(session))
        case _:
            return None


def account(path: str) -> str | None:
    """Return the key of the account whose session is in the folder *path*."""
    above, found, _ = path.partition(f"/{_FOLDER}/")
    return account_key(above) if found else None


def enters(parts: tuple[str, ...]) -> bool:
    """Whether parts of sessions may lie in the folder *parts* or deeper."""
    match parts:
        case () | ("unified",) | ("unified", _):
            return True
        case ("unified", _, "journal"):
            return True
        case (session,):
            return _OLD.fullmatch(session) is not None
        case _:
            return False


def _place(session: str) -> Place | None:
    return Place(session_id=SessionId(session)) if _NAME.fullmatch(session) else None


def _open(path: str, clock: Clock, cursor: bytes) -> Source:
    from jarvisd.agents.vibe.documents import KIND  # noqa: PLC0415 - loaded at first use
    from jarvisd.core.sources.document.journal_folder import (  # noqa: PLC0415 - loaded at first use
        JournalFolder,
    )

    return JournalFolder(path, KIND, clock, cursor)


_KIND = SourceKind(
    open=_open,
    is_folder=True,
    beside=("/journal", "/generations", "/chunks"),
    title="journal",
)
