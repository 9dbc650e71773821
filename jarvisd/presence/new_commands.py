"""Detects commands that start while a dialog is open, without reading their environment.

The sandbox of the service forbids reading the marks that `tool_processes` uses. A
command is a child of the process that holds the session's lock, and leads a process
session of its own. Commands that ran before the dialog are no evidence, and no command
is while another session of the same process may be running commands.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from jarvisd.base.clock import Clock
from jarvisd.core.process import ProcessLife
from jarvisd.core.signal import CommandSeen
from jarvisd.presence.bindings import Report
from jarvisd.presence.hosted import Key
from jarvisd.presence.lock_holders import LockHolders
from jarvisd.presence.processes import commands_of, hides_environment

POLL_S = 0.2


@dataclass(slots=True)
class _Observed:
    """The commands of one process: those from *before* the dialog, and *new* ones."""

    before: set[ProcessLife]
    new: set[ProcessLife] = field(default_factory=set)
    since_ms: int = 0


@dataclass(slots=True)
class NewCommands:
    """Reports the commands of sessions with an open dialog.

    *with_dialog* gives the sessions with an open dialog. *may_run_commands* is True for
    a session that may be running commands, *is_hidden* for a process whose marks cannot
    be read.
    """

    locks: LockHolders
    report: Report
    clock: Clock
    with_dialog: Callable[[], Iterable[Key]]
    may_run_commands: Callable[[Key], bool]
    is_hidden: Callable[[int], bool] = hides_environment
    due_at: float = float("inf")
    _observed: dict[Key, _Observed] = field(default_factory=dict)

    def request_scan(self) -> None:
        """Make a scan due now, because a hook reported a dialog."""
        self.due_at = self.clock.monotonic()

    def run_due(self) -> None:
        """Scan the commands if a scan is due."""
        if self.due_at <= self.clock.monotonic():
            self.scan()

    def scan(self) -> None:
        """Compare the commands of all sessions with a dialog with the last scan."""
        before, self._observed = self._observed, {}
        for key in self.with_dialog():
            holder = self.locks.holder_of(key)
            if holder is not None and self.is_hidden(holder.pid):
                running = commands_of(holder.pid)
                observed = before.get(key) or _Observed(before=running)
                self._observed[key] = observed
                self._compare(key, holder, observed, running)

        due = self.clock.monotonic() + POLL_S
        self.due_at = due if self._observed else float("inf")

    def _compare(
        self,
        key: Key,
        holder: ProcessLife,
        observed: _Observed,
        running: set[ProcessLife],
    ) -> None:
        """Report commands that have started, or the end of the last one."""
        # A command of another session looks the same: while one may be running, new
        # commands are treated as if they had run before the dialog.
        if any(map(self.may_run_commands, self.locks.other_sessions_of(key, holder))):
            observed.before |= running - observed.new

        new = {
            each
            for each in running - observed.before
            if each in observed.new or self.is_hidden(each.pid)
        }
        if new - observed.new:
            observed.since_ms = self.clock.unix_ms()
            self._report_seen(key, holder, observed)
        elif observed.new and not new:
            self._report_seen(key, holder, observed, ended_ms=self.clock.unix_ms())

        observed.new = new

    def _report_seen(
        self,
        key: Key,
        holder: ProcessLife,
        observed: _Observed,
        ended_ms: int | None = None,
    ) -> None:
        agent, session_id = key
        self.report(
            CommandSeen(
                agent=agent,
                session_id=session_id,
                pid=holder.pid,
                since_ms=observed.since_ms,
                ended_ms=ended_ms,
            )
        )
