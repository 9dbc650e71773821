"""Where Continue keeps its sessions: `ROOT/sessions/SESSION.json`, beside an index."""

import re
from collections.abc import Mapping
from pathlib import Path

from jarvisd.agents._shared.root_folders import distinct
from jarvisd.base.clock import Clock
from jarvisd.core.origin import SessionId
from jarvisd.core.roots import Place, SourceKind, Tree
from jarvisd.core.source import Source

_NAME = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.json")
_FOLDER = "sessions"


def find(
    environ: Mapping[str, str], home: Path, configured: tuple[Path, ...]
) -> tuple[Tree, ...]:
    """Return the trees of its own folder and of *configured* ones."""
    own = environ.get("CONTINUE_GLOBAL_DIR", "").strip()
    roots = (Path(own) if own else home / ".continue", *configured)
    folders = (each if each.name == _FOLDER else each / _FOLDER for each in roots)
    return tuple(
        Tree(agent="continue_cli", root=root, place=place, enters=enters, kind=_KIND)
        for root in distinct(folders)
    )


def place(parts: tuple[str, ...]) -> Place | None:
    """Return the session of the document at *parts*, or None for another file."""
    found = _NAME.fullmatch(parts[0]) if len(parts) == 1 else None
    return None if found is None else Place(session_id=SessionId(found[1]))


def enters(parts: tuple[str, ...]) -> bool:
    """Whether sessions lie in the folder *parts*: in no deeper one."""
    return not parts


def _open(path: str, clock: Clock, cursor: bytes) -> Source:
    from jarvisd.agents.continue_cli.shape import SESSION  # noqa: PLC0415 - loaded at first use
    from jarvisd.core.sources.document.document_source import (  # noqa: PLC0415 - loaded at first use
        DocumentSource,
    )

    return DocumentSource(path, SESSION, clock, cursor)


_KIND = SourceKind(open=_open)
