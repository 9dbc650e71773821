"""Which file is read, and what is shown and compared of it."""

from pathlib import Path

import pytest

from jarvisd import config
from jarvisd.base.errors import ConfigError
from jarvisd.config import Setting


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path)}


def write(environ: dict[str, str], text: str) -> Path:
    file = Path(environ["HOME"]) / ".config/jarvisd/config.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def test_the_file_is_found_below_the_home(environ: dict[str, str]) -> None:
    write(environ, 'log_level = "error"')

    assert config.read([], environ).log_level == "error"


def test_a_file_that_nobody_asked_for_may_be_absent(environ: dict[str, str]) -> None:
    assert config.read([], environ).log_level == "info"


@pytest.mark.parametrize("by_flag", [True, False])
def test_a_file_that_was_asked_for_must_be_there(
    environ: dict[str, str], *, by_flag: bool
) -> None:
    argv = ["--config", "/no/such.toml"] if by_flag else []
    environ |= {} if by_flag else {"JARVISD_CONFIG": "/no/such.toml"}

    with pytest.raises(ConfigError, match=r"^/no/such\.toml: there is no such file$"):
        config.read(argv, environ)


def test_a_folder_is_no_configuration(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="Is a directory"):
        config.read(["--config", environ["HOME"]], environ)


def test_a_file_that_is_not_utf8_is_refused(environ: dict[str, str]) -> None:
    write(environ, "").write_bytes(b"# the \xff")

    with pytest.raises(ConfigError, match="not UTF-8 at byte 6"):
        config.read([], environ)


def test_every_setting_is_shown_with_its_origin(environ: dict[str, str]) -> None:
    file = write(
        environ,
        'fifos = [{path = "/p"}]\nagents.claude.roots = ["/r", "/ü"]\n'
        "prices.m-1 = {input = 1, output = 2.5}",
    )

    shown = config.list_settings(environ | {"JARVISD_STORE": "/s"})

    assert shown == [
        Setting("store", '"/s"', "JARVISD_STORE"),
        Setting(
            "socket",
            f'"{environ["HOME"]}/.local/state/jarvisd/run/rpc.sock"',
            "default",
        ),
        Setting("log_level", '"info"', "default"),
        Setting("scan_interval_s", "15.0", "default"),
        Setting("exclude", "[]", "default"),
        Setting("fifos", '[{path = "/p", agent = "text"}]', str(file)),
        Setting("prices", "{m-1 = {input = 1, output = 2.5}}", str(file)),
        Setting(
            "conversations",
            "{record = false, max_age_hours = 24.0, consolidation_threshold = 100}",
            "default",
        ),
        Setting("segments", "{idle_s = 300.0}", "default"),
        Setting("jump", "[]", "default"),
        Setting(
            "notify",
            '{states = ["waiting_approval", "waiting_answer", "crashed", "limited"], '
            'by = ["desktop", "bell"], command = [], after_s = 0.0, quiet = "", '
            "per_minute = 6, budgets = true}",
            "default",
        ),
        Setting("sinks", "[]", "default"),
        Setting("budgets", "[]", "default"),
        Setting(
            "alarms",
            "{loop_calls = 5, polling_calls = 50, alternating_calls = 0, "
            "silence_s = 600.0, cost = 20.0, cost_minutes = 15}",
            "default",
        ),
        Setting("agents.claude.enabled", "true", "default"),
        Setting("agents.claude.roots", '["/r", "/ü"]', str(file)),
        Setting("agents.claude.ledger", "true", "default"),
    ]


def test_a_reload_tells_what_changed_and_what_has_to_wait(
    environ: dict[str, str],
) -> None:
    write(environ, 'log_level = "debug"\nagents.claude.enabled = true')
    old = config.read([], environ)
    write(
        environ, 'store = "/new.db"\nagents.codex = {enabled = false, ledger = false}'
    )
    new = config.read([], environ)

    changed, needs_restart = config.compare_configs(old, new)

    codex = ["agents.codex.enabled", "agents.codex.ledger"]
    assert changed == ["store", "log_level", *codex]
    assert needs_restart == ["store", "agents.codex.ledger"]


def test_saying_the_default_aloud_is_no_change(environ: dict[str, str]) -> None:
    old = config.read([], environ)
    write(environ, "scan_interval_s = 15.0\nagents.claude.enabled = true")

    assert config.compare_configs(old, config.read([], environ)) == ([], [])


def test_flags_of_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    flags = config.parse_flags(["--check-config", "--foreground"])

    assert flags.check_config
    with pytest.raises(SystemExit, match="0"):
        config.parse_flags(["--version"])

    assert capsys.readouterr().out.startswith("jarvisd ")
