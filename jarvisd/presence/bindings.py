"""Which process works on which session, told once when it begins and once at its end."""

import os
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from jarvisd.base.clock import Clock
from jarvisd.core.origin import SessionId
from jarvisd.core.process import ProcessLife
from jarvisd.core.signal import ProcessFound, ProcessGone, Signal
from jarvisd.presence.exits import Exits
from jarvisd.presence.processes import started_ms
from jarvisd.state.constants import RESUMED_MS

REMEMBERED = 1000
"""So many ends are kept in mind, so that none is told twice."""

Report = Callable[[Signal], None]
"""Told of each signal; quick, and never waits."""


class How(StrEnum):
    """How a session and a process were joined, in words for people."""

    REGISTRY = "registry"
    LOCK = "lock"
    TRANSCRIPT = "open transcript"
    HOOK = "hook"
    TERMINAL = "lock and start time"
    GUESS = "folder and start time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """A session, and a living process that works on it.

    *mark* is the file that the process takes with it if it ends in order, *took_up_ms*
    when it took up the session after another one.
    """

    agent: str
    session_id: SessionId
    life: ProcessLife
    how: How
    headless: bool = False
    mark: str | None = None
    took_up_ms: int | None = None

    @property
    def session(self) -> tuple[str, SessionId]:
        """Return the agent and the session: two agents may use one id."""
        return self.agent, self.session_id

    @property
    def is_sure(self) -> bool:
        """Whether nothing else can be meant."""
        return self.how is not How.GUESS


_Key = tuple[str, SessionId, ProcessLife]


class Bindings:
    """All sessions with their processes; reports what begins and ends.

    *elsewhere* are, by their files, entries of registries that speak of processes which
    cannot be seen from here.
    """

    def __init__(self, report: Report, exits: Exits, clock: Clock) -> None:
        self._report = report
        self._exits = exits
        self._clock = clock
        self._bound: dict[_Key, Binding] = {}
        self.elsewhere: dict[str, tuple[str, SessionId]] = {}
        self._ended: OrderedDict[tuple[str, SessionId, int], None] = OrderedDict()
        self._over: OrderedDict[tuple[str, SessionId], int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._bound)

    def sure(self) -> set[tuple[str, SessionId]]:
        """Return the sessions that surely have a living process."""
        return {each.session for each in self._bound.values() if each.is_sure}

    def bound(self) -> set[tuple[str, SessionId]]:
        """Return the sessions that have a living process, surely or by a guess."""
        return {each.session for each in self._bound.values()}

    def busy(self) -> set[ProcessLife]:
        """Return the processes of which a session is surely known."""
        return {each.life for each in self._bound.values() if each.is_sure}

    def writers(self) -> set[ProcessLife]:
        """Return the processes that hold the lock of a session themselves."""
        bound = self._bound.values()
        return {each.life for each in bound if each.how is How.LOCK}

    def has_ended(self, agent: str, session_id: SessionId, pid: int) -> bool:
        """Whether the end of this process on this session was told lately."""
        return (agent, session_id, pid) in self._ended

    def is_over(self, agent: str, session_id: SessionId, last_ms: int | None) -> bool:
        """Whether the last process of a session ended, and no line is newer than that.

        Its state follows a moment later, when its last lines have been read; until then
        no other process may be taken for the one at work on it. *last_ms* is the time
        of its newest line.
        """
        ended_ms = self._over.get((agent, session_id))
        return ended_ms is not None and (last_ms or 0) <= ended_ms + RESUMED_MS

    def bind(self, binding: Binding) -> None:
        """Take note of *binding*, and report what is new in it."""
        key = (binding.agent, binding.session_id, binding.life)
        before = self._bound.get(key)
        if before is not None and before.mark and not binding.mark:
            return

        if before is not None and before.is_sure and not binding.is_sure:
            return

        self._bound[key] = binding
        self._exits.watch(binding.life)
        if binding.is_sure:
            self._withdraw_guesses(binding)

        if before is None or before.is_sure != binding.is_sure:
            self._report(self._found(binding))

    def release(
        self, agent: str, session_id: SessionId, life: ProcessLife, *, tidy: bool | None
    ) -> None:
        """Note that the process works no longer on the session."""
        binding = self._bound.pop((agent, session_id, life), None)
        if binding is None:
            return

        if not any(each.life == life for each in self._bound.values()):
            self._exits.forget(life)

        self._tell_gone(binding, tidy=tidy)

    def give_up(self, agent: str, session_id: SessionId) -> None:
        """Record that no terminal has the session open any longer."""
        for each in list(self._bound.values()):
            if each.session == (agent, session_id) and each.how is How.TERMINAL:
                self.release(agent, session_id, each.life, tidy=True)

    def died(self, life: ProcessLife) -> None:
        """Note that the process has ended."""
        for key in [each for each in self._bound if each[2] == life]:
            binding = self._bound.pop(key)
            mark = binding.mark
            tidy = None if mark is None else not os.path.lexists(mark)
            self._tell_gone(binding, tidy=tidy)

    def _withdraw_guesses(self, sure: Binding) -> None:
        """Take back what was guessed of a session or process that is known now."""
        for each in list(self._bound.values()):
            about_it = each.life == sure.life or each.session == sure.session
            if not each.is_sure and about_it:
                self.release(each.agent, each.session_id, each.life, tidy=None)

    def _found(self, binding: Binding) -> ProcessFound:
        self._ended.pop((binding.agent, binding.session_id, binding.life.pid), None)
        self._over.pop(binding.session, None)
        return ProcessFound(
            agent=binding.agent,
            session_id=binding.session_id,
            pid=binding.life.pid,
            started_ms=started_ms(binding.life.pid) or self._clock.unix_ms(),
            how=binding.how.value,
            is_sure=binding.is_sure,
            headless=binding.headless,
            took_up_ms=binding.took_up_ms,
        )

    def _tell_gone(self, binding: Binding, *, tidy: bool | None) -> None:
        self.tell_ended(
            ProcessGone(
                agent=binding.agent,
                session_id=binding.session_id,
                pid=binding.life.pid,
                at_ms=self._clock.unix_ms(),
                tidy=tidy,
            ),
            is_sure=binding.is_sure,
        )

    def tell_ended(self, gone: ProcessGone, *, is_sure: bool = True) -> None:
        """Report *gone*, which is not told again.

        The end of a process that was only guessed says nothing of the session.
        """
        self._ended[gone.agent, gone.session_id, gone.pid] = None
        session = (gone.agent, gone.session_id)
        lives_on = any(each.session == session for each in self._bound.values())
        if is_sure and not lives_on:
            self._over[session] = gone.at_ms

        for ends in (self._ended, self._over):
            if len(ends) > REMEMBERED:
                ends.popitem(last=False)

        self._report(gone)
