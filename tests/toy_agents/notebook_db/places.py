"""Where Notebook DB keeps its database: `~/.notebook-db/notebook.db`."""

from collections.abc import Mapping
from pathlib import Path

from jarvisd.base.clock import Clock
from jarvisd.core.roots import Place, SourceKind, Tree
from jarvisd.core.source import Source
from tests.toy_agents.notebook_db.queries import QUERIES

_FILE = "notebook.db"


def find(
    _environ: Mapping[str, str], home: Path, configured: tuple[Path, ...]
) -> tuple[Tree, ...]:
    """Return the tree of the usual folder, and those of *configured* ones."""
    kind = SourceKind(open=_open, beside=("-wal", "-journal"))
    return tuple(
        Tree(agent="notebook_db", root=root, place=place, enters=enters, kind=kind)
        for root in (home / ".notebook-db", *configured)
    )


def place(parts: tuple[str, ...]) -> Place | None:
    """Return that the database is one; its rows name their sessions."""
    return Place() if parts == (_FILE,) else None


def enters(parts: tuple[str, ...]) -> bool:
    """Return that nothing lies in deeper folders."""
    return not parts


def _open(path: str, clock: Clock, cursor: bytes) -> Source:
    from jarvisd.core.sources.sqlite.database_source import (  # noqa: PLC0415 - loaded at first use
        DatabaseSource,
    )

    return DatabaseSource(path, QUERIES, clock, cursor)
