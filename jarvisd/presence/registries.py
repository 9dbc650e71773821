"""The agents' registries: each file read when it changes, and believed if it may be.

An entry is believed if the process that it names is alive and was started when the
entry says: numbers of processes are used again, and a process that was killed leaves
its entry behind. An entry that means another namespace (a container that shares the
home) says nothing that could be checked, and is passed over.
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
from jarvisd.presence.bindings import Binding, Bindings, How, Report
from jarvisd.presence.leftovers import Leftovers
from jarvisd.presence.processes import life_of, namespace, started_ms
from jarvisd.presence.wanted import WantedSession

RETRY_S = 0.02
RETRIES = 10
"""How often, and for how long, a file that is half written is read again."""

GRACE_S = 1.0
"""A process takes its entry away before it ends. If it still lives after this, the
entry was taken away by somebody else, and what it said holds no longer."""

MAX_FILES = 4096
"""Beyond this, a folder is not looked through; what is told of still is."""

FRESH_MS = 100
"""A file changed just now may change again without its time showing it."""

SLACK_MS = 2_000

Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _Living:
    agent: str
    entry: RegistryEntry
    life: ProcessLife

    @property
    def who(self) -> tuple[str, ProcessLife]:
        """Return the session and the process."""
        return self.entry.session_id, self.life


@dataclass(slots=True)
class Registries:
    """Reads entries of registries, and reports what they say.

    *is_headless* says of a process of an agent whether it ends with its turn.
    """

    report: Report
    bindings: Bindings
    clock: Clock
    is_headless: Callable[[str, int], bool]
    _folders: dict[str, tuple[str, Registry]] = field(default_factory=dict)
    _stamps: dict[str, Stamp] = field(default_factory=dict)
    _living: dict[str, _Living] = field(default_factory=dict)
    _told: dict[str, RegistryRead] = field(default_factory=dict)
    _leftovers: Leftovers = field(init=False)
    _retries: dict[str, tuple[int, float]] = field(default_factory=dict)
    _missing: dict[str, float] = field(default_factory=dict)
    """Entries that were taken away, and when to do without them."""
    _namespace: str | None = field(default_factory=namespace)

    def __post_init__(self) -> None:
        self._leftovers = Leftovers(self.bindings)

    @property
    def due_at(self) -> float:
        """Return when `settle` has something to do, on the monotonic scale."""
        retries = (at for _, at in self._retries.values())
        return min((*retries, *self._missing.values()), default=float("inf"))

    def scan(self, folders: dict[str, tuple[str, Registry]]) -> None:
        """Read what has changed in any of *folders* since the last scan.

        Each has its agent and its rules.
        """
        self._folders = folders
        found: dict[str, Stamp] = {}
        for folder, (_, registry) in folders.items():
            found |= _stamps_in(folder, registry)

        for path in self._stamps.keys() - found.keys():
            self.look(path)

        for path, stamp in found.items():
            if self._stamps.get(path) != stamp:
                self._stamps[path] = stamp
                self.look(path)

            if self.clock.unix_ms() - stamp[2] // 1_000_000 < FRESH_MS:
                self._stamps[path] = (0, 0, 0)

        for path in self._stamps.keys() - found.keys():
            del self._stamps[path]

    def look(self, path: str) -> None:
        """Read the file *path*, which may have changed, come or gone."""
        folder, _, name = path.rpartition("/")
        agent, registry = self._folders.get(folder, ("", None))
        pid = None if registry is None else registry.pid_of(name)
        if registry is None or pid is None:
            return

        try:
            text = read_small(path, limit_bytes=MAX_ENTRY_BYTES)
        except SourceError:
            text = None  # what may not be read is as good as absent
        except OSError:
            self._read_again(path)
            return

        if text is None:
            self._lost(path)
            return

        entry = registry.decode(text)
        if entry is None or entry.pid != pid:
            self._read_again(path)
            return

        self._retries.pop(path, None)
        self._missing.pop(path, None)
        self._heard(path, agent, entry)

    def settle(self) -> None:
        """Do what is due by time."""
        now = self.clock.monotonic()
        for path in [path for path, (_, at) in self._retries.items() if at <= now]:
            self.look(path)

        for path in [path for path, at in self._missing.items() if at <= now]:
            self._do_without(path)

    def died(self, life: ProcessLife) -> None:
        """Note that a process has ended: nothing it said holds any longer."""
        for path in [path for path, each in self._living.items() if each.life == life]:
            self._drop(path)

    def tell_leftovers(self, wanted: Iterable[WantedSession]) -> None:
        """Report the processes of *wanted* that died while nobody watched them."""
        self._leftovers.tell(wanted)

    def _heard(self, path: str, agent: str, entry: RegistryEntry) -> None:
        self._leftovers.drop(path)
        if entry.namespace and entry.namespace != (self._namespace or entry.namespace):
            self.bindings.elsewhere[path] = (agent, entry.session_id)
            return

        self.bindings.elsewhere.pop(path, None)
        before = self._living.get(path)
        life = before.life if before and _is_of(entry, before.life) else None
        life = life or life_of(entry.pid)
        if life is None or not _is_of(entry, life):
            self._leftovers.add(path, agent, entry)
            return

        if before is None and entry.is_provisional:
            return  # it may choose another session before it says what it does

        now = self._living[path] = _Living(agent, entry, life)
        if before is None or before.who != now.who:
            self._replace(path, before, now)

        self._tell(path, _signal(agent, entry, self.clock.unix_ms()))

    def _replace(self, path: str, before: _Living | None, now: _Living) -> None:
        took_up_ms = None
        if before is not None and before.life != now.life:
            self.bindings.died(before.life)
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
                mark=path,
                took_up_ms=took_up_ms,
            )
        )

    def _tell(self, path: str, signal: RegistryRead) -> None:
        if self._told.get(path) != signal:
            self._told[path] = signal
            self.report(signal)

    def _lost(self, path: str) -> None:
        self._retries.pop(path, None)
        self._leftovers.drop(path)
        self.bindings.elsewhere.pop(path, None)
        if path in self._living:
            self._missing.setdefault(path, self.clock.monotonic() + GRACE_S)

    def _do_without(self, path: str) -> None:
        told = self._told.get(path)
        self._drop(path)
        if told is not None:
            now_ms = self.clock.unix_ms()
            silent = structs.replace(told, status=None, waiting_for=None, at_ms=now_ms)
            self.report(silent)

    def _read_again(self, path: str) -> None:
        tries, _ = self._retries.get(path, (0, 0.0))
        if tries >= RETRIES:
            self._retries.pop(path, None)
            return

        self._retries[path] = (tries + 1, self.clock.monotonic() + RETRY_S)

    def _drop(self, path: str) -> None:
        for each in (self._living, self._told, self._missing):
            each.pop(path, None)


def _is_of(entry: RegistryEntry, life: ProcessLife) -> bool:
    """Whether the process of *life* can have written *entry*."""
    if entry.start is not None and entry.start.isdecimal():
        return int(entry.start) == life.ticks

    began_ms = started_ms(life.pid)
    if began_ms is None or entry.written_ms is None:
        return False

    return began_ms <= entry.written_ms + SLACK_MS


def _signal(agent: str, entry: RegistryEntry, now_ms: int) -> RegistryRead:
    return RegistryRead(
        agent=agent,
        session_id=entry.session_id,
        pid=entry.pid,
        status=entry.status,
        waiting_for=entry.waiting_for,
        at_ms=min(entry.at_ms or now_ms, now_ms),
        cwd=entry.cwd,
    )


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
