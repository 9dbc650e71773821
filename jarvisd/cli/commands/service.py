"""`jarvisctl service`: the daemon under the user's own systemd."""

import argparse
import os
import shlex
import subprocess
from collections.abc import Callable

from jarvisd.base.errors import EXIT_FAILURE, EXIT_NO_DAEMON, EXIT_USAGE
from jarvisd.cli import systemd_units
from jarvisd.cli.output import terminal
from jarvisd.cli.parser import Parser, Subparsers, declare, whole

LIMIT_S = 60.0
DEFAULT_LOG_LINES = 50
UNITS = (systemd_units.SOCKET, systemd_units.SERVICE)
RUNNING = """\
jarvisd is running, now and after every login. To keep it running after you log out:
    loginctl enable-linger
Next: `jarvisctl ps` lists what was found, `jarvisctl hooks install` makes states exact."""
NOT_INSTALLED = "no unit is installed. Write and start it: `jarvisctl service install`"

_ACTIONS: dict[str, str] = {
    "install": "write the units, enable and start them",
    "uninstall": "stop the daemon and remove the units",
    "start": "start the daemon",
    "stop": "stop the daemon",
    "status": "say whether it runs (exit 0) or not (exit 1)",
    "logs": "print its log",
}


def add(subparsers: Subparsers) -> None:
    """Declare the command and its actions."""
    parser = declare(subparsers, "service", run)
    actions = parser.add_subparsers(
        title="actions", dest="action", metavar="ACTION", required=True
    )
    for name, summary in _ACTIONS.items():
        action = actions.add_parser(name, help=summary, allow_abbrev=False)
        if name == "install":
            action.add_argument(
                "--notify",
                action="store_true",
                help="also run `jarvisctl notify` at every login",
            )

        if name == "logs":
            _add_log_options(action)


def _add_log_options(parser: Parser) -> None:
    parser.add_argument("-f", "--follow", action="store_true", help="go on")
    parser.add_argument(
        "-n",
        "--lines",
        metavar="N",
        type=whole,
        default=DEFAULT_LOG_LINES,
        help=f"how many lines ({DEFAULT_LOG_LINES})",
    )


def run(args: argparse.Namespace) -> int:
    """Do the action, where there is a user manager to do it with."""
    if not _has_manager():
        command = shlex.join(systemd_units.daemon_command())
        terminal.report(
            f"no systemd user manager answers here. Run it yourself:\n    {command}"
        )
        return EXIT_NO_DAEMON

    actions: dict[str, Callable[[], int]] = {
        "install": lambda: _install(
            notify=args.notify or systemd_units.tells(os.environ)
        ),
        "uninstall": _uninstall,
        "start": lambda: _steer("start", "jarvisd is running"),
        "stop": lambda: _steer("stop", "jarvisd is stopped, until the next login"),
        "status": _status,
        "logs": lambda: _logs(lines=args.lines, follow=args.follow),
    }
    return actions[args.action]()


def _install(*, notify: bool) -> int:
    sandbox = _can_sandbox()
    texts = systemd_units.files(os.environ, sandbox=sandbox, notify=notify)
    # The sandbox can open only what is there when the daemon starts.
    systemd_units.store_folder(os.environ).mkdir(
        parents=True, exist_ok=True, mode=0o700
    )
    systemd_units.install(texts)
    if not sandbox:
        systemd_units.remove_sandbox(os.environ)

    for path in texts:
        terminal.show(f"wrote {path}")

    if not sandbox:
        terminal.report(
            "user namespaces are restricted here: the sandbox drop-in is left out"
        )

    # Not `enable --now`: after an upgrade the new one shall run.
    for step in (
        ("daemon-reload",),
        ("enable", *UNITS),
        ("start", systemd_units.SOCKET),
        ("restart", systemd_units.SERVICE),
        *(
            [("enable", systemd_units.NOTIFY), ("restart", systemd_units.NOTIFY)]
            if notify
            else []
        ),
    ):
        if _systemctl(*step):
            terminal.report("`jarvisctl service logs` may tell why")
            return EXIT_FAILURE

    terminal.show(*RUNNING.splitlines())
    return 0


def _steer(verb: str, done: str) -> int:
    if not _installed():
        terminal.report(NOT_INSTALLED)
        return EXIT_FAILURE

    if _systemctl(verb, *UNITS):
        terminal.report("`jarvisctl service logs` may tell why")
        return EXIT_FAILURE

    terminal.show(done)
    return 0


def _uninstall() -> int:
    if not (systemd_units.folder(os.environ) / systemd_units.SERVICE).is_file():
        terminal.report("nothing to remove: install has written no unit here")
        return 0

    notify = [systemd_units.NOTIFY] if systemd_units.tells(os.environ) else []
    _systemctl("disable", "--now", *UNITS, *notify)
    for path in systemd_units.uninstall(os.environ):
        terminal.show(f"removed {path}")

    return _systemctl("daemon-reload")


def _installed() -> bool:
    """Whether `install` wrote the unit, or a package brought one of its own."""
    written = (systemd_units.folder(os.environ) / systemd_units.SERVICE).is_file()
    return written or not _call(
        ["systemctl", "--user", "cat", systemd_units.SERVICE], quiet=True
    )


def _status() -> int:
    if not _installed():
        terminal.report(NOT_INSTALLED)
        return EXIT_FAILURE

    _systemctl("status", "--no-pager", "--lines=0", *UNITS)
    return (
        EXIT_FAILURE if _systemctl("is-active", "--quiet", systemd_units.SERVICE) else 0
    )


def _logs(*, lines: int, follow: bool) -> int:
    command = [
        "journalctl",
        "--user",
        "--unit",
        systemd_units.SERVICE,
        f"--lines={lines}",
    ]
    # Following ends with Ctrl-C, so there is no limit.
    return _call(
        [*command, *(["--follow"] if follow else ["--no-pager"])], limit_s=None
    )


def _has_manager() -> bool:
    probe = ["systemctl", "--user", "show", "--property=Version"]
    return _call(probe, quiet=True) == 0


def _can_sandbox() -> bool:
    """Try it: whether user namespaces work depends on kernel, AppArmor and version."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "/run")
    return (
        _call(
            [
                *("systemd-run", "--user", "--wait", "--quiet"),
                *("--property=PrivateUsers=yes", "--property=ProtectSystem=strict"),
                f"--property=TemporaryFileSystem={runtime}:ro",
                f"--property=BindPaths={runtime}/systemd/notify",
                "true",
            ],
            quiet=True,
        )
        == 0
    )


def _systemctl(*words: str) -> int:
    return EXIT_FAILURE if _call(["systemctl", "--user", *words]) else 0


def _call(
    command: list[str], *, quiet: bool = False, limit_s: float | None = LIMIT_S
) -> int:
    output = subprocess.DEVNULL if quiet else None
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            timeout=limit_s,
            check=False,
        ).returncode
    except FileNotFoundError:
        return EXIT_USAGE
    except subprocess.TimeoutExpired:
        terminal.report(f"{shlex.join(command)} did not end within {limit_s:g} s")
        return EXIT_FAILURE
