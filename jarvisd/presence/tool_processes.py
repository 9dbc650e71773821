"""Detects processes of tool calls while a dialog that may be about one is open.

Some agents report a dialog by a hook, but its answer only when the tool is done. They
start the tool's process as soon as the call is allowed, and name the session and the
call in its environment.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from jarvisd.base.clock import Clock
from jarvisd.base.ids import SessionId
from jarvisd.core.agent import AgentRegistry
from jarvisd.core.presence_evidence import ToolMarks
from jarvisd.core.process import ProcessLife
from jarvisd.core.signal import Dialog, ToolRuns
from jarvisd.presence.bindings import Report
from jarvisd.presence.processes import children_of, variables_of

INTERVAL_S = 0.2
"""Seconds between scans: the longest delay until an allowed command is seen. A scan
takes about 10 microseconds for each thread of the agent."""

LONG_DIALOG_S = 3600.0
LONG_INTERVAL_S = 1.0
"""Seconds between scans once a dialog has been open for LONG_DIALOG_S."""

MAX_TRIES = 10
"""How often a child without marks is inspected: before exec it has its parent's."""


@dataclass(slots=True)
class ToolProcesses:
    """Reports processes of tool calls, children of the processes with open *dialogs*.

    *holder_of* gives the process that holds the lock of a session: it starts the tools,
    even if another process shows the dialog.
    """

    report: Report
    clock: Clock
    agents: AgentRegistry
    dialogs: Callable[[], Collection[Dialog]]
    holder_of: Callable[[tuple[str, SessionId]], ProcessLife | None]
    _tries: dict[int, int] = field(default_factory=dict)
    _since: float | None = None
    _scanned_at: float = 0.0

    @property
    def due_at(self) -> float:
        """Return the monotonic time at which `run_due` has work."""
        if self._since is None:
            return 0.0 if self._dialogs_with_marks() else float("inf")

        long = self._scanned_at - self._since > LONG_DIALOG_S
        return self._scanned_at + (LONG_INTERVAL_S if long else INTERVAL_S)

    def run_due(self) -> None:
        """Inspect the children of each process with a dialog if a scan is due."""
        now = self.clock.monotonic()
        if self.due_at > now:
            return

        dialogs = self._dialogs_with_marks()
        if not dialogs:
            self._since = None
            self._tries.clear()
            return

        parents = {}
        for each in dialogs:
            holder = self.holder_of((each.agent, each.session_id))
            parents[each.pid if holder is None else holder.pid] = each.agent

        self._since = now if self._since is None else self._since
        self._scanned_at = now
        children = {pid: parent for parent in parents for pid in children_of(parent)}
        self._tries = {
            pid: tries for pid, tries in self._tries.items() if pid in children
        }
        for pid, parent in children.items():
            self._inspect(pid, parents[parent])

    def _dialogs_with_marks(self) -> list[Dialog]:
        return [
            each for each in self.dialogs() if self._marks_of(each.agent) is not None
        ]

    def _inspect(self, pid: int, agent: str) -> None:
        tries, marks = self._tries.get(pid, 0), self._marks_of(agent)
        if tries >= MAX_TRIES or marks is None:
            return

        self._tries[pid] = tries + 1
        found = variables_of(pid, (marks.session, marks.call))
        if marks.session in found:
            self._tries[pid] = MAX_TRIES  # reported; inspect it no more
            self.report(
                ToolRuns(
                    agent=agent,
                    session_id=SessionId(found[marks.session]),
                    call_id=found.get(marks.call),
                    at_ms=self.clock.unix_ms(),
                )
            )

    def _marks_of(self, agent: str) -> ToolMarks | None:
        evidence = self.agents.presence_of(agent)
        return None if evidence is None else evidence.tool_marks
