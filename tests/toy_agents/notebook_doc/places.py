"""Where Notebook Doc keeps its sessions: `~/.notebook-doc/sessions/SESSION.json`."""

from collections.abc import Mapping
from pathlib import Path

from jarvisd.base.clock import Clock
from jarvisd.core.origin import SessionId
from jarvisd.core.roots import Place, SourceKind, Tree
from jarvisd.core.source import Source

_SUFFIX = ".json"


def find(
    _environ: Mapping[str, str], home: Path, configured: tuple[Path, ...]
) -> tuple[Tree, ...]:
    """Return the tree of the usual folder, and those of *configured* ones."""
    kind = SourceKind(open=_open)
    return tuple(
        Tree(agent="notebook_doc", root=root, place=place, enters=enters, kind=kind)
        for root in (home / ".notebook-doc" / "sessions", *configured)
    )


def place(parts: tuple[str, ...]) -> Place | None:
    """Return the place of the document at *parts*, or None for another file."""
    if len(parts) != 1 or not parts[0].endswith(_SUFFIX):
        return None

    return Place(session_id=SessionId(parts[0].removesuffix(_SUFFIX)))


def enters(parts: tuple[str, ...]) -> bool:
    """Return that nothing lies in deeper folders."""
    return not parts


def _open(path: str, clock: Clock, cursor: bytes) -> Source:
    from jarvisd.core.sources.document.document_source import (  # noqa: PLC0415 - loaded at first use
        DocumentSource,
    )
    from tests.toy_agents.notebook_doc.shape import DOCUMENT  # noqa: PLC0415 - loaded at first use

    return DocumentSource(path, DOCUMENT, clock, cursor)
