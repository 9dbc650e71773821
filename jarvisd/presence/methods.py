"""Handles the hooks and status lines that agents send.

The handlers decode a payload, report the signal in it, and count it, so that `health`
shows whether hooks arrive. They make no decision: the state engine, which receives the
signals, decides what a hook means for a session.
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
"""Agents for which hooks are counted; far more than exist."""

MAX_FOLDERS = 256
"""Folders of transcripts that are remembered for each agent."""

MAX_UNREAD = 16

_NO_HOME = Path(os.devnull)
"""A home in which no agent has a folder."""


def _ignore(_signal: object) -> None:
    """Ignore a signal."""


@dataclass(slots=True)
class _Counts:
    count: int = 0
    refused: int = 0
    last_event: str | None = None
    last_ms: int | None = None
    folders: dict[Path, Path] = field(default_factory=dict)
    """Folders of transcripts that hooks named, with their real paths."""


class HookHandlers:
    """Handles hooks and status lines.

    Args:
        clock: The time at which a payload arrives is the time of its signal.
        agents: The agents, with the decoders of their payloads.
        report: Called with the signal of each hook, in order; must not block.
        read: Called with the content of each status line, likewise.
        needs: Returns the text on sessions that need attention, for a status line.
        spent: Returns the cost of a status line's session in micro-dollars, or None.
        trees: Gives the folders of transcripts that are read.

    """

    def __init__(
        self,
        clock: Clock,
        agents: AgentRegistry,
        *,
        report: Callable[[HookCalled], None] = _ignore,
        read: Callable[[StatusLineRead], None] = _ignore,
        needs: Callable[[StatusLineRead], str] = lambda _: "",
        spent: Callable[[StatusLineRead], int | None] = lambda _: None,
        trees: Callable[[], tuple[Tree, ...]] = tuple,
    ) -> None:
        self._clock = clock
        self._agents = agents
        self._report = report
        self._read = read
        self._needs = needs
        self._spent = spent
        self._trees = trees
        self._counts: dict[str, _Counts] = {}

    def handle_hook(self, params: Hook) -> HookCalled | None:
        """Report the signal of a hook, and return it; None if it was not understood."""
        at_ms = self._clock.unix_ms()
        read = self._agents.named(params.agent).hooks
        signal = read(bytes(params.payload), at_ms=at_ms)
        counts = self._counts.get(params.agent, _Counts())
        if len(self._counts) < MAX_AGENTS:
            counts = self._counts.setdefault(params.agent, counts)

        if signal is None:
            counts.refused += 1
            return None

        if params.pid is not None:
            signal = msgspec.structs.replace(signal, pid=params.pid)

        counts.count += 1
        counts.last_event, counts.last_ms = signal.event, at_ms
        if signal.transcript is not None:
            folder = Path(signal.transcript).parent
            is_new = folder not in counts.folders and folder.is_absolute()
            if is_new and len(counts.folders) < MAX_FOLDERS:
                counts.folders[folder] = Path(os.path.realpath(folder))

        self._report(signal)
        return signal

    def handle_status_line(self, params: StatusLine) -> StatusLineResult:
        """Report the content of a status line, and return what else to show there."""
        at_ms = self._clock.unix_ms()
        agents = self._agents
        asked = agents if params.agent is None else (agents.named(params.agent),)
        payload = bytes(params.payload)
        readings = (each.status_line(payload, at_ms=at_ms) for each in asked)
        read = next((each for each in readings if each is not None), None)
        if read is None:
            return StatusLineResult(text="")

        self._read(read)
        return StatusLineResult(
            text=sanitize(self._needs(read)), cost_micros=self._spent(read)
        )

    def receipts(self) -> list[HookReceipt]:
        """Return the counted hooks of each agent, sorted by the agents' names."""
        return [
            HookReceipt(
                agent=agent,
                count=each.count,
                refused=each.refused,
                last_event=each.last_event,
                last_ms=each.last_ms,
                unread_roots=self._unread_roots(agent, each),
            )
            for agent, each in sorted(self._counts.items())
        ]

    def _unread_roots(self, agent: str, counts: _Counts) -> list[str]:
        """Return the roots of the folders in *counts* that are in no tree."""
        known = [each.root for each in self._trees() if each.agent == agent]
        if not known:
            return []  # this agent is disabled, or has no logs yet

        known += [Path(os.path.realpath(each)) for each in known]
        roots = [
            str(self._root_of(agent, named))
            for named, real in counts.folders.items()
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
            for tree in find({}, _NO_HOME, (root,))
            if tree.root.is_relative_to(root) and folder.is_relative_to(tree.root)
        ]
        return found[-1] if found else folder
