"""The socket is private, ours alone, and gone when we are."""

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from jarvisd.base.errors import (
    AlreadyRunningError,
    RuntimeFolderError,
    SocketInUseError,
)
from jarvisd.rpc.endpoint import open_endpoint, peer_uid
from tests.rpc.fakes import runtime_folder


@pytest.fixture
def folder() -> Iterator[Path]:
    with runtime_folder() as made:
        yield made


def open_and_close(path: Path, *, activated: socket.socket | None = None) -> None:
    with open_endpoint(path, activated=activated):
        pass


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_everything_is_private_whatever_the_umask(folder: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        with open_endpoint(folder / "deeper" / "rpc.sock"):
            modes = [
                mode_of(folder),
                mode_of(folder / "deeper"),
                mode_of(folder / "deeper" / "rpc.sock"),
                mode_of(folder / "deeper" / "lock"),
            ]
    finally:
        after = os.umask(before)

    assert modes == [0o700, 0o700, 0o600, 0o600]
    assert after == mask


def test_a_client_gets_through_and_is_known(folder: Path) -> None:
    with (
        open_endpoint(folder / "rpc.sock") as endpoint,
        socket.socket(socket.AF_UNIX) as client,
    ):
        client.connect(os.fspath(endpoint.path))
        accepted, _ = endpoint.socket.accept()
        with accepted:
            assert peer_uid(accepted) == os.geteuid()


def test_a_second_daemon_is_told_who_runs_and_takes_nothing(folder: Path) -> None:
    with open_endpoint(folder / "rpc.sock") as endpoint:
        inode = endpoint.path.lstat().st_ino
        with pytest.raises(AlreadyRunningError, match=str(os.getpid())) as caught:
            open_and_close(folder / "rpc.sock")

        assert caught.value.pid == os.getpid()
        assert endpoint.path.lstat().st_ino == inode


def test_the_socket_of_a_killed_daemon_is_replaced(folder: Path) -> None:
    script = (
        "import os, pathlib, signal, sys\n"
        "from jarvisd.rpc.endpoint import open_endpoint\n"
        "with open_endpoint(pathlib.Path(sys.argv[1])):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    path = folder / "rpc.sock"
    subprocess.run([sys.executable, "-c", script, path], check=False)
    assert path.is_socket()

    with open_endpoint(path), socket.socket(socket.AF_UNIX) as client:
        client.connect(os.fspath(path))


@pytest.mark.parametrize(
    ("kind", "backlog"),
    [
        pytest.param(socket.SOCK_STREAM, 8, id="one that waits"),
        pytest.param(socket.SOCK_STREAM, 0, id="one with a full queue"),
        pytest.param(socket.SOCK_SEQPACKET, 8, id="one of another type"),
    ],
)
def test_the_living_socket_of_another_program_is_left(
    folder: Path, kind: socket.SocketKind, backlog: int
) -> None:
    folder.mkdir(mode=0o700)
    path = folder / "theirs.sock"
    with socket.socket(socket.AF_UNIX, kind) as theirs, ExitStack() as waiting:
        theirs.bind(os.fspath(path))
        theirs.listen(backlog)
        for _ in range(2 - bool(backlog)):
            client = waiting.enter_context(socket.socket(socket.AF_UNIX, kind))
            client.settimeout(0)
            client.connect_ex(os.fspath(path))

        with pytest.raises(SocketInUseError, match=r"theirs\.sock.*JARVISD_SOCKET"):
            open_and_close(path)

        with theirs.accept()[0]:
            assert path.is_socket()

    open_and_close(path)


def test_a_datagram_socket_of_another_program_is_left(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    path = folder / "theirs.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as theirs:
        theirs.bind(os.fspath(path))
        with pytest.raises(SocketInUseError):
            open_and_close(path)


def test_the_path_is_free_afterwards_and_the_lock_too(folder: Path) -> None:
    for _ in range(2):
        with open_endpoint(folder / "rpc.sock") as endpoint:
            pass

        assert not endpoint.path.exists()


def test_a_socket_that_is_no_longer_ours_is_left(folder: Path) -> None:
    with open_endpoint(folder / "rpc.sock") as endpoint:
        endpoint.path.unlink()
        with socket.socket(socket.AF_UNIX) as another:
            another.bind(os.fspath(endpoint.path))

    assert endpoint.path.is_socket()


def test_a_socket_that_somebody_removed_is_no_trouble(folder: Path) -> None:
    with open_endpoint(folder / "rpc.sock") as endpoint:
        endpoint.path.unlink()


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o701, 0o777, 0o1777])
def test_a_folder_open_to_others_is_refused(folder: Path, mode: int) -> None:
    folder.mkdir()
    folder.chmod(mode)

    with pytest.raises(RuntimeFolderError, match="chmod 700"):
        open_and_close(folder / "rpc.sock")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_somebody_else_is_refused(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    os.chown(folder, 12345, -1)

    with pytest.raises(RuntimeFolderError, match="belongs to user 12345"):
        open_and_close(folder / "rpc.sock")


def test_a_symbolic_link_to_a_folder_is_refused(folder: Path) -> None:
    elsewhere = folder.parent / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    folder.symlink_to(elsewhere)

    with pytest.raises(RuntimeFolderError, match="symbolic link"):
        open_and_close(folder / "rpc.sock")


def test_a_file_for_a_folder_is_refused(folder: Path) -> None:
    folder.write_text("")

    with pytest.raises(RuntimeFolderError, match="no folder"):
        open_and_close(folder / "rpc.sock")


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_what_is_no_socket_is_never_removed(folder: Path, kind: str) -> None:
    folder.mkdir(mode=0o700)
    path = folder / "rpc.sock"
    match kind:
        case "file":
            path.write_text("precious")
        case "folder":
            path.mkdir()
        case _:
            path.symlink_to("nowhere")

    with pytest.raises(RuntimeFolderError, match="in the way"):
        open_and_close(path)

    assert os.path.lexists(path)


def test_a_path_too_long_for_a_socket_is_refused_with_its_length(folder: Path) -> None:
    path = folder / ("x" * 110)

    with pytest.raises(RuntimeFolderError, match=r"107.*JARVISD_SOCKET"):
        open_and_close(path)

    assert not folder.exists()


def test_the_longest_possible_path_works(folder: Path) -> None:
    room = 107 - len(os.fsencode(folder)) - 1

    with open_endpoint(folder / ("x" * room)) as endpoint:
        assert endpoint.path.is_socket()


def test_an_activated_socket_is_used_and_its_path_left(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    path = folder / "rpc.sock"
    given = socket.socket(socket.AF_UNIX)
    given.bind(os.fspath(path))
    given.listen()

    with open_endpoint(path, activated=given) as endpoint:
        assert endpoint.activated
        assert endpoint.socket is given
        assert endpoint.socket.gettimeout() == 0

    assert path.is_socket()


def test_an_activated_socket_that_does_not_listen_is_refused(folder: Path) -> None:
    with (
        socket.socket(socket.AF_UNIX) as given,
        pytest.raises(RuntimeFolderError, match="no listening Unix socket"),
    ):
        open_and_close(folder / "rpc.sock", activated=given)
