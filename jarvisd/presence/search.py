"""The search for processes of sessions that neither a registry nor a lock tells of.

In order: the process that a hook named, one that has the transcript open for writing,
the terminal for which a server holds the lock, and, where only one can be meant, one
that was started in the session's folder before its newest line. The longer nothing is
found, the rarer it is looked for.
"""

import math
from collections.abc import Sequence

import anyio
from anyio import lowlevel

from jarvisd.base.clock import Clock
from jarvisd.core.agent import AgentRegistry
from jarvisd.core.origin import SessionId
from jarvisd.core.process import Process, ProcessRole, Program
from jarvisd.core.signal import HookCalled, ProcessesChecked
from jarvisd.presence.bindings import Binding, Bindings, How, Report
from jarvisd.presence.guesses import first_starts, guessed, may_have_written
from jarvisd.presence.hosts import Hosts
from jarvisd.presence.processes import Processes, ancestors_of, argv_of, written_files
from jarvisd.presence.wanted import WantedSession

FIRST_PAUSE_S = 2.0
LAST_PAUSE_S = 60.0

SHARE = 1000
"""A search that took t is followed by a pause of t times this, at least."""

HOOK_PAUSE_S = 5.0
"""How often hooks of a session whose process is not found are followed up."""

MAX_HOOKS = 1000

STEP = 64
"""Sessions checked in one turn of the loop."""


class Programs:
    """Tells programs of agents apart by their arguments."""

    def __init__(self, agents: AgentRegistry) -> None:
        self._agents = agents

    def of(self, argv: Sequence[str]) -> Program | None:
        """Return which agent a process with these arguments is."""
        for agent in self._agents:
            evidence = agent.presence()
            role = evidence.role(argv) if evidence else None
            if evidence and role is not None:
                return Program(agent.name, role, evidence.named_folder(argv))

        return None

    def recognise(self, agent: str) -> bool:
        """Return True if a process of *agent* is known by its arguments."""
        return self._agents.presence_of(agent) is not None

    def role_of(self, agent: str, pid: int) -> ProcessRole | None:
        """Return what the process is there for, or None if it is not that agent's."""
        program = self.of(argv_of(pid))
        return program.role if program and program.agent == agent else None


class Search:
    """Finds processes of wanted sessions among all processes of this user."""

    def __init__(
        self,
        bindings: Bindings,
        hosts: Hosts,
        report: Report,
        clock: Clock,
        programs: Programs,
    ) -> None:
        self._bindings = bindings
        self._hosts = hosts
        self._report = report
        self._clock = clock
        self._programs = programs
        self._processes = Processes(programs.of)
        self._lacking: frozenset[tuple[str, SessionId]] = frozenset()
        self._pause = FIRST_PAUSE_S
        self._due = 0.0
        self._wanted: Sequence[WantedSession] = ()
        self._given: Sequence[WantedSession] | None = None
        self._sure: set[tuple[str, SessionId]] = set()
        self._wake = anyio.Event()
        self._followed: dict[tuple[str, SessionId], float] = {}
        self._checked: dict[tuple[str, SessionId], tuple[bool, int | None]] = {}

    def told(self, hook: HookCalled) -> None:
        """Bind the session of *hook* to the agent that ran it, if it names one.

        A hook may be run by a shell of the agent's, so that its parents are asked. It
        tells nothing new of a session whose process is known.
        """
        parent, _, _ = hook.session_id.partition("/")
        key = (hook.agent, SessionId(parent))
        if hook.pid is None or not self._may_follow(key):
            return

        for pid in ancestors_of(hook.pid):
            process = self._processes.look_at(pid)
            if process is not None and process.program.agent == hook.agent:
                if process.program.role is not ProcessRole.HOSTS:
                    self._bind(*key, process, How.HOOK)

                return  # a server was started by a terminal, but not by that of the hook

    def want(self, wanted: Sequence[WantedSession]) -> None:
        """Say which sessions are wanted now. Those without a process are searched for.

        Not at once, if they were lately.
        """
        sure = self._bindings.sure()
        if wanted is not self._given or sure != self._sure:
            self._given, self._sure = wanted, sure
            self._lack(self._without_process(wanted))

        if self._wanted and self._clock.monotonic() >= self._due:
            self._wake.set()

        self.meet()

    def meet(self) -> None:
        """Look at once if a server has taken a lock, or a terminal of one has ended."""
        if self._hosts.has_news:
            self._wake.set()

    async def run(self) -> None:
        """Search when there is something to search for, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake = anyio.Event()
            await self._look()

    async def _look(self) -> None:
        busy_s = 0.0
        started = self._clock.monotonic()
        self._hosts.begin_look()
        for _ in self._processes.look():
            busy_s += self._clock.monotonic() - started
            await lowlevel.checkpoint()
            started = self._clock.monotonic()

        self._join(self._wanted)
        await self._check(self._wanted)
        now = self._clock.monotonic()
        self._due = now + max(self._pause, (busy_s + now - started) * SHARE)
        self._pause = min(self._pause * 2, LAST_PAUSE_S)

    def _without_process(self, wanted: Sequence[WantedSession]) -> list[WantedSession]:
        """Return those of *wanted* whose process is not known and may still be there."""
        sure, is_over = self._bindings.sure(), self._bindings.is_over
        return [
            each
            for each in wanted
            if _key(each) not in sure and not is_over(*_key(each), each.last_ms)
        ]

    def _lack(self, lacking: Sequence[WantedSession]) -> None:
        """Note who is to be searched for; at once if somebody is new among them."""
        before, self._lacking = self._lacking, frozenset(map(_key, lacking))
        self._wanted = lacking
        if not self._lacking <= before:
            self._pause, self._due = FIRST_PAUSE_S, -math.inf

    def _join(self, lacking: Sequence[WantedSession]) -> None:
        agents = self._processes.agents
        lacking = self._without_process(lacking)
        by_path = {path: each for each in lacking for path in each.paths}
        for process in agents if by_path else ():
            if process.program.role is ProcessRole.HOSTS:
                continue  # it writes for others

            for path in written_files(process.life.pid):
                if (session := by_path.get(path)) is not None:
                    self._bind_process(session, process, How.TRANSCRIPT)

        self._hosts.join(lacking, agents)
        sure, busy = self._bindings.sure(), self._bindings.busy()
        known = sure | self._hosts.keys()
        without = [each for each in lacking if _key(each) not in known]
        free = [each for each in agents if each.life not in busy]
        for session, process in guessed(without, free):
            self._bind_process(session, process, How.GUESS)

    async def _check(self, lacking: Sequence[WantedSession]) -> None:
        """Report of each session without a process whether any may be at work on it."""
        busy, bound = self._bindings.busy(), self._bindings.bound()
        elsewhere = set(self._bindings.elsewhere.values()) | self._hosts.open_keys()
        earliest = first_starts(
            each
            for each in self._processes.agents
            if each.life not in busy and each.program.role is not ProcessRole.HOSTS
        )
        before, self._checked = self._checked, {}
        for at, each in enumerate(lacking):
            key = _key(each)
            if key in bound:
                continue

            can_own = (
                key in elsewhere
                or not self._programs.recognise(each.agent)
                or may_have_written(earliest, each)
            )
            found = self._checked[key] = (can_own, each.last_ms)
            if before.get(key) != found:
                self._report(
                    ProcessesChecked(
                        agent=each.agent,
                        session_id=each.session_id,
                        at_ms=self._clock.unix_ms(),
                        can_own=can_own,
                    )
                )

            if at % STEP == STEP - 1:
                await lowlevel.checkpoint()

    def _bind_process(self, session: WantedSession, process: Process, how: How) -> None:
        if session.agent == process.program.agent:
            self._bind(session.agent, session.session_id, process, how)

    def _bind(
        self, agent: str, session_id: SessionId, process: Process, how: How
    ) -> None:
        self._bindings.bind(
            Binding(
                agent=agent,
                session_id=session_id,
                life=process.life,
                how=how,
                headless=process.program.role is ProcessRole.ONCE,
            )
        )

    def _may_follow(self, key: tuple[str, SessionId]) -> bool:
        """Whether the process of this session is neither known nor looked for."""
        now = self._clock.monotonic()
        if key in self._bindings.sure() or now < self._followed.get(key, 0.0):
            return False

        if len(self._followed) >= MAX_HOOKS:
            self._followed.clear()

        self._followed[key] = now + HOOK_PAUSE_S
        return True


def _key(session: WantedSession) -> tuple[str, SessionId]:
    return session.agent, session.session_id
