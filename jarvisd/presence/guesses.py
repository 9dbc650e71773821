"""Pairs sessions and processes by folder and time, if only one pair is possible.

This is the weakest evidence, for agents or versions that leave nothing better. The
newest file or process is not preferred: if two are possible, neither is paired.
"""

from collections.abc import Iterable, Mapping, Sequence

from jarvisd.core.process import Process, ProcessRole
from jarvisd.presence.wanted import WantedSession

SLACK_MS = 2_000
"""The error of a process's start time, which is known to about a second."""

_SERVERS = {ProcessRole.SERVES, ProcessRole.HOSTS}


def unambiguous_pairs(
    wanted: Sequence[WantedSession], processes: Iterable[Process]
) -> list[tuple[WantedSession, Process]]:
    """Return the pairs in which neither side fits another one.

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


def earliest_starts(processes: Iterable[Process]) -> dict[str, int]:
    """Return the start of the oldest of *processes* of each agent, Unix ms."""
    earliest: dict[str, int] = {}
    for each in processes:
        began_ms = earliest.get(each.program.agent, each.started_ms)
        earliest[each.program.agent] = min(began_ms, each.started_ms)

    return earliest


def may_have_written(earliest: Mapping[str, int], session: WantedSession) -> bool:
    """Return True if a process of the session's agent was running at its newest line.

    *earliest* is the start of each agent's oldest process. A process that was started
    later may have resumed the session, but cannot be waiting in a dialog that was open
    before: the turn ended with the process that ran it.
    """
    began_ms = earliest.get(session.agent)
    if began_ms is None:
        return False

    return session.last_ms is None or session.last_ms >= began_ms - SLACK_MS


def _fits(session: WantedSession, process: Process) -> bool:
    """Whether the process can have written the newest line of the session."""
    return (
        session.agent == process.program.agent
        and process.program.role not in _SERVERS  # these are in any session's folder
        and _folder(session.cwd) == _folder(process.cwd) is not None
        and session.last_ms is not None
        and session.last_ms >= process.started_ms - SLACK_MS
    )


def _folder(path: str | None) -> str | None:
    return None if path is None else path.rstrip("/")
