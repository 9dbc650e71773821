"""The agents' locks: who may write to which session, by the kernel's own list.

A lock is taken a moment after its file was made, and nobody tells of that, so that a
new file is looked at again shortly after. The list is read in pieces while others take
and release locks, and may so miss one: only what is missing twice, or whose file is
gone, was released.
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
from jarvisd.presence.hosted import OPENING_MS, Hosted
from jarvisd.presence.hosts import Hosts
from jarvisd.presence.locks import Holder, holders
from jarvisd.presence.processes import is_alive, life_of, started_ms

AGAIN_S = (0.03, 0.3)
"""When a folder of locks is looked at again after something has changed in it."""

MAX_FILES = 4096
MISSES = 2


@dataclass(slots=True)
class _Held:
    agent: str
    session_id: SessionId
    life: ProcessLife
    misses: int = 0


@dataclass(slots=True)
class LockHolders:
    """Binds sessions to the processes that hold their locks.

    *role_of* says what a process of an agent is there for, or None if it is another
    program. What a server holds for others goes to *hosts*.
    """

    bindings: Bindings
    hosts: Hosts
    clock: Clock
    role_of: Callable[[str, int], ProcessRole | None]
    _folders: dict[str, tuple[str, Locks]] = field(default_factory=dict)
    _held: dict[str, _Held] = field(default_factory=dict)
    _again: list[float] = field(default_factory=list)

    @property
    def due_at(self) -> float:
        """Return when `settle` has something to do, on the monotonic scale."""
        return min(self._again, default=float("inf"))

    def hint(self, folder: str) -> None:
        """Look at all locks, now and shortly after: one of *folder* has changed."""
        if folder in self._folders:
            now = self.clock.monotonic()
            self._again = [now, *(now + each for each in AGAIN_S)]

    def settle(self) -> None:
        """Look again, if it is time for it."""
        now = self.clock.monotonic()
        if self.due_at <= now:
            self._again = [each for each in self._again if each > now]
            self.look(self._folders)

    def look(self, folders: dict[str, tuple[str, Locks]]) -> None:
        """Find out who holds which lock in *folders* now.

        Each has its agent and its rules.
        """
        self._folders = folders
        files = dict(self._files())
        held = holders(list(files.values())) if files else {}
        for path, seen in files.items():
            self._note(path, held.get(seen.st_ino, []), round(seen.st_mtime * 1000))

        for path in self._held.keys() - files.keys():
            self._released(path)

    def holder_of(self, key: tuple[str, SessionId]) -> ProcessLife | None:
        """Return the process that holds the lock of a session."""
        for each in self._held.values():
            if (each.agent, each.session_id) == key:
                return each.life

        return None

    def others_of(
        self, key: tuple[str, SessionId], life: ProcessLife
    ) -> Iterator[tuple[str, SessionId]]:
        """Return the other sessions whose locks the process holds."""
        for each in self._held.values():
            other = (each.agent, each.session_id)
            if each.life == life and other != key:
                yield other

    def died(self, life: ProcessLife) -> None:
        """Record that a process has ended."""
        for path in [path for path, each in self._held.items() if each.life == life]:
            del self._held[path]
            self.hosts.drop(path, let_go=False)

    def _files(self) -> Iterator[tuple[str, os.stat_result]]:
        for folder, (_, locks) in self._folders.items():
            with suppress(OSError), os.scandir(folder) as entries:
                named = (each for each in entries if locks.session_of(each.name))
                for each, _ in zip(named, range(MAX_FILES), strict=False):
                    with suppress(OSError):
                        yield each.path, each.stat(follow_symlinks=False)

    def _note(self, path: str, found: list[Holder], at_ms: int) -> None:
        folder, _, name = path.rpartition("/")
        agent, locks = self._folders[folder]
        session_id = locks.session_of(name)
        life = self._holder(agent, found)
        if life is None or session_id is None:
            self._missed(path)
            return

        before = self._held.get(path)
        if before is not None and before.life != life:
            self._released(path)

        if before is None or before.life != life:
            role = self.role_of(agent, life.pid)
            if role is ProcessRole.HOSTS:
                self._host(path, agent, session_id, life, at_ms)
            else:
                self._bind(path, agent, session_id, life, role)

        self._held[path] = _Held(agent, session_id, life)

    def _host(
        self,
        path: str,
        agent: str,
        session_id: SessionId,
        life: ProcessLife,
        at_ms: int,
    ) -> None:
        # A file that a killed server left is older than the lock on it.
        at_ms = max(at_ms, started_ms(life.pid) or 0)
        created_ms = self._folders[path.rpartition("/")[0]][1].created_ms(session_id)
        session = Hosted(
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
                mark=path,
            )
        )

    def _holder(self, agent: str, found: list[Holder]) -> ProcessLife | None:
        """Return the process that surely means this file, if there is one."""
        for each in found:
            if each.same_device or self.role_of(agent, each.pid) is not None:
                return life_of(each.pid)

        return None

    def _missed(self, path: str) -> None:
        held = self._held.get(path)
        if held is None:
            return

        held.misses += 1
        if held.misses >= MISSES:
            self._released(path)

    def _released(self, path: str) -> None:
        held = self._held[path]
        lives = is_alive(held.life)
        was_hosted = self.hosts.drop(path, let_go=lives)
        # Of one that has ended, its descriptor tells, and whether the file is left.
        if lives or was_hosted:
            del self._held[path]

        if lives and not was_hosted:
            agent, session_id = held.agent, held.session_id
            self.bindings.release(agent, session_id, held.life, tidy=True)
