"""What a status line and a hook cost: whole processes, each next to the floor under it.

All commands take turns, so that a busy moment of the machine falls on all of them.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.effort import Effort
from benchmarks.errors import RigError
from benchmarks.home import Home, new_home
from benchmarks.rig import REPOSITORY, running
from benchmarks.rows import Row

TIMES = 40
PAYLOAD = (
    b'{"session_id":"5e55","hook_event_name":"PreToolUse","tool_name":"Write",'
    b'"tool_input":{"content":"' + b"a line of the file\\n" * 250 + b'"}}'
)
"""What an agent writes to a hook: 5 kB."""


def measure(effort: Effort) -> list[Row]:
    with new_home() as home:
        home.write(20)
        _payload_file(home).write_bytes(PAYLOAD)
        with running(home) as daemon:
            daemon.read_all()
            commands = _commands(home)
            for command in commands.values():
                _check(command, home)

            taken = _take_turns(commands, home, effort.runs(TIMES) + 4)

    targets = {
        "cat of the line file": (2, 1),
        "jarvisctl line": (25, 15),
        "jarvisctl hook": (25, 15),
    }
    return [
        Row(
            figure=f"{name}, whole process",
            samples=tuple(samples),
            unit="ms",
            must=targets.get(name, (None, None))[0],
            ambition=targets.get(name, (None, None))[1],
        )
        for name, samples in taken.items()
    ]


def _commands(home: Home) -> dict[str, list[str]]:
    python = sys.executable
    commands = {
        "cat of the line file": [shutil.which("cat") or "/bin/cat", home.line_file],
        "true": [shutil.which("true") or "/bin/true"],
        "jarvisctl line": [str(Path(python).with_name("jarvisctl")), "line"],
        "jarvisctl hook": [str(Path(python).with_name("jarvisctl")), "hook", "claude"],
        "python -m jarvisd.cli.main line": [
            python,
            "-m",
            "jarvisd.cli.main",
            "line",
        ],
        "python -c pass": [python, "-c", "pass"],
        "python -I -S -c pass": [python, "-I", "-S", "-c", "pass"],
    }
    return {name: each for name, each in commands.items() if Path(each[0]).exists()}


def _payload_file(home: Home) -> Path:
    return home.folder / "payload.json"


def _check(command: list[str], home: Home) -> None:
    found = subprocess.run(
        command,
        input=PAYLOAD,
        capture_output=True,
        env=home.environ(),
        cwd=REPOSITORY,
        check=False,
    )
    if found.returncode != 0:
        words = found.stderr.decode(errors="replace")
        raise RigError(f"{' '.join(command)} ended with {found.returncode}: {words}")


def _take_turns(
    commands: dict[str, list[str]], home: Home, times: int
) -> dict[str, list[float]]:
    environ, taken = home.environ(), {name: list[float]() for name in commands}
    payload = str(_payload_file(home))
    with contextlib.chdir(REPOSITORY):
        for _ in range(times):
            for name, command in commands.items():
                taken[name].append(_time_ms(command, environ, payload))

    return taken


def _time_ms(command: list[str], environ: dict[str, str], payload: str) -> float:
    """Return what *command* takes from its start until it is gone, in ms.

    posix_spawn, because copying this process to start another would be measured too.
    """
    streams = [
        (os.POSIX_SPAWN_OPEN, 0, payload, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
    ]
    started = time.perf_counter()
    pid = os.posix_spawn(command[0], command, environ, file_actions=streams)
    os.waitpid(pid, 0)
    return (time.perf_counter() - started) * 1e3
