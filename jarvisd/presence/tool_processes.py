"""Processes of tool calls, looked for while a dialog may be about one of them.

An agent that tells of a dialog by a hook, and of its answer by nothing until the tool
is done, starts the tool's process as soon as it was allowed to. It marks the process
with the session and the call in its environment.
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

PAUSE_S = 0.2
"""How long after a command was allowed it is seen at the latest. A look takes some 10
microseconds for each thread of the agent."""

PATIENCE_S = 3600.0
LONG_PAUSE_S = 1.0
"""How often a dialog is looked at that was left alone for so long."""

TRIES = 10
"""How often a child without marks is looked at: it may not be the tool's program yet."""


@dataclass(slots=True)
class ToolProcesses:
    """Reports processes of tool calls below those that work on sessions with *dialogs*.

    *holder_of* gives the process that holds the lock of a session: it starts the tools,
    also where the dialog is shown by another one.
    """

    report: Report
    clock: Clock
    agents: AgentRegistry
    dialogs: Callable[[], Collection[Dialog]]
    holder_of: Callable[[tuple[str, SessionId]], ProcessLife | None]
    _tries: dict[int, int] = field(default_factory=dict)
    _since: float | None = None
    _looked_at: float = 0.0

    @property
    def due_at(self) -> float:
        """Return when `settle` has something to do, on the monotonic scale."""
        if self._since is None:
            return 0.0 if self._marked() else float("inf")

        long = self._looked_at - self._since > PATIENCE_S
        return self._looked_at + (LONG_PAUSE_S if long else PAUSE_S)

    def settle(self) -> None:
        """Look at the children of each process that shows a dialog, if it is time."""
        now = self.clock.monotonic()
        if self.due_at > now:
            return

        marked = self._marked()
        if not marked:
            self._since = None
            self._tries.clear()
            return

        parents = {self._parent_of(each): each.agent for each in marked}
        self._since = now if self._since is None else self._since
        self._looked_at = now
        children = {pid: parent for parent in parents for pid in children_of(parent)}
        self._tries = {
            pid: tries for pid, tries in self._tries.items() if pid in children
        }
        for pid, parent in children.items():
            self._look_at(pid, parents[parent])

    def _parent_of(self, dialog: Dialog) -> int:
        holder = self.holder_of((dialog.agent, dialog.session_id))
        return dialog.pid if holder is None else holder.pid

    def _marked(self) -> list[Dialog]:
        return [
            each for each in self.dialogs() if self._marks_of(each.agent) is not None
        ]

    def _look_at(self, pid: int, agent: str) -> None:
        tries, marks = self._tries.get(pid, 0), self._marks_of(agent)
        if tries >= TRIES or marks is None:
            return

        self._tries[pid] = tries + 1
        found = variables_of(pid, (marks.session, marks.call))
        if marks.session in found:
            self._tries[pid] = TRIES
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
