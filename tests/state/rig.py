"""Sessions told line by line: what tests of states are written with.

Seconds count from `T0_MS`; lines go through the agent's real parser and the ledger.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from jarvisd.core.agent import AgentReader, ReaderContext
from jarvisd.core.origin import BlockId, Kind, Origin, SessionId
from jarvisd.core.signal import HookCalled, ProcessFound, ProcessGone, RegistryRead
from jarvisd.ledger.engine import Ledger
from jarvisd.ledger.ledger_stream import LedgerStream
from jarvisd.state.engine import StateEngine
from jarvisd.state.facts import StateStream
from jarvisd.state.model import StateView, Transition
from tests.agents.found import AGENTS, fresh_reader, traits_of
from tests.ledger.books import line

T0_MS = 1_795_000_000_000
PID = 4711
MAIN = SessionId("s1")


def ms(second: float) -> int:
    """Return the Unix ms of *second*."""
    return T0_MS + round(second * 1000)


def stamp(second: float) -> str:
    """Return *second* as transcripts write it."""
    moment = datetime.fromtimestamp(ms(second) / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


# Claude Code


def prompt(second: float, text: str = "Go", **more: Any) -> bytes:
    """Return a human's words, or what is put into a human's mouth."""
    more.setdefault("timestamp", stamp(second))
    return line(type="user", uuid=f"p{second}", message={"content": text}, **more)


def reply(second: float, *blocks: Any, stop: str | None = "end_turn") -> bytes:
    """Return a message of texts (str) and other *blocks*."""
    content = [
        {"type": "text", "text": each} if isinstance(each, str) else each
        for each in blocks
    ]
    message = {
        "id": f"m{second}",
        "model": "x",
        "content": content,
        "stop_reason": stop,
    }
    return line(type="assistant", timestamp=stamp(second), message=message)


def call(
    second: float, call_id: str = "t1", tool: str = "Bash", given: Any = None
) -> bytes:
    """Return a message that is a tool call."""
    block = {"type": "tool_use", "id": call_id, "name": tool, "input": given or {}}
    return reply(second, block, stop="tool_use")


def result(second: float, call_id: str = "t1", *, noted: Any = None) -> bytes:
    """Return what a tool call came back with."""
    block = {"type": "tool_result", "tool_use_id": call_id, "content": "x"}
    more = {} if noted is None else {"toolUseResult": noted}
    return line(
        type="user", timestamp=stamp(second), message={"content": [block]}, **more
    )


def turn_end(second: float, **more: Any) -> bytes:
    """Return the record behind a turn."""
    return system(second, "turn_duration", durationMs=1, **more)


def system(second: float, subtype: str, **more: Any) -> bytes:
    """Return a record of the agent's program."""
    return line(type="system", subtype=subtype, timestamp=stamp(second), **more)


def mode(name: str) -> bytes:
    """Return the record of a permission mode; it has no time."""
    return line(type="permission-mode", permissionMode=name)


# Codex


def rollout(second: float, kind: str, **payload: Any) -> bytes:
    """Return a record of a rollout."""
    return line(timestamp=stamp(second), type=kind, payload=payload)


def told(second: float, kind: str, **payload: Any) -> bytes:
    """Return an event that the user saw."""
    return rollout(second, "event_msg", type=kind, **payload)


def codex_call(
    second: float, call_id: str = "c1", name: str = "exec_command", **given: Any
) -> bytes:
    """Return a call; its arguments are JSON in a string."""
    return rollout(
        second,
        "response_item",
        type="function_call",
        call_id=call_id,
        name=name,
        arguments=line(**given).decode(),
    )


def codex_result(second: float, output: str, call_id: str = "c1") -> bytes:
    """Return what a call came back with."""
    return rollout(
        second,
        "response_item",
        type="function_call_output",
        call_id=call_id,
        output=output,
    )


# The engine


@dataclass(slots=True)
class Desk:
    """The states of some sessions, and the ledger that is read before them."""

    agent: str = "claude"
    states: StateEngine = field(
        default_factory=lambda: StateEngine(traits_of=traits_of)
    )
    ledger: Ledger = field(
        default_factory=lambda: Ledger(lambda *_: None, traits_of=traits_of)
    )
    streams: dict[SessionId, StateStream] = field(default_factory=dict)
    readers: dict[SessionId, AgentReader] = field(default_factory=dict)
    transitions: list[Transition] = field(default_factory=list)

    def read(
        self,
        *lines: bytes,
        session: str = MAIN,
        parent: str | None = None,
        live: bool = True,
    ) -> "Desk":
        """Apply *lines* of one session."""
        stream = self.stream(session, parent)
        ledger = stream.ledger
        reader = self.readers.setdefault(
            SessionId(session), fresh_reader(self.agent, ledger.origin)
        )
        for text in lines:
            record = reader.read(text, offset=0)
            assert record is not None
            self.ledger.apply(stream, record)
            self.states.apply(stream, record, live=live)

        self.ledger.applied()
        return self

    def signal(self, *signals: Any) -> "Desk":
        """Record *signals*."""
        for signal in signals:
            self.states.record_signal(signal)

        return self

    def stream(self, session: str = MAIN, parent: str | None = None) -> StateStream:
        """Return the stream of a session with one block."""
        key = SessionId(session)
        if key not in self.streams:
            parent_id = None if parent is None else SessionId(parent)
            origin = Origin(
                block_id=BlockId(session),
                kind=Kind.TRANSCRIPT,
                agent=self.agent,
                session_id=key,
                parent_session_id=parent_id,
            )
            self.streams[key] = StateStream(LedgerStream(origin))

        return self.streams[key]

    def restart(self) -> None:
        """Go on in another process: only what is saved is left."""
        for key, stream in self.streams.items():
            ledger = LedgerStream.open(stream.ledger.origin, stream.ledger.encode())
            self.streams[key] = StateStream(ledger, stream.memory())

        for key, reader in self.readers.items():
            context = ReaderContext(key, None)
            self.readers[key] = AGENTS[self.agent].reader(context, reader.memory())

        self.states = StateEngine(traits_of=traits_of)
        self.ledger = Ledger(lambda *_: None, traits_of=traits_of)
        self.states.recall(self.transitions)
        for stream in self.streams.values():
            self.states.meet(stream)

    def at(self, second: float, session: str = MAIN) -> StateView:
        """Return the state at *second*, after everything that was due before."""
        now_ms = ms(second)
        while (due_ms := self.states.next_ms) is not None and due_ms <= now_ms:
            self.transitions += self.states.judge(due_ms)

        self.transitions += self.states.judge(now_ms)
        return self.states.view(self.agent, SessionId(session))

    def told(self, session: str = MAIN) -> list[str]:
        """Return the states that transitions of a session told of."""
        return [each.state for each in self.transitions if each.session_id == session]


def state_of(
    lines: Iterable[bytes], second: float = 60, agent: str = "claude"
) -> StateView:
    """Return the state at *second* of the session that *lines* tell of."""
    return Desk(agent).read(*lines).at(second)


# Signals


def hook(second: float, event: str, session: str = MAIN, **more: Any) -> HookCalled:
    """Return a hook of Claude Code."""
    more.setdefault("agent", "claude")
    return HookCalled(
        session_id=SessionId(session), event=event, at_ms=ms(second), **more
    )


def registry(
    second: float, status: str | None, waiting_for: str | None = None, **more: Any
) -> RegistryRead:
    """Return an entry of Claude Code's registry."""
    more.setdefault("session_id", MAIN)
    return RegistryRead(
        agent="claude",
        pid=PID,
        status=status,
        waiting_for=waiting_for,
        at_ms=ms(second),
        **more,
    )


def found(second: float = 0, agent: str = "claude", **more: Any) -> ProcessFound:
    """Return a living process of the session."""
    more.setdefault("session_id", MAIN)
    return ProcessFound(
        agent=agent, pid=PID, started_ms=ms(second), how="registry", **more
    )


def gone(
    second: float, tidy: bool | None = None, agent: str = "claude", **more: Any
) -> ProcessGone:
    """Return the end of that process."""
    more.setdefault("session_id", MAIN)
    return ProcessGone(agent=agent, pid=PID, at_ms=ms(second), tidy=tidy, **more)
