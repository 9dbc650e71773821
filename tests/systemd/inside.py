"""The service in a real user manager: run inside it, by test_user_manager.py.

A script, not a test module: it needs nothing but Python, and says each thing it found
true. The first that is not true ends it with a traceback.

    inside.py SITE UNITS

SITE holds the package with its dependencies, UNITS the unit files.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SITE, UNITS = Path(sys.argv[1]), Path(sys.argv[2])
HOME = Path.home()
INSTALLED = HOME / ".config/systemd/user"
RPC = Path(os.environ["XDG_RUNTIME_DIR"]) / "jarvisd/rpc.sock"
TRANSCRIPT = HOME / ".claude/projects/-x/00000000-0000-4000-8000-000000000001.jsonl"
LOG = HOME / "jarvisd.log"
LIMIT_S = 20

# Runs before the daemon in the same sandbox, and fails the start where it may too much.
PROBE = """
import errno, os, pathlib, socket, subprocess
home = pathlib.Path.home()
transcript = next(home.glob(".claude/projects/*/*.jsonl"))
assert "hello" in transcript.read_text()
for change in (
    lambda: transcript.open("a"),
    lambda: transcript.unlink(),
    lambda: transcript.rename(transcript.with_suffix(".old")),
    lambda: transcript.chmod(0o600),
    lambda: (transcript.parent / "new").mkdir(),
):
    try:
        change()
    except OSError as exc:
        assert exc.errno == errno.EROFS, exc
    else:
        raise SystemExit("could change what belongs to an agent")
for forbidden in (home / ".claude/mark", home / "mark", pathlib.Path("/tmp/mark")):
    try:
        forbidden.write_text("")
    except OSError as exc:
        assert exc.errno == errno.EROFS, exc
    else:
        raise SystemExit(f"could write {forbidden}")
(home / ".local/state/jarvisd/mark").write_text("")
for family in (socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK, socket.AF_PACKET):
    try:
        socket.socket(family)
    except OSError as exc:
        assert exc.errno == errno.EAFNOSUPPORT, exc
    else:
        raise SystemExit(f"could open {family}")
runtime = pathlib.Path(os.environ["XDG_RUNTIME_DIR"])
assert sorted(os.listdir(runtime)) == ["jarvisd", "systemd"], os.listdir(runtime)
assert os.listdir(runtime / "systemd") == ["notify"], os.listdir(runtime / "systemd")
left = subprocess.run(
    ["systemd-run", "--user", "--wait", "touch", str(home / "escaped")], check=False
)
assert left.returncode and not (home / "escaped").exists(), "left through the bus"
for name in SECRETS:
    path = pathlib.Path(name)
    try:
        os.listdir(path) if path.is_dir() else path.read_bytes()
    except PermissionError:
        continue
    raise SystemExit(f"could read {name}")
for server in (f"/tmp/tmux-{os.getuid()}/default", "/run/dbus/system_bus_socket"):
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(server)
        except PermissionError:
            continue
        raise SystemExit(f"could connect to {server}")
"""

SECRETS = [
    *("~/.ssh", "~/.gnupg", "~/.aws", "~/.config/gh", "~/.netrc", "~/.password-store"),
    *("~/.claude/.credentials.json", "~/.codex/auth.json", "/dev/shm"),
]
"""Some of what 50-sandbox.conf names; folders but for those with a name of a file."""

FILES = ("~/.netrc", "~/.claude/.credentials.json", "~/.codex/auth.json")


def main() -> None:
    write_a_transcript()
    keep_secrets()
    tmux = listen_as_tmux()
    install()
    systemctl("start", "jarvisd.socket", "jarvisd.service")
    say(
        "starts, in a sandbox that reads the home, writes only its state, has no network,"
        " reaches no bus, server or secret"
    )
    tmux.close()

    assert RPC.stat().st_mode & 0o777 == 0o600
    assert RPC.parent.stat().st_mode & 0o777 == 0o700
    assert "result" in ask("health")
    say("answers on a socket that is private to the user")

    ask("sync")
    (block,) = ask("blocks.list")["result"]["blocks"]
    assert (block["path"], block["line_count"]) == (str(TRANSCRIPT), 1)
    say("reads what an agent writes")

    main_pid = shown("MainPID")
    systemctl("reload", "jarvisd.service")
    assert (shown("MainPID"), shown("ActiveState")) == (main_pid, "active")
    say("reloads without starting again")

    survives(lambda: os.kill(int(main_pid), signal.SIGKILL))
    say("comes back from SIGKILL, and refuses no connection meanwhile")

    survives(lambda: os.kill(int(shown("MainPID")), signal.SIGSTOP))
    say("is killed by the watchdog when it hangs, and comes back")

    systemctl("restart", "jarvisd.service")
    assert "result" in ask("health")
    say("keeps its socket over a restart")

    refuses_a_wrong_configuration()
    say("is not started again with a wrong configuration")


def write_a_transcript() -> None:
    TRANSCRIPT.parent.mkdir(parents=True)
    TRANSCRIPT.write_text('{"type":"user","message":{"content":"hello"}}\n')


def keep_secrets() -> None:
    for name in SECRETS:
        path = Path(name).expanduser()
        if name in FILES:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("secret")
        else:
            path.mkdir(parents=True, exist_ok=True)
            (path / "key").write_text("secret")


def listen_as_tmux() -> socket.socket:
    """Listen where a server of tmux does; it runs any command for its clients."""
    folder = Path(f"/tmp/tmux-{os.getuid()}")
    folder.mkdir(mode=0o700)
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(folder / "default"))
    server.listen()
    return server


def install() -> None:
    """Do what `jarvisctl service install` does, and add the probe."""
    venv.create(HOME / "venv", symlinks=True)
    python = HOME / "venv/bin/python"
    (packages,) = (HOME / "venv").glob("lib/python*/site-packages")
    (packages / "jarvisd.pth").write_text(f"{SITE}\n")
    secrets = [str(Path(each).expanduser()) for each in SECRETS]
    (HOME / "probe.py").write_text(f"SECRETS = {secrets}\n{PROBE}")
    (HOME / ".local/state/jarvisd").mkdir(parents=True)

    drop_ins = INSTALLED / "jarvisd.service.d"
    drop_ins.mkdir(parents=True)
    unit = (UNITS / "jarvisd.service").read_text()
    (INSTALLED / "jarvisd.service").write_text(
        unit.replace("@JARVISD@", f"{python} -m jarvisd")
    )
    shutil.copy(UNITS / "jarvisd.socket", INSTALLED)
    shutil.copy(UNITS / "50-sandbox.conf", drop_ins)
    (drop_ins / "90-test.conf").write_text(
        "[Service]\nWatchdogSec=2\n"
        f"ExecStartPre={python} {HOME}/probe.py\n"
        f"StandardError=append:{LOG}\n"  # The journal cannot be read from in here.
    )
    systemctl("daemon-reload")


def survives(blow: Callable[[], None]) -> None:
    """Strike, and ask until the daemon has been started once more."""
    restarts = int(shown("NRestarts"))
    blow()
    with limit(LIMIT_S):
        while int(shown("NRestarts")) == restarts:
            ask("health")

    assert "result" in ask("health")


@contextmanager
def limit(seconds: int) -> Iterator[None]:
    """End the script when the block takes longer."""
    signal.alarm(seconds)
    yield
    signal.alarm(0)


def refuses_a_wrong_configuration() -> None:
    file = HOME / ".config/jarvisd/config.toml"
    file.parent.mkdir(parents=True)
    file.write_text("no_such_key = 1\n")
    systemctl("stop", "jarvisd.socket", "jarvisd.service")

    started = systemctl("start", "jarvisd.service", check=False)

    assert started.returncode != 0
    assert shown("ExecMainStatus") == "2"
    assert shown("ActiveState") == "failed"
    assert shown("NRestarts") == "0"
    file.unlink()


def ask(method: str) -> dict[str, Any]:
    """Ask once; a connection may break under a killed daemon, but is never refused."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(LIMIT_S)
        client.connect(str(RPC))
        try:
            client.sendall(
                b'{"jsonrpc":"2.0","id":1,"method":"%s"}\n' % method.encode()
            )
            line = client.makefile("rb").readline()
        except (ConnectionResetError, BrokenPipeError):
            line = b""

    answer: dict[str, Any] = json.loads(line or b"{}")
    return answer


def systemctl(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        ["systemctl", "--user", *arguments],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    if check and done.returncode:
        status = systemctl("status", "--no-pager", "jarvisd.service", check=False)
        log = LOG.read_text() if LOG.exists() else ""
        raise SystemExit(f"{arguments}: {done.stderr}\n{status.stdout}\n{log}")

    return done


def shown(name: str) -> str:
    return systemctl(
        "show", "--value", f"--property={name}", "jarvisd.service"
    ).stdout.strip()


def say(truth: str) -> None:
    print("the service", truth, flush=True)


if __name__ == "__main__":
    main()
