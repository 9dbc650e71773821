"""Piped lines: stored once, or said not to be."""

import subprocess
from pathlib import Path

import pytest

from jarvisd.base.errors import EXIT_NO_DAEMON, EXIT_USAGE, ProtocolError
from jarvisd.base.wire_types import Params
from jarvisd.core.wire import PushClose, PushLines, PushOpen
from tests.cli.conftest import LIMIT_S, Ctl, command
from tests.cli.fake_daemon import FakeDaemon, HangUp

ID = "00000000000000ff"
INGEST = ("ingest", "--block-id", ID)


def times_asked(daemon: FakeDaemon, kind: type[Params]) -> int:
    return sum(isinstance(each, kind) for each in daemon.asked)


def test_every_line_is_stored_before_it_ends(ctl: Ctl, daemon: FakeDaemon) -> None:
    done = ctl(*INGEST, "--agent", "codex", "--project", "demo", stdin=b"a\r\n\nc")

    assert done.returncode == 0
    assert daemon.pushed[ID] == ["a", "", "c"]
    assert daemon.closed[ID] == PushClose(block_id=daemon.opened[ID].block_id)
    assert (daemon.opened[ID].agent, daemon.opened[ID].project) == ("codex", "demo")
    assert done.stderr.splitlines() == [
        f"jarvisctl: block {ID}",
        "jarvisctl: 3 lines stored",
    ]
    assert done.stdout == ""


def test_each_pipe_is_a_block_of_its_own(ctl: Ctl, daemon: FakeDaemon) -> None:
    for _ in range(2):
        assert ctl("ingest", "--quiet", stdin=b"a\n").stderr == ""

    assert len(daemon.pushed) == 2


def test_nothing_is_a_block_without_lines(ctl: Ctl, daemon: FakeDaemon) -> None:
    assert ctl(*INGEST).returncode == 0
    assert ID in daemon.closed
    assert not daemon.was_asked(PushLines)


def test_tee_passes_the_bytes_on(ctl: Ctl, daemon: FakeDaemon) -> None:
    assert ctl(*INGEST, "--tee", stdin=b"a\r\nb").stdout == "a\r\nb"


def test_many_lines_go_in_batches(ctl: Ctl, daemon: FakeDaemon) -> None:
    lines = [str(n) * 20 for n in range(50_000)]

    assert ctl(*INGEST, stdin="\n".join(lines).encode()).returncode == 0
    assert daemon.pushed[ID] == lines
    assert 5 < times_asked(daemon, PushLines) < 50


def test_a_line_too_long_to_send_is_counted_by_its_length(
    ctl: Ctl, daemon: FakeDaemon
) -> None:
    done = ctl(*INGEST, stdin=b"a\n" + b"x" * 2_000_000 + b"\nb\n")

    assert done.returncode == 0
    assert daemon.pushed[ID] == ["a", "b"]
    assert daemon.oversize[ID] == [2_000_000]


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("kind", [PushOpen, PushLines, PushClose])
def test_a_lost_connection_neither_loses_nor_doubles(
    ctl: Ctl, daemon: FakeDaemon, moment: str, kind: type[Params]
) -> None:
    def vanish_once(params: Params) -> None:
        if isinstance(params, kind) and times_asked(daemon, kind) == 1:
            raise HangUp

    setattr(daemon, moment, vanish_once)
    done = ctl(*INGEST, stdin=b"a\nb\n")

    assert done.returncode == 0
    assert daemon.pushed[ID] == ["a", "b"]
    assert ID in daemon.closed


def test_a_passing_refusal_is_tried_again(ctl: Ctl, daemon: FakeDaemon) -> None:
    def refuse_once(params: Params) -> None:
        if isinstance(params, PushLines) and times_asked(daemon, PushLines) == 1:
            raise ProtocolError(-32004, "storage_degraded", "disk full")

    daemon.before = refuse_once

    assert ctl(*INGEST, stdin=b"a\n").returncode == 0
    assert daemon.pushed[ID] == ["a"]


def test_a_lasting_refusal_ends_it(ctl: Ctl, daemon: FakeDaemon) -> None:
    def refuse(params: Params) -> None:
        if isinstance(params, PushLines):
            raise ProtocolError(-32602, "invalid_params", "no")

    daemon.before = refuse
    done = ctl(*INGEST, stdin=b"a\n")

    assert done.returncode == 1
    assert "0 lines stored so far" in done.stderr


def test_without_a_daemon_it_gives_up_and_says_what_is_stored(ctl: Ctl) -> None:
    done = ctl(*INGEST, "--timeout", "0.3", stdin=b"a\n")

    assert done.returncode == EXIT_NO_DAEMON
    assert "0 lines stored so far" in done.stderr
    assert "jarvisctl service install" in done.stderr


def test_lines_are_stored_while_the_pipe_is_open_and_over_a_restart(
    environ: dict[str, str], socket_path: Path
) -> None:
    daemon = FakeDaemon(socket_path)
    daemon.start()
    with subprocess.Popen(
        command(*INGEST), env=environ, stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as pipe:
        assert pipe.stdin is not None
        try:
            pipe.stdin.write(b"a\n")
            pipe.stdin.flush()
            daemon.wait_until(lambda: daemon.pushed.get(ID) == ["a"])
            daemon.stop()
            pipe.stdin.write(b"b\n")
            pipe.stdin.flush()
            daemon.start()
            daemon.wait_until(lambda: daemon.pushed.get(ID) == ["a", "b"])
            pipe.communicate(timeout=LIMIT_S)
        finally:
            daemon.stop()

    assert pipe.returncode == 0


@pytest.mark.parametrize("wrong", ["", "xyz", "0" * 15, "F" * 16])
def test_a_block_id_is_sixteen_hex_digits(ctl: Ctl, wrong: str) -> None:
    assert ctl("ingest", "--block-id", wrong).returncode == EXIT_USAGE
