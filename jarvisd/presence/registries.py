"""Reads the agents' registries: each file when it changes, checked before it is used.

An entry is valid if the process that it names is alive and was started when the entry
says: process numbers are used again, and a process that was killed leaves its entry
behind. An entry of another PID namespace (a container that shares the home) cannot be
checked and is not used.
"""

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from msgspec import structs

from jarvisd.base.clock import Clock
from jarvisd.base.errors import SourceError
from jarvisd.core.presence_evidence import MAX_ENTRY_BYTES, Registry, RegistryEntry
from jarvisd.core.process import ProcessLife
from jarvisd.core.signal import RegistryRead
from jarvisd.core.sources.small_file import read_small
from jarvisd.presence.bindings import Binding, Bindings, How, Report, Together
from jarvisd.presence.leftovers import Leftovers
from jarvisd.presence.processes import life_of, pid_namespace, started_ms
from jarvisd.presence.wanted import WantedSession

RETRY_S = 0.02
RETRIES = 10
"""The pause before a half-written file is read again, and how often it is."""

GRACE_S = 1.0
"""A process removes its entry before it ends. If it still lives after this time,
something else removed the entry, and its status is no longer valid."""

MAX_FILES = 4096
"""Entries of one folder that a scan covers; files with a change event are all read."""

FRESH_MS = 100
"""A file with a younger mtime may change again within the resolution of its mtime."""

SLACK_MS = 2_000
"""The error of a process's start time, which is known to about a second."""

Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _LiveEntry:
    agent: str
    entry: RegistryEntry
    life: ProcessLife


@dataclass(slots=True)
class Registries:
    """Reads registry entries, binds their sessions, and reports their status.

    *is_headless* is True for a process of an agent that ends with its turn.
    """

    report: Report
    bindings: Bindings
    clock: Clock
    is_headless: Callable[[str, int], bool]
    together: Together
    _folders: dict[str, tuple[str, Registry]] = field(default_factory=dict)
    _stamps: dict[str, Stamp] = field(default_factory=dict)
    _live: dict[str, _LiveEntry] = field(default_factory=dict)
    _reported: dict[str, RegistryRead] = field(default_factory=dict)
    _leftovers: Leftovers = field(init=False)
    _retries: dict[str, tuple[int, float]] = field(default_factory=dict)
    _missing: dict[str, float] = field(default_factory=dict)
    """Paths of entries that were removed, with the time at which to drop them."""
    _namespace: str | None = field(default_factory=pid_namespace)

    def __post_init__(self) -> None:
        self._leftovers = Leftovers(self.bindings)

    @property
    def due_at(self) -> float:
        """Return the monotonic time at which `run_due` has work."""
        retries = (at for _, at in self._retries.values())
        return min((*retries, *self._missing.values()), default=float("inf"))

    def scan(self, folders: dict[str, tuple[str, Registry]]) -> None:
        """Read the entries in *folders* that have changed since the last scan.

        *folders* maps each path to its agent and rules.
        """
        self._folders = folders
        found: dict[str, Stamp] = {}
        for folder, (_, registry) in folders.items():
            found |= _stamps_in(folder, registry)

        for path in self._stamps.keys() - found.keys():
            self.read(path)

        for path, stamp in found.items():
            if self._stamps.get(path) != stamp:
                self._stamps[path] = stamp
                self.read(path)

            if self.clock.unix_ms() - stamp[2] // 1_000_000 < FRESH_MS:
                self._stamps[path] = (0, 0, 0)  # matches no file: read again next time

        for path in self._stamps.keys() - found.keys():
            del self._stamps[path]

    def read(self, path: str) -> None:
        """Read the file *path*, which may be new, changed or gone, and apply it."""
        folder, _, name = path.rpartition("/")
        agent, registry = self._folders.get(folder, ("", None))
        pid = None if registry is None else registry.pid_of(name)
        if registry is None or pid is None:
            return

        try:
            text = read_small(path, limit_bytes=MAX_ENTRY_BYTES)
        except SourceError:
            text = None  # no regular file, or no permission: as if it were absent
        except OSError:
            self._schedule_retry(path)
            return

        if text is None:
            self._retries.pop(path, None)
            self._leftovers.remove(path)
            self.bindings.in_other_namespaces.pop(path, None)
            if path in self._live:
                self._missing.setdefault(path, self.clock.monotonic() + GRACE_S)

            return

        entry = registry.decode(text)
        if entry is None or entry.pid != pid:
            self._schedule_retry(path)  # rewritten in place, and read half-way
            return

        self._retries.pop(path, None)
        self._missing.pop(path, None)
        self._apply(path, agent, entry)

    def run_due(self) -> None:
        """Retry files that are due, and drop entries that stayed missing."""
        now = self.clock.monotonic()
        for path in [path for path, (_, at) in self._retries.items() if at <= now]:
            self.read(path)

        for path in [path for path, at in self._missing.items() if at <= now]:
            reported = self._reported.get(path)
            self._drop(path)
            if reported is not None:
                self.report(
                    structs.replace(
                        reported,
                        status=None,
                        waiting_for=None,
                        at_ms=self.clock.unix_ms(),
                    )
                )

    def handle_exit(self, life: ProcessLife) -> None:
        """Drop the entries of a process that has ended."""
        for path in [path for path, each in self._live.items() if each.life == life]:
            self._drop(path)

    def report_leftovers(self, wanted: Iterable[WantedSession]) -> None:
        """Report the processes of *wanted* that died while nobody watched them."""
        self._leftovers.report(wanted)

    def _apply(self, path: str, agent: str, entry: RegistryEntry) -> None:
        """Bind the session of a valid *entry*, and report its status if it changed."""
        self._leftovers.remove(path)
        if entry.namespace and entry.namespace != (self._namespace or entry.namespace):
            self.bindings.in_other_namespaces[path] = (agent, entry.session_id)
            return

        self.bindings.in_other_namespaces.pop(path, None)
        before = self._live.get(path)
        life = before.life if before and _may_be_of(entry, before.life) else None
        life = life or life_of(entry.pid)
        if life is None or not _may_be_of(entry, life):
            self._leftovers.add(path, agent, entry)
            return

        if before is None and entry.is_provisional:
            return  # it may still switch to another session, which a later entry names

        now = self._live[path] = _LiveEntry(agent, entry, life)
        with self.together():  # a process whose status is not known yet counts as idle
            self._report_entry(path, before, now)

    def _report_entry(
        self, path: str, before: _LiveEntry | None, now: _LiveEntry
    ) -> None:
        """Bind the session of *now* if it is new, and report the status if it changed."""
        agent, entry, life = now.agent, now.entry, now.life
        is_same_session = before and before.entry.session_id == entry.session_id
        if before is None or before.life != life or not is_same_session:
            self._rebind(path, before, now)

        now_ms = self.clock.unix_ms()
        signal = RegistryRead(
            agent=agent,
            session_id=entry.session_id,
            pid=entry.pid,
            status=entry.status,
            waiting_for=entry.waiting_for,
            at_ms=min(entry.at_ms or now_ms, now_ms),
            cwd=entry.cwd,
        )
        if self._reported.get(path) != signal:
            self._reported[path] = signal
            self.report(signal)

    def _rebind(self, path: str, before: _LiveEntry | None, now: _LiveEntry) -> None:
        """Bind the session of *now* in place of that of *before*."""
        took_up_ms = None
        if before is not None and before.life != now.life:
            self.bindings.handle_exit(before.life)
        elif before is not None:
            session_id = before.entry.session_id
            self.bindings.release(before.agent, session_id, before.life, tidy=True)
            took_up_ms = self.clock.unix_ms()

        self.bindings.bind(
            Binding(
                agent=now.agent,
                session_id=now.entry.session_id,
                life=now.life,
                how=How.REGISTRY,
                headless=self.is_headless(now.agent, now.entry.pid),
                marker_path=path,
                took_up_ms=took_up_ms,
            )
        )

    def _schedule_retry(self, path: str) -> None:
        tries, _ = self._retries.get(path, (0, 0.0))
        if tries >= RETRIES:
            self._retries.pop(path, None)
            return

        self._retries[path] = (tries + 1, self.clock.monotonic() + RETRY_S)

    def _drop(self, path: str) -> None:
        for each in (self._live, self._reported, self._missing):
            each.pop(path, None)


def _may_be_of(entry: RegistryEntry, life: ProcessLife) -> bool:
    """Whether the process of *life* may have written *entry*."""
    if entry.start is not None and entry.start.isdecimal():
        return int(entry.start) == life.ticks

    began_ms = started_ms(life.pid)
    if began_ms is None or entry.written_ms is None:
        return False

    return began_ms <= entry.written_ms + SLACK_MS


def _stamps_in(folder: str, registry: Registry) -> dict[str, Stamp]:
    found: dict[str, Stamp] = {}
    try:
        entries = os.scandir(folder)
    except OSError:
        return found

    with entries:
        for each in entries:
            if registry.pid_of(each.name) is None or len(found) >= MAX_FILES:
                continue

            with suppress(OSError):  # gone meanwhile
                seen = each.stat(follow_symlinks=False)
                found[each.path] = (seen.st_ino, seen.st_size, seen.st_mtime_ns)

    return found
