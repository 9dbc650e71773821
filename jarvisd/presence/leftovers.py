"""Registry entries left behind by processes that died while nobody watched them."""

from collections.abc import Iterable

from jarvisd.core.presence_evidence import RegistryEntry
from jarvisd.core.signal import ProcessGone
from jarvisd.presence.bindings import Bindings
from jarvisd.presence.wanted import WantedSession


class Leftovers:
    """Keeps such entries, by their paths, until their session is wanted.

    Most are old, and their session never is. An entry whose session lives on in another
    process is not reported.
    """

    def __init__(self, bindings: Bindings) -> None:
        self._bindings = bindings
        self._entries: dict[str, tuple[str, RegistryEntry]] = {}

    def add(self, path: str, agent: str, entry: RegistryEntry) -> None:
        """Keep an entry of a dead process."""
        self._entries[path] = (agent, entry)

    def remove(self, path: str) -> None:
        """Remove the entry of a file that is gone or has been rewritten."""
        self._entries.pop(path, None)

    def report(self, wanted: Iterable[WantedSession]) -> None:
        """Report the end of each process that worked on a session of *wanted*, once."""
        if not self._entries:  # as nearly always; *wanted* may have thousands
            return

        sessions = {(each.agent, each.session_id): each for each in wanted}
        for agent, entry in self._entries.values():
            session = sessions.get((agent, entry.session_id))
            if session is not None and not self._is_settled(agent, entry):
                self._bindings.report_gone(
                    ProcessGone(
                        agent=agent,
                        session_id=entry.session_id,
                        pid=entry.pid,
                        # Nobody saw it end: the last sign of life is the best estimate.
                        at_ms=max(entry.written_ms or 0, session.last_ms or 0),
                        tidy=False,
                    )
                )

    def _is_settled(self, agent: str, entry: RegistryEntry) -> bool:
        """Whether the session has a living process, or this end was reported."""
        bindings, session_id = self._bindings, entry.session_id
        return bindings.has_reported_exit(agent, session_id, entry.pid) or (
            (agent, session_id) in bindings.confirmed_sessions()
        )
