"""Where Hermes keeps its sessions: `state.db` in `HERMES_HOME` or `~/.hermes`.

Profiles have homes of their own: `profiles/NAME/state.db` below the first.
"""

from collections.abc import Mapping
from pathlib import Path

from jarvisd.agents._shared.root_folders import distinct, listed
from jarvisd.base.clock import Clock
from jarvisd.core.roots import Place, SourceKind, Tree
from jarvisd.core.source import Source

_FILE = "state.db"
_PROFILES = "profiles"


def find(
    environ: Mapping[str, str], home: Path, configured: tuple[Path, ...]
) -> tuple[Tree, ...]:
    """Return the trees of every root: the agent's own choice, then *configured*."""
    own = listed(environ, "HERMES_HOME", home) or (home / ".hermes",)
    kind = SourceKind(open=open_database, beside=("-wal", "-journal"))
    return tuple(
        Tree(agent="hermes", root=root, place=place, enters=enters, kind=kind)
        for root in distinct((*own, *configured))
    )


def place(parts: tuple[str, ...]) -> Place | None:
    """Return that a database is one; its rows name their sessions."""
    is_profile = len(parts) == 3 and parts[0] == _PROFILES
    return (
        Place() if parts[-1:] == (_FILE,) and (len(parts) == 1 or is_profile) else None
    )


def enters(parts: tuple[str, ...]) -> bool:
    """Whether databases may lie in the folder *parts* or deeper: only in profiles."""
    return not parts or (parts[0] == _PROFILES and len(parts) < 3)


def open_database(path: str, clock: Clock, cursor: bytes) -> Source:
    """Open the database at *path*."""
    from jarvisd.agents.hermes.queries import QUERIES  # noqa: PLC0415 - loaded at first use
    from jarvisd.core.sources.sqlite.database_source import (  # noqa: PLC0415 - loaded at first use
        DatabaseSource,
    )

    return DatabaseSource(path, QUERIES, clock, cursor)
