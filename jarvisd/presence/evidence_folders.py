"""Finds and watches the folders in which agents leave evidence of their processes."""

import os
from collections.abc import Callable
from pathlib import Path

from jarvisd.core.agent import AgentRegistry
from jarvisd.core.discovery.inotify_files import LiveWatch
from jarvisd.core.presence_evidence import Locks, Registry
from jarvisd.core.roots import Tree

MAX_EXTRA_ROOTS = 16
"""Roots of transcripts that hooks name, in addition to those that are read."""

MAX_CHECKED = 256
"""Folders of transcripts that hooks name and that are checked once."""


class EvidenceFolders:
    """Watches registries and lock folders beside transcripts, where they exist.

    These are the transcripts of all trees, and those that hooks name outside of trees.
    """

    def __init__(
        self,
        trees: Callable[[], tuple[Tree, ...]],
        watch: LiveWatch,
        agents: AgentRegistry,
    ) -> None:
        self._trees = trees
        self._agents = agents
        self._watch = watch
        self._built_from: tuple[Tree, ...] | None = None
        self._identities: dict[str, tuple[int, int] | None] = {}
        self._checked: set[tuple[str, Path]] = set()
        self._extra_roots: dict[tuple[str, Path], None] = {}
        self.registries: dict[str, tuple[str, Registry]] = {}
        self.locks: dict[str, tuple[str, Locks]] = {}

    @property
    def is_degraded(self) -> bool:
        """Whether a change may cause no event: a watch failed, or has no folder yet."""
        return self._watch.error is not None or any(
            identity is None and _identity_of(folder.rpartition("/")[0]) is not None
            for folder, identity in self._identities.items()
        )

    def refresh(self) -> None:
        """Update the folders and watches for trees and folders that have changed."""
        trees = self._trees()
        if trees is not self._built_from:
            self._rebuild(trees)

        for folder in self._identities:
            self._update_watch(folder)

    def add_beside(self, agent: str, transcript: str) -> bool:
        """Add the evidence beside a *transcript*; return True if there was any new."""
        folder = Path(transcript).parent
        key = (agent, folder)
        is_full = len(self._checked) >= MAX_CHECKED
        if key in self._checked or is_full or not folder.is_absolute():
            return False

        self._checked.add(key)
        roots = [
            root for root in (folder, *folder.parents) if self._is_new(agent, root)
        ]
        if not roots or len(self._extra_roots) >= MAX_EXTRA_ROOTS:
            return False

        self._extra_roots[agent, roots[0]] = None
        self._built_from = None
        return True

    def _is_new(self, agent: str, root: Path) -> bool:
        """Return True if *root* has evidence beside it that is not watched yet."""
        known = self.registries.keys() | self.locks.keys()
        seen = {self._identities.get(each) for each in known}
        return any(
            str(each) not in known and _identity_of(str(each)) not in {None, *seen}
            for each in self._evidence_beside(agent, root)
        )

    def _rebuild(self, trees: tuple[Tree, ...]) -> None:
        """Build the registries and locks of *trees* and of the extra roots."""
        self._built_from, self.registries, self.locks = trees, {}, {}
        for tree in trees:
            self._add(tree.agent, tree.root)

        for agent, root in self._extra_roots:
            self._add(agent, root)

        folders = self.registries.keys() | self.locks.keys()
        for folder in self._identities.keys() - folders:
            self._watch.remove(folder)
            del self._identities[folder]

        for folder in folders:
            self._identities.setdefault(folder, None)

    def _add(self, agent: str, root: Path) -> None:
        evidence = self._agents.presence_of(agent)
        if evidence is None:
            return

        if evidence.registry and (folder := evidence.registry.folder(root)):
            self.registries[str(folder)] = (agent, evidence.registry)

        if evidence.locks and (folder := evidence.locks.folder(root)):
            self.locks[str(folder)] = (agent, evidence.locks)

    def _evidence_beside(self, agent: str, root: Path) -> list[Path]:
        evidence = self._agents.presence_of(agent)
        if evidence is None:
            return []

        parts = (evidence.registry, evidence.locks)
        found = [each.folder(root) for each in parts if each]
        return [each for each in found if each is not None]

    def _update_watch(self, folder: str) -> None:
        identity = _identity_of(folder)
        if identity != self._identities.get(folder):
            # inotify watches an inode: after a rename the old watch no longer reports
            # what happens under this name.
            self._watch.remove(folder)

        self._identities[folder] = identity
        if identity is not None:
            self._watch.retry([folder])


def _identity_of(folder: str) -> tuple[int, int] | None:
    try:
        seen = os.stat(folder)
    except OSError:
        return None

    return seen.st_dev, seen.st_ino
