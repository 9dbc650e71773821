"""Finds the processes of sessions, watches them, and reports what witnesses say.

What can be told of by the kernel is: changes of registries and folders of locks by
inotify, ends of processes by their descriptors. One task takes up what was told and,
now and then, looks at all of it again, since no notification is trusted. All processes
are only looked through while a session is wanted that no better witness knows.
"""

import math
from collections.abc import Callable, Iterable, Sequence

import anyio
from anyio.abc import TaskStatus

from jarvisd.base.clock import Clock
from jarvisd.core.agent import AgentRegistry
from jarvisd.core.discovery.live_watch import LiveWatch
from jarvisd.core.process import ProcessLife, ProcessRole
from jarvisd.core.roots import Tree
from jarvisd.core.signal import Dialog, HookCalled
from jarvisd.core.traits import Moment
from jarvisd.presence.bindings import Bindings, Report
from jarvisd.presence.evidence_folders import EvidenceFolders
from jarvisd.presence.exits import Exits
from jarvisd.presence.hosted import Key
from jarvisd.presence.hosts import Hosts
from jarvisd.presence.lock_holders import LockHolders
from jarvisd.presence.new_commands import NewCommands
from jarvisd.presence.registries import Registries
from jarvisd.presence.search import Programs, Search
from jarvisd.presence.tool_processes import ToolProcesses
from jarvisd.presence.wanted import WantedSession

WATCHED_S = 2.0
BLIND_S = 1.0
"""How often all is looked at while sessions live; more often where inotify fails."""

IDLE_S = 30.0
IDLE_BLIND_S = 5.0
"""The same while none does; more often while a folder is not there to be watched."""

FIRST_S = 60.0
"""How long after the start it counts as if sessions lived: history is being read."""

SHARE = 500
LONGEST = 5
"""A look that took t is followed by a pause of t times SHARE, but of no more than
LONGEST times the usual one: what takes long may be the machine's fault."""


class PresenceMonitor:
    """Reports which processes work on which sessions, and what registries say.

    *report* is called from the loop with each signal and must be quick. *trees* gives
    the folders of transcripts, beside which agents leave their evidence. *wanted* gives
    the sessions that are not over and were heard of lately; it is asked with every
    look. *dialogs* gives those that hooks told of and that are open, *asking* their
    sessions, also of those that seem to be answered; *is_at_work* says of a session
    whether it may be running commands.
    """

    def __init__(
        self,
        report: Report,
        clock: Clock,
        agents: AgentRegistry,
        *,
        trees: Callable[[], tuple[Tree, ...]],
        wanted: Callable[[], Sequence[WantedSession]],
        dialogs: Callable[[], Sequence[Dialog]] = tuple,
        asking: Callable[[], Iterable[Key]] = tuple,
        is_at_work: Callable[[Key], bool] = lambda _: False,
    ) -> None:
        self._clock = clock
        self._agents = agents
        programs = Programs(agents)
        self._wanted = wanted
        self._exits = Exits(self._ended)
        self._watch = LiveWatch(self._changed, self.hurry)
        self._folders = EvidenceFolders(trees, self._watch, agents)
        self._bindings = Bindings(report, self._exits, clock)
        self._registries = Registries(
            report,
            self._bindings,
            clock,
            is_headless=lambda agent, pid: (
                programs.role_of(agent, pid) is ProcessRole.ONCE
            ),
        )
        self._hosts = Hosts(self._bindings, self._exits, clock)
        self._writers = LockHolders(
            self._bindings, self._hosts, clock, programs.role_of
        )
        self._search = Search(self._bindings, self._hosts, report, clock, programs)
        self._tools = ToolProcesses(
            report, clock, agents, dialogs, self._writers.holder_of
        )
        self._commands = NewCommands(self._writers, report, clock, asking, is_at_work)
        self._hints: set[str] = set()
        self._dead: list[ProcessLife] = []
        self._due = 0.0
        self._settled_at = clock.monotonic() + FIRST_S
        self._wake = anyio.Event()

    @property
    def error(self) -> str | None:
        """Return why not all is told of at once that could be; None if it is."""
        return self._watch.error

    def __len__(self) -> int:
        return len(self._bindings)

    async def run(
        self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        """Watch and report until cancelled. Started once all was looked at."""
        with self._watch.opened(), self._exits.opened():
            async with anyio.create_task_group() as group:
                group.start_soon(self._exits.run)
                group.start_soon(self._search.run)
                self._look()
                task_status.started()
                while True:
                    await self._woken()
                    self._act()

    def told(self, hook: HookCalled) -> None:
        """Take note of the process that a hook names. Cheap; call it for each."""
        self._search.told(hook)
        if hook.transcript and self._folders.meet(hook.agent, hook.transcript):
            self.hurry()

        moments = self._agents.traits_of(hook.agent).hooks.moments
        if moments.get(hook.event) is Moment.ASKING:
            self._commands.hurry()
            self._wake.set()  # its answer may show in a process

    def hurry(self) -> None:
        """Look at everything soon: a session has begun, or hints were lost."""
        self._due = 0.0
        self._wake.set()

    async def _woken(self) -> None:
        """Wait until something was told or is due."""
        due = min(
            self._due,
            self._registries.due_at,
            self._writers.due_at,
            self._tools.due_at,
            self._commands.due_at,
        )
        with anyio.move_on_after(max(0.0, due - self._clock.monotonic())):
            await self._wake.wait()

        self._wake = anyio.Event()

    def _act(self) -> None:
        hints, self._hints = self._hints, set()
        for path in hints:
            self._registries.look(path)
            self._writers.hint(path.rpartition("/")[0])

        self._take_dead()
        self._registries.settle()
        self._writers.settle()
        self._tools.settle()
        self._search.meet()
        self._commands.settle()
        if self._due <= self._clock.monotonic():
            self._look()

    def _take_dead(self) -> None:
        dead, self._dead = self._dead, []
        for life in dead:
            self._bindings.died(life)
            self._registries.died(life)
            self._writers.died(life)
            self._hosts.died(life)

    def _look(self) -> None:
        """Look at all that may have changed without being told of."""
        started = self._clock.monotonic()
        self._folders.refresh()
        self._registries.scan(self._folders.registries)
        self._writers.look(self._folders.locks)
        wanted = self._wanted()
        self._registries.tell_leftovers(wanted)
        self._commands.look()
        took = self._clock.monotonic() - started
        usual = self._pause(wanted)
        pause = min(max(usual, took * SHARE), usual * LONGEST)
        self._due = math.floor(started + pause)  # at a tick that others have as well
        self._search.want(wanted)

    def _pause(self, wanted: Sequence[WantedSession]) -> float:
        blind = self._folders.is_blind
        if wanted or self._bindings or self._clock.monotonic() < self._settled_at:
            return BLIND_S if blind else WATCHED_S

        return IDLE_BLIND_S if blind else IDLE_S

    def _changed(self, path: str) -> None:
        self._hints.add(path)
        self._wake.set()

    def _ended(self, life: ProcessLife) -> None:
        self._dead.append(life)
        self._wake.set()
