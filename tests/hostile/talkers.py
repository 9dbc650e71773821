"""Who talks while the daemon is killed: agents that write, and programs that call.

Each can say afterwards what must be known of it, to the token.
"""

import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import msgspec

from jarvisd.base.clock import MS_PER_S, SystemClock
from jarvisd.segments.model import Segment
from tests.e2e.home import CODE, append_bytes
from tests.hostile.insistent import chat_call

FOLDER = "/home/me/shop"
"""Where all agents work: what they say joins one conversation."""

GOODBYE_S = 90.0
"""For a last answer, and the end of the process."""

WORKING_S = (0.1, 1.5)
RESTING_S = (0.1, 2.5)
"""More than a second of rest closes a segment."""

LINE_S = 0.03

Sums = Counter[tuple[str, str]]
"""What was done, by session and kind."""

KINDS = ("turns", "tokens_in", "tokens_out", "tools", "errors")


class Done(msgspec.Struct, frozen=True):
    """What a program says of itself at its end."""

    answered: int
    repeats: int


class Program:
    """A process that insists on each of its requests."""

    def __init__(
        self, work: str, name: str, *, socket: Path, environ: Mapping[str, str]
    ) -> None:
        self.name = name
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.hostile.insistent", str(socket), work, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=dict(environ),
            cwd=CODE,
        )

    async def ended(self) -> Done:
        """Let it have its last answer; return what it did."""
        said, _ = await anyio.to_thread.run_sync(
            lambda: self._process.communicate(timeout=GOODBYE_S)
        )
        assert self._process.returncode == 0, f"{self.name} was refused something"
        return msgspec.json.decode(said, type=Done)

    def destroy(self) -> None:
        """Leave no process behind."""
        self._process.kill()
        self._process.wait(GOODBYE_S)


@contextmanager
def programs(
    work: Mapping[str, str], *, socket: Path, environ: Mapping[str, str]
) -> Iterator[list[Program]]:
    """Run a program for each name and its work; none outlives the block."""
    started: list[Program] = []
    try:
        for name, each in work.items():
            started.append(Program(each, name, socket=socket, environ=environ))

        yield started
    finally:
        for program in started:
            program.destroy()


@dataclass(slots=True)
class Agent:
    """An agent's transcript, in which prompts and answers take turns."""

    session_id: str
    path: Path
    lines: int = 0

    async def work(self, chance: random.Random) -> None:
        """Write in torn pieces for a while, rest for a while, and so on."""
        while True:
            rest_at = anyio.current_time() + chance.uniform(*WORKING_S)
            while anyio.current_time() < rest_at:
                await self._write_line(chance)

            append_bytes(self.path, self._end_of_turn())
            await anyio.sleep(chance.uniform(*RESTING_S))

    def said(self) -> list[str]:
        """Return all that was said, in order."""
        return [self._words(number) for number in range(self.lines)]

    def sums(self) -> Sums:
        """Return what was done."""
        done = Sums()
        for number in range(1, self.lines, 2):
            usage = _usage(number)
            done[self.session_id, "turns"] += 1
            done[self.session_id, "tools"] += 1
            done[self.session_id, "tokens_in"] += usage["input_tokens"]
            done[self.session_id, "tokens_out"] += usage["output_tokens"]

        return done

    async def _write_line(self, chance: random.Random) -> None:
        """Write a line in two pieces; whoever is cancelled has written it whole."""
        data = self._line(self.lines)
        cut = chance.randrange(len(data))
        append_bytes(self.path, data[:cut])
        try:
            await anyio.sleep(chance.uniform(0, LINE_S))
        finally:
            append_bytes(self.path, data[cut:])
            self.lines += 1

        await anyio.sleep(chance.uniform(0, LINE_S))

    def _end_of_turn(self) -> bytes:
        line = {
            "type": "system",
            "subtype": "turn_duration",
            "uuid": f"{self.session_id}-{self.lines}-end",
            "sessionId": self.session_id,
            "cwd": FOLDER,
            "timestamp": _now(),
            "durationMs": 5,
        }
        return json.dumps(line).encode() + b"\n"

    def _line(self, number: int) -> bytes:
        words = {"type": "text", "text": self._words(number)}
        call = {
            "type": "tool_use",
            "id": f"{self.session_id}-t{number}",
            "name": "Bash",
        }
        line: dict[str, Any] = {
            "type": "user",
            "uuid": f"{self.session_id}-{number}",
            "sessionId": self.session_id,
            "cwd": FOLDER,
            "timestamp": _now(),
            "message": {"role": "user", "content": self._words(number)},
        }
        if number % 2:
            line["type"] = "assistant"
            line["requestId"] = f"{self.session_id}-r{number}"
            line["message"] = {
                "id": f"{self.session_id}-m{number}",
                "role": "assistant",
                "model": "claude-opus-4-7",
                "content": [words, call | {"input": {"command": "true"}}],
                "usage": _usage(number),
            }
        return json.dumps(line).encode() + b"\n"

    def _words(self, number: int) -> str:
        return f"{self.session_id} says {number}"


def chat_sums(name: str, answered: int) -> Sums:
    """Return what a chat program recorded with its first *answered* calls."""
    done = Sums()
    for method, params in (chat_call(name, number) for number in range(answered)):
        session_id = params["session_id"]
        match method:
            case "record_inference":
                done[session_id, "turns"] += 1
                done[session_id, "tokens_in"] += params["tokens_in"]
                done[session_id, "tokens_out"] += params["tokens_out"]
            case "record_tool":
                done[session_id, "tools"] += 1
            case "record_error":
                done[session_id, "errors"] += 1

    return done


def segment_sums(segments: Iterable[Segment]) -> Sums:
    """Return what *segments* tell, all of a session together."""
    told = Sums()
    for segment in segments:
        for kind in KINDS:
            told[segment.session_id, kind] += getattr(segment, kind)

    return told


def _now() -> str:
    now_s = SystemClock().unix_ms() / MS_PER_S
    return datetime.fromtimestamp(now_s, UTC).isoformat(timespec="milliseconds")


def _usage(number: int) -> dict[str, int]:
    return {"input_tokens": 1 + number % 13, "output_tokens": 1 + number % 5}
