"""The reconcile scan: scans all trees periodically, at a bounded cost.

It finds what watchers miss: files, folders and roots that were created, moved or
deleted, or have grown. The pause between two scans depends on the cost of a scan.
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
from jarvisd.core.roots import Tree
from jarvisd.core.source_views import RootView, SourceState, SourceView

log = structlog.get_logger()

MIN_PAUSE_S = 2.0
"""The shortest pause: more frequent scans find nothing that a person would notice."""

PAUSE_FACTOR = 5000
DEGRADED_PAUSE_FACTOR = 100
"""A scan that took t is followed by a pause of t times this, but at most the configured
one: a fiftieth of a percent of a core while the watchers work, one percent otherwise."""

MIN_PAUSE_FACTOR = 200
DEGRADED_MIN_PAUSE_FACTOR = 50
"""The pause is at least t times this, even above the configured one: a scan of very many
files costs half a percent of a core at most, and two while the watchers do not work."""

CHECKPOINT_S = 0.001
"""Seconds of scanning between two checkpoints."""

MAX_PROBLEMS = 1000
"""Problems that are kept: more than anybody reads."""


@dataclass(slots=True)
class ScanFindings:
    """The results of one scan, besides the files that it reported."""

    number: int = 0
    """The number of the scan; each file records that of the last scan that found it."""
    files: dict[str, int] = field(default_factory=dict)
    """How many sources it found, by root: an agent has other files beside its logs."""
    errors: dict[str, str] = field(default_factory=dict)
    """The error of each root that cannot be read, by its path."""
    problems: list[SourceView] = field(default_factory=list)
    """The first MAX_PROBLEMS files and folders below the roots that cannot be read."""
    compressed: dict[str, list[str]] = field(default_factory=dict)
    """Transcripts that are compressed, by root."""
    unreadable: list[str] = field(default_factory=list)
    """Folders that could not be read: the files in them may still exist."""
    busy_s: float = 0.0

    def is_unreadable(self, path: str) -> bool:
        """Whether *path* is in a folder that this scan could not read."""
        return any(path.startswith(each) for each in self.unreadable)


class Reconciler:
    """Scans *trees*, and determines when the next scan is due."""

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
        """The number of the current or the last scan."""
        self.finished_ms: int | None = None
        self._clock = clock
        self._max_pause_s = max_pause_s
        self._scanning = anyio.Lock()
        self._due = 0.0
        self._identities: frozenset[tuple[str, int, int]] = frozenset()
        self._home = home
        self.links = self._new_links()
        """The links of the last completed scan."""

    def roots(self) -> list[str]:
        """Return the roots that exist now, and linked folders, to be watched."""
        # Stored, so that the first `roots_changed` is False: restarting the watch
        # blocks the loop for as long as it takes to add every folder.
        self._identities = self._identities_now()
        return self.roots_seen

    @property
    def roots_seen(self) -> list[str]:
        """Return the roots that existed at the last check."""
        return [path for path, _, _ in self._identities]

    def roots_changed(self) -> bool:
        """Whether a root was created, deleted or replaced since this or `roots`."""
        before, self._identities = self._identities, self._identities_now()
        return before != self._identities

    def covers(self, path: str) -> tuple[Tree, tuple[str, ...]] | None:
        """Return the tree of *path* and its parts below the root.

        None if it is in no tree or excluded.
        """
        for tree in self.trees:
            root = f"{tree.root}/"
            if path.startswith(root) and not self.excluded(path):
                return tree, tuple(path[len(root) :].split("/"))

        return None if self.excluded(path) else self.links.covers(path)

    def resolve_path(self, path: str) -> str | None:
        """Return the real path of the new file that a watcher reports as *path*.

        None if it is behind a link that is not followed, or not known yet: watchers
        follow all links.
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

    def set_trees(
        self,
        trees: tuple[Tree, ...],
        excluded: Callable[[str], bool],
        max_pause_s: float,
    ) -> None:
        """Replace the trees from the next scan on, which is due now."""
        self.trees, self.excluded, self._max_pause_s = trees, excluded, max_pause_s
        self.links = self._new_links()
        self.request_scan()
        self._publish(TreesChanged())

    def request_scan(self) -> None:
        """Make the next scan due now: a change may have been missed."""
        self._due = 0.0

    def is_due(self) -> bool:
        """Whether it is time to scan."""
        return self._clock.monotonic() >= self._due

    @property
    def overdue_s(self) -> float:
        """Return the seconds for which a scan has been due and has not started."""
        return max(0.0, self._clock.monotonic() - self._due) if self._due else 0.0

    async def scan(
        self,
        found: Callable[[ScanResult], object],
        *,
        before_open: Callable[[], None],
        source_of: Callable[[str], str | None],
        degraded: bool = False,
    ) -> ScanFindings:
        """Call *found* with every file; for *before_open* see `walk`.

        *source_of* gives the path of the source that a file is, or is a part of.
        *degraded* means that the watchers do not report all changes, so that the next
        scan is due sooner.
        """
        async with self._scanning:
            self._due = self._clock.monotonic() + self._max_pause_s
            self.number += 1
            findings, links = ScanFindings(self.number), self._new_links()
            for tree in self.trees:
                await self._scan_tree(
                    tree,
                    findings,
                    found,
                    links,
                    before_open=before_open,
                    source_of=source_of,
                )

            self.links = links
            # `request_scan` may have been called while this scan ran; it sets 0.
            if self._due:
                pause_s = self._pause_s(findings.busy_s, degraded=degraded)
                self._due = self._clock.monotonic() + pause_s

            self.findings, self.finished_ms = findings, self._clock.unix_ms()
            return findings

    def _new_links(self) -> Links:
        return Links(self._home, (str(each.root) for each in self.trees))

    def _identities_now(self) -> frozenset[tuple[str, int, int]]:
        roots = (str(each.root) for each in self.trees)
        return _identities((*roots, *self.links.entered))

    def _pause_s(self, took_s: float, *, degraded: bool) -> float:
        share = DEGRADED_PAUSE_FACTOR if degraded else PAUSE_FACTOR
        limit = DEGRADED_MIN_PAUSE_FACTOR if degraded else MIN_PAUSE_FACTOR
        wanted_s = min(max(MIN_PAUSE_S, took_s * share), self._max_pause_s)
        return max(wanted_s, took_s * limit)

    async def _scan_tree(
        self,
        tree: Tree,
        findings: ScanFindings,
        found: Callable[[ScanResult], object],
        links: Links,
        *,
        before_open: Callable[[], None],
        source_of: Callable[[str], str | None],
    ) -> None:
        root = str(tree.root)
        sources: set[str | None] = {None}
        compressed = findings.compressed[root] = []
        started = self._clock.monotonic()
        for folder in walk(tree, self.excluded, before_open=before_open, links=links):
            for each in folder.files:
                found(each)

            sources.update(source_of(each.path) for each in folder.files)
            compressed += folder.compressed
            _add_problems(tree, folder, findings)
            now = self._clock.monotonic()
            if now - started > CHECKPOINT_S:
                findings.busy_s += now - started
                await lowlevel.checkpoint()
                started = self._clock.monotonic()

        findings.files[root] = len(sources) - 1
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


def _add_problems(tree: Tree, folder: Folder, findings: ScanFindings) -> None:
    if folder.error is not None:
        findings.unreadable.append(f"{folder.path}/")
        if folder.path == str(tree.root):
            findings.errors[folder.path] = folder.error
        else:
            folder.unread[folder.path] = folder.error

    room = MAX_PROBLEMS - len(findings.problems)
    findings.problems += [
        _problem(tree.agent, path, reason)
        for path, reason in islice(folder.unread.items(), room)
    ]


def _problem(agent: str, path: str, reason: str) -> SourceView:
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
