"""Finds the processes of sessions, watches them, and reports their evidence.

The kernel reports changes of registries and lock folders by inotify, and ends of
processes by their descriptors. One task handles these events and also scans everything
periodically, since no notification is trusted. The search through all processes runs
only while a wanted session has no better evidence.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext

import anyio
from anyio.abc import TaskStatus

from jarvisd.base.clock import Clock
from jarvisd.core.agent import AgentRegistry
from jarvisd.core.discovery.inotify_files import LiveWatch
from jarvisd.core.process import ProcessLife, ProcessRole
from jarvisd.core.roots import Tree
from jarvisd.core.signal import Dialog, HookCalled
from jarvisd.core.traits import Moment
from jarvisd.presence.bindings import Bindings, Report, Together
from jarvisd.presence.evidence_folders import EvidenceFolders
from jarvisd.presence.exits import ExitWatcher
from jarvisd.presence.hosted import Key
from jarvisd.presence.hosts import Hosts
from jarvisd.presence.lock_holders import LockHolders
from jarvisd.presence.new_commands import NewCommands
from jarvisd.presence.registries import Registries
from jarvisd.presence.search import Programs, Search
from jarvisd.presence.tool_processes import ToolProcesses
from jarvisd.presence.wanted import WantedSession

ACTIVE_INTERVAL_S = 2.0
UNWATCHED_INTERVAL_S = 1.0
"""Seconds between scans while sessions live; the second applies if inotify fails."""

IDLE_INTERVAL_S = 30.0
IDLE_UNWATCHED_INTERVAL_S = 5.0
"""The same without live sessions; the second also while a folder does not exist yet."""

STARTUP_S = 60.0
"""Seconds after the start that count as active: the initial import is running."""

PAUSE_FACTOR = 500
MAX_SLOWDOWN = 5
"""A scan that took t is followed by a pause of t * PAUSE_FACTOR, but of no more than
MAX_SLOWDOWN times the usual interval: a slow scan may be the machine's fault."""


class PresenceMonitor:
    """Reports which processes work on which sessions, and what registries say.

    Args:
        report: Called from the loop with each signal; must not block.
        clock: Monotonic time for pauses, Unix time for signals.
        agents: The agents and the rules by which their processes are known.
        trees: Gives the folders of transcripts; agents leave evidence beside them.
        together: Gives a context whose signals are judged at its end.
        wanted: Gives the recent sessions that are not over; called at each scan.
        dialogs: Gives the open dialogs that hooks reported.
        with_dialog: Gives the sessions of those dialogs, and sessions whose dialog
            seems to be answered.
        may_run_commands: Whether a session may be running commands.

    """

    def __init__(
        self,
        report: Report,
        clock: Clock,
        agents: AgentRegistry,
        *,
        trees: Callable[[], tuple[Tree, ...]],
        wanted: Callable[[], Sequence[WantedSession]],
        together: Together = nullcontext,
        dialogs: Callable[[], Sequence[Dialog]] = tuple,
        with_dialog: Callable[[], Iterable[Key]] = tuple,
        may_run_commands: Callable[[Key], bool] = lambda _: False,
    ) -> None:
        self._clock = clock
        self._agents = agents
        programs = Programs(agents)
        self._wanted = wanted
        self._exits = ExitWatcher(self._record_exit)
        self._live_watch = LiveWatch(self._record_change, self.request_scan)
        self._folders = EvidenceFolders(trees, self._live_watch, agents)
        self._bindings = Bindings(report, self._exits, clock)
        self._registries = Registries(
            report,
            self._bindings,
            clock,
            is_headless=lambda agent, pid: (
                programs.role_of(agent, pid) is ProcessRole.ONCE
            ),
            together=together,
        )
        self._hosts = Hosts(self._bindings, self._exits, clock)
        self._locks = LockHolders(self._bindings, self._hosts, clock, programs.role_of)
        self._search = Search(self._bindings, self._hosts, report, clock, programs)
        self._tools = ToolProcesses(
            report, clock, agents, dialogs, self._locks.holder_of
        )
        self._new_commands = NewCommands(
            self._locks, report, clock, with_dialog, may_run_commands
        )
        self._changed_paths: set[str] = set()
        self._exited: list[ProcessLife] = []
        self._next_scan_at = 0.0
        self._startup_until = clock.monotonic() + STARTUP_S
        self._wake = anyio.Event()

    @property
    def error(self) -> str | None:
        """Return why push detection is degraded, or None."""
        return self._live_watch.error

    def __len__(self) -> int:
        return len(self._bindings)

    async def run(
        self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        """Watch and report until cancelled. Started after the first scan."""
        with self._live_watch.open(), self._exits.open():
            async with anyio.create_task_group() as group:
                group.start_soon(self._exits.run)
                group.start_soon(self._search.run)
                self._scan()
                task_status.started()
                while True:
                    await self._wait_until_due()
                    self._process_changes()

    def record_hook(self, hook: HookCalled) -> None:
        """Bind the process that *hook* names, and follow the folders it reveals.

        Cheap enough to be called for each hook.
        """
        self._search.follow_hook(hook)
        if hook.transcript and self._folders.add_beside(hook.agent, hook.transcript):
            self.request_scan()

        moments = self._agents.traits_of(hook.agent).hooks.moments
        if moments.get(hook.event) is Moment.ASKING:
            # The dialog's answer may show as a new process, long before its hook.
            self._new_commands.request_scan()
            self._wake.set()

    def request_scan(self) -> None:
        """Scan everything soon: a session has begun, or change events were lost."""
        self._next_scan_at = 0.0
        self._wake.set()

    async def _wait_until_due(self) -> None:
        """Wait until a change was reported or a part has work due."""
        due = min(
            self._next_scan_at,
            self._registries.due_at,
            self._locks.due_at,
            self._tools.due_at,
            self._new_commands.due_at,
        )
        with anyio.move_on_after(max(0.0, due - self._clock.monotonic())):
            await self._wake.wait()

        self._wake = anyio.Event()

    def _process_changes(self) -> None:
        """Handle changed files and ended processes, then run what is due."""
        changed, self._changed_paths = self._changed_paths, set()
        for path in changed:
            self._registries.read(path)
            self._locks.schedule_rescans(path.rpartition("/")[0])

        exited, self._exited = self._exited, []
        for life in exited:
            self._bindings.handle_exit(life)
            self._registries.handle_exit(life)
            self._locks.handle_exit(life)
            self._hosts.handle_exit(life)

        self._registries.run_due()
        self._locks.run_due()
        self._tools.run_due()
        self._search.wake_for_hosts()
        self._new_commands.run_due()
        if self._next_scan_at <= self._clock.monotonic():
            self._scan()

    def _scan(self) -> None:
        """Scan everything that may have changed without an event, and plan the next."""
        started = self._clock.monotonic()
        self._folders.refresh()
        self._registries.scan(self._folders.registries)
        self._locks.scan(self._folders.locks)
        wanted = self._wanted()
        self._registries.report_leftovers(wanted)
        self._new_commands.scan()
        took = self._clock.monotonic() - started
        usual = self._usual_interval(wanted)
        pause = min(max(usual, took * PAUSE_FACTOR), usual * MAX_SLOWDOWN)
        # Rounded to whole seconds, so that the daemon's timers fire together.
        self._next_scan_at = math.floor(started + pause)
        self._search.set_wanted(wanted)

    def _usual_interval(self, wanted: Sequence[WantedSession]) -> float:
        degraded = self._folders.is_degraded
        if wanted or self._bindings or self._clock.monotonic() < self._startup_until:
            return UNWATCHED_INTERVAL_S if degraded else ACTIVE_INTERVAL_S

        return IDLE_UNWATCHED_INTERVAL_S if degraded else IDLE_INTERVAL_S

    def _record_change(self, path: str) -> None:
        self._changed_paths.add(path)
        self._wake.set()

    def _record_exit(self, life: ProcessLife) -> None:
        self._exited.append(life)
        self._wake.set()
