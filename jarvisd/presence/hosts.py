"""The sessions whose locks servers hold: joined to their terminals, and ended with them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from jarvisd.base.clock import Clock
from jarvisd.core.process import Process, ProcessLife
from jarvisd.core.signal import ProcessGone
from jarvisd.presence.bindings import Binding, Bindings, How
from jarvisd.presence.exits import Exits
from jarvisd.presence.hosted import Hosted, Key, joined
from jarvisd.presence.peers import connected
from jarvisd.presence.processes import is_alive
from jarvisd.presence.wanted import WantedSession


@dataclass(slots=True)
class Hosts:
    """Keeps such sessions by the files of their locks.

    *has_news* says that processes have to be looked at: a session came, or a terminal
    that may have had one is gone.
    """

    bindings: Bindings
    exits: Exits
    clock: Clock
    has_news: bool = False
    _by_path: dict[str, Hosted] = field(default_factory=dict)
    _added: set[str] = field(default_factory=set)

    def keys(self) -> set[Key]:
        """Return the sessions."""
        return {each.key for each in self._by_path.values()}

    def open_keys(self) -> set[Key]:
        """Return the sessions that a living terminal may have open."""
        found = self._by_path.values()
        return {each.key for each in found if _any_lives(each.terminals or ())}

    def add(self, path: str, session: Hosted) -> None:
        """Keep *session*, whose lock is on the file *path*."""
        self._by_path[path] = session
        self._added.add(path)
        self.has_news = True

    def begin_look(self) -> None:
        """Record that all processes are looked at from now on, for the next `join`.

        What is added meanwhile waits for the look after it: its terminal may have come
        when the look was past it, and another one would be taken for the only one.
        """
        self._added.clear()

    def died(self, life: ProcessLife) -> None:
        """Record that a process has ended."""
        for each in self._by_path.values():
            lives = [terminal.life for terminal in each.terminals or ()]
            self.has_news |= life in lives

    def drop(self, path: str, *, let_go: bool) -> bool:
        """Forget the session of *path*, if there is one; return True if there was.

        Where its server has *let_go* of it, its terminal has it open no longer. Where
        the server is gone the terminal lives on, perhaps with another server.
        """
        self._added.discard(path)
        session = self._by_path.pop(path, None)
        if session is not None and let_go:
            self.bindings.give_up(*session.key)

        return session is not None

    def join(self, lacking: Iterable[WantedSession], agents: Sequence[Process]) -> None:
        """Bind sessions to their terminals among *agents*.

        Of those among *lacking* the folder is known. They are not over, so that what was
        reported to be gone has newer lines.
        """
        self.has_news = bool(self._added)
        wanted = {(each.agent, each.session_id): each for each in lacking}
        for path, each in self._by_path.items():
            if path in self._added:
                continue

            if each.terminals is None:
                self._note(each, agents)

            if each.key in wanted and not _any_lives(each.terminals or ()):
                self._outlived(each, wanted[each.key], agents)

        folders = {key: each.cwd for key, each in wanted.items()}
        taken = self.bindings.writers()
        found = joined(self._by_path.values(), folders, taken)
        for each in self._by_path.values():
            terminal = found.get(each.key)
            if terminal is not None and is_alive(terminal.life):
                each.terminals = [terminal]
                self._bind(each.key, terminal)

    def _note(self, session: Hosted, agents: Sequence[Process]) -> None:
        session.note(agents, self.clock.unix_ms())
        lives = [each.life.pid for each in session.terminals or ()]
        clients = connected(session.server.pid, lives) if lives else None
        if clients:  # where there is none, the server may be reached in another way
            session.keep(clients)

        for each in session.terminals or ():
            self.exits.watch(each.life)

    def _bind(self, key: Key, terminal: Process) -> None:
        agent, session_id = key
        self.bindings.bind(
            Binding(
                agent=agent,
                session_id=session_id,
                life=terminal.life,
                how=How.TERMINAL,
            )
        )

    def _outlived(
        self, session: Hosted, wanted: WantedSession, agents: Sequence[Process]
    ) -> None:
        """Report that the terminals of a session are gone, or look who went on with it.

        Which of them it was need not be known. Where its end was told and there is a
        newer line, it was opened once more.
        """
        agent, session_id = session.key
        now_ms, last_ms = self.clock.unix_ms(), wanted.last_ms or 0
        gone = [*(each.life for each in session.terminals or ()), session.server][0]
        untold = bool(session.terminals) or not session.is_complete
        if untold and not self.bindings.has_ended(agent, session_id, gone.pid):
            self.bindings.tell_ended(
                ProcessGone(
                    agent=agent,
                    session_id=session_id,
                    pid=gone.pid,
                    at_ms=now_ms if session.terminals else last_ms,
                )
            )
        else:
            session.locked_ms, session.is_new = max(session.locked_ms, last_ms), False
            self._note(session, agents)


def _any_lives(processes: Iterable[Process]) -> bool:
    return any(is_alive(each.life) for each in processes)
