"""Recordings of sessions, played in the order of time to the ledger and the states.

A recording has the final bytes of transcripts, and a log of when a watcher saw them
grow, heard hooks, and found and lost processes. The recorded watcher's own verdicts are
in the log, too, and are not looked at.

Where the watcher saw no size, because the agent writes a database, the transcript is an
excerpt of it, and each of its items comes at its own time.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from msgspec.structs import replace

from jarvisd.base.session_words import State
from jarvisd.core.agent import AgentReader
from jarvisd.core.origin import BlockId, Kind, Origin, SessionId
from jarvisd.core.signal import HookCalled, ProcessFound, ProcessGone
from jarvisd.core.sources.jsonlines.lines import LineSplitter, TextLine
from jarvisd.ledger.engine import Ledger
from jarvisd.ledger.ledger_stream import LedgerStream
from jarvisd.state.engine import StateEngine
from jarvisd.state.facts import StateStream
from jarvisd.state.model import StateView, Transition
from tests.agents.found import AGENTS, fresh_reader, traits_of
from tests.conformance.expectations import expected_of
from tests.conformance.shared import SHARED

FOLDERS = {
    folder: agent.name
    for agent in AGENTS
    if agent.traits.has_states and (folder := expected_of(agent.name).replayed_as)
}
"""The folder of an agent's replays -> the agent."""

ADAPTERS = {"claude-code": "claude", **FOLDERS}
"""What the recorded watcher called an agent -> the agent."""

SLOW_MS = 1_000
"""How late the recorded watcher found processes."""

NOTICED_MS = 5_000
"""How late it met sessions in databases, at most."""

LINGER_MS = 20_000
"""How long a recording is played beyond its last entry."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing that phases can be found in: a new state, or an entry of the log."""

    at_ms: int
    session: str
    state: str = ""
    kind: str = ""
    evidence: str = ""


@dataclass(slots=True)
class Transcript:
    """One file that grows, or one session of a database."""

    stream: StateStream
    data: bytes
    reader: AgentReader
    read: int = 0
    splitter: LineSplitter = field(default_factory=LineSplitter)


class TimedItem(NamedTuple):
    """An item of a database, and when it was written."""

    at_ms: int
    session: str
    item: bytes


@dataclass(slots=True)
class Player:
    """Plays one recording."""

    folder: Path
    seen: list[Seen] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)
    states: StateEngine = field(
        default_factory=lambda: StateEngine(traits_of=traits_of)
    )
    _ledger: Ledger = field(
        default_factory=lambda: Ledger(lambda *_: None, traits_of=traits_of)
    )
    _files: dict[str, Transcript] = field(default_factory=dict)
    _pids: dict[int, set[tuple[str, str]]] = field(default_factory=dict)
    _told: dict[tuple[str, str], str] = field(default_factory=dict)
    _names: dict[str, tuple[str, str]] = field(default_factory=dict)
    _starts: dict[int, int] = field(default_factory=dict)
    _children: set[str] = field(default_factory=set)
    calls: list[tuple[int, str]] = field(default_factory=list)
    _items: list[TimedItem] = field(default_factory=list)
    _born: list[tuple[int, str]] = field(default_factory=list)
    _now_ms: int = 0

    def play(self) -> list[Seen]:
        """Play it all, and return what was seen."""
        log = entries(self.folder)
        self._open(log)
        at_ms = 0
        for entry in log:
            at_ms = self._now_ms = ms_of(entry["ts"])
            self._wait(at_ms)
            self._take(entry, at_ms)

        self._wait(at_ms + LINGER_MS)
        return self.seen

    def view(self, agent: str, session: str) -> StateView:
        """Return what is said of a session."""
        return self.states.view(agent, SessionId(session))

    def _open(self, log: list[dict[str, Any]]) -> None:
        sizes: dict[str, int] = {}
        agents: dict[str, str] = {}
        children = {e["session_id"] for e in log if e["kind"] == "parent_linked"}
        self._children = children
        for entry in log:
            session = entry["session_id"]
            if entry.get("adapter") in ADAPTERS:
                agents[session] = ADAPTERS[entry["adapter"]]

            if entry.get("file_size") and session in agents.keys() - children:
                sizes[session] = entry["file_size"]

        heaps = {
            FOLDERS[path.parents[2].parent.name]: path.read_bytes()
            for path in transcripts(self.folder)
        }
        for session, agent in agents.items():
            self._names[session] = (agent, session)

        for session, size in sizes.items():
            heap = heaps.get(agents[session], b"")
            self._follow(agents[session], session, heap[:size])
            heaps[agents[session]] = heap[size:]

        for agent in {agents[session] for session in agents.keys() - sizes.keys()}:
            if agent not in {agents[session] for session in sizes}:
                self._open_database(agent, heaps.get(agent, b""), log)

    def _follow(self, agent: str, session: str, data: bytes) -> None:
        origin = Origin(
            block_id=BlockId(session),
            kind=Kind.TRANSCRIPT,
            agent=agent,
            session_id=SessionId(session),
            parent_session_id=None,
        )
        self._files[session] = Transcript(
            StateStream(LedgerStream(origin)), data, fresh_reader(agent, origin)
        )
        if agent == "claude":
            self.calls += calls_in(data)

    def _open_database(
        self, agent: str, data: bytes, log: list[dict[str, Any]]
    ) -> None:
        """Keep each item until its time; it is of the session that was the newest then."""
        for entry in log:
            session = entry["session_id"]
            is_new = entry["kind"] == "transcript_new" and "transcript_path" in entry
            if is_new and self._names.get(session, ("",))[0] == agent:
                self._follow(agent, session, b"")
                if session in self._children:
                    continue  # the recordings have no items of these

                self._born.append((ms_of(entry["ts"]), session))

        reader, at_ms = fresh_reader(agent), 0
        parts: list[list[tuple[int, bytes]]] = [[]]
        for line in data.splitlines() if self._born else ():
            for item in expected_of(agent).replay_items(line):
                record, before_ms = reader.read(item, offset=0), at_ms
                at_ms = (record and record.at_ms) or at_ms
                if at_ms < before_ms:
                    parts.append([])  # sessions stand one behind the other

                parts[-1].append((at_ms, item))

        for number, part in enumerate(parts):
            for at_ms, item in part:
                met = [each for each in self._born if each[0] <= at_ms + NOTICED_MS]
                born = self._born[0] if not met else met[-1]
                if 1 < len(parts) <= len(self._born):
                    born = self._born[number]

                # Phases begin when the watcher met a session, not when that began.
                self._items.append(TimedItem(max(at_ms, born[0] + 1), born[1], item))

        self._items.sort(key=lambda each: each.at_ms)

    def _take(self, entry: dict[str, Any], at_ms: int) -> None:
        session, kind = entry["session_id"], entry["kind"]
        agent, session_id = self._names.get(session, ("", session))
        pid = _pid_of(entry)
        if kind == "transcript_new" and (agent, session_id) not in self._told:
            self.seen.append(Seen(at_ms, session, state=State.UNKNOWN))

        if kind in {"transcript_new", "transcript_activity"}:
            self._grow(session, entry.get("file_size", 0))
        elif kind == "hook_received":
            self.states.record_signal(self._hook(entry, agent, at_ms))
        elif kind in {"pid_discovered", "presession_created"} and agent:
            if session in self._children:
                return  # a child is no process of its own

            self._pids.setdefault(pid, set()).add((agent, session))
            self.states.record_signal(
                ProcessFound(
                    agent=agent,
                    session_id=SessionId(session_id),
                    pid=pid,
                    started_ms=self._began(pid, at_ms),
                    how="recording",
                )
            )
        elif kind == "process_exited":
            for agent_, session_ in self._pids.get(pid, set()):
                self.states.record_signal(
                    ProcessGone(
                        agent=agent_,
                        session_id=SessionId(session_),
                        pid=pid,
                        at_ms=at_ms,
                    )
                )

        self._judge(at_ms)
        if kind == "transcript_removed" and session.startswith("proc-"):
            self.seen.append(Seen(at_ms, session, state="removed"))

        if kind not in {"state_transition", "debounce_coalesced"}:
            self.seen.append(Seen(at_ms, session, kind=kind))

    def _began(self, pid: int, at_ms: int) -> int:
        """Return when a process was started: before the log had its first word of it."""
        return self._starts.setdefault(pid, at_ms - SLOW_MS)

    def _hook(self, entry: dict[str, Any], agent: str, at_ms: int) -> HookCalled:
        """Return the hook with the tool of the call before it: the log leaves it out."""
        tool = None
        if entry["hook_name"] in {"PermissionRequest", "PreToolUse"}:
            before = [name for when, name in self.calls if when <= at_ms + 500]
            tool = before[-1] if before and _is_near(self.calls, at_ms) else None

        return HookCalled(
            agent=agent,
            session_id=SessionId(entry["session_id"]),
            event=entry["hook_name"],
            at_ms=at_ms,
            tool=tool,
        )

    def _grow(self, session: str, size: int) -> None:
        file = self._files.get(session)
        if file is None or size <= file.read:
            return

        chunk, file.read = file.data[file.read : size], size
        items = expected_of(file.stream.ledger.origin.agent).replay_items
        for line in file.splitter.feed(chunk):
            if isinstance(line, TextLine):
                for item in items(line.text):
                    self._apply(file, item, line.offset)

    def _apply(self, file: Transcript, item: bytes, offset: int) -> None:
        record = file.reader.read(item, offset=offset)
        if record is not None and record.at_ms is None:
            agent = file.stream.ledger.origin.agent
            if AGENTS[agent].undated:  # it happens as it comes
                record = replace(record, at_ms=self._now_ms)

        if record is not None:
            self._ledger.apply(file.stream, record)
            self._ledger.applied()
            self.states.apply(file.stream, record, live=True)

    def _wait(self, until_ms: int) -> None:
        """Apply what databases got until then, and judge whenever it is due."""
        while self._items and self._items[0].at_ms < until_ms:
            timed = self._items.pop(0)
            self._judge_until(timed.at_ms)
            file = self._files[timed.session]
            self._apply(file, timed.item, file.read)
            file.read += 1
            self._judge(timed.at_ms)

        self._judge_until(until_ms)

    def _judge_until(self, until_ms: int) -> None:
        while (due_ms := self.states.next_ms) is not None and due_ms < until_ms:
            self._judge(due_ms)

    def _judge(self, at_ms: int) -> None:
        self.transitions += self.states.judge(at_ms)
        for key in self.states.sessions():
            view = self.states.view(*key)
            if self._told.get(key) != view.state:
                self._told[key] = view.state
                self.seen.append(
                    Seen(at_ms, key[1], state=view.state, evidence=view.evidence)
                )


def entries(folder: Path) -> list[dict[str, Any]]:
    """Return the log of a recording."""
    text = (folder / "events.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def ms_of(stamp: str) -> int:
    """Return the Unix ms of *stamp*."""
    return int(datetime.fromisoformat(stamp).timestamp() * 1000)


def recordings(*agents: str) -> Iterator[Path]:
    """Return the folders of all recordings of *agents*; without any, of all."""
    for name, agent in FOLDERS.items():
        if not agents or agent in agents:
            for scenario in sorted((SHARED / "replay" / name).glob("*/")):
                yield from sorted(scenario.glob("recordings/*/"))


def name_of(folder: Path) -> tuple[str, str]:
    """Return the scenario of a recording, with the folder of its agent, and its time."""
    scenario = folder.parents[1]
    return f"{scenario.parent.name}/{scenario.name}", folder.name


def agent_of(folder: Path) -> str:
    """Return the agent of the recording."""
    return FOLDERS[folder.parents[2].name]


def transcripts(folder: Path) -> list[Path]:
    """Return the transcripts of a recording: of several agents, if it is of several."""
    scenario = folder.parents[1]
    found = (SHARED / "replay").glob(
        f"*/{scenario.name}/recordings/{folder.name}/transcript.*"
    )
    return [path for path in found if path.parents[2].parent.name in FOLDERS]


def calls_in(data: bytes) -> list[tuple[int, str]]:
    """Return when which tools were called."""
    lines = [json.loads(text) for text in data.splitlines() if text.strip()]
    return [
        (ms_of(line["timestamp"]), block["name"])
        for line in lines
        for block in blocks_in(line)
        if block.get("type") == "tool_use"
    ]


def blocks_in(line: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the content of a Claude Code message in *line*."""
    content = (line.get("message") or {}).get("content")
    return content if isinstance(content, list) else []


def _pid_of(entry: dict[str, Any]) -> int:
    named = entry["session_id"].removeprefix("proc-")
    return int(entry.get("pid") or (named if named.isdecimal() else 0))


def _is_near(calls: list[tuple[int, str]], at_ms: int) -> bool:
    return any(abs(when - at_ms) < 1_000 for when, _ in calls)
