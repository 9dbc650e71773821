"""Decides which links to folders below a root are followed.

A link is followed if it leads to a folder in the user's home that contains no root. The
files there are known by their real paths, so that a later change of the link cannot
make the daemon open another file.
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
"""The remedy for each reason why a file or link is not read."""


class Links:
    """Decides about links during one scan of all trees; *home* None follows none."""

    def __init__(self, home: str | None, roots: Iterable[str]) -> None:
        self.entered: dict[str, tuple[Tree, tuple[str, ...]]] = {}
        """The real path of each linked folder, with its tree and its parts there."""
        self._home = None if home is None else os.path.realpath(home)
        self._roots = [os.path.realpath(each) for each in roots]

    def refusal_reason(self, target: str) -> str | None:
        """Return the reason why a link to the folder *target* is not followed, or None."""
        if any(_is_in(root, target) for root in self._roots):
            return ABOVE

        if self._home is None or not _is_in(target, self._home):
            return OUTSIDE

        return None

    def is_read_elsewhere(self, target: str) -> bool:
        """Return True if the folder *target* is read under another name."""
        return target in self.entered or any(
            _is_in(target, root) for root in self._roots
        )

    def covers(self, path: str) -> tuple[Tree, tuple[str, ...]] | None:
        """Return the tree of the linked folder that contains *path*, and its parts."""
        for target, (tree, parts) in self.entered.items():
            if path.startswith(f"{target}/"):
                return tree, (*parts, *path[len(target) + 1 :].split("/"))

        return None


def _is_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")
