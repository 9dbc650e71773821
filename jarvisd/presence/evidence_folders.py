"""The folders in which agents leave evidence, and the watch on each."""

import os
from collections.abc import Callable
from pathlib import Path

from jarvisd.core.agent import AgentRegistry
from jarvisd.core.discovery.live_watch import LiveWatch
from jarvisd.core.presence_evidence import Locks, Registry
from jarvisd.core.roots import Tree

MAX_ELSEWHERE = 16
"""Folders in which hooks say that transcripts lie, beside those that are read."""

MAX_MET = 256


class EvidenceFolders:
    """Registries and locks beside the trees of transcripts, watched if they exist.

    So are those beside transcripts that hooks name and that lie in no tree.
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
        self._arranged: tuple[Tree, ...] | None = None
        self._identities: dict[str, tuple[int, int] | None] = {}
        self._met: set[tuple[str, Path]] = set()
        self._elsewhere: dict[tuple[str, Path], None] = {}
        self.registries: dict[str, tuple[str, Registry]] = {}
        self.locks: dict[str, tuple[str, Locks]] = {}

    @property
    def is_blind(self) -> bool:
        """Whether changes could go untold: a watch failed, or awaits its folder."""
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

    def meet(self, agent: str, transcript: str) -> bool:
        """Follow the evidence beside a *transcript*; return whether there is more now."""
        folder = Path(transcript).parent
        met = (agent, folder)
        if met in self._met or len(self._met) >= MAX_MET or not folder.is_absolute():
            return False

        self._met.add(met)
        roots = [
            root for root in (folder, *folder.parents) if self._is_new(agent, root)
        ]
        if not roots or len(self._elsewhere) >= MAX_ELSEWHERE:
            return False

        self._elsewhere[agent, roots[0]] = None
        self._arranged = None
        return True

    def _is_new(self, agent: str, root: Path) -> bool:
        """Return True if evidence lies beside *root* that is not followed yet."""
        known = self.registries.keys() | self.locks.keys()
        seen = {self._identities.get(each) for each in known}
        return any(
            str(each) not in known and _identity_of(str(each)) not in {None, *seen}
            for each in self._evidence_beside(agent, root)
        )

    def _arrange(self, trees: tuple[Tree, ...]) -> None:
        """Find out where the agents of *trees* leave evidence."""
        self._arranged, self.registries, self.locks = trees, {}, {}
        for tree in trees:
            self._add(tree.agent, tree.root)

        for agent, root in self._elsewhere:
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
        seen = os.stat(folder)
    except OSError:
        return None

    return seen.st_dev, seen.st_ino
