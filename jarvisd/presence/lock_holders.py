"""The processes that hold agents' lock files, by the kernel's list of locks.

An agent locks a file shortly after creating it, and no event reports the lock, so a new
file is checked again shortly after. The kernel's list is read in pieces while processes
lock and unlock, so one lock may be missing from it: a lock counts as released when it
is missing twice, or when its file is gone.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from jarvisd.base.clock import Clock
from jarvisd.core.origin import SessionId
from jarvisd.core.presence_evidence import Locks
from jarvisd.core.process import ProcessLife, ProcessRole
from jarvisd.presence.bindings import Binding, Bindings, How
from jarvisd.presence.hosted import OPENING_MS, HostedSession
from jarvisd.presence.hosts import Hosts
from jarvisd.presence.proc_locks import Holder, holders
from jarvisd.presence.processes import is_alive, life_of, started_ms

RESCAN_DELAYS_S = (0.03, 0.3)
"""Seconds after a change in a lock folder at which it is scanned again."""

MAX_FILES = 4096
MAX_MISSES = 2


@dataclass(slots=True)
class _HeldLock:
    agent: str
    session_id: SessionId
    life: ProcessLife
    misses: int = 0


@dataclass(slots=True)
class LockHolders:
    """Binds sessions to the processes that hold their locks.

    *role_of* returns the role of an agent's process, or None for another program.
    Sessions whose lock a server holds for its terminals are added to *hosts*.
    """

    bindings: Bindings
    hosts: Hosts
    clock: Clock
    role_of: Callable[[str, int], ProcessRole | None]
    _folders: dict[str, tuple[str, Locks]] = field(default_factory=dict)
    _locks: dict[str, _HeldLock] = field(default_factory=dict)
    _rescans_at: list[float] = field(default_factory=list)

    @property
    def due_at(self) -> float:
        """Return the monotonic time at which `run_due` has work."""
        return min(self._rescans_at, default=float("inf"))

    def schedule_rescans(self, folder: str) -> None:
        """Scan all locks now and shortly after, because *folder* has changed."""
        if folder in self._folders:
            now = self.clock.monotonic()
            self._rescans_at = [now, *(now + each for each in RESCAN_DELAYS_S)]

    def run_due(self) -> None:
        """Scan the locks again if a rescan is due."""
        now = self.clock.monotonic()
        if self.due_at <= now:
            self._rescans_at = [each for each in self._rescans_at if each > now]
            self.scan(self._folders)

    def scan(self, folders: dict[str, tuple[str, Locks]]) -> None:
        """Read the holder of each lock in *folders*: a path with its agent and rules."""
        self._folders = folders
        files = dict(self._files())
        held = holders(list(files.values())) if files else {}
        for path, seen in files.items():
            self._record_holder(
                path, held.get(seen.st_ino, []), round(seen.st_mtime * 1000)
            )

        for path in self._locks.keys() - files.keys():
            self._release(path)

    def holder_of(self, key: tuple[str, SessionId]) -> ProcessLife | None:
        """Return the process that holds the lock of a session."""
        for each in self._locks.values():
            if (each.agent, each.session_id) == key:
                return each.life

        return None

    def other_sessions_of(
        self, key: tuple[str, SessionId], life: ProcessLife
    ) -> Iterator[tuple[str, SessionId]]:
        """Return the other sessions whose locks the process holds."""
        for each in self._locks.values():
            other = (each.agent, each.session_id)
            if each.life == life and other != key:
                yield other

    def handle_exit(self, life: ProcessLife) -> None:
        """Forget the locks of a process that has ended."""
        for path in [path for path, each in self._locks.items() if each.life == life]:
            del self._locks[path]
            self.hosts.remove(path, released=False)

    def _files(self) -> Iterator[tuple[str, os.stat_result]]:
        for folder, (_, locks) in self._folders.items():
            with suppress(OSError), os.scandir(folder) as entries:
                named = (each for each in entries if locks.session_of(each.name))
                for each, _ in zip(named, range(MAX_FILES), strict=False):
                    with suppress(OSError):
                        yield each.path, each.stat(follow_symlinks=False)

    def _record_holder(self, path: str, found: list[Holder], at_ms: int) -> None:
        folder, _, name = path.rpartition("/")
        agent, locks = self._folders[folder]
        session_id = locks.session_of(name)
        life = self._holder(agent, found)
        if life is None or session_id is None:
            missing = self._locks.get(path)
            if missing is not None:
                missing.misses += 1
                if missing.misses >= MAX_MISSES:
                    self._release(path)

            return

        before = self._locks.get(path)
        if before is not None and before.life != life:
            self._release(path)

        if before is None or before.life != life:
            role = self.role_of(agent, life.pid)
            if role is ProcessRole.HOSTS:
                self._host(path, agent, session_id, life, at_ms)
            else:
                self._bind(path, agent, session_id, life, role)

        self._locks[path] = _HeldLock(agent, session_id, life)

    def _host(
        self,
        path: str,
        agent: str,
        session_id: SessionId,
        life: ProcessLife,
        at_ms: int,
    ) -> None:
        # A killed server leaves its file behind, and the next one locks that old file:
        # the lock cannot be older than its holder.
        at_ms = max(at_ms, started_ms(life.pid) or 0)
        created_ms = self._folders[path.rpartition("/")[0]][1].created_ms(session_id)
        session = HostedSession(
            key=(agent, session_id),
            server=life,
            locked_ms=at_ms,
            is_new=created_ms is not None and abs(at_ms - created_ms) < OPENING_MS,
        )
        self.hosts.add(path, session)

    def _bind(
        self,
        path: str,
        agent: str,
        session_id: SessionId,
        life: ProcessLife,
        role: ProcessRole | None,
    ) -> None:
        self.bindings.bind(
            Binding(
                agent=agent,
                session_id=session_id,
                life=life,
                how=How.LOCK,
                headless=role is ProcessRole.ONCE,
                marker_path=path,
            )
        )

    def _holder(self, agent: str, found: list[Holder]) -> ProcessLife | None:
        """Return the holder that certainly has this file locked, if there is one.

        Where the device does not match, the lock may be on another file with the same
        inode; a holder that is a process of the agent is accepted all the same.
        """
        for each in found:
            if each.same_device or self.role_of(agent, each.pid) is not None:
                return life_of(each.pid)

        return None

    def _release(self, path: str) -> None:
        held = self._locks[path]
        lives = is_alive(held.life)
        was_hosted = self.hosts.remove(path, released=lives)
        # The lock of a process that has ended stays until `handle_exit`: its descriptor
        # reports the end, and whether the file is left shows how it ended.
        if lives or was_hosted:
            del self._locks[path]

        if lives and not was_hosted:
            agent, session_id = held.agent, held.session_id
            self.bindings.release(agent, session_id, held.life, tidy=True)
