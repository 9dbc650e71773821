"""Links to folders below a root: which of them are followed, and where they lead.

A link is followed where it leads to a folder in the user's home that holds no root.
What lies there is known by its real path: nothing that becomes of the link later
makes us open something else.
"""

import os
from collections.abc import Iterable

from jarvisd.core.roots import Tree

OUTSIDE = "is a link to a folder outside of your home, which is not followed"
ABOVE = "is a link to a folder above it, which is not followed"


LINKED_FILE = "is a symbolic link, which is not followed"

REMEDIES = {
    LINKED_FILE: "put the file itself there, or name its folder as a root",
    "is a symbolic link": "put the file itself there, or name its folder as a root",
    OUTSIDE: "name the folder itself as a root: agents.NAME.roots in the configuration",
    ABOVE: "remove the link, or let it lead to the folder of the transcripts",
}
"""What to do about what is not followed, by the reason."""


class Links:
    """Decides during one look through all trees; *home* None follows no link."""

    def __init__(self, home: str | None, roots: Iterable[str]) -> None:
        self.entered: dict[str, tuple[Tree, tuple[str, ...]]] = {}
        """The real paths of linked folders, whose tree they are in, and where there."""
        self._home = None if home is None else os.path.realpath(home)
        self._roots = [os.path.realpath(each) for each in roots]

    def why_not(self, target: str) -> str | None:
        """Return why the folder *target* is not entered through a link, if so."""
        if any(_is_in(root, target) for root in self._roots):
            return ABOVE

        if self._home is None or not _is_in(target, self._home):
            return OUTSIDE

        return None

    def is_read_anyway(self, target: str) -> bool:
        """Return True if the folder *target* is read under another name."""
        return target in self.entered or any(
            _is_in(target, root) for root in self._roots
        )

    def covers(self, path: str) -> tuple[Tree, tuple[str, ...]] | None:
        """Return the tree of the linked folder that *path* is in, and its place."""
        for target, (tree, parts) in self.entered.items():
            if path.startswith(f"{target}/"):
                return tree, (*parts, *path[len(target) + 1 :].split("/"))

        return None


def _is_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")
