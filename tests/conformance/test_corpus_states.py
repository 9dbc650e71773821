"""Runs of real agents, played as their files grew: what was said of them meanwhile.

The files were made shorter after they were recorded (texts became filler), so that they
grow here in proportion. No run had anybody to ask, and so nobody may be said to be
asked.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from jarvisd.base.session_words import State
from jarvisd.core.agent import AgentReader
from jarvisd.core.origin import BlockId, Kind, Origin, SessionId
from jarvisd.core.signal import ProcessFound, ProcessGone
from jarvisd.core.sources.jsonlines.lines import LineSplitter, TextLine
from jarvisd.ledger.engine import Ledger
from jarvisd.ledger.ledger_stream import LedgerStream
from jarvisd.state.engine import StateEngine
from jarvisd.state.facts import StateStream
from tests.agents.found import AGENTS, fresh_reader, traits_of
from tests.conformance.shared import SHARED, needs_shared
from tests.conformance.test_corpus_ledger import Run, all_runs, truth_of

pytestmark = [pytest.mark.conformance, needs_shared()]

AT_REST = {State.IDLE, State.WAITING_ANSWER, State.ENDED}
UNTIDY = {"claude": {-9}, "codex": {-9, -15}}
"""Exit statuses of processes that leave their registry entry or lock behind."""


@dataclass(slots=True)
class File:
    """One transcript, and how much of it was there when."""

    stream: StateStream
    data: bytes
    recorded: int
    reader: AgentReader
    read: int = 0
    splitter: LineSplitter = field(default_factory=LineSplitter)


@dataclass(slots=True)
class Play:
    """One run, played."""

    run: Run
    states: StateEngine = field(
        default_factory=lambda: StateEngine(traits_of=traits_of)
    )
    told: dict[str, list[State]] = field(default_factory=dict)
    tools: dict[str, set[str | None]] = field(default_factory=dict)
    _ledger: Ledger = field(
        default_factory=lambda: Ledger(lambda *_: None, traits_of=traits_of)
    )
    _files: dict[str, File] = field(default_factory=dict)

    def play(self) -> "Play":
        """Play it, and ten seconds more."""
        log = _log(self.run)
        self._open({each["path"]: each["size"] for each in log if each.get("size")})
        steps: list[tuple[float, str, Any]]
        steps = [(each["t"], "file", each) for each in log if each.get("size")]
        steps += self._processes()
        at_ms = 0
        for at, kind, what in sorted(steps, key=lambda step: step[:2]):
            at_ms = int(at * 1000)
            self._wait(at_ms)
            if kind == "file":
                self._grow(what["path"], what["size"], at_ms)
            else:
                self.states.record_signal(what)

            self._judge(at_ms)

        self._wait(at_ms + 10_000)
        return self

    def _open(self, sizes: dict[str, int]) -> None:
        agent, home = self.run
        for tree in AGENTS[agent].roots({}, home, ()):
            for path in tree.root.rglob("*.jsonl"):
                place = tree.place(path.relative_to(tree.root).parts)
                name = str(path.relative_to(home))
                if place is not None and name in sizes:
                    origin = Origin(
                        block_id=BlockId(name),
                        kind=Kind.TRANSCRIPT,
                        agent=agent,
                        session_id=place.session_id,
                        parent_session_id=place.parent_session_id,
                    )
                    self._files[name] = File(
                        StateStream(LedgerStream(origin)),
                        path.read_bytes(),
                        sizes[name],
                        fresh_reader(origin.agent, origin),
                    )

    def _grow(self, path: str, size: int, at_ms: int) -> None:
        file = self._files.get(path)
        if file is None:
            return

        there = len(file.data) * size // file.recorded
        for line in file.splitter.feed(file.data[file.read : there]):
            if not isinstance(line, TextLine):
                continue

            record = file.reader.read(line.text, offset=0)
            if record is not None:
                self._ledger.apply(file.stream, record)
                self._ledger.applied()
                self.states.apply(file.stream, record, live=True)

        file.read = max(there, file.read)

    def _processes(self) -> list[tuple[float, str, Any]]:
        """Return the signals of processes, where each of them had its own session."""
        truth, agent = truth_of(self.run), self.run[0]
        runs, sessions = truth["invocations"], truth["session_ids"]
        if len(runs) != len(sessions):
            return []

        steps: list[tuple[float, str, Any]] = []
        for pid, (each, session) in enumerate(zip(runs, sessions, strict=True), 1):
            start_ms, end_ms = int(each["start"] * 1000), int(each["end"] * 1000)
            key: dict[str, Any] = {
                "agent": agent,
                "session_id": SessionId(session),
                "pid": pid,
            }
            there = ProcessFound(**key, started_ms=start_ms, how="recording")
            tidy = each["rc"] not in UNTIDY[agent]
            away = ProcessGone(**key, at_ms=end_ms, tidy=tidy)
            steps += [(each["start"], "there", there), (each["end"], "away", away)]

        return steps

    def _wait(self, until_ms: int) -> None:
        while (due_ms := self.states.next_ms) is not None and due_ms < until_ms:
            self._judge(due_ms)

    def _judge(self, at_ms: int) -> None:
        for each in self.states.judge(at_ms):
            self.told.setdefault(each.session_id, []).append(each.state)
            self.tools.setdefault(each.session_id, set()).add(each.tool)

        for agent, session in self.states.sessions():
            tool = self.states.view(agent, session).tool
            self.tools.setdefault(session, set()).add(tool)


def _log(run: Run) -> list[dict[str, Any]]:
    text = (run[1] / "_run" / "fsevents.jsonl").read_text()
    return [json.loads(each) for each in text.splitlines()]


@pytest.mark.parametrize("run", all_runs())
def test_nobody_is_said_to_be_asked_where_nobody_is(run: Run) -> None:
    played = Play(run).play()

    assert played.told
    assert not any(State.WAITING_APPROVAL in each for each in played.told.values())


@pytest.mark.parametrize("run", all_runs())
def test_every_session_worked_and_came_to_rest(run: Run) -> None:
    played = Play(run).play()

    for session, states in played.told.items():
        assert states[-1] in AT_REST | {State.CRASHED}, session
        if "/" not in session:
            assert State.WORKING in states


KILLED = {
    "claude": [
        [State.WORKING, State.CRASHED],
        [State.WORKING, State.IDLE, State.ENDED],
        [State.WORKING, State.ENDED],
    ],
    "codex": [
        [State.WORKING, State.CRASHED],
        [State.WORKING, State.ENDED],
        [State.WORKING, State.CRASHED],
    ],
}
"""By SIGKILL in a tool, by SIGINT in a stream, and by SIGTERM in a tool."""


@pytest.mark.parametrize("agent", KILLED)
def test_who_was_killed_at_work_has_crashed(agent: str) -> None:
    run: Run = (agent, Path(SHARED / "corpus" / agent / "killed"))
    played = Play(run).play()

    told = [_after_start(played.told[each]) for each in truth_of(run)["session_ids"]]
    assert told == KILLED[agent]


@pytest.mark.parametrize(
    ("agent", "tool"), [("claude", "Bash"), ("codex", "exec_command")]
)
def test_the_tool_at_work_is_told(agent: str, tool: str) -> None:
    run: Run = (agent, Path(SHARED / "corpus" / agent / "killed"))
    played = Play(run).play()

    assert tool in played.tools[truth_of(run)["session_ids"][0]]


def _after_start(states: list[State]) -> list[State]:
    """Return *states* without the wait for a first prompt."""
    return states[1:] if states[:1] == [State.IDLE] else states
