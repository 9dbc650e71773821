"""`jarvisctl hooks`: the agents' files, seen from the command line."""

import json
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from jarvisd.agents.claude.settings import EVENTS as CLAUDE_EVENTS
from jarvisd.agents.codex.settings import EVENTS as CODEX_EVENTS
from jarvisd.base.errors import EXIT_FAILURE, EXIT_USAGE
from jarvisd.cli.hooks import hook_files
from jarvisd.cli.hooks.surgery import is_ours
from jarvisd.presence.wire import HookReceipt
from tests.agents.found import AGENTS
from tests.cli.conftest import LIMIT_S, Ctl
from tests.cli.fake_daemon import FakeDaemon, well

MINE = {
    "model": "opus",
    "env": {"TOKEN": "do not show"},
    "hooks": {"Stop": [{"hooks": [{"type": "command", "command": "beep"}]}]},
}
WRITTEN = json.dumps(MINE, indent=4).encode()


@pytest.fixture
def home(environ: dict[str, str]) -> Path:
    return Path(environ["HOME"])


@pytest.fixture
def version(environ: dict[str, str], home: Path) -> Path:
    """Return a Claude Code that says which version it is."""
    folder = home / "bin"
    folder.mkdir()
    environ["PATH"] = f"{folder}:{environ['PATH']}"
    return claude(folder, "2.1.329")


def claude(folder: Path, number: str) -> Path:
    program = folder / "claude"
    program.write_text(f"#!/bin/sh\necho '{number} (Claude Code)'\n")
    program.chmod(0o755)
    return program


@pytest.fixture
def settings(home: Path, version: Path) -> Path:
    path = home / ".claude" / "settings.json"
    path.parent.mkdir()
    path.write_bytes(WRITTEN)
    return path


def ours(path: Path) -> dict[str, str]:
    found = {}
    for event, groups in json.loads(path.read_bytes())["hooks"].items():
        for each in groups:
            for handler in each["hooks"]:
                if is_ours(handler["command"]):
                    assert event not in found
                    found[event] = handler["command"]

    return found


def backups(home: Path) -> list[Path]:
    return sorted((home / ".local/state/jarvisd/hooks").glob("*/before"))


@pytest.mark.parametrize("marked", [True, False])
def test_a_byte_order_mark_is_warned_of_and_kept(
    ctl: Ctl, settings: Path, *, marked: bool
) -> None:
    mark = b"\xef\xbb\xbf" if marked else b""
    settings.write_bytes(mark + WRITTEN)

    installed = ctl("hooks", "install", "claude")
    again = ctl("hooks", "install", "claude")
    status = ctl("hooks", "status", "claude")

    for told in (installed.stderr, again.stderr, status.stdout):
        assert ("begins with a byte order mark" in told) is marked
    assert settings.read_bytes().startswith(mark + b"{")


def test_install_sums_up_what_it_writes(ctl: Ctl, settings: Path) -> None:
    done = ctl("hooks", "install", "claude")
    again = ctl("hooks", "uninstall", "claude")

    count = len(CLAUDE_EVENTS)
    assert (done.stdout, again.stdout) == ("", "")
    assert f"{settings}: {count} hooks added, yours kept" in done.stderr
    assert "Claude Code runs them in new sessions" in done.stderr.splitlines()[-1]
    assert f"{settings}: {count} hooks removed, yours kept" in again.stderr


def test_install_shows_the_difference_if_asked(ctl: Ctl, settings: Path) -> None:
    done = ctl("hooks", "install", "claude", "--diff")

    assert done.returncode == 0
    assert set(ours(settings)) == set(CLAUDE_EVENTS)
    assert done.stdout.startswith(f"--- {settings}\n+++ {settings}\n@@")
    assert f'+{" " * 8}"SessionStart": [' in done.stdout
    assert "\n-" not in done.stdout  # nothing is taken away
    assert "do not show" not in done.stdout
    assert f"{settings}: " in done.stderr


def test_the_user_s_own_stay_first_and_as_they_are(ctl: Ctl, settings: Path) -> None:
    ctl("hooks", "install")
    after = json.loads(settings.read_bytes())

    assert after["hooks"]["Stop"][0] == MINE["hooks"]["Stop"][0]  # type: ignore[index]
    assert (after["model"], after["env"]) == (MINE["model"], MINE["env"])


def test_a_dry_run_writes_nothing(ctl: Ctl, settings: Path, home: Path) -> None:
    done = ctl("hooks", "install", "--dry-run", "--diff")

    assert "+++ " in done.stdout
    assert "dry run" in done.stderr
    assert settings.read_bytes() == WRITTEN
    assert backups(home) == []


def test_twice_is_as_once(ctl: Ctl, settings: Path) -> None:
    ctl("hooks", "install")
    once = settings.read_bytes()
    done = ctl("hooks", "install")

    assert settings.read_bytes() == once
    assert (done.returncode, done.stdout) == (0, "")
    assert "nothing to install" in done.stderr


def test_another_installation_takes_over(ctl: Ctl, settings: Path) -> None:
    ctl("hooks", "install")
    now = ours(settings)["Stop"]
    settings.write_text(
        settings.read_text().replace(
            json.dumps(now)[1:-1], "/old/jarvisctl hook claude"
        )
    )
    assert "of another installation" in ctl("hooks", "status").stdout
    ctl("hooks", "install")

    assert set(ours(settings).values()) == {now}


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(WRITTEN, id="four spaces"),
        pytest.param(b"", id="empty"),
        pytest.param(b"\n \n", id="blank"),
        pytest.param(b"{ }", id="an empty object with a space"),
        pytest.param(b'{"hooks": {}}', id="empty hooks"),
        pytest.param(b'{"hooks": {"Stop": [ ]}}', id="an empty event"),
        pytest.param(b'\xef\xbb\xbf{"a": 1}\r\n', id="BOM and CRLF"),
        pytest.param(b'{"a": "\xc3\xa9\xf0\x9f\x98\x80\\ud83d"}', id="beyond ASCII"),
        pytest.param(b'{"a": 1, "a": 1.0, "big": ' + b"9" * 5000 + b"}", id="numbers"),
    ],
)
def test_uninstall_gives_back_the_very_bytes(
    ctl: Ctl, settings: Path, written: bytes
) -> None:
    settings.write_bytes(written)

    assert ctl("hooks", "install").returncode == 0
    assert settings.read_bytes().count(b" hook claude ") == len(CLAUDE_EVENTS)
    assert ctl("hooks", "uninstall").returncode == 0
    assert settings.read_bytes() == written


def test_an_upgrade_between_does_not_hinder_that(
    ctl: Ctl, settings: Path, version: Path
) -> None:
    settings.write_bytes(b"{ }")
    ctl("hooks", "install", "claude")
    claude(version.parent, "2.1.80")
    ctl("hooks", "install", "claude")
    assert "PermissionDenied" not in ours(settings)
    ctl("hooks", "uninstall", "claude")

    assert settings.read_bytes() == b"{ }"


def test_uninstall_after_an_edit_takes_out_only_ours(ctl: Ctl, settings: Path) -> None:
    ctl("hooks", "install")
    settings.write_text(settings.read_text().replace('"opus"', '"haiku"'))
    ctl("hooks", "uninstall")

    assert settings.read_bytes() == WRITTEN.replace(b'"opus"', b'"haiku"')


def test_uninstall_after_an_install_over_an_edit(ctl: Ctl, settings: Path) -> None:
    ctl("hooks", "install")
    settings.write_text(settings.read_text().replace("hook claude", "hook codex"))
    ctl("hooks", "install")
    ctl("hooks", "uninstall")

    assert settings.read_bytes() == WRITTEN


def test_a_file_that_we_made_goes_again(ctl: Ctl, settings: Path) -> None:
    settings.unlink()
    done = ctl("hooks", "install", "--diff")
    assert done.stdout.startswith("--- /dev/null\n")
    assert stat.S_IMODE(settings.stat().st_mode) == 0o600
    ctl("hooks", "uninstall")

    assert list(settings.parent.iterdir()) == []


def test_uninstall_where_nothing_is_does_nothing(ctl: Ctl, settings: Path) -> None:
    done = ctl("hooks", "uninstall")

    assert (done.returncode, done.stdout) == (0, "")
    assert "nothing to uninstall" in done.stderr


def test_what_was_before_is_kept_in_private(
    ctl: Ctl, settings: Path, home: Path
) -> None:
    ctl("hooks", "install")
    (kept,) = backups(home)

    assert kept.read_bytes() == WRITTEN
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    assert [each.name for each in settings.parent.iterdir()] == ["settings.json"]


def test_the_mode_stays_and_a_link_stays_a_link(ctl: Ctl, settings: Path) -> None:
    real = settings.parent.parent / "dotfiles.json"
    settings.rename(real)
    real.chmod(0o640)
    settings.symlink_to("../dotfiles.json")
    ctl("hooks", "install")

    assert settings.is_symlink()
    assert set(ours(real)) == set(CLAUDE_EVENTS)
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    ctl("hooks", "uninstall")
    assert real.read_bytes() == WRITTEN


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        pytest.param(b'{\n  // mine\n  "a": 1\n}', "line 2, column 3", id="a comment"),
        pytest.param(b'{"a": 1,}', "line 1, column", id="a trailing comma"),
        pytest.param(b'{"a"', "line 1, column 5", id="torn"),
        pytest.param(b"[1]", "no JSON object", id="an array"),
        pytest.param(b'{"hooks": {"Stop": 1}}', "`hooks.Stop`", id="another shape"),
        pytest.param(b'{"a": "\xff"}', "not UTF-8", id="another encoding"),
    ],
)
def test_what_is_not_understood_is_left_alone(
    ctl: Ctl, settings: Path, home: Path, written: bytes, reason: str
) -> None:
    settings.write_bytes(written)
    for action in ("install", "uninstall"):
        done = ctl("hooks", action)

        assert (done.returncode, done.stdout) == (EXIT_FAILURE, "")
        assert f"{settings} was left as it is" in done.stderr
        assert reason in done.stderr
    assert settings.read_bytes() == written
    assert backups(home) == []
    assert "unreadable" in ctl("hooks", "status").stdout


def test_a_read_only_file_is_left_alone(ctl: Ctl, settings: Path) -> None:
    settings.chmod(0o444)
    done = ctl("hooks", "install")

    assert done.returncode == EXIT_FAILURE
    assert "read-only" in done.stderr
    assert settings.read_bytes() == WRITTEN


def test_one_bad_file_does_not_hinder_the_others(
    ctl: Ctl, settings: Path, home: Path
) -> None:
    settings.write_bytes(b"{")
    (home / ".codex").mkdir()

    assert ctl("hooks", "install").returncode == EXIT_FAILURE
    assert set(ours(home / ".codex/hooks.json")) == set(CODEX_EVENTS)


@pytest.mark.parametrize(
    ("configured", "advice"),
    [
        ("", "If it knows no `/hooks`, set `hooks = true`"),
        ("[features]\nhooks = false\n", "First set `hooks = true`"),
        ("[features]\ncodex_hooks = false\n", "First set `hooks = true`"),
        ("features = 7", "If it knows no `/hooks`, set `hooks = true`"),
        ("not toml", "If it knows no `/hooks`, set `hooks = true`"),
    ],
)
def test_codex_is_told_to_trust_them(
    ctl: Ctl, home: Path, configured: str, advice: str
) -> None:
    (home / ".codex").mkdir()
    (home / ".codex/config.toml").write_text(configured)
    done = ctl("hooks", "install")

    assert "enter `/hooks` and trust those of jarvisctl" in done.stderr
    assert advice in done.stderr


@pytest.mark.parametrize(
    ("number", "last"),
    [
        ("2.1.89", "PermissionDenied"),
        ("2.1.80", "StopFailure"),
        ("2.0.1", "SessionEnd"),
    ],
)
def test_an_older_claude_is_not_given_what_it_would_stumble_over(
    ctl: Ctl, settings: Path, version: Path, number: str, last: str
) -> None:
    claude(version.parent, number)
    done = ctl("hooks", "install")

    numbers = tuple(map(int, number.split(".")))
    known = {each for each, since in CLAUDE_EVENTS.items() if since <= numbers}
    assert set(ours(settings)) == known
    assert last in known
    assert ("skipped" in done.stderr) == (known != set(CLAUDE_EVENTS))
    assert "claude  installed" in ctl("hooks", "status").stdout


def test_a_claude_of_unknown_version_is_given_the_old_ones(
    ctl: Ctl, settings: Path, version: Path
) -> None:
    version.write_text("#!/bin/sh\nexit 1\n")
    ctl("hooks", "install")

    assert "PermissionRequest" in ours(settings)
    assert "PostCompact" not in ours(settings)


def test_the_oldest_claude_of_several_counts(
    ctl: Ctl, settings: Path, home: Path
) -> None:
    (settings.parent / "local").mkdir()
    claude(settings.parent / "local", "2.1.76")
    ctl("hooks", "install")

    assert "PostCompact" in ours(settings)
    assert "StopFailure" not in ours(settings)


def test_what_is_installed_does_what_it_should(
    ctl: Ctl, settings: Path, environ: dict[str, str], daemon: FakeDaemon
) -> None:
    daemon.raw["hook"] = {"ok": True}
    ctl("hooks", "install")
    line = ours(settings)["Stop"]
    payload = b'{"session_id":"s","hook_event_name":"Stop"}'
    done = subprocess.run(
        ["/bin/sh", "-c", line],
        env=environ,
        cwd=Path(__file__).parents[2],
        input=payload,
        capture_output=True,
        timeout=LIMIT_S,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert len(daemon.asked) == 1


def test_a_jarvisctl_that_is_gone_or_too_old_is_no_veto(
    ctl: Ctl, settings: Path, environ: dict[str, str]
) -> None:
    ctl("hooks", "install")
    line = ours(settings)["PreToolUse"]
    _, hook, rest = line.partition(" hook claude")
    for broken in ("/nowhere/jarvisctl", "sh -c 'echo usage; exit 2'"):
        done = subprocess.run(
            ["/bin/sh", "-c", broken + hook + rest],
            env=environ,
            capture_output=True,
            timeout=LIMIT_S,
            check=False,
        )

        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_root_may_be_given(ctl: Ctl, settings: Path, tmp_path: Path) -> None:
    other = tmp_path / "work"
    other.mkdir()
    ctl("hooks", "install", "claude", "--root", str(other))

    assert set(ours(other / "settings.json")) == set(CLAUDE_EVENTS)
    assert settings.read_bytes() == WRITTEN


def test_a_root_needs_its_agent(ctl: Ctl, tmp_path: Path) -> None:
    done = ctl("hooks", "install", "--root", str(tmp_path))

    assert done.returncode == EXIT_USAGE
    assert "claude" in done.stderr


def test_without_any_agent_that_is_said(ctl: Ctl, home: Path) -> None:
    done = ctl("hooks", "install")

    assert done.returncode == EXIT_FAILURE
    assert f"looked for {home}/.config/claude, {home}/.claude" in done.stderr
    assert list(home.iterdir()) == [home / "run"]


def test_status_tells_when_the_last_one_came(
    ctl: Ctl, settings: Path, daemon: FakeDaemon
) -> None:
    receipt = HookReceipt(
        agent="claude", count=1200, refused=0, last_event="Stop", last_ms=1
    )
    daemon.health = well(hooks=[receipt])
    (settings.parent.parent / ".codex").mkdir()
    ctl("hooks", "install", "claude")
    done = ctl("hooks", "status")

    lines = done.stdout.splitlines()
    assert lines[0] == f"claude  installed: {settings}"
    assert lines[1].startswith("codex   not installed: ")
    assert lines[2].startswith("claude  last hook ")
    assert lines[2].endswith("ago (Stop), 1,200 since the daemon was started")
    assert lines[3] == "codex   no hook since the daemon was started"


def test_status_tells_what_is_missing(ctl: Ctl, settings: Path) -> None:
    ctl("hooks", "install")
    after = json.loads(settings.read_bytes())
    del after["hooks"]["SessionEnd"]
    settings.write_text(json.dumps(after))
    done = ctl("hooks", "status")

    assert done.stdout.startswith("claude  partly installed without SessionEnd: ")
    assert "no daemon answers" in done.stderr


def test_programs_are_told_the_same(ctl: Ctl, settings: Path) -> None:
    planned = json.loads(ctl("hooks", "install", "--dry-run", "--json").stdout)
    (planned_file,) = planned["files"]
    made = json.loads(ctl("hooks", "install", "--json").stdout)["files"][0]
    status = json.loads(ctl("hooks", "status", "--json").stdout)

    assert (planned["schema"], planned["dry_run"]) == (1, True)
    assert planned_file["diff"] == made["diff"]
    assert (planned_file["backup"], planned_file["changed"]) == (None, True)
    assert Path(made["backup"]).is_dir()
    assert (status["daemon"], status["hooks"]) == (False, None)
    assert status["files"][0]["state"] == "installed"


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"CLAUDE_CONFIG_DIR": "/a, ~/b ,/c/projects", "CODEX_HOME": "/d"},
        {"XDG_CONFIG_HOME": "/e"},
    ],
)
@pytest.mark.parametrize("agent", hook_files.SETTINGS)
def test_settings_are_looked_for_where_transcripts_are(
    environ: dict[str, str], home: Path, agent: str, more: dict[str, Any]
) -> None:
    environ |= more
    environ["JARVISD_CONFIG"] = str(home / "config.toml")
    extra = f'[agents.{agent}]\nroots = ["/extra"]\n'
    (home / "config.toml").write_text(extra)
    trees = AGENTS[agent].roots(environ, home, (Path("/extra"),))

    assert hook_files.roots(environ, agent) == list(
        dict.fromkeys(tree.root.parent for tree in trees)
    )
