"""Where Kilo CLI keeps its sessions.

`kilo.db`, or `kilo-CHANNEL.db` of other release channels, in the data folder: `kilo`
below `XDG_DATA_HOME` or `~/.local/share`, also on macOS. `KILO_DB` names another file.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from jarvisd.agents._shared.root_folders import distinct, listed
from jarvisd.agents.opencode.places import data_folder, database_tree, named_trees
from jarvisd.core.roots import Place, Tree

_NAME = re.compile(r"kilo(?:-[\w.-]+)?\.db")


def find(
    environ: Mapping[str, str], home: Path, configured: tuple[Path, ...]
) -> tuple[Tree, ...]:
    """Return the trees of every root: the agent's own choice, then *configured*."""
    own = listed(environ, "KILO_DATA_DIR", home) or (
        data_folder(environ, home) / "kilo",
    )
    trees = (
        database_tree("kilo", root, place) for root in distinct((*own, *configured))
    )
    return (*trees, *named_trees("kilo", own[0], environ.get("KILO_DB", "")))


def place(parts: tuple[str, ...]) -> Place | None:
    """Return that a database is one; its rows name their sessions."""
    return Place() if len(parts) == 1 and _NAME.fullmatch(parts[0]) else None
