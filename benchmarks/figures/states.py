"""How soon a subscriber knows that somebody is needed, and what it costs to know.

Agents are processes that call themselves `claude` and sleep, each with an entry in the
live registry, as Claude Code writes it: truncated and written in place.
"""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks import proc
from benchmarks.client import Client
from benchmarks.effort import Effort
from benchmarks.home import Home, new_home
from benchmarks.live import wake
from benchmarks.rig import Daemon, running
from benchmarks.rows import Row, percentile

SESSIONS = 50
LINES = 5
SLEEPS = "print('ready', flush=True)\nimport time\ntime.sleep(3600)"
READY = b"ready\n"


def measure(effort: Effort) -> list[Row]:
    rounds, exits = effort.runs(200), 20
    seconds = effort.seconds(60, 15)
    alone = _idle_percent(seconds, agents=0)
    with _sessions(SESSIONS) as (daemon, agents), daemon.connect() as client:
        client.ask("subscribe", topics=["states"])
        idle = _percent(daemon, seconds)
        entries = [_change(client, agents[n % SESSIONS], n) for n in range(rounds)]
        hooks = [_hook(daemon, client, agents[n % SESSIONS], n) for n in range(rounds)]
        ends = [_kill(client, each) for each in agents[:exits]]

    return [
        *_latency("registry entry to subscriber", entries),
        *_latency("hook to subscriber", hooks),
        Row(
            figure="killed process to its end being told, slowest",
            samples=(max(ends),),
            unit="ms",
            must=1_000,
            ambition=100,
            observations=exits,
        ),
        Row(
            figure=f"states of {SESSIONS} idle sessions, CPU of a core",
            samples=(max(0.0, idle - alone),),
            unit="%",
            must=0.2,
            note=f"{idle:.2f} % with processes and registry, {alone:.2f} % without",
        ),
    ]


class _Agent:
    """One session and the process that works on it."""

    def __init__(self, home: Home, transcript: str) -> None:
        self.session_id = Path(transcript).stem
        command = ["claude", "-I", "-S", "-c", SLEEPS]
        self.process = subprocess.Popen(
            command,
            executable=sys.executable,
            env={"PYTHONHOME": sys.base_prefix},
            stdout=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == READY
        folder = home.folder / ".claude" / "sessions"
        folder.mkdir(parents=True, exist_ok=True)
        self._entry = folder / f"{self.process.pid}.json"
        stat = Path(f"/proc/{self.process.pid}/stat").read_text()
        self._facts: dict[str, Any] = {
            "pid": self.process.pid,
            "procStart": stat.rpartition(")")[2].split()[19],
            "sessionId": self.session_id,
            "cwd": "/home/dev/work/live",
        }
        self.register(status="idle")

    def register(self, **said: str) -> int:
        """Rewrite the entry; return the moment before, as the clients' clock has it."""
        text = json.dumps(self._facts | said).encode()
        before = time.perf_counter_ns()
        with self._entry.open("wb") as file:
            file.write(text)

        return before

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


@contextmanager
def _sessions(agents: int) -> Iterator[tuple[Daemon, list[_Agent]]]:
    """Run a daemon with live transcripts, *agents* of them with a process."""
    with new_home() as home, ExitStack() as stack:
        paths = home.write(SESSIONS, lines=LINES)
        found = [_Agent(home, path) for path in paths[:agents]]
        for each in found:
            stack.callback(each.close)

        daemon = stack.enter_context(running(home))
        daemon.read_all()
        wake(daemon, paths, number=LINES)
        daemon.read_all()
        yield daemon, found


def _idle_percent(seconds: float, *, agents: int) -> float:
    with _sessions(agents) as (daemon, _):
        return _percent(daemon, seconds)


def _percent(daemon: Daemon, seconds: float) -> float:
    time.sleep(2)  # noqa: TID251 - until what came last has been judged
    before = proc.usage(daemon.pid)
    time.sleep(seconds)  # noqa: TID251 - idleness is time passing
    used = proc.usage(daemon.pid).since(before)
    return 100 * used.cpu_s / used.at_s


def _change(client: Client, agent: _Agent, number: int) -> float:
    """Let *agent* ask for leave, or go on; return after how many ms that was told."""
    if number // SESSIONS % 2:
        before, state = agent.register(status="busy"), "working"
    else:
        before = agent.register(status="waiting", waitingFor="permission prompt")
        state = "waiting_approval"

    return _ms_until(client, agent, state, before)


def _hook(daemon: Daemon, client: Client, agent: _Agent, number: int) -> float:
    """The same by a hook, for a session whose registry entry says nothing."""
    if number < SESSIONS:
        agent.register()

    event = "PermissionRequest" if number // SESSIONS % 2 else "Stop"
    state = "idle" if event == "Stop" else "waiting_approval"
    payload = {
        "session_id": agent.session_id,
        "hook_event_name": event,
        "tool_name": "Bash",
    }
    with daemon.connect() as teller:
        before = time.perf_counter_ns()
        teller.ask("hook", agent="claude", payload=payload)
        return _ms_until(client, agent, state, before)


def _kill(client: Client, agent: _Agent) -> float:
    before = time.perf_counter_ns()
    agent.process.send_signal(signal.SIGKILL)
    return _ms_until(client, agent, "", before)


def _ms_until(client: Client, agent: _Agent, state: str, before: int) -> float:
    def matches(told: dict[str, Any]) -> bool:
        over = told["state"] in {"ended", "crashed"}
        ours = told["session_id"] == agent.session_id
        return ours and (told["state"] == state if state else over)

    return (client.told("states", matches) - before) / 1e6


def _latency(figure: str, samples: list[float]) -> list[Row]:
    return [
        Row(
            figure=f"{figure}, p{percent}",
            samples=(percentile(samples, percent),),
            unit="ms",
            must=must,
            ambition=ambition,
            observations=len(samples),
        )
        for percent, must, ambition in ((50, None, None), (99, 100, 10))
    ]
