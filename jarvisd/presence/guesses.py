"""Sessions and processes joined by folder and time, where only one can be meant.

The weakest of all evidence, for agents or versions that leave nothing better. The
newest file, or the newest process, is never taken for the right one: where two are
possible, there is no answer.
"""

from collections.abc import Iterable, Mapping, Sequence

from jarvisd.core.process import Process, ProcessRole
from jarvisd.presence.wanted import WantedSession

SLACK_MS = 2_000
"""The start of a process is known to a second or so."""

_SERVERS = {ProcessRole.SERVES, ProcessRole.HOSTS}


def guessed(
    wanted: Sequence[WantedSession], processes: Iterable[Process]
) -> list[tuple[WantedSession, Process]]:
    """Return the pairs in which neither side has another choice.

    *wanted* are sessions without a process, *processes* those without a session.
    """
    pairs = [
        (session, process)
        for process in processes
        for session in wanted
        if _fits(session, process)
    ]
    return [
        (session, process)
        for session, process in pairs
        if sum(each is session for each, _ in pairs) == 1
        and sum(each is process for _, each in pairs) == 1
    ]


def first_starts(processes: Iterable[Process]) -> dict[str, int]:
    """Return when the oldest of *processes* of each agent was started, Unix ms."""
    earliest: dict[str, int] = {}
    for each in processes:
        began_ms = earliest.get(each.program.agent, each.started_ms)
        earliest[each.program.agent] = min(began_ms, each.started_ms)

    return earliest


def may_have_written(earliest: Mapping[str, int], session: WantedSession) -> bool:
    """Return True if a process of the session's agent was there at its newest line.

    *earliest* is when the oldest of each agent was started. One that was started later
    may have taken the session up, but waits in no dialog that was open before: what the
    old process was at has died with it.
    """
    began_ms = earliest.get(session.agent)
    if began_ms is None:
        return False

    return session.last_ms is None or session.last_ms >= began_ms - SLACK_MS


def _fits(session: WantedSession, process: Process) -> bool:
    """Whether the process can have written the newest line of the session."""
    return (
        session.agent == process.program.agent
        and process.program.role not in _SERVERS
        and _folder(session.cwd) == _folder(process.cwd) is not None
        and session.last_ms is not None
        and session.last_ms >= process.started_ms - SLACK_MS
    )


def _folder(path: str | None) -> str | None:
    return None if path is None else path.rstrip("/")
