"""The reconcile scan: every tree looked through, again and again, as cheaply as due.

Whatever the watchers miss is found here: files, folders and roots that came, grew,
moved or went. The pause between two scans follows from what a scan costs.
"""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice

import anyio
import structlog
from anyio import lowlevel

from jarvisd.base.clock import Clock
from jarvisd.core.discovery.links import REMEDIES, Links
from jarvisd.core.discovery.scan import Folder, ScanResult, walk
from jarvisd.core.publisher import Publish, TreesChanged, ignore
from jarvisd.core.roots import SourceState, SourceView, Tree
from jarvisd.overview.wire import RootView

log = structlog.get_logger()

MIN_PAUSE_S = 2.0
"""Scanning more often finds nothing that a person would have noticed."""

WATCHED_SHARE = 5000
BLIND_SHARE = 100
"""A scan that took t is followed by a pause of t times this, if that is shorter than
was asked for: a fiftieth of a percent of a core while the watchers work, a whole one
while they do not."""

WATCHED_LIMIT = 200
BLIND_LIMIT = 50
"""The longest pause that was asked for gives way to this: a scan of very many files
costs half a percent of a core at most, and two while the watchers do not work."""

STEP_S = 0.001
"""How long to look before others get a turn."""

MAX_TROUBLES = 1000
"""More than anybody reads through."""


@dataclass(slots=True)
class ScanFindings:
    """What one scan saw besides the files it handed over."""

    number: int = 0
    """Which scan it was, so that each file can be told when it was last come across."""
    files: dict[str, int] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    """Why a root cannot be looked through, by its path."""
    troubles: list[SourceView] = field(default_factory=list)
    """What below the roots cannot be read; the first MAX_TROUBLES of them."""
    compressed: dict[str, list[str]] = field(default_factory=dict)
    """Transcripts that are compressed, by root."""
    closed: list[str] = field(default_factory=list)
    """Folders that could not be looked into: what is in them may be there still."""
    busy_s: float = 0.0

    def is_closed(self, path: str) -> bool:
        """Whether *path* lies where this scan could not look."""
        return any(path.startswith(each) for each in self.closed)


class Reconciler:
    """Looks through *trees*, and knows when it is time to look again."""

    def __init__(
        self,
        trees: tuple[Tree, ...],
        clock: Clock,
        *,
        excluded: Callable[[str], bool],
        max_pause_s: float,
        home: str | None = None,
        publish: Publish = ignore,
    ) -> None:
        self._publish = publish
        self.trees = trees
        self.excluded = excluded
        self.findings = ScanFindings()
        self.number = 0
        """Of the scan under way, or of the last one."""
        self.finished_ms: int | None = None
        self._clock = clock
        self._max_pause_s = max_pause_s
        self._scanning = anyio.Lock()
        self._due = 0.0
        self._identities: frozenset[tuple[str, int, int]] = frozenset()
        self._home = home
        self.links = self._new_links()
        """Those of the last scan, and of the one under way."""

    def roots(self) -> list[str]:
        """Return the roots that exist now, and linked folders, to be watched."""
        # Noted, so that the first look does not find that all of them have come:
        # watching anew stops the loop for as long as it takes to add every folder.
        self._identities = self._identities_now()
        return self.roots_seen

    @property
    def roots_seen(self) -> list[str]:
        """Return the roots that existed at the last look at them."""
        return [path for path, _, _ in self._identities]

    def roots_changed(self) -> bool:
        """Whether a root has come, gone or been replaced since either call."""
        before, self._identities = self._identities, self._identities_now()
        return before != self._identities

    def covers(self, path: str) -> tuple[Tree, tuple[str, ...]] | None:
        """Return the tree that *path* is to be read in, and the names below its root.

        None when it lies in no tree or is excluded.
        """
        for tree in self.trees:
            root = f"{tree.root}/"
            if path.startswith(root) and not self.excluded(path):
                return tree, tuple(path[len(root) :].split("/"))

        return None if self.excluded(path) else self.links.covers(path)

    def settled(self, path: str) -> str | None:
        """Return the real path of what a watcher calls *path*, which is new to us.

        None where it lies behind a link that is not followed, or not known yet: watchers
        look through all links.
        """
        folder, name = os.path.split(path)
        real = os.path.realpath(folder)
        for tree in self.trees:
            root = str(tree.root)
            if path.startswith(f"{root}/"):
                within = f"{os.path.realpath(root)}{folder[len(root) :]}"
                if real == within:
                    return path

        path = os.path.join(real, name)
        return path if self.links.covers(path) else None

    def look_through(
        self,
        trees: tuple[Tree, ...],
        excluded: Callable[[str], bool],
        max_pause_s: float,
    ) -> None:
        """Look through these trees from the next scan on, which is due now."""
        self.trees, self.excluded, self._max_pause_s = trees, excluded, max_pause_s
        self.links = self._new_links()
        self.hurry()
        self._publish(TreesChanged())

    def hurry(self) -> None:
        """Make the next scan due now: something may have been missed."""
        self._due = 0.0

    def is_due(self) -> bool:
        """Whether it is time to scan."""
        return self._clock.monotonic() >= self._due

    @property
    def overdue_s(self) -> float:
        """Return for how long a scan has been due and not come."""
        return max(0.0, self._clock.monotonic() - self._due) if self._due else 0.0

    async def scan(
        self,
        found: Callable[[ScanResult], object],
        *,
        opening: Callable[[], None],
        blind: bool = False,
    ) -> ScanFindings:
        """Call *found* with every file, giving way every STEP_S; *opening* as for `walk`.

        *blind* says that the watchers do not tell all, so that the next scan is due
        sooner.
        """
        async with self._scanning:
            self._due = self._clock.monotonic() + self._max_pause_s
            self.number += 1
            findings, links = ScanFindings(self.number), self._new_links()
            for tree in self.trees:
                await self._scan_tree(tree, findings, found, opening, links)

            self.links = links
            # Somebody may have asked for the next scan to hurry while this one ran.
            if self._due:
                pause_s = self._pause_s(findings.busy_s, blind=blind)
                self._due = self._clock.monotonic() + pause_s

            self.findings, self.finished_ms = findings, self._clock.unix_ms()
            return findings

    def _new_links(self) -> Links:
        return Links(self._home, (str(each.root) for each in self.trees))

    def _identities_now(self) -> frozenset[tuple[str, int, int]]:
        roots = (str(each.root) for each in self.trees)
        return _identities((*roots, *self.links.entered))

    def _pause_s(self, took_s: float, *, blind: bool) -> float:
        share = BLIND_SHARE if blind else WATCHED_SHARE
        limit = BLIND_LIMIT if blind else WATCHED_LIMIT
        wanted_s = min(max(MIN_PAUSE_S, took_s * share), self._max_pause_s)
        return max(wanted_s, took_s * limit)

    async def _scan_tree(
        self,
        tree: Tree,
        findings: ScanFindings,
        found: Callable[[ScanResult], object],
        opening: Callable[[], None],
        links: Links,
    ) -> None:
        root = str(tree.root)
        findings.files[root] = 0
        compressed = findings.compressed[root] = []
        started = self._clock.monotonic()
        for folder in walk(tree, self.excluded, opening=opening, links=links):
            for each in folder.files:
                found(each)

            findings.files[root] += len(folder.files)
            compressed += folder.compressed
            _note_troubles(tree, folder, findings)
            now = self._clock.monotonic()
            if now - started > STEP_S:
                findings.busy_s += now - started
                await lowlevel.checkpoint()
                started = self._clock.monotonic()

        findings.busy_s += self._clock.monotonic() - started

    def views(self) -> list[RootView]:
        """Return each root as `sources.list` shows it."""
        return [self._view(each) for each in self.trees]

    def _view(self, tree: Tree) -> RootView:
        root = str(tree.root)
        return RootView(
            agent=tree.agent,
            path=root,
            exists=os.path.isdir(root),
            files=self.findings.files.get(root, 0),
            error=self.findings.errors.get(root),
        )


def _note_troubles(tree: Tree, folder: Folder, findings: ScanFindings) -> None:
    if folder.error is not None:
        findings.closed.append(f"{folder.path}/")
        if folder.path == str(tree.root):
            findings.errors[folder.path] = folder.error
        else:
            folder.odd[folder.path] = folder.error

    room = MAX_TROUBLES - len(findings.troubles)
    findings.troubles += [
        _trouble(tree.agent, path, reason)
        for path, reason in islice(folder.odd.items(), room)
    ]


def _trouble(agent: str, path: str, reason: str) -> SourceView:
    return SourceView(
        agent=agent,
        path=path,
        state=SourceState.QUARANTINED,
        block_id=None,
        offset=0,
        size=0,
        partial_bytes=0,
        generation=0,
        error=reason,
        remedy=REMEDIES.get(reason),
    )


def _identities(paths: Iterable[str]) -> frozenset[tuple[str, int, int]]:
    found = set()
    for path in paths:
        try:
            seen = os.stat(path)
        except OSError:
            continue

        found.add((path, seen.st_dev, seen.st_ino))

    return frozenset(found)
