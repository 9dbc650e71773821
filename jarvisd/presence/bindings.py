"""The processes that work on sessions, each reported once at its begin and its end."""

import os
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum

from jarvisd.base.clock import Clock
from jarvisd.core.origin import SessionId
from jarvisd.core.process import RESUMED_MS, ProcessLife
from jarvisd.core.signal import ProcessFound, ProcessGone, Signal
from jarvisd.presence.exits import ExitWatcher
from jarvisd.presence.processes import started_ms

MAX_REPORTED_EXITS = 1000
"""Reported ends that are remembered, so that none is reported twice."""

Report = Callable[[Signal], None]
"""Called with each signal; must not block."""

Together = Callable[[], AbstractContextManager[None]]
"""Gives a context whose signals are judged at its end, all at once."""


class How(StrEnum):
    """The evidence by which a process was bound to a session, in words for people."""

    REGISTRY = "registry"
    LOCK = "lock"
    TRANSCRIPT = "open transcript"
    FILE = "file beside the transcript"
    HOOK = "hook"
    TERMINAL = "lock and start time"
    GUESS = "folder and start time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """A session, and a living process that works on it.

    *marker_path* is the file that the process removes if it ends in order, *took_up_ms*
    the time at which it switched to the session from another one.
    """

    agent: str
    session_id: SessionId
    life: ProcessLife
    how: How
    headless: bool = False
    marker_path: str | None = None
    took_up_ms: int | None = None

    @property
    def session(self) -> tuple[str, SessionId]:
        """Return agent and session id: two agents may use the same id."""
        return self.agent, self.session_id

    @property
    def is_sure(self) -> bool:
        """Whether the binding is certain, not a guess."""
        return self.how is not How.GUESS


_Key = tuple[str, SessionId, ProcessLife]


class Bindings:
    """Holds the process of each session; reports each binding and each end.

    *in_other_namespaces* maps the paths of registry entries to their sessions, where
    the entry names a process of another PID namespace, which cannot be checked.
    """

    def __init__(self, report: Report, exits: ExitWatcher, clock: Clock) -> None:
        self._report = report
        self._exits = exits
        self._clock = clock
        self._bound: dict[_Key, Binding] = {}
        self.in_other_namespaces: dict[str, tuple[str, SessionId]] = {}
        self._ended: OrderedDict[tuple[str, SessionId, int], None] = OrderedDict()
        self._over: OrderedDict[tuple[str, SessionId], int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._bound)

    def confirmed_sessions(self) -> set[tuple[str, SessionId]]:
        """Return the sessions whose living process is known with certainty."""
        return {each.session for each in self._bound.values() if each.is_sure}

    def bound_sessions(self) -> set[tuple[str, SessionId]]:
        """Return the sessions with a living process, certain or guessed."""
        return {each.session for each in self._bound.values()}

    def confirmed_processes(self) -> set[ProcessLife]:
        """Return the processes whose session is known with certainty."""
        return {each.life for each in self._bound.values() if each.is_sure}

    def lock_holders(self) -> set[ProcessLife]:
        """Return the processes that hold the lock of a session themselves."""
        bound = self._bound.values()
        return {each.life for each in bound if each.how is How.LOCK}

    def has_reported_exit(self, agent: str, session_id: SessionId, pid: int) -> bool:
        """Whether the end of this process on this session was reported recently."""
        return (agent, session_id, pid) in self._ended

    def is_over(self, agent: str, session_id: SessionId, last_ms: int | None) -> bool:
        """Whether the last process of a session ended after its newest line.

        The session's state changes only when its last lines have been read; until then
        no other process may be bound to it. *last_ms* is the time of its newest line.
        """
        ended_ms = self._over.get((agent, session_id))
        return ended_ms is not None and (last_ms or 0) <= ended_ms + RESUMED_MS

    def bind(self, binding: Binding) -> None:
        """Record *binding*, and report it if it is new or was only a guess before."""
        key = (binding.agent, binding.session_id, binding.life)
        before = self._bound.get(key)
        # Stronger evidence is kept: the marker shows later how the process ended.
        if before is not None and before.marker_path and not binding.marker_path:
            return

        if before is not None and before.is_sure and not binding.is_sure:
            return

        self._bound[key] = binding
        self._exits.watch(binding.life)
        if binding.is_sure:
            self._release_guesses(binding)

        if before is None or before.is_sure != binding.is_sure:
            self._report_found(binding)

    def release(
        self, agent: str, session_id: SessionId, life: ProcessLife, *, tidy: bool | None
    ) -> None:
        """Record that the process, alive, no longer works on the session."""
        binding = self._bound.pop((agent, session_id, life), None)
        if binding is None:
            return

        if not any(each.life == life for each in self._bound.values()):
            self._exits.unwatch(life)

        self._report_end(binding, tidy=tidy)

    def release_terminals(self, agent: str, session_id: SessionId) -> None:
        """Release the terminals of a session that none has open any longer."""
        for each in list(self._bound.values()):
            if each.session == (agent, session_id) and each.how is How.TERMINAL:
                self.release(agent, session_id, each.life, tidy=True)

    def handle_exit(self, life: ProcessLife) -> None:
        """Drop the bindings of a process that has ended, and report each end."""
        for key in [each for each in self._bound if each[2] == life]:
            binding = self._bound.pop(key)
            marker_path = binding.marker_path
            tidy = None if marker_path is None else not os.path.lexists(marker_path)
            self._report_end(binding, tidy=tidy)

    def _release_guesses(self, sure: Binding) -> None:
        """Release guessed bindings of the session or the process of *sure*."""
        for each in list(self._bound.values()):
            is_related = each.life == sure.life or each.session == sure.session
            if not each.is_sure and is_related:
                self.release(each.agent, each.session_id, each.life, tidy=None)

    def _report_found(self, binding: Binding) -> None:
        # A pid may be used again, and a process may return to a session it left.
        self._ended.pop((binding.agent, binding.session_id, binding.life.pid), None)
        self._over.pop(binding.session, None)
        self._report(
            ProcessFound(
                agent=binding.agent,
                session_id=binding.session_id,
                pid=binding.life.pid,
                started_ms=started_ms(binding.life.pid) or self._clock.unix_ms(),
                how=binding.how.value,
                is_sure=binding.is_sure,
                headless=binding.headless,
                took_up_ms=binding.took_up_ms,
            )
        )

    def _report_end(self, binding: Binding, *, tidy: bool | None) -> None:
        self.report_gone(
            ProcessGone(
                agent=binding.agent,
                session_id=binding.session_id,
                pid=binding.life.pid,
                at_ms=self._clock.unix_ms(),
                tidy=tidy,
            ),
            is_sure=binding.is_sure,
        )

    def report_gone(self, gone: ProcessGone, *, is_sure: bool = True) -> None:
        """Report *gone* and remember it, so that it is not reported again.

        The end of a guessed process is no evidence that its session ended.
        """
        self._ended[gone.agent, gone.session_id, gone.pid] = None
        session = (gone.agent, gone.session_id)
        lives_on = any(each.session == session for each in self._bound.values())
        if is_sure and not lives_on:
            self._over[session] = gone.at_ms

        for ends in (self._ended, self._over):
            if len(ends) > MAX_REPORTED_EXITS:
                ends.popitem(last=False)

        self._report(gone)
