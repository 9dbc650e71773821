"""Commands that begin to run while a dialog is open, where they may not be asked whose.

In the sandbox of the service the marks of `tools` cannot be read. A command is a child
of the process that holds the lock of the thread, with a session of its own. What ran
before the dialog is no sign, and where other threads of the process are at work none is.
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
class _Followed:
    """The commands of one process: those from *before* the dialog, and *new* ones."""

    before: set[ProcessLife]
    new: set[ProcessLife] = field(default_factory=set)
    since_ms: int = 0


@dataclass(slots=True)
class NewCommands:
    """Looks at what processes run while dialogs of theirs are open, and reports it.

    *asking* gives the sessions with an open dialog, *is_at_work* says of a session
    whether it may be running commands, *is_hidden* of a process whether its marks
    cannot be read.
    """

    writers: LockHolders
    report: Report
    clock: Clock
    asking: Callable[[], Iterable[Key]]
    is_at_work: Callable[[Key], bool]
    is_hidden: Callable[[int], bool] = hides_environment
    due_at: float = float("inf")
    _followed: dict[Key, _Followed] = field(default_factory=dict)

    def hurry(self) -> None:
        """Look at once: a hook has told something."""
        self.due_at = self.clock.monotonic()

    def settle(self) -> None:
        """Look at the commands, if it is time for it."""
        if self.due_at <= self.clock.monotonic():
            self.look()

    def look(self) -> None:
        """Look at the commands of all sessions with a dialog."""
        before, self._followed = self._followed, {}
        for key in self.asking():
            holder = self.writers.holder_of(key)
            if holder is not None and self.is_hidden(holder.pid):
                running = commands_of(holder.pid)
                followed = before.get(key) or _Followed(before=running)
                self._followed[key] = followed
                self._note(key, holder, followed, running)

        due = self.clock.monotonic() + POLL_S
        self.due_at = due if self._followed else float("inf")

    def _note(
        self,
        key: Key,
        holder: ProcessLife,
        followed: _Followed,
        running: set[ProcessLife],
    ) -> None:
        if any(map(self.is_at_work, self.writers.others_of(key, holder))):
            followed.before |= running - followed.new

        new = {
            each
            for each in running - followed.before
            if each in followed.new or self.is_hidden(each.pid)
        }
        if new - followed.new:
            followed.since_ms = self.clock.unix_ms()
            self._tell(key, holder, followed)
        elif followed.new and not new:
            self._tell(key, holder, followed, ended_ms=self.clock.unix_ms())

        followed.new = new

    def _tell(
        self,
        key: Key,
        holder: ProcessLife,
        followed: _Followed,
        ended_ms: int | None = None,
    ) -> None:
        agent, session_id = key
        self.report(
            CommandSeen(
                agent=agent,
                session_id=session_id,
                pid=holder.pid,
                since_ms=followed.since_ms,
                ended_ms=ended_ms,
            )
        )
