"""Searches all processes for those of sessions without a registry entry or a lock.

The evidence, strongest first: the process that a hook named, one that has the
transcript open for writing, a file beside the transcript, the terminal for which a server holds the lock, and, if
there is only one, a process that was started in the session's folder before its newest
line. The interval grows while nothing is found.
"""

import math
from collections.abc import Sequence

import anyio
from anyio import lowlevel

from jarvisd.base.clock import Clock
from jarvisd.core.agent import AgentRegistry
from jarvisd.core.origin import SessionId
from jarvisd.core.presence_evidence import SessionFiles
from jarvisd.core.process import Process, ProcessRole, Program
from jarvisd.core.signal import HookCalled, ProcessesChecked
from jarvisd.presence.bindings import Binding, Bindings, How, Report
from jarvisd.presence.guesses import (
    earliest_starts,
    may_have_written,
    unambiguous_pairs,
)
from jarvisd.presence.hosts import Hosts
from jarvisd.presence.processes import Processes, ancestors_of, argv_of, written_files
from jarvisd.presence.session_files import owners_beside
from jarvisd.presence.wanted import WantedSession

FIRST_PAUSE_S = 2.0
LAST_PAUSE_S = 60.0

PAUSE_FACTOR = 1000
"""A search that took t is followed by a pause of at least t * PAUSE_FACTOR."""

HOOK_PAUSE_S = 5.0
"""Seconds between hooks of one session that are followed up, until one is bound."""

MAX_HOOKS = 1000

BATCH = 64
"""Sessions that are checked between two checkpoints."""


class Programs:
    """Recognises the programs of agents by their arguments."""

    def __init__(self, agents: AgentRegistry) -> None:
        self._agents = agents

    def recognise(self, argv: Sequence[str]) -> Program | None:
        """Return the agent and role of a process with these arguments, or None."""
        for agent in self._agents:
            evidence = agent.presence()
            role = evidence.role(argv) if evidence else None
            if evidence and role is not None:
                return Program(agent.name, role, evidence.named_folder(argv))

        return None

    def can_recognise(self, agent: str) -> bool:
        """Return True if processes of *agent* are recognised by their arguments."""
        return self._agents.presence_of(agent) is not None

    def session_files_of(self, agent: str) -> SessionFiles | None:
        """Return the files that *agent* makes beside the logs of open sessions, if any."""
        evidence = self._agents.presence_of(agent)
        return None if evidence is None else evidence.session_files

    def role_of(self, agent: str, pid: int) -> ProcessRole | None:
        """Return the role of the process, or None if it is not that agent's."""
        program = self.recognise(argv_of(pid))
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
        self._processes = Processes(programs.recognise)
        self._unbound_in: frozenset[tuple[str, SessionId, str | None]] = frozenset()
        self._pause = FIRST_PAUSE_S
        self._due = 0.0
        self._wanted: Sequence[WantedSession] | None = None
        self._unbound: Sequence[WantedSession] = ()
        self._sure: set[tuple[str, SessionId]] = set()
        self._wake = anyio.Event()
        self._next_hook_at: dict[tuple[str, SessionId], float] = {}
        self._checked: dict[tuple[str, SessionId], tuple[bool, int | None]] = {}

    def follow_hook(self, hook: HookCalled) -> None:
        """Bind the session of *hook* to the agent process that ran it, if it names one.

        The agent may run a hook in a shell, so the ancestors are checked as well. Hooks
        of a session whose process is already known are skipped.
        """
        parent, _, _ = hook.session_id.partition("/")  # a subagent has its own id
        key = (hook.agent, SessionId(parent))
        now = self._clock.monotonic()
        is_due = now >= self._next_hook_at.get(key, 0.0)
        if hook.pid is None or key in self._bindings.confirmed_sessions() or not is_due:
            return

        if len(self._next_hook_at) >= MAX_HOOKS:
            self._next_hook_at.clear()

        self._next_hook_at[key] = now + HOOK_PAUSE_S
        for pid in ancestors_of(hook.pid):
            process = self._processes.inspect(pid)
            if process is not None and process.program.agent == hook.agent:
                if process.program.role is not ProcessRole.HOSTS:
                    self._bind(*key, process, How.HOOK)

                # An ancestor of a server is a terminal, but maybe not the hook's.
                return

    def set_wanted(self, wanted: Sequence[WantedSession]) -> None:
        """Set the sessions whose processes are wanted, and search if it is due.

        A session that became unbound since the last call, or whose folder has become
        known, makes a search due at once.
        """
        sure = self._bindings.confirmed_sessions()
        if wanted is not self._wanted or sure != self._sure:
            self._wanted, self._sure = wanted, sure
            self._unbound = self._without_process(wanted)
            before = self._unbound_in
            self._unbound_in = frozenset(
                (each.agent, each.session_id, each.cwd) for each in self._unbound
            )
            if not self._unbound_in <= before:
                self._pause, self._due = FIRST_PAUSE_S, -math.inf

        if self._unbound and self._clock.monotonic() >= self._due:
            self._wake.set()

        self.wake_for_hosts()

    def wake_for_hosts(self) -> None:
        """Search at once if a server has locked a session, or a terminal has ended."""
        if self._hosts.needs_search:
            self._wake.set()

    async def run(self) -> None:
        """Search whenever a search is due, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake = anyio.Event()
            await self._search()

    async def _search(self) -> None:
        busy_s, started = 0.0, self._clock.monotonic()
        self._hosts.begin_search()
        for _ in self._processes.scan():
            busy_s += self._clock.monotonic() - started
            await lowlevel.checkpoint()
            started = self._clock.monotonic()

        self._bind_found(self._unbound)
        await self._report_checks(self._unbound)
        now = self._clock.monotonic()
        self._due = now + max(self._pause, (busy_s + now - started) * PAUSE_FACTOR)
        self._pause = min(self._pause * 2, LAST_PAUSE_S)

    def _without_process(self, wanted: Sequence[WantedSession]) -> list[WantedSession]:
        """Return those of *wanted* whose process is unknown and may still be running."""
        sure, is_over = self._bindings.confirmed_sessions(), self._bindings.is_over
        return [
            each
            for each in wanted
            if _key(each) not in sure and not is_over(*_key(each), each.last_ms)
        ]

    def _bind_found(self, unbound: Sequence[WantedSession]) -> None:
        """Bind sessions of *unbound* to processes of the last scan, surest first."""
        agents = self._processes.agents
        # Some may have been bound, or have ended, while the scan was running.
        unbound = self._without_process(unbound)
        by_path = {path: each for each in unbound for path in each.paths}
        for process in agents if by_path else ():
            if process.program.role is ProcessRole.HOSTS:
                continue  # it writes the transcripts of its terminals' sessions

            for path in written_files(process.life.pid):
                session = by_path.get(path)
                if session and session.agent == process.program.agent:
                    self._bind(*_key(session), process, How.TRANSCRIPT)

        for session in unbound:
            files = self._programs.session_files_of(session.agent)
            for process, file in owners_beside(files, session, self._processes.inspect):
                self._bind(*_key(session), process, How.FILE, marker_path=file)

        self._hosts.bind_terminals(unbound, agents)
        sure, busy = (
            self._bindings.confirmed_sessions(),
            self._bindings.confirmed_processes(),
        )
        known = sure | self._hosts.keys()
        without = [each for each in unbound if _key(each) not in known]
        free = [each for each in agents if each.life not in busy]
        for session, process in unambiguous_pairs(without, free):
            self._bind(*_key(session), process, How.GUESS)

    async def _report_checks(self, unbound: Sequence[WantedSession]) -> None:
        """Report for each session without a process whether one may be working on it."""
        busy, bound = (
            self._bindings.confirmed_processes(),
            self._bindings.bound_sessions(),
        )
        in_other_namespaces = set(self._bindings.in_other_namespaces.values())
        reachable = in_other_namespaces | self._hosts.open_keys()
        earliest = earliest_starts(
            each
            for each in self._processes.agents
            if each.life not in busy and each.program.role is not ProcessRole.HOSTS
        )
        before, self._checked = self._checked, {}
        for at, each in enumerate(unbound):
            key = _key(each)
            if key in bound:
                continue

            can_own = (
                key in reachable
                or not self._programs.can_recognise(each.agent)
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

            if at % BATCH == BATCH - 1:
                await lowlevel.checkpoint()

    def _bind(
        self,
        agent: str,
        session_id: SessionId,
        process: Process,
        how: How,
        marker_path: str | None = None,
    ) -> None:
        self._bindings.bind(
            Binding(
                agent=agent,
                session_id=session_id,
                life=process.life,
                how=how,
                headless=process.program.role is ProcessRole.ONCE,
                marker_path=marker_path,
            )
        )


def _key(session: WantedSession) -> tuple[str, SessionId]:
    return session.agent, session.session_id
