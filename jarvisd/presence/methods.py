"""Where agents' own words on themselves come in: their hooks and status lines.

The desk takes a payload apart, passes on what it says, and gives a receipt, by which a
person sees that hooks arrive. It decides nothing: what a hook means for a session's
state is the business of whoever was given as *report*.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from jarvisd.base.clock import Clock
from jarvisd.base.sanitize import sanitize
from jarvisd.core.agent import AgentRegistry
from jarvisd.core.roots import Tree
from jarvisd.core.signal import HookCalled
from jarvisd.core.status_line import StatusLineRead
from jarvisd.presence.wire import Hook, HookReceipt, StatusLine, StatusLineResult

MAX_AGENTS = 64
"""Receipts are kept of this many agents; there is no such number of agents."""


MAX_FOLDERS = 256
"""Folders of transcripts are remembered of each agent; most keep to a few."""

MAX_UNREAD = 16

_NOBODY = Path(os.devnull)
"""A home in which no agent has a folder of its own."""


def no_trees() -> tuple[Tree, ...]:
    """Return no tree."""
    return ()


def drop(_signal: object) -> None:
    """Do nothing with what was told."""


def nothing(_read: StatusLineRead) -> str:
    """Say that nobody is needed."""
    return ""


def unknown(_read: StatusLineRead) -> int | None:
    """Return None: nobody knows what a session cost."""
    return None


@dataclass(slots=True)
class _Receipt:
    count: int = 0
    refused: int = 0
    last_event: str | None = None
    last_ms: int | None = None
    folders: dict[Path, Path] = field(default_factory=dict)
    """Where transcripts were said to lie, with the same place without links."""


class HookHandlers:
    """Takes in hooks and status lines.

    Args:
        clock: When something comes in is when it was told.
        agents: Whose hooks and status lines are known.
        report: Given each signal, at once and in order; must not wait.
        read: Given what each status line says, likewise.
        needs: Asked, with what the status line says, what needs the person; the answer
            is shown there.
        spent: Asked likewise what the session cost, in micro-dollars.
        trees: Where transcripts are read.

    """

    def __init__(
        self,
        clock: Clock,
        agents: AgentRegistry,
        *,
        report: Callable[[HookCalled], None] = drop,
        read: Callable[[StatusLineRead], None] = drop,
        needs: Callable[[StatusLineRead], str] = nothing,
        spent: Callable[[StatusLineRead], int | None] = unknown,
        trees: Callable[[], tuple[Tree, ...]] = no_trees,
    ) -> None:
        self._clock = clock
        self._agents = agents
        self._report = report
        self._read = read
        self._needs = needs
        self._spent = spent
        self._trees = trees
        self._receipts: dict[str, _Receipt] = {}

    def call(self, asked: Hook) -> HookCalled | None:
        """Report what the hook *asked* says, and return it; None if it says nothing."""
        at_ms = self._clock.unix_ms()
        read = self._agents.named(asked.agent).hooks
        signal = read(bytes(asked.payload), at_ms=at_ms)
        receipt = self._receipt_of(asked.agent)
        if signal is None:
            receipt.refused += 1
            return None

        if asked.pid is not None:
            signal = msgspec.structs.replace(signal, pid=asked.pid)

        receipt.count += 1
        receipt.last_event, receipt.last_ms = signal.event, at_ms
        if signal.transcript is not None:
            _remember(receipt, Path(signal.transcript).parent)

        self._report(signal)
        return signal

    def status_line(self, asked: StatusLine) -> StatusLineResult:
        """Pass on what the status line *asked* says; return what else to show there."""
        at_ms = self._clock.unix_ms()
        agent = self._agents.named(asked.agent)
        read = agent.status_line(bytes(asked.payload), at_ms=at_ms)
        if read is None:
            return StatusLineResult(text="")

        self._read(read)
        return StatusLineResult(
            text=sanitize(self._needs(read)), cost_micros=self._spent(read)
        )

    def receipts(self) -> list[HookReceipt]:
        """Return what has come of each agent's hooks, in order of the agents' names."""
        return [
            HookReceipt(
                agent=agent,
                count=each.count,
                refused=each.refused,
                last_event=each.last_event,
                last_ms=each.last_ms,
                unread_roots=self._unread(agent, each),
            )
            for agent, each in sorted(self._receipts.items())
        ]

    def _unread(self, agent: str, receipt: _Receipt) -> list[str]:
        """Return the roots of the folders in *receipt* that are below no tree."""
        known = [each.root for each in self._trees() if each.agent == agent]
        if not known:
            return []  # nobody wants this agent to be read

        known += [Path(os.path.realpath(each)) for each in known]
        roots = [
            str(self._root_of(agent, named))
            for named, real in receipt.folders.items()
            if not any(named.is_relative_to(each) for each in known)
            and not any(real.is_relative_to(each) for each in known)
        ]
        return list(dict.fromkeys(roots))[:MAX_UNREAD]

    def _root_of(self, agent: str, folder: Path) -> Path:
        """Return the root that must be configured for *folder* to be read."""
        find = self._agents.named(agent).roots
        found = [
            root
            for root in (folder, *folder.parents)
            for tree in find({}, _NOBODY, (root,))
            if tree.root.is_relative_to(root) and folder.is_relative_to(tree.root)
        ]
        return found[-1] if found else folder

    def _receipt_of(self, agent: str) -> _Receipt:
        if len(self._receipts) >= MAX_AGENTS:
            return self._receipts.get(agent, _Receipt())

        return self._receipts.setdefault(agent, _Receipt())


def _remember(receipt: _Receipt, folder: Path) -> None:
    known = receipt.folders
    if folder not in known and folder.is_absolute() and len(known) < MAX_FOLDERS:
        known[folder] = Path(os.path.realpath(folder))
