"""A daemon that cannot start says why, in one sentence, with a status to act on."""

import os
import socket
import sys
from pathlib import Path
from unittest.mock import ANY

import anyio
import pytest

from jarvisd.base.errors import (
    EXIT_ALREADY_RUNNING,
    EXIT_NO_DAEMON,
    EXIT_RUNTIME_FOLDER,
    EXIT_USAGE,
)
from jarvisd.overview.health_wire import HealthResult
from tests.e2e.client import RpcError
from tests.e2e.home import Home
from tests.e2e.rig import Daemon, running_daemon
from tests.support import eventually


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        pytest.param("exclud = []", ["exclud", "exclude"], id="an unknown key"),
        pytest.param(
            "[agents.claude]\nroot = []",
            ["agents.claude.root", "roots"],
            id="a table's",
        ),
        pytest.param("[agents.claud]\nroots = []", ["claud", "claude"], id="an agent"),
        pytest.param("scan_interval_s = 'x'", ["scan_interval_s"], id="a wrong type"),
        pytest.param("scan_interval_s = 0", ["scan_interval_s"], id="out of range"),
        pytest.param("exclude = 1 2", ["line 1"], id="no TOML"),
        pytest.param('store = "/tmp/a\\u0000b"', ["store", "NUL"], id="NUL in a path"),
        pytest.param('jump = ["x\\u0000"]', ["jump[0]", "NUL"], id="NUL in a command"),
        pytest.param(
            "exclude = " + "[" * 5_000 + "]" * 5_000,
            ["`exclude`", "nested"],
            id="arrays nested too deeply",
        ),
        pytest.param(
            "notify." + "a." * 3_000 + "b = 1",
            ["notify.a.a", "nested"],
            id="tables nested too deeply",
        ),
        pytest.param(
            "conversations.max_age_hours = inf",
            ["conversations.max_age_hours"],
            id="an endless age",
        ),
    ],
)
async def test_a_wrong_setting_is_refused_by_its_name(
    home: Home, toml: str, told: list[str]
) -> None:
    home.configure(toml)

    status, said = await refused(Daemon(home))

    assert status == EXIT_USAGE
    assert all(each in said for each in [*told, str(home.config)]), said


async def test_a_configuration_that_is_not_there_is_refused_when_named(
    home: Home,
) -> None:
    missing = str(home.folder / "missing.toml")
    status, said = await refused(Daemon(home, environ={"JARVISD_CONFIG": missing}))

    assert status == EXIT_USAGE
    assert missing in said


@pytest.mark.parametrize("command", ["ps", "hooks install", "doctor", "report daily"])
async def test_a_relative_home_is_refused_and_no_folder_made(
    home: Home, command: str
) -> None:
    environ = {"PATH": os.environ["PATH"], "HOME": "~"}
    for program in ("jarvisd", f"jarvisd.cli.main {command}"):
        done = await anyio.run_process(
            [sys.executable, "-m", *program.split()],
            cwd=home.folder,
            env=environ,
            check=False,
        )

        assert done.returncode == EXIT_USAGE
        assert b"HOME is '~': expected an absolute path" in done.stderr

    assert not (home.folder / "~").exists()


async def test_a_user_without_home_is_refused(home: Home) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to become a user that no password database knows")

    code = "import os, jarvisd.__main__ as m; os.setuid(4242); print(m.main())"
    done = await anyio.run_process(
        [sys.executable, "-c", code],
        cwd=home.folder,
        env={"PATH": os.environ["PATH"]},
        check=False,
    )

    assert done.stdout.split()[-1:] == [b"2"], done
    assert b"HOME is not set" in done.stderr
    assert not (home.folder / "~").exists()


async def test_a_wrong_reload_is_refused_and_changes_nothing(home: Home) -> None:
    async with running_daemon(home) as daemon, daemon.connected() as client:
        home.configure("exclud = []")
        with pytest.raises(RpcError, match="exclude") as refusal:
            await client.ask("config.reload", object)

        assert str(home.config) in str(refusal.value)
        assert (await client.ask("health", HealthResult)).status == "ok"


async def test_a_second_daemon_names_the_first(home: Home) -> None:
    async with running_daemon(home) as daemon:
        second = Daemon(home)
        second.log_file = home.folder / "second.log"
        status, said = await refused(second)

        assert status == EXIT_ALREADY_RUNNING
        assert f"process {daemon.pid}" in said
        assert (await daemon.ask("health", HealthResult)).pid == daemon.pid


async def test_a_second_daemon_on_one_store_is_refused_wherever_it_listens(
    home: Home, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir(mode=0o700)
    alias = tmp_path / "alias"
    alias.symlink_to(home.state)
    ways = [
        {"JARVISD_SOCKET": str(other / "a.sock")},
        {"XDG_RUNTIME_DIR": str(other)},
        {"XDG_RUNTIME_DIR": ""},
        {"XDG_RUNTIME_DIR": str(other), "JARVISD_STORE": str(alias / "jarvisd.db")},
    ]
    async with running_daemon(home) as daemon:
        for number, environ in enumerate(ways):
            second = Daemon(home, environ=environ)
            second.log_file = home.folder / f"second-{number}.log"
            status, said = await refused(second)

            assert status == EXIT_ALREADY_RUNNING
            assert f"process {daemon.pid}" in said

        assert (await daemon.ask("health", HealthResult)).pid == daemon.pid


async def test_a_store_is_free_again_when_its_daemon_was_killed(
    home: Home, tmp_path: Path
) -> None:
    other = tmp_path / "private"
    other.mkdir(mode=0o700)
    async with running_daemon(home) as daemon:
        await daemon.kill()

    async with running_daemon(
        home, environ={"JARVISD_SOCKET": f"{other}/b.sock"}
    ) as daemon:
        assert (await daemon.ask("health", HealthResult)).pid == daemon.pid


@pytest.mark.parametrize("ends", ["stop", "kill"])
async def test_a_client_without_a_runtime_folder_finds_the_daemon(
    home: Home, ends: str
) -> None:
    environ = home.environ()
    del environ["XDG_RUNTIME_DIR"]

    async def asked(*command: str) -> tuple[int, str]:
        done = await anyio.run_process(
            [sys.executable, "-m", "jarvisd.cli.main", *command],
            env=environ,
            check=False,
        )
        return done.returncode, (done.stdout + done.stderr).decode()

    # A daemon that was killed leaves its links, and the next one does not mind.
    for _ in range(2):
        async with running_daemon(home) as daemon:
            assert await asked("health", "--json") == (0, ANY)
            assert (await asked("line"))[1] != ""
            assert "fail" not in (await asked("doctor"))[1]
            if ends == "kill":
                await daemon.kill()

    links = list((home.state / "run").iterdir())
    assert bool(links) == (ends == "kill")


async def test_a_client_in_another_runtime_folder_is_told_where_the_daemon_is(
    home: Home, tmp_path: Path
) -> None:
    async with running_daemon(home):
        done = await anyio.run_process(
            [sys.executable, "-m", "jarvisd.cli.main", "ps"],
            env=home.environ() | {"XDG_RUNTIME_DIR": str(tmp_path)},
            check=False,
        )

        assert done.returncode == EXIT_NO_DAEMON
        assert f"listens on {home.socket}".encode() in done.stderr


async def test_the_socket_of_another_program_is_left_to_it(home: Home) -> None:
    home.socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as theirs:
        theirs.bind(os.fspath(home.socket))
        theirs.listen()
        status, said = await refused(Daemon(home))

        assert status == EXIT_ALREADY_RUNNING
        assert str(home.socket) in said
        assert home.socket.is_socket()
        assert not (home.state / "jarvisd.db").exists()

    async with running_daemon(home):
        pass


async def test_of_two_daemons_started_at_once_one_serves(home: Home) -> None:
    both = [Daemon(home), Daemon(home)]
    both[1].log_file = home.folder / "second.log"
    try:
        for daemon in both:
            daemon.spawn()

        await eventually(lambda: sum(each.is_running for each in both) == 1)

        loser, winner = sorted(both, key=lambda each: each.is_running)
        assert await loser.ended() == EXIT_ALREADY_RUNNING
        await winner.answering()
        assert await winner.terminate() == 0
    finally:
        for daemon in both:
            daemon.destroy()


async def test_what_a_killed_daemon_left_behind_does_not_matter(home: Home) -> None:
    async with running_daemon(home) as daemon:
        await daemon.kill()
        assert home.socket.exists()
        await daemon.start()

        assert (await daemon.ask("health", HealthResult)).pid == daemon.pid


async def test_a_socket_path_that_is_too_long_is_refused_with_the_limit(
    home: Home,
) -> None:
    path = home.runtime / ("x" * 60) / ("y" * 60) / "rpc.sock"
    status, said = await refused(Daemon(home, environ={"JARVISD_SOCKET": str(path)}))

    assert status == EXIT_RUNTIME_FOLDER
    assert "107" in said
    assert str(path.parent) in said


async def test_a_runtime_folder_that_others_may_enter_is_refused(home: Home) -> None:
    home.socket.parent.mkdir()
    home.socket.parent.chmod(0o777)

    status, said = await refused(Daemon(home))

    assert status == EXIT_RUNTIME_FOLDER
    assert str(home.socket.parent) in said
    assert not home.socket.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
async def test_a_runtime_folder_of_somebody_else_is_refused(home: Home) -> None:
    home.socket.parent.mkdir(mode=0o700)
    os.chown(home.socket.parent, 65534, 65534)

    status, said = await refused(Daemon(home))

    assert status == EXIT_RUNTIME_FOLDER
    assert str(home.socket.parent) in said


async def test_a_runtime_folder_that_is_a_link_is_refused(home: Home) -> None:
    elsewhere = home.folder / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    home.socket.parent.symlink_to(elsewhere)

    status, _said = await refused(Daemon(home))

    assert status == EXIT_RUNTIME_FOLDER
    assert list(elsewhere.iterdir()) == []


async def test_a_file_in_the_place_of_the_socket_is_not_removed(home: Home) -> None:
    home.socket.parent.mkdir(mode=0o700)
    home.socket.write_text("precious")

    status, said = await refused(Daemon(home))

    assert status == EXIT_RUNTIME_FOLDER
    assert str(home.socket.parent) in said
    assert home.socket.read_text() == "precious"


async def test_socket_and_state_are_for_their_owner_alone(daemon: Daemon) -> None:
    await daemon.sync()

    modes = {each: each.stat().st_mode & 0o777 for each in owned_files(daemon.home)}
    assert modes
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if not path.is_dir()} == {0o600}


async def test_no_network_is_listened_on(daemon: Daemon) -> None:
    files = daemon.open_files()
    inodes = {each[8:-1] for each in files if each.startswith("socket:[")}
    tables = [Path(f"/proc/{daemon.pid}/net/{each}") for each in ("tcp", "tcp6", "udp")]

    inet = {line.split()[9] for each in tables for line in lines_of(each)[1:]}

    assert not inodes & inet


async def test_the_version_is_told_without_starting(home: Home) -> None:
    status, said = await refused(Daemon(home, arguments=("--version",)))

    assert status == 0
    assert "jarvisd" in said
    assert not home.socket.exists()


async def refused(daemon: Daemon) -> tuple[int, str]:
    """Start *daemon*, which is to give up; return its exit status and its words."""
    try:
        daemon.spawn()
        status = await daemon.ended()
    finally:
        daemon.destroy()

    daemon.assert_clean_log()
    return status, daemon.log()


def owned_files(home: Home) -> list[Path]:
    """Return what the daemon has made."""
    folders = [home.socket.parent, home.state]
    return folders + [path for each in folders for path in each.rglob("*")]


def lines_of(path: Path) -> list[str]:
    """Return the lines of a file that may be missing."""
    return path.read_text().splitlines() if path.exists() else []
