"""Binds sessions whose locks a server holds to their terminals."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from jarvisd.base.clock import Clock
from jarvisd.core.process import Process, ProcessLife
from jarvisd.core.signal import ProcessGone
from jarvisd.presence.bindings import Binding, Bindings, How
from jarvisd.presence.exits import ExitWatcher
from jarvisd.presence.hosted import HostedSession, Key, match_terminals
from jarvisd.presence.peers import connected_clients
from jarvisd.presence.processes import is_alive
from jarvisd.presence.wanted import WantedSession


@dataclass(slots=True)
class Hosts:
    """Keeps such sessions by the paths of their lock files.

    *needs_search* is True if all processes have to be scanned: a session was added, or
    a terminal that may have had one is gone.
    """

    bindings: Bindings
    exits: ExitWatcher
    clock: Clock
    needs_search: bool = False
    _by_path: dict[str, HostedSession] = field(default_factory=dict)
    _added: set[str] = field(default_factory=set)

    def keys(self) -> set[Key]:
        """Return agent and id of the sessions."""
        return {each.key for each in self._by_path.values()}

    def open_keys(self) -> set[Key]:
        """Return the sessions that a living terminal may have open."""
        found = self._by_path.values()
        return {each.key for each in found if _any_lives(each.terminals or ())}

    def add(self, path: str, session: HostedSession) -> None:
        """Keep *session*, whose lock is on the file *path*."""
        self._by_path[path] = session
        self._added.add(path)
        self.needs_search = True

    def begin_search(self) -> None:
        """Record that a scan of all processes starts, before `bind_terminals`.

        A session that is added during the scan waits for the next one: its terminal may
        have started after the scan passed it, and another would seem the only one.
        """
        self._added.clear()

    def handle_exit(self, life: ProcessLife) -> None:
        """Request a search if a process that has ended was a session's terminal."""
        for each in self._by_path.values():
            lives = [terminal.life for terminal in each.terminals or ()]
            self.needs_search |= life in lives

    def remove(self, path: str, *, released: bool) -> bool:
        """Remove the session of *path*; return True if there was one.

        If its server has *released* the lock, its terminal no longer has it open. If
        the server is gone, the terminal lives on, perhaps with another server.
        """
        self._added.discard(path)
        session = self._by_path.pop(path, None)
        if session is not None and released:
            self.bindings.release_terminals(*session.key)

        return session is not None

    def bind_terminals(
        self, unbound: Iterable[WantedSession], agents: Sequence[Process]
    ) -> None:
        """Bind sessions to their terminals among *agents*.

        *unbound* are wanted sessions without a process. They have not ended, so one
        that was reported as gone has newer lines.
        """
        self.needs_search = bool(self._added)
        wanted = {(each.agent, each.session_id): each for each in unbound}
        for path, each in self._by_path.items():
            if path in self._added:
                continue

            if each.terminals is None:
                self._find_terminals(each, agents)

            if each.key in wanted and not _any_lives(each.terminals or ()):
                self._handle_terminals_gone(each, wanted[each.key], agents)

        folders = {key: each.cwd for key, each in wanted.items()}
        lock_holders = self.bindings.lock_holders()
        found = match_terminals(self._by_path.values(), folders, lock_holders)
        for each in self._by_path.values():
            terminal = found.get(each.key)
            if terminal is not None and is_alive(terminal.life):
                each.terminals = [terminal]
                agent, session_id = each.key
                self.bindings.bind(
                    Binding(
                        agent=agent,
                        session_id=session_id,
                        life=terminal.life,
                        how=How.TERMINAL,
                    )
                )

    def _find_terminals(
        self, session: HostedSession, agents: Sequence[Process]
    ) -> None:
        session.set_terminals(agents, self.clock.unix_ms())
        lives = [each.life.pid for each in session.terminals or ()]
        clients = connected_clients(session.server.pid, lives) if lives else None
        if clients:  # if there is none, terminals may reach the server another way
            session.keep_clients(clients)

        for each in session.terminals or ():
            self.exits.watch(each.life)

    def _handle_terminals_gone(
        self, session: HostedSession, wanted: WantedSession, agents: Sequence[Process]
    ) -> None:
        """Report that a session's terminals are gone, or find the one that reopened it.

        It need not be known which of the terminals it was. A line that is newer than a
        reported end means that the session was opened again.
        """
        agent, session_id = session.key
        now_ms, last_ms = self.clock.unix_ms(), wanted.last_ms or 0
        # Without a terminal the server stands in, since the signal needs a process.
        gone = [*(each.life for each in session.terminals or ()), session.server][0]
        may_have_had_one = bool(session.terminals) or not session.is_complete
        is_reported = self.bindings.has_reported_exit(agent, session_id, gone.pid)
        if may_have_had_one and not is_reported:
            self.bindings.report_gone(
                ProcessGone(
                    agent=agent,
                    session_id=session_id,
                    pid=gone.pid,
                    at_ms=now_ms if session.terminals else last_ms,
                )
            )
        else:
            session.locked_ms, session.is_new = max(session.locked_ms, last_ms), False
            self._find_terminals(session, agents)


def _any_lives(processes: Iterable[Process]) -> bool:
    return any(is_alive(each.life) for each in processes)
