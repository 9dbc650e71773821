"""Going to a session: which pane, which command, and what is said when there is none."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jarvisd.base.errors import EXIT_FAILURE, EXIT_NO_SUCH_BLOCK
from jarvisd.base.ids import SessionId
from jarvisd.base.session_words import State
from jarvisd.cli import process_info, tmux
from jarvisd.cli.tmux import Pane, TmuxServer
from tests.cli.conftest import LIMIT_S, Ctl
from tests.cli.fake_daemon import FakeDaemon, live_session

SERVER = TmuxServer("/tmp/none")  # nobody listens there


def pane(name: str, *, pid: int = 0, tty: str = "") -> Pane:
    return Pane(SERVER, f"%{name}", f"@{name}", pid, tty, f"work:{name}.0")


@pytest.fixture
def agent() -> Iterator["subprocess.Popen[bytes]"]:
    """Yield a process on a terminal of its own, below this one."""
    ours, theirs = os.openpty()
    script = (
        "import fcntl, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
        "print(flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=theirs,
        stdout=subprocess.PIPE,
        start_new_session=True,
        env={"TMUX": "/run/a,b/tmux,12,0", "EMPTY": ""},
    )
    assert process.stdout is not None
    process.stdout.readline()
    try:
        yield process
    finally:
        process.kill()
        process.wait(LIMIT_S)
        process.stdout.close()
        os.close(ours)
        os.close(theirs)


def test_the_kernel_tells_of_a_process(agent: "subprocess.Popen[bytes]") -> None:
    tty = process_info.terminal_of(agent.pid)

    assert tty is not None
    assert tty.startswith("/dev/pts/")
    assert [*process_info.line_of(agent.pid)][:2] == [agent.pid, os.getpid()]
    assert process_info.environment_of(agent.pid)["EMPTY"] == ""


def test_of_a_process_that_is_gone_nothing_is_told() -> None:
    done = subprocess.Popen(["true"])
    done.wait(LIMIT_S)

    assert process_info.terminal_of(done.pid) is None
    assert [*process_info.line_of(done.pid)] == [done.pid]
    assert process_info.environment_of(done.pid) == {}


def test_a_pane_is_known_by_its_terminal(agent: "subprocess.Popen[bytes]") -> None:
    tty = process_info.terminal_of(agent.pid) or ""
    panes = [pane("1", pid=os.getpid()), pane("2", tty=tty)]

    assert tmux.match(agent.pid, panes) == panes[1]


def test_or_by_the_parents_of_the_process(agent: "subprocess.Popen[bytes]") -> None:
    panes = [pane("1", pid=os.getppid()), pane("2", pid=os.getpid()), pane("3", pid=1)]

    assert tmux.match(agent.pid, panes) == panes[1]


def test_or_it_is_in_none(agent: "subprocess.Popen[bytes]") -> None:
    assert tmux.match(agent.pid, [pane("1", pid=agent.pid + 1)]) is None
    assert tmux.match(agent.pid, []) is None


def test_a_servers_path_may_hold_a_comma(agent: "subprocess.Popen[bytes]") -> None:
    environ = process_info.environment_of(agent.pid)

    assert tmux.own_server(environ) == TmuxServer("/run/a,b/tmux")
    assert tmux.own_server({}) is None


def test_other_terminals_have_a_command_of_the_users(
    ctl: Ctl, daemon: FakeDaemon, agent: "subprocess.Popen[bytes]", tmp_path: Path
) -> None:
    daemon.sessions = [live_session("aaaa", pid=agent.pid, cwd="/a b")]
    told = tmp_path / "told"
    script = tmp_path / "go"
    script.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {told}\n')
    script.chmod(0o755)
    command = f"{script} {{pid}} '{{tty}} {{cwd}}' {{other}}"

    done = ctl("jump", "aa", env={"JARVISD_JUMP": command})

    tty = process_info.terminal_of(agent.pid)
    assert (done.returncode, done.stderr) == (0, "")
    assert told.read_text().splitlines() == [str(agent.pid), f"{tty} /a b", "{other}"]


def test_the_configuration_may_name_it(
    ctl: Ctl, daemon: FakeDaemon, agent: "subprocess.Popen[bytes]", tmp_path: Path
) -> None:
    daemon.sessions = [live_session("aaaa", pid=agent.pid)]
    config = tmp_path / ".config" / "jarvisd" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'jump = ["touch", "{tmp_path}/{{session_id}}"]')

    assert ctl("jump").returncode == 0
    assert (tmp_path / "aaaa").exists()


def test_without_either_it_says_where_the_session_runs(
    ctl: Ctl, daemon: FakeDaemon, agent: "subprocess.Popen[bytes]"
) -> None:
    daemon.sessions = [live_session("aaaa", pid=agent.pid)]

    gone, shown = ctl("jump", "aaaa"), ctl("jump", "--dry-run")

    tty = process_info.terminal_of(agent.pid) or ""
    assert gone.returncode == EXIT_FAILURE
    assert tty in gone.stderr
    assert "no pane of tmux" in gone.stderr
    assert shown.stdout == f"{tty}, process {agent.pid}\n"


def test_a_subagent_is_where_its_parent_is(
    ctl: Ctl, daemon: FakeDaemon, agent: "subprocess.Popen[bytes]"
) -> None:
    daemon.sessions = [
        live_session("aaaa", pid=agent.pid),
        live_session("bbbb", parent_session_id=SessionId("aaaa")),
    ]

    assert str(agent.pid) in ctl("jump", "bbbb", "--dry-run").stdout


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        pytest.param(("jump",), EXIT_FAILURE, "no process", id="all ended"),
        pytest.param(("jump", "aaaa"), EXIT_FAILURE, "may have ended", id="this ended"),
        pytest.param(("jump", "ffff"), EXIT_NO_SUCH_BLOCK, "is called", id="unknown"),
    ],
)
def test_where_there_is_nowhere_to_go(
    ctl: Ctl, daemon: FakeDaemon, words: tuple[str, ...], status: int, said: str
) -> None:
    daemon.sessions = [live_session("aaaa", state=State.CRASHED)]

    done = ctl(*words)

    assert done.returncode == status
    assert said in done.stderr


def test_nobody_to_go_to(ctl: Ctl, daemon: FakeDaemon) -> None:
    assert "nobody needs you" in ctl("jump").stderr
