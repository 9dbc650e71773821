"""Entries that a process left behind, which died while nobody watched it."""

from collections.abc import Iterable

from jarvisd.core.presence_evidence import RegistryEntry
from jarvisd.core.signal import ProcessGone
from jarvisd.presence.bindings import Bindings
from jarvisd.presence.wanted import WantedSession


class Leftovers:
    """Keeps such entries, by their files, until somebody asks for their sessions.

    Most are old, and nobody does. A session that lives on in another process is none.
    """

    def __init__(self, bindings: Bindings) -> None:
        self._bindings = bindings
        self._entries: dict[str, tuple[str, RegistryEntry]] = {}

    def add(self, path: str, agent: str, entry: RegistryEntry) -> None:
        """Keep an entry of a dead process."""
        self._entries[path] = (agent, entry)

    def drop(self, path: str) -> None:
        """Forget what the file said: it is gone, or says something else."""
        self._entries.pop(path, None)

    def tell(self, wanted: Iterable[WantedSession]) -> None:
        """Report the ends of those that worked on *wanted*, each once."""
        if not self._entries:
            return

        sessions = {(each.agent, each.session_id): each for each in wanted}
        for agent, entry in self._entries.values():
            session = sessions.get((agent, entry.session_id))
            if session is not None and not self._is_known(agent, entry):
                self._bindings.tell_ended(_gone(session, entry))

    def _is_known(self, agent: str, entry: RegistryEntry) -> bool:
        """Say whether the session lives on elsewhere, or this end was told."""
        bindings, session_id = self._bindings, entry.session_id
        return bindings.has_ended(agent, session_id, entry.pid) or (
            (agent, session_id) in bindings.sure()
        )


def _gone(session: WantedSession, entry: RegistryEntry) -> ProcessGone:
    """Return the end of a process, at the last sign of its life."""
    return ProcessGone(
        agent=session.agent,
        session_id=session.session_id,
        pid=entry.pid,
        at_ms=max(entry.written_ms or 0, session.last_ms or 0),
        tidy=False,
    )
