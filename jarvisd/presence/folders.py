"""The folders in which agents leave evidence, and the watch on each."""

import os
from collections.abc import Callable

from jarvisd.agents import AGENTS
from jarvisd.agents.evidence import Locks, Registry
from jarvisd.model.source import Tree
from jarvisd.sources.live_watch import LiveWatch


class Folders:
    """Registries and locks beside the trees of transcripts, watched if they exist."""

    def __init__(self, trees: Callable[[], tuple[Tree, ...]], watch: LiveWatch) -> None:
        self._trees = trees
        self._watch = watch
        self._arranged: tuple[Tree, ...] | None = None
        self._identities: dict[str, tuple[int, int] | None] = {}
        self.registries: dict[str, tuple[str, Registry]] = {}
        self.locks: dict[str, tuple[str, Locks]] = {}

    @property
    def is_blind(self) -> bool:
        """Say whether changes could go untold: a watch failed, or awaits its folder."""
        return self._watch.error is not None or any(
            identity is None and _identity_of(folder.rpartition("/")[0]) is not None
            for folder, identity in self._identities.items()
        )

    def refresh(self) -> None:
        """Take note of trees and folders that have come, gone or been replaced."""
        trees = self._trees()
        if trees is not self._arranged:
            self._arrange(trees)

        for folder in self._identities:
            self._follow(folder)

    def _arrange(self, trees: tuple[Tree, ...]) -> None:
        """Find out where the agents of *trees* leave evidence."""
        self._arranged, self.registries, self.locks = trees, {}, {}
        for tree in trees:
            self._add(tree)

        folders = self.registries.keys() | self.locks.keys()
        for folder in self._identities.keys() - folders:
            self._watch.remove(folder)
            del self._identities[folder]

        for folder in folders:
            self._identities.setdefault(folder, None)

    def _add(self, tree: Tree) -> None:
        evidence = AGENTS[tree.agent].evidence if tree.agent in AGENTS else None
        if evidence is None:
            return

        if evidence.registry and (folder := evidence.registry.folder(tree.root)):
            self.registries[str(folder)] = (tree.agent, evidence.registry)

        if evidence.locks and (folder := evidence.locks.folder(tree.root)):
            self.locks[str(folder)] = (tree.agent, evidence.locks)

    def _follow(self, folder: str) -> None:
        identity = _identity_of(folder)
        if identity != self._identities.get(folder):
            # A watch stays with the folder that was moved away, not with the name.
            self._watch.remove(folder)

        self._identities[folder] = identity
        if identity is not None:
            self._watch.retry([folder])


def _identity_of(folder: str) -> tuple[int, int] | None:
    try:
        seen = os.stat(folder)  # noqa: PTH116 - asked each second
    except OSError:
        return None

    return seen.st_dev, seen.st_ino
