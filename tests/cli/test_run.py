"""A command under `jarvisctl run` behaves as without it."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from jarvisd.base.errors import EXIT_USAGE
from jarvisd.base.wire_types import Params
from jarvisd.cli.output_recorder import OutputRecorder
from jarvisd.core.origin import BlockId
from jarvisd.core.wire import PushLines, PushOpen
from tests.cli.conftest import LIMIT_S, Ctl, command
from tests.cli.fake_daemon import FakeDaemon, HangUp
from tests.cli.terminal import Terminal


def shell(script: str) -> tuple[str, ...]:
    return ("run", "--", "sh", "-c", script)


def only(daemon: FakeDaemon) -> tuple[PushOpen, list[str], int | None]:
    (opening,) = daemon.opened.values()
    ending = daemon.closed[opening.block_id]
    return opening, daemon.pushed.get(opening.block_id, []), ending.exit_status


def test_output_passes_through_and_is_counted(ctl: Ctl, daemon: FakeDaemon) -> None:
    done = ctl(*shell("printf 'a\\r\\nb'; echo talk >&2"))

    opening, lines, status = only(daemon)
    assert (done.stdout, done.stderr) == ("a\r\nb", "talk\n")
    assert (lines, status) == (["a", "b"], 0)
    assert (opening.kind, opening.agent, opening.cwd) == (
        "process",
        "text",
        str(Path.cwd()),
    )
    assert opening.pid


def test_every_byte_passes_unchanged(
    environ: dict[str, str], daemon: FakeDaemon, tmp_path: Path
) -> None:
    data = bytes(range(256)) * 4096
    (tmp_path / "data").write_bytes(data)
    done = subprocess.run(
        command("run", "--", "cat", str(tmp_path / "data")),
        env=environ,
        capture_output=True,
        timeout=LIMIT_S,
        check=True,
    )

    assert done.stdout == data


def test_stdin_is_the_commands_own(ctl: Ctl, daemon: FakeDaemon) -> None:
    assert ctl("run", "--", "tr", "a-z", "A-Z", stdin=b"hello").stdout == "HELLO"


@pytest.mark.parametrize(
    ("script", "status"),
    [("exit 0", 0), ("exit 42", 42), ("kill -9 $$", 137), ("kill -TERM $$", 143)],
)
def test_the_exit_status_is_the_commands(
    ctl: Ctl, daemon: FakeDaemon, script: str, status: int
) -> None:
    assert ctl(*shell(script)).returncode == status
    assert only(daemon)[2] == status


@pytest.mark.parametrize(
    ("words", "status"),
    [
        pytest.param(("/no/such/command",), 127, id="not there"),
        pytest.param(("/etc/hostname",), 126, id="not executable"),
        pytest.param((), EXIT_USAGE, id="nothing"),
    ],
)
def test_what_cannot_be_run_has_the_shells_status(
    ctl: Ctl, daemon: FakeDaemon, words: tuple[str, ...], status: int
) -> None:
    assert ctl("run", "--", *words).returncode == status
    assert not daemon.opened


def test_options_behind_the_command_are_the_commands(
    ctl: Ctl, daemon: FakeDaemon
) -> None:
    assert ctl("run", "echo", "--agent", "-x", "--", "y").stdout == "--agent -x -- y\n"


@pytest.mark.parametrize(
    ("name", "options", "agent"),
    [
        ("claude", (), "claude"),
        ("codex", (), "codex"),
        ("other", (), "text"),
        ("other", ("--agent", "gemini"), "gemini"),
    ],
)
def test_the_agent_is_known_by_the_commands_name(
    ctl: Ctl,
    daemon: FakeDaemon,
    tmp_path: Path,
    name: str,
    options: tuple[str],
    agent: str,
) -> None:
    (tmp_path / name).symlink_to("/bin/true")
    ctl("run", *options, "--", str(tmp_path / name))

    assert only(daemon)[0].agent == agent


def test_without_a_daemon_the_command_runs_on(ctl: Ctl) -> None:
    done = ctl(*shell("echo a; echo b; exit 3"))

    assert (done.returncode, done.stdout) == (3, "a\nb\n")
    warning, lost = done.stderr.splitlines()
    assert "the command runs on" in warning
    assert "2 lines were not counted" in lost


def test_a_daemon_that_comes_back_gets_the_rest(
    environ: dict[str, str], daemon: FakeDaemon
) -> None:
    script = "echo a; read x; echo b"
    with subprocess.Popen(
        command(*shell(script)),
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as running:
        daemon.wait_until(lambda: ["a"] in daemon.pushed.values())
        daemon.stop()
        assert running.stdin is not None
        running.stdin.write(b"\n")
        running.stdin.flush()
        daemon.start()
        output, _ = running.communicate(timeout=LIMIT_S)

    assert output == b"a\nb\n"
    assert only(daemon)[1:] == (["a", "b"], 0)


def test_a_lost_answer_doubles_nothing(ctl: Ctl, daemon: FakeDaemon) -> None:
    def vanish_once(params: Params) -> None:
        if isinstance(params, PushLines) and params.seq == 0 and len(daemon.asked) < 4:
            raise HangUp

    daemon.after = vanish_once
    ctl(*shell("echo a"))

    assert only(daemon)[1] == ["a"]


def test_a_deaf_daemon_delays_no_output(
    environ: dict[str, str], daemon: FakeDaemon
) -> None:
    daemon.before = lambda _: daemon.wait_for_a_client_to_leave()
    # More than queue and pipes hold: it would stand still if anybody waited.
    script = "head -c 50000000 /dev/zero | tr '\\0' '\\n'; exit 5"
    done = subprocess.run(
        command(*shell(script)),
        env=environ,
        capture_output=True,
        timeout=LIMIT_S,
        check=False,
    )

    assert (done.returncode, len(done.stdout)) == (5, 50_000_000)
    assert b"not counted" in done.stderr


def test_a_reader_that_leaves_ends_the_command(ctl: Ctl, daemon: FakeDaemon) -> None:
    done = ctl(*shell("yes"), closed_stdout=True)

    assert done.returncode == 128 + signal.SIGPIPE


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signals_reach_the_command(
    environ: dict[str, str], daemon: FakeDaemon, number: signal.Signals
) -> None:
    script = (
        f"trap 'echo caught; exit 9' {number.name[3:]}; echo ready; while :; do :; done"
    )
    with subprocess.Popen(
        command(*shell(script)), env=environ, stdout=subprocess.PIPE
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"ready\n"
        running.send_signal(number)
        output, _ = running.communicate(timeout=LIMIT_S)

    assert (output, running.returncode) == (b"caught\n", 9)


def test_what_the_queue_cannot_hold_is_counted(tmp_path: Path) -> None:
    opening = PushOpen(block_id=BlockId("0" * 16))
    recorder = OutputRecorder(str(tmp_path / "nobody"), opening)
    recorder.start()
    for _ in range(400):
        recorder.offer(b"x" * 99_999 + b"\n")

    outcome = recorder.finish(0)
    assert (outcome.lost_lines, outcome.unsure) == (400, False)


# --- on a terminal


def test_a_terminal_stays_a_terminal(
    environ: dict[str, str], daemon: FakeDaemon
) -> None:
    script = "test -t 0 && test -t 1 && test -t 2 && stty size; tty; echo done"
    with Terminal(command(*shell(script)), environ, columns=132, rows=43) as terminal:
        terminal.see("done\r\n")
        assert terminal.status() == 0
        assert terminal.is_restored()
        assert b"43 132\r\n" in terminal.output
        assert b"/dev/pts/" in terminal.output

    assert only(daemon)[1][0] == "43 132"


def test_keys_reach_the_command_and_are_shown_once(
    environ: dict[str, str], daemon: FakeDaemon
) -> None:
    script = "echo ready; read x; echo got $x"
    with Terminal(command(*shell(script)), environ) as terminal:
        terminal.see("ready")
        terminal.type(b"hello\r")
        terminal.see("got hello\r\n")
        assert terminal.status() == 0
        assert terminal.output.count(b"hello\r\n") == 2


def test_ctrl_c_interrupts_the_command_and_not_us(
    environ: dict[str, str], daemon: FakeDaemon
) -> None:
    script = "trap 'echo caught; exit 7' INT; echo ready; while :; do :; done"
    with Terminal(command(*shell(script)), environ) as terminal:
        terminal.see("ready")
        terminal.type(b"\x03")
        terminal.see("caught")
        assert terminal.status() == 7
        assert terminal.is_restored()


def test_a_new_size_of_the_window_reaches_the_command(
    environ: dict[str, str], daemon: FakeDaemon
) -> None:
    script = "trap 'stty size; exit' WINCH; echo ready; while :; do :; done"
    with Terminal(command(*shell(script)), environ) as terminal:
        terminal.see("ready")
        terminal.resize(101, 33)
        terminal.see("33 101\r\n")
        assert terminal.status() == 0


def test_what_the_command_leaves_behind_does_not_hold_the_terminal(
    environ: dict[str, str], daemon: FakeDaemon
) -> None:
    script = "(trap '' HUP; exec sleep 60) & echo $!"
    with Terminal(command(*shell(script)), environ) as terminal:
        assert terminal.status() == 0
        os.kill(int(terminal.output.split()[0]), signal.SIGKILL)


def test_piped_input_stays_a_pipe_on_a_terminal(
    environ: dict[str, str], daemon: FakeDaemon
) -> None:
    script = "test -t 0 || test -t 1 && cat; echo end"
    reading, writing = os.pipe()
    os.write(writing, b"from the pipe\n")
    os.close(writing)
    with Terminal(command(*shell(script)), environ, stdin=reading) as terminal:
        os.close(reading)
        terminal.see("from the pipe\r\n")
        terminal.see("end\r\n")
        assert terminal.status() == 0
        assert b"\r\r" not in terminal.output
        assert terminal.is_restored()
