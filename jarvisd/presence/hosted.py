"""Matches sessions whose locks a server holds with the terminals that show them.

Such a server outlives its terminals and keeps the locks of their sessions, so the lock
does not show who works on a session. A terminal opens its first session when it starts:
the two are matched by the time of the lock, and by the folder. A session that is opened
later belongs to the only terminal that was running, or the only one in its folder. If
two terminals are possible, the session has no match.
"""

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

from jarvisd.base.ids import SessionId
from jarvisd.core.process import Process, ProcessLife, ProcessRole

OPENING_MS = 10_000
"""The longest time between a terminal's start and its first session."""

SLACK_MS = 2_000
"""The error of a process's start time, which is known to about a second."""

Key = tuple[str, SessionId]


@dataclass(slots=True)
class HostedSession:
    """A session whose lock a server holds for a terminal.

    Attributes:
        key: Agent and session.
        server: The process that holds the lock.
        locked_ms: The time of the lock, Unix ms.
        is_new: The session was created then, not resumed.
        terminals: The terminals that may have opened it; None before the first search.
        is_complete: The search was early enough: no such terminal was gone by then.

    """

    key: Key
    server: ProcessLife
    locked_ms: int
    is_new: bool
    terminals: Sequence[Process] | None = None
    is_complete: bool = False

    def set_terminals(self, agents: Iterable[Process], now_ms: int) -> None:
        """Set *terminals* to those of *agents* that may have opened the session."""
        self.terminals = [
            each
            for each in agents
            if each.program.agent == self.key[0]
            and each.program.role is ProcessRole.TALKS
            and each.has_terminal
            and each.started_ms <= self.locked_ms + SLACK_MS
        ]
        self.is_complete = now_ms - self.locked_ms <= OPENING_MS

    def keep_clients(self, clients: Container[int]) -> None:
        """Remove the terminals that are not *clients* of the server."""
        terminals = self.terminals or ()
        self.terminals = [each for each in terminals if each.life.pid in clients]


def match_terminals(
    hosted: Iterable[HostedSession],
    folders: Mapping[Key, str | None],
    lock_holders: Container[ProcessLife],
) -> dict[Key, Process]:
    """Return the terminal of each session for which only one is possible.

    *folders* are the working folders of sessions, as far as known. *lock_holders* are
    terminals that hold the lock of their session themselves, so they show no other.
    """
    found: dict[Key, Process] = {}
    opened: set[ProcessLife] = set()
    later: list[tuple[HostedSession, list[Process]]] = []
    for each in sorted(hosted, key=lambda each: each.locked_ms):
        possible = [one for one in each.terminals or () if one.life not in lock_holders]
        starting = [one for one in possible if _is_starting(one, each, opened)]
        only = _only_terminal(starting, folders.get(each.key))
        if only is not None:
            found[each.key] = only
            opened.add(only.life)
        elif not starting:
            later.append((each, possible))

    for each, only in _match_reopened(later, folders, opened):
        found[each.key] = only

    return found


def _is_starting(
    terminal: Process, session: HostedSession, opened: Container[ProcessLife]
) -> bool:
    age_ms = session.locked_ms - terminal.started_ms
    return terminal.life not in opened and age_ms <= OPENING_MS


def _match_reopened(
    sessions: Iterable[tuple[HostedSession, list[Process]]],
    folders: Mapping[Key, str | None],
    opened: Container[ProcessLife],
) -> list[tuple[HostedSession, Process]]:
    """Return the sessions that a terminal opened long after its start, with it.

    If the terminal of a session may be gone, only a terminal that opened no session at
    its start is possible, and only if no second session matches it.
    """
    found = []
    for each, possible in sessions:
        free = possible
        if not each.is_complete:
            free = [one for one in possible if one.life not in opened]

        only = _only_terminal(free, folders.get(each.key) if each.is_new else None)
        if only is not None:
            found.append((each, only))

    matches = Counter(only.life for _, only in found)
    return [
        (each, only)
        for each, only in found
        if each.is_complete or matches[only.life] == 1
    ]


def _only_terminal(terminals: Sequence[Process], folder: str | None) -> Process | None:
    """Return the only terminal, or the only one that may be in *folder*, or None."""
    if len(terminals) > 1 and folder is not None:
        name = folder.rstrip("/")
        terminals = [
            each
            for each in terminals
            if each.cwd is None or each.cwd.rstrip("/") == name
        ]

    return terminals[0] if len(terminals) == 1 else None
