"""A recorded run of a real client, replayed: files, registries, locks, processes, hooks.

`_run/fsevents.jsonl` has each change of a file, for transcripts with the number of lines
that it added, so that lines come when they came; for registries the text. Hooks are not in
it: those that a daemon named as its evidence are taken from `_run/jv-states.jsonl`.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from jarvisd.base.session_words import State
from jarvisd.core.agent import AgentReader
from jarvisd.core.origin import BlockId, Kind, Origin, SessionId
from jarvisd.core.presence_evidence import Registry
from jarvisd.core.signal import (
    HookCalled,
    ProcessFound,
    ProcessGone,
    RegistryRead,
    Signal,
)
from jarvisd.ledger.engine import Ledger
from jarvisd.ledger.ledger_stream import LedgerStream
from jarvisd.state.engine import StateEngine
from jarvisd.state.facts import StateStream
from jarvisd.state.model import Transition
from tests.agents.found import AGENTS, fresh_reader, traits_of
from tests.conformance.shared import SHARED

LINGER_MS = 10_000
MS = 1_000
LEAVING_S = 0.1
"""How long a process lives on that has taken its entry away."""

_TOOL_EVENTS = {"PreToolUse", "PermissionRequest", "PostToolUse", "PostToolUseFailure"}
_EVENTS = _TOOL_EVENTS | {
    "SessionStart",
    "SessionEnd",
    "UserPromptSubmit",
    "Stop",
    "StopFailure",
    "SubagentStart",
    "SubagentStop",
    "PreCompact",
    "PostCompact",
    "Notification",
}

Key = tuple[str, SessionId]


def client_run(agent: str, scenario: str) -> Path:
    """Return the folder of a recorded run."""
    return SHARED / "recordings" / agent / scenario


class Told(NamedTuple):
    """What was reported of one session from *at_ms* on."""

    at_ms: int
    key: Key
    state: State


class Lines(NamedTuple):
    """*number* more lines of a transcript."""

    path: str
    number: int


Step = tuple[float, Signal | Lines]


@dataclass(slots=True)
class ClientRun:
    """Replays the run in *folder*, a recording of *agent*.

    Attributes:
        told: The views of all sessions, each time one changed.
        transitions: What subscribers were sent.

    """

    agent: str
    folder: Path
    states: StateEngine = field(
        default_factory=lambda: StateEngine(traits_of=traits_of)
    )
    told: list[Told] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)
    _ledger: Ledger = field(
        default_factory=lambda: Ledger(lambda *_: None, traits_of=traits_of)
    )
    _streams: dict[str, tuple[StateStream, AgentReader, Iterator[bytes]]] = field(
        default_factory=dict
    )
    _known: dict[Key, State] = field(default_factory=dict)

    def replay(self) -> "ClientRun":
        """Replay it all, and some seconds more."""
        self._open()
        at_ms = 0
        for at_s, what in sorted(self._steps(), key=lambda step: step[0]):
            at_ms = round(at_s * MS)
            self._wait(at_ms)
            if isinstance(what, Lines):
                self._grow(what)
            else:
                self.states.record_signal(what)

            self._judge(at_ms)

        self._wait(at_ms + LINGER_MS)
        return self

    def _open(self) -> None:
        for tree in AGENTS[self.agent].roots({}, self.folder, ()):
            for path in tree.root.rglob("*.jsonl"):
                place = tree.place(path.relative_to(tree.root).parts)
                if place is not None:
                    name = str(path.relative_to(self.folder))
                    origin = Origin(
                        block_id=BlockId(name),
                        kind=Kind.TRANSCRIPT,
                        agent=self.agent,
                        session_id=place.session_id,
                        parent_session_id=place.parent_session_id,
                    )
                    lines = iter(path.read_bytes().splitlines())
                    reader = fresh_reader(self.agent, origin)
                    self._streams[name] = (
                        StateStream(LedgerStream(origin)),
                        reader,
                        lines,
                    )

    def _steps(self) -> Iterator[Step]:
        yield from self._file_steps()
        yield from hook_steps(self.agent, self.folder)

    def _file_steps(self) -> Iterator[Step]:
        """Yield lines, and what registries and locks say of processes."""
        ends = _Ends(self.folder)
        evidence = AGENTS[self.agent].presence()
        assert evidence is not None, f"{self.agent} leaves evidence of processes"
        for each in _json_lines(self.folder, "fsevents"):
            at_s, path, name = each["t"], each["path"], Path(each["path"]).name
            if path in self._streams and each.get("lines"):
                yield at_s, Lines(path, each["lines"])

            registry, locks = evidence.registry, evidence.locks
            if registry is not None and "/sessions/" in path and registry.pid_of(name):
                yield from self._registry_steps(each, registry, ends)

            session_id = locks.session_of(name) if locks is not None else None
            if session_id is not None and "thread-writer-locks" in path:
                yield from self._lock_steps(each, session_id, ends)

        yield from ends.steps()

    def _registry_steps(
        self, each: dict[str, Any], registry: Registry, ends: "_Ends"
    ) -> Iterator[Step]:
        pid = registry.pid_of(Path(each["path"]).name) or 0
        if each["op"] == "delete":
            ends.left(pid, each["t"])
            return

        entry = registry.decode(each.get("text", "").encode())
        if entry is None:
            return  # half written

        key: dict[str, Any] = {"agent": self.agent, "session_id": entry.session_id}
        if ends.begin(pid, entry.session_id, self.agent, each["t"]):
            yield (
                each["t"],
                ProcessFound(
                    **key, pid=pid, started_ms=round(each["t"] * MS), how="registry"
                ),
            )

        yield (
            each["t"],
            RegistryRead(
                **key,
                pid=pid,
                status=entry.status,
                waiting_for=entry.waiting_for,
                at_ms=entry.at_ms or round(each["t"] * MS),
                cwd=entry.cwd,
            ),
        )

    def _lock_steps(
        self, each: dict[str, Any], session_id: SessionId, ends: "_Ends"
    ) -> Iterator[Step]:
        pid = ends.number_of(each["t"])
        if each["op"] == "delete":
            ends.left(pid, each["t"])
        elif ends.begin(pid, session_id, self.agent, each["t"]):
            yield (
                each["t"],
                ProcessFound(
                    agent=self.agent,
                    session_id=session_id,
                    pid=pid,
                    started_ms=round(each["t"] * MS),
                    how="lock",
                ),
            )

    def _grow(self, grown: Lines) -> None:
        stream, reader, lines = self._streams[grown.path]
        for _ in range(grown.number):
            record = reader.read(next(lines, b""), offset=0)
            if record is not None:
                self._ledger.apply(stream, record)
                self._ledger.applied()
                self.states.apply(stream, record, live=True)

    def _wait(self, until_ms: int) -> None:
        while (due_ms := self.states.next_ms) is not None and due_ms < until_ms:
            self._judge(due_ms)

    def _judge(self, at_ms: int) -> None:
        self.transitions += self.states.judge(at_ms)
        for key in self.states.sessions():
            state = self.states.state_of(key)
            if self._known.get(key) is not state:
                self._known[key] = state
                self.told.append(Told(at_ms, key, state))


class _Ends:
    """When the processes of a run ended, and whether they did so in order."""

    def __init__(self, folder: Path) -> None:
        text = (folder / "_run" / "results.json").read_text()
        self._runs: list[dict[str, Any]] = json.loads(text)
        for each in self._runs:
            each["end"] = _closed_s(folder, each["tag"]) or each["end"]

        self._sessions: dict[int, dict[str, SessionId | str]] = {}
        self._at: dict[int, float] = {}
        self.tidy: set[int] = set()

    def number_of(self, at_s: float) -> int:
        """Return a number for the process that ran at *at_s*, where none is recorded."""
        return 1 + len([each for each in self._runs if each["start"] <= at_s])

    def begin(self, pid: int, session_id: SessionId, agent: str, at_s: float) -> bool:
        """Note a process; return whether it is a new one."""
        if pid in self._sessions:
            return False

        self._sessions[pid] = {"agent": agent, "session_id": session_id}
        ends = [each["end"] for each in self._runs if each["start"] <= at_s]
        self._at[pid] = max(ends, default=at_s)
        return True

    def left(self, pid: int, at_s: float) -> None:
        """Record that a process has removed its entry or lock: it is about to end."""
        self.tidy.add(pid)
        if pid in self._at:
            self._at[pid] = min(self._at[pid], at_s + LEAVING_S)

    def steps(self) -> Iterator[Step]:
        """Yield the end of each process."""
        for pid, key in self._sessions.items():
            at_s = self._at[pid]
            yield (
                at_s,
                ProcessGone(
                    agent=str(key["agent"]),
                    session_id=SessionId(str(key["session_id"])),
                    pid=pid,
                    at_ms=round(at_s * MS),
                    tidy=pid in self.tidy,
                ),
            )


def _closed_s(folder: Path, tag: str) -> float | None:
    """Return when the terminal of a run was closed: with the process in it."""
    screens = list(_json_lines(folder, f"{tag}.screens"))
    if not screens or screens[-1]["s"].strip():
        return None

    shown = [float(each["t"]) for each in screens if each["s"].strip()]
    return min(float(each["t"]) for each in screens if each["t"] > max(shown))


def hook_steps(agent: str, folder: Path) -> Iterator[Step]:
    """Yield the hooks that the daemon of the recording named as its evidence."""
    found: dict[tuple[str, str, int], Step] = {}
    for each in _json_lines(folder, "jv-states"):
        seen = each.get("data", each)
        event, _, word = str(seen.get("evidence", "")).partition(" ")
        at_ms = seen.get("evidence_ms") or seen.get("at_ms")
        session_id = seen.get("session_id") or seen.get("session")
        if seen.get("tier") == "hook" and event in _EVENTS and session_id:
            hook = HookCalled(
                agent=agent,
                session_id=SessionId(session_id),
                event=event,
                at_ms=at_ms,
                tool=word or None if event in _TOOL_EVENTS else None,
                detail=word or None if event not in _TOOL_EVENTS else None,
            )
            found.setdefault((session_id, event, at_ms), (at_ms / MS, hook))

    yield from found.values()


def foreground(told: list[Told]) -> list[tuple[int, State]]:
    """Return the most urgent state of all sessions, each time that changed."""
    now: dict[Key, State] = {}
    found: list[tuple[int, State]] = []
    for each in told:
        now[each.key] = each.state
        top = min(now.values(), key=_urgency)
        if not found or found[-1][1] is not top:
            found.append((each.at_ms, top))

    return found


def _urgency(state: State) -> int:
    return _ORDER.index(state) if state in _ORDER else len(_ORDER)


_ORDER = (
    State.WAITING_APPROVAL,
    State.WAITING_ANSWER,
    State.COMPACTING,
    State.WORKING,
    State.IDLE,
    State.ENDED,
    State.CRASHED,
)


def _json_lines(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    path = folder / "_run" / f"{name}.jsonl"
    if path.exists():
        with path.open() as file:
            yield from map(json.loads, file)
