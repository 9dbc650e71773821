"""Which terminal a session belongs to, whose lock a server holds for terminals.

Such a server outlives the terminals and keeps the locks of what they had open, so that
it says nothing of who is at work on a session. A terminal opens its first session when
it is started: the two are joined by the time of the lock, and by the folder. A session
that is opened later belongs to the only terminal that was there, or the only one in its
folder. Where two are possible, there is no answer.
"""

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

from jarvisd.base.ids import SessionId
from jarvisd.core.process import Process, ProcessLife, ProcessRole

OPENING_MS = 10_000
"""How long after its start a terminal opens its first session."""

SLACK_MS = 2_000
"""The start of a process is known to a second or so."""

Key = tuple[str, SessionId]


@dataclass(slots=True)
class Hosted:
    """A session whose lock a server holds for a terminal.

    Attributes:
        key: Agent and session.
        server: Who holds the lock.
        locked_ms: When it was taken.
        is_new: The session was created then, and not opened again.
        terminals: The terminals that can have had it taken; None until somebody looked.
        is_complete: Nobody looked too late, when some may have been gone.

    """

    key: Key
    server: ProcessLife
    locked_ms: int
    is_new: bool
    terminals: Sequence[Process] | None = None
    is_complete: bool = False

    def note(self, agents: Iterable[Process], now_ms: int) -> None:
        """Take the terminals among *agents* that can have had the lock taken."""
        self.terminals = [
            each
            for each in agents
            if each.program.agent == self.key[0]
            and each.program.role is ProcessRole.TALKS
            and each.has_terminal
            and each.started_ms <= self.locked_ms + SLACK_MS
        ]
        self.is_complete = now_ms - self.locked_ms <= OPENING_MS

    def keep(self, clients: Container[int]) -> None:
        """Leave out the terminals that are not *clients* of the server."""
        terminals = self.terminals or ()
        self.terminals = [each for each in terminals if each.life.pid in clients]


def joined(
    hosted: Iterable[Hosted],
    folders: Mapping[Key, str | None],
    taken: Container[ProcessLife],
) -> dict[Key, Process]:
    """Return the terminals of sessions, of each that can have but one.

    *folders* are those of sessions, as far as known; *taken* are terminals that hold
    the locks of their sessions themselves.
    """
    found: dict[Key, Process] = {}
    opened: set[ProcessLife] = set()
    later: list[tuple[Hosted, list[Process]]] = []
    for each in sorted(hosted, key=lambda each: each.locked_ms):
        possible = [one for one in each.terminals or () if one.life not in taken]
        starting = [one for one in possible if _is_starting(one, each, opened)]
        only = _only(starting, folders.get(each.key))
        if only is not None:
            found[each.key] = only
            opened.add(only.life)
        elif not starting:
            later.append((each, possible))

    for each, only in _opened_later(later, folders, opened):
        found[each.key] = only

    return found


def _is_starting(
    terminal: Process, session: Hosted, opened: Container[ProcessLife]
) -> bool:
    age_ms = session.locked_ms - terminal.started_ms
    return terminal.life not in opened and age_ms <= OPENING_MS


def _opened_later(
    sessions: Iterable[tuple[Hosted, list[Process]]],
    folders: Mapping[Key, str | None],
    opened: Container[ProcessLife],
) -> list[tuple[Hosted, Process]]:
    """Return the sessions that a terminal opened long after its start.

    Where a terminal may be gone that had it, only one without a session of its own can
    be meant, and only if it is meant once.
    """
    found = []
    for each, possible in sessions:
        free = possible
        if not each.is_complete:
            free = [one for one in possible if one.life not in opened]

        only = _only(free, folders.get(each.key) if each.is_new else None)
        if only is not None:
            found.append((each, only))

    meant = Counter(only.life for _, only in found)
    return [
        (each, only)
        for each, only in found
        if each.is_complete or meant[only.life] == 1
    ]


def _only(terminals: Sequence[Process], folder: str | None) -> Process | None:
    """Return the only one, or the only one that may be in *folder*."""
    if len(terminals) > 1 and folder is not None:
        name = folder.rstrip("/")
        terminals = [
            each
            for each in terminals
            if each.cwd is None or each.cwd.rstrip("/") == name
        ]

    return terminals[0] if len(terminals) == 1 else None
