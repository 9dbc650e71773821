"""The datagrams and variables between a daemon and systemd, against real sockets."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jarvisd.app import systemd

LIMIT_S = 60.0


@pytest.fixture(params=["path", "abstract"])
def manager(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[socket.socket, dict[str, str]]]:
    address = str(tmp_path / "notify")
    if request.param == "abstract":
        address = f"@jarvisd-test-{os.getpid()}"

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(address.replace("@", "\0"))
        receiver.settimeout(LIMIT_S)
        yield receiver, {"NOTIFY_SOCKET": address}


def test_systemd_is_told_in_one_datagram(
    manager: tuple[socket.socket, dict[str, str]],
) -> None:
    receiver, environ = manager

    assert systemd.notify(environ, READY=1, STATUS="two\nlines")

    assert receiver.recv(4096) == b"READY=1\nSTATUS=two lines"


def test_what_a_daemon_has_to_say(
    manager: tuple[socket.socket, dict[str, str]],
) -> None:
    receiver, environ = manager

    systemd.ready("3 live", environ)
    systemd.reloading(12.5, environ)
    systemd.stopping("saving", environ)

    assert [receiver.recv(4096).decode() for _ in range(3)] == [
        f"READY=1\nSTATUS=3 live\nMAINPID={os.getpid()}",
        "RELOADING=1\nMONOTONIC_USEC=12500000",
        "STOPPING=1\nSTATUS=saving",
    ]


@pytest.mark.parametrize(
    "environ",
    [
        pytest.param({}, id="no systemd"),
        pytest.param({"NOTIFY_SOCKET": ""}, id="empty"),
        pytest.param({"NOTIFY_SOCKET": "/no/such/socket"}, id="gone"),
        pytest.param({"NOTIFY_SOCKET": "vsock:2:1234"}, id="of a virtual machine"),
    ],
)
def test_nobody_to_tell_is_no_failure(environ: dict[str, str]) -> None:
    assert not systemd.notify(environ, READY=1)


def test_a_manager_that_does_not_read_is_not_waited_for(
    manager: tuple[socket.socket, dict[str, str]],
) -> None:
    _receiver, environ = manager

    sent = [systemd.notify(environ, WATCHDOG=1) for _ in range(10_000)]

    assert not sent[-1]


@pytest.mark.parametrize(
    ("environ", "interval_s"),
    [
        pytest.param({}, None, id="none"),
        pytest.param({"WATCHDOG_USEC": "30000000"}, 30.0, id="for anybody"),
        pytest.param(
            {"WATCHDOG_USEC": "500000", "WATCHDOG_PID": str(os.getpid())},
            0.5,
            id="for us",
        ),
        pytest.param(
            {"WATCHDOG_USEC": "500000", "WATCHDOG_PID": "1"}, None, id="for another"
        ),
        pytest.param({"WATCHDOG_USEC": "soon"}, None, id="nonsense"),
        pytest.param({"WATCHDOG_USEC": "0"}, None, id="zero"),
    ],
)
def test_the_watchdog(environ: dict[str, str], interval_s: float | None) -> None:
    assert systemd.watchdog_interval_s(environ) == interval_s


def test_sockets_for_another_process_are_not_taken() -> None:
    environ = {"LISTEN_PID": "1", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "rpc"}

    assert systemd.listen_sockets(environ) == {}
    assert environ == {}


ACTIVATED = """
import json, os, subprocess, sys
from jarvisd.app import systemd
taken = systemd.listen_sockets()
inherited = subprocess.run(
    [sys.executable, "-c", "import os; os.fstat(3)"], stderr=subprocess.DEVNULL
).returncode == 0
connection, _ = taken["rpc"].accept()
connection.sendall(json.dumps({
    "names": list(taken),
    "inherited": inherited,
    "variables": [key for key in os.environ if key.startswith("LISTEN_")],
}).encode())
"""


@pytest.mark.skipif(
    not shutil.which("systemd-socket-activate"), reason="needs systemd-socket-activate"
)
def test_activated_sockets_are_taken_and_kept_from_children(tmp_path: Path) -> None:
    paths = [tmp_path / "rpc.sock", tmp_path / "other.sock"]
    activate = ["systemd-socket-activate", "--fdname=rpc:other"]
    activate += [f"--listen={path}" for path in paths]
    with subprocess.Popen(
        [*activate, sys.executable, "-c", ACTIVATED],
        env=os.environ | {"PYTHONPATH": str(Path(systemd.__file__).parents[1])},
        stderr=subprocess.PIPE,
    ) as activator:
        assert activator.stderr
        for _ in paths:  # It says "Listening on ..." once for each.
            activator.stderr.readline()

        answer = ask(paths[0])

    assert json.loads(answer) == {
        "names": ["rpc", "other"],
        "inherited": False,
        "variables": [],
    }


def ask(path: Path) -> bytes:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(LIMIT_S)
        client.connect(str(path))
        return client.recv(4096)
