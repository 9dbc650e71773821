"""Where mini-swe-agent keeps its trajectories.

The last run is `CONFIG/last_mini_run.traj.json`; others are where the user wants them,
as `NAME.traj.json` in configured roots, in folders of their own in batch runs.
"""

from collections.abc import Mapping
from pathlib import Path

from jarvisd.agents._shared.root_folders import distinct
from jarvisd.base.clock import Clock
from jarvisd.core.roots import Place, SourceKind, Tree
from jarvisd.core.source import Source

_SUFFIX = ".traj.json"
_MAX_DEPTH = 3


def find(
    environ: Mapping[str, str], home: Path, configured: tuple[Path, ...]
) -> tuple[Tree, ...]:
    """Return the trees of its own folder and of *configured* ones."""
    own = environ.get("MSWEA_GLOBAL_CONFIG_DIR", "").strip()
    config = environ.get("XDG_CONFIG_HOME", "").strip()
    folder = (Path(config) if config else home / ".config") / "mini-swe-agent"
    mac = home / "Library" / "Application Support" / "mini-swe-agent"
    roots = ((Path(own),) if own else (folder, mac)) + configured
    return tuple(
        Tree(agent="mini", root=root, place=place, enters=enters, kind=_KIND)
        for root in distinct(roots)
    )


def place(parts: tuple[str, ...]) -> Place | None:
    """Return that a trajectory names its runs itself, or None for another file."""
    return Place() if parts and parts[-1].endswith(_SUFFIX) else None


def enters(parts: tuple[str, ...]) -> bool:
    """Whether trajectories may lie in the folder *parts* or deeper."""
    return len(parts) <= _MAX_DEPTH


def _open(path: str, clock: Clock, cursor: bytes) -> Source:
    from jarvisd.agents.mini.shape import TRAJECTORY  # noqa: PLC0415 - loaded at first use
    from jarvisd.core.sources.document.document_source import (  # noqa: PLC0415 - loaded at first use
        DocumentSource,
    )

    return DocumentSource(path, TRAJECTORY, clock, cursor)


_KIND = SourceKind(open=_open)
