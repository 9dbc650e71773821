"""Facts of real processes, those that may not be asked among them."""

import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from jarvisd.base.clock import SystemClock
from jarvisd.core.process import ProcessLife, ProcessRole, Program, Terminal
from jarvisd.presence import processes
from jarvisd.presence.processes import (
    Processes,
    ancestors_of,
    argv_of,
    is_alive,
    life_of,
    started_ms,
    terminal_of,
    written_files,
)
from tests.e2e.rig import AS_A_USER
from tests.presence.rig import PYTHON, agent, agents

CLAUDE = Program("claude", ProcessRole.TALKS)


def recognise(argv: object) -> Program | None:
    """Know what calls itself claude."""
    return CLAUDE if isinstance(argv, list) and argv[:1] == ["claude"] else None


def look(found: Processes) -> set[int]:
    """Look at all processes and return the agents among them."""
    for _ in found.scan():
        pass

    return {each.life.pid for each in found.agents}


def test_a_life_is_a_number_and_a_start() -> None:
    with agent() as found:
        life = life_of(found.pid)
        assert life is not None
        assert is_alive(life)
        assert not is_alive(ProcessLife(life.pid, life.ticks + 1))
        assert life.ticks == int(_stat(found.pid)[21])


AGAIN = """
import subprocess
child = subprocess.Popen(
    ["claude", "-c", "import sys; sys.stdin.read()"],
    executable={python!r},
    stdin=subprocess.PIPE,
)
with open({path!r}, "w") as file:
    file.write(str(child.pid))
"""
"""The child ends when its parent does."""


def test_a_program_that_starts_itself_again_is_the_process_it_started(
    tmp_path: Path,
) -> None:
    path, found = tmp_path / "pid", Processes(recognise)
    with agent("claude", code=AGAIN.format(path=str(path), python=PYTHON)) as launcher:
        seen = look(found)

        assert int(path.read_text()) in seen
        assert launcher.pid not in seen


def test_a_process_that_nobody_waited_for_has_ended() -> None:
    with agent() as found:
        life = life_of(found.pid)
        found.kill()
        os.waitid(os.P_PID, found.pid, os.WEXITED | os.WNOWAIT)
        assert Path(f"/proc/{found.pid}").exists()
        assert life_of(found.pid) is None
        assert life is not None
        assert not is_alive(life)


def test_of_a_process_that_is_not_there_nothing_is_known() -> None:
    nobody = 2**22 + 1
    assert life_of(nobody) is None
    assert started_ms(nobody) is None
    assert list(written_files(nobody)) == []
    assert list(argv_of(nobody)) == []
    assert terminal_of(nobody) == Terminal()
    assert Processes(recognise).inspect(nobody) is None


def test_a_name_full_of_brackets_confuses_nobody() -> None:
    name = b") R (1"
    rename = f"import ctypes; ctypes.CDLL(None).prctl(15, {name!r})"
    with agent(code=rename) as found:
        life = life_of(found.pid)

    assert life is not None
    assert life.ticks > 1


def test_only_files_open_for_writing_are_told(tmp_path: Path) -> None:
    read, written = tmp_path / "read", tmp_path / "written"
    read.touch()
    code = f"kept = [open({str(read)!r}), open({str(written)!r}, 'a')]"
    with agent(code=code) as found:
        files = set(written_files(found.pid))

    assert str(written) in files
    assert str(read) not in files


def test_all_agents_are_found_and_looked_at_closely_once(tmp_path: Path) -> None:
    asked: list[object] = []

    def counting(argv: object) -> Program | None:
        asked.append(argv)
        return recognise(argv)

    found = Processes(counting)
    with agents(30) as running, agent("cat"), agent("claude", cwd=tmp_path) as last:
        pids = {each.pid for each in running} | {last.pid}
        assert look(found) >= pids
        asked.clear()
        assert look(found) >= pids
        assert len(asked) < 30  # others come and go on this machine
        described = {each.life.pid: each for each in found.agents}[last.pid]
        assert described.cwd == str(tmp_path)
        assert abs(described.started_ms - SystemClock().unix_ms()) < 60_000

    assert not look(found) & pids


def test_a_shell_that_becomes_an_agent_is_noticed() -> None:
    script = "read go; exec -a claude sleep 600"
    with subprocess.Popen(["bash", "-c", script], stdin=subprocess.PIPE) as shell:
        found = Processes(recognise)
        assert shell.pid not in look(found)
        assert shell.stdin is not None
        shell.stdin.write(b"\n")
        shell.stdin.flush()
        while shell.pid not in look(found):  # bounded by the test's time limit
            pass

        shell.kill()


def test_the_name_of_an_ended_process_is_not_kept() -> None:
    found = Processes(recognise)
    with agent() as one:
        assert one.pid in look(found)

    assert one.pid not in look(found)


HIDE = "import ctypes; assert ctypes.CDLL(None).prctl(4, 0, 0, 0, 0) == 0"
"""As Codex does: descriptors, folder and environment are then root's alone."""

UNASKED = """
import json, sys
from jarvisd import agents
from jarvisd.core.agent import discover_agents
from jarvisd.presence.search import Programs
from jarvisd.presence.processes import *
pid = int(sys.argv[1])
found = Processes(Programs(discover_agents(agents.__name__)).recognise).inspect(pid)
print(json.dumps({
    "agent": found and found.program.agent,
    "cwd": found and found.cwd,
    "alive": life_of(pid) is not None,
    "files": list(written_files(pid)),
    "tty": terminal_of(pid).tty,
}))
"""


@pytest.mark.skipif(
    os.geteuid() == 0 and not AS_A_USER, reason="nobody is refused anything here"
)
def test_a_process_that_hides_is_known_by_what_is_public() -> None:
    with agent("codex", code=HIDE) as found:
        command = [*AS_A_USER, sys.executable, "-c", UNASKED, str(found.pid)]
        said = subprocess.run(command, check=True, capture_output=True)

    assert json.loads(said.stdout) == {
        "agent": "codex",
        "cwd": None,
        "alive": True,
        "files": [],
        "tty": terminal_of(os.getpid()).tty,
    }


WITH_A_TERMINAL = """
import os, subprocess
os.setsid()
os.close(os.open({tty!r}, os.O_RDWR))
child = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, env={{}})
"""
"""The child knows nothing of tmux, and ends when its parent does."""


HIDDEN = """
import sys
from jarvisd.presence.processes import *
pid = int(sys.argv[1])
life = life_of(pid)
print(argv_of(pid) or "hidden", life, is_alive(life), life_of(2**22 + 1))
"""


@pytest.mark.skipif(
    os.geteuid() != 0 or not AS_A_USER or not shutil.which("unshare"),
    reason="only root can mount another /proc",
)
def test_a_process_that_proc_does_not_show_is_there_all_the_same() -> None:
    mount = 'mount -t proc -o hidepid=2,gid=65534 proc /proc && exec "$@"'
    with agent("codex", code=HIDE) as found:
        inside = [*AS_A_USER, sys.executable, "-c", HIDDEN, str(found.pid)]
        command = ["unshare", "--mount", "sh", "-c", mount, "sh", *inside]
        said = subprocess.run(command, check=True, capture_output=True, text=True)

    life = f"ProcessLife(pid={found.pid}, ticks=0)"
    assert said.stdout == f"hidden {life} True None\n"


def test_the_terminal_is_that_of_the_nearest_parent_that_has_one() -> None:
    leader, follower = pty.openpty()
    tty = os.ttyname(follower)
    environ = {"TMUX": "/tmp/tmux,1/default,4711,0", "TMUX_PANE": "%7"}
    try:
        with agent(code=WITH_A_TERMINAL.format(tty=tty), environ=environ) as one:
            found = terminal_of(one.pid)
            inner = terminal_of(child_of(one.pid))
    finally:
        os.close(leader)
        os.close(follower)

    assert found == inner
    assert found == Terminal(tty=tty, tmux_pane="%7", tmux_socket="/tmp/tmux,1/default")


def test_ancestors_end_before_the_first_process() -> None:
    chain = list(ancestors_of(os.getpid()))
    assert chain[:2] == [os.getpid(), os.getppid()]
    assert 1 not in chain


def test_without_proc_lives_are_known_by_their_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(processes, "_HAS_PROC", False)
    with agent() as found:
        life = life_of(found.pid)
        assert life is not None
        assert is_alive(life)
        assert found.pid in look(Processes(recognise))

    assert not is_alive(life)


def child_of(pid: int) -> int:
    """Return the only child of the process."""
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text())


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().split()
