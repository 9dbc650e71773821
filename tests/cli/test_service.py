"""The service command, with a systemctl that only writes down what it is asked."""

import sys
from pathlib import Path

import pytest

from jarvisd.base.errors import EXIT_FAILURE, EXIT_NO_DAEMON
from jarvisd.cli import systemd_units
from tests.cli.conftest import Ctl

FAKE = """\
#!/bin/sh
echo "$(basename "$0") $*" >> "$HOME/asked"
case "$*" in
    *{failing}*) exit 1 ;;
esac
"""


@pytest.fixture
def asked(environ: dict[str, str], tmp_path: Path) -> Path:
    """Put a systemd that does as told into PATH; return the list of what it was told."""
    make_fakes(environ, tmp_path, failing="nothing-fails")
    path = tmp_path / "asked"
    path.touch()
    return path


def make_fakes(environ: dict[str, str], tmp_path: Path, *, failing: str) -> None:
    folder = tmp_path / "fakes"
    folder.mkdir(exist_ok=True)
    for name in ("systemctl", "systemd-run", "journalctl"):
        fake = folder / name
        fake.write_text(FAKE.replace("{failing}", failing))
        fake.chmod(0o755)

    environ["PATH"] = f"{folder}:/usr/bin:/bin"


def installed(tmp_path: Path) -> dict[str, str]:
    folder = tmp_path / ".config" / "systemd" / "user"
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_install_writes_the_units_and_starts_them(
    ctl: Ctl, asked: Path, tmp_path: Path
) -> None:
    done = ctl("service", "install")

    files = installed(tmp_path)
    start = f"ExecStart={sys.executable}"
    assert done.returncode == 0, done.stderr
    assert set(files) == {
        *("jarvisd.service", "jarvisd.socket"),
        "jarvisd.service.d/50-sandbox.conf",
    }
    assert start.removesuffix("python") in files["jarvisd.service"]
    assert "@JARVISD@" not in files["jarvisd.service"]
    assert asked.read_text().splitlines()[2:] == [
        "systemctl --user daemon-reload",
        "systemctl --user enable jarvisd.socket jarvisd.service",
        "systemctl --user start jarvisd.socket",
        "systemctl --user restart jarvisd.service",
    ]
    assert "loginctl enable-linger" in done.stdout
    assert "linger" not in asked.read_text()
    assert (tmp_path / ".local" / "state" / "jarvisd").is_dir()


def test_who_wants_to_be_told_has_a_unit_for_it_until_all_is_removed(
    ctl: Ctl, asked: Path, tmp_path: Path
) -> None:
    first = ctl("service", "install", "--notify")
    ctl("service", "install")  # an upgrade starts it anew

    unit = installed(tmp_path)["jarvisd-notify.service"]
    assert first.returncode == 0, first.stderr
    assert f"ExecStart={Path(sys.executable).parent}" in unit
    assert "@JARVISCTL@" not in unit
    assert asked.read_text().count("restart jarvisd-notify.service") == 2

    ctl("service", "uninstall")

    assert installed(tmp_path) == {}
    assert "disable --now jarvisd.socket jarvisd.service jarvisd-notify.service" in (
        asked.read_text()
    )


def test_the_sandbox_is_left_out_where_it_does_not_work(
    ctl: Ctl, asked: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    ctl("service", "install")
    make_fakes(environ, tmp_path, failing="PrivateUsers=yes")
    done = ctl("service", "install")

    assert done.returncode == 0
    assert set(installed(tmp_path)) == {"jarvisd.service", "jarvisd.socket"}
    assert "sandbox drop-in is left out" in done.stderr


def test_the_sandbox_lets_the_database_be_written_where_it_is(
    ctl: Ctl, asked: Path, tmp_path: Path
) -> None:
    ctl("service", "install", env={"XDG_STATE_HOME": str(tmp_path / "my state")})

    sandbox = installed(tmp_path)["jarvisd.service.d/50-sandbox.conf"]
    assert f'ReadWritePaths=-"{tmp_path}/my state/jarvisd"\n' in sandbox


def test_uninstall_removes_exactly_what_install_wrote(
    ctl: Ctl, asked: Path, tmp_path: Path
) -> None:
    ctl("service", "install")
    own = tmp_path / ".config/systemd/user/jarvisd.service.d/own.conf"
    own.write_text("[Service]\nNice=19\n")

    assert ctl("service", "uninstall").returncode == 0
    assert set(installed(tmp_path)) == {"jarvisd.service.d/own.conf"}
    assert "disable --now jarvisd.socket jarvisd.service" in asked.read_text()
    assert ctl("service", "uninstall").stderr.endswith(
        "install has written no unit here\n"
    )


def test_a_unit_of_somebody_else_is_left_alone(
    ctl: Ctl, asked: Path, tmp_path: Path
) -> None:
    own = tmp_path / ".config/systemd/user/jarvisd.service"
    own.parent.mkdir(parents=True)
    own.write_text("[Service]\nExecStart=/my/own\n")

    done = ctl("service", "install")
    ctl("service", "uninstall")

    assert done.returncode == EXIT_FAILURE
    assert "was not written by" in done.stderr
    assert installed(tmp_path) == {"jarvisd.service": "[Service]\nExecStart=/my/own\n"}


@pytest.mark.parametrize("action", ["install", "start", "status", "logs"])
def test_without_a_user_manager_the_command_to_run_is_shown(
    ctl: Ctl, environ: dict[str, str], tmp_path: Path, action: str
) -> None:
    make_fakes(environ, tmp_path, failing="show")

    done = ctl("service", action)

    assert done.returncode == EXIT_NO_DAEMON
    assert "jarvisd" in done.stderr.splitlines()[-1]
    assert not installed(tmp_path)


def test_without_systemd_the_command_to_run_is_shown(
    ctl: Ctl, environ: dict[str, str], tmp_path: Path
) -> None:
    environ["PATH"] = str(tmp_path)

    assert ctl("service", "start").returncode == EXIT_NO_DAEMON


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("start",), "systemctl --user start jarvisd.socket jarvisd.service"),
        (("stop",), "systemctl --user stop jarvisd.socket jarvisd.service"),
        (("status",), "systemctl --user is-active --quiet jarvisd.service"),
        (
            ("logs", "-f", "-n", "9"),
            "journalctl --user --unit jarvisd.service --lines=9 --follow",
        ),
    ],
)
def test_the_other_actions_are_passed_on(
    ctl: Ctl, asked: Path, words: tuple[str, ...], told: str
) -> None:
    assert ctl("service", *words).returncode == 0
    assert told in asked.read_text().splitlines()


@pytest.mark.parametrize("action", ["start", "stop", "status"])
def test_a_service_that_is_not_installed_is_said_to_be(
    ctl: Ctl, environ: dict[str, str], tmp_path: Path, action: str
) -> None:
    make_fakes(environ, tmp_path, failing="cat?jarvisd")

    done = ctl("service", action)

    assert done.returncode == EXIT_FAILURE
    assert "jarvisctl service install" in done.stderr
    assert f"systemctl --user {action}" not in (tmp_path / "asked").read_text()


@pytest.mark.parametrize(
    ("action", "told"), [("start", "jarvisd is running"), ("stop", "is stopped")]
)
def test_what_was_done_is_said(ctl: Ctl, asked: Path, action: str, told: str) -> None:
    assert told in ctl("service", action).stdout


def test_without_a_daemon_the_remedy_is_the_next_step(ctl: Ctl, asked: Path) -> None:
    before = ctl("ps").stderr
    ctl("service", "install")
    after = ctl("ps").stderr

    assert "service install`" in before
    assert "service start`" in after


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("report", "sessionx"), "did you mean `session`?"),
        (("reportt",), "did you mean `report`?"),
        (("report", "session", "--sicne", "today"), "did you mean `--since`?"),
        (("foo",), None),
        (("report", "session", "--limit", "5"), None),
        (("ps", "-n", "5"), None),
    ],
)
def test_only_what_is_alike_is_suggested(
    ctl: Ctl, words: tuple[str, ...], told: str | None
) -> None:
    said = " ".join(ctl(*words).stderr.split())

    assert (told in said) if told else ("did you mean" not in said)


def test_a_stopped_service_has_a_status_of_its_own(
    ctl: Ctl, environ: dict[str, str], tmp_path: Path
) -> None:
    make_fakes(environ, tmp_path, failing="is-active")

    assert ctl("service", "status").returncode == EXIT_FAILURE


@pytest.mark.parametrize(
    ("word", "written"),
    [
        ("/usr/bin/jarvisd", "/usr/bin/jarvisd"),
        ("/my home/bin/jarvisd", '"/my home/bin/jarvisd"'),
        ("/a%b$c", "/a%%b$$c"),
        ('/a"b\\c', '"/a\\"b\\\\c"'),
    ],
)
def test_systemd_reads_a_path_as_one_word(word: str, written: str) -> None:
    assert systemd_units.quoted(word) == written
