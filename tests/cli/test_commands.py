"""What the commands print and with which status they end, against a fake daemon."""

import json
import sqlite3
import time
from pathlib import Path

import msgspec
import pytest

from jarvisd import __version__
from jarvisd.base.errors import (
    EXIT_FAILURE,
    EXIT_NO_DAEMON,
    EXIT_NO_SUCH_BLOCK,
    EXIT_PROTOCOL,
    EXIT_TIMEOUT,
    EXIT_USAGE,
    ProtocolError,
)
from jarvisd.base.wire_types import Params
from jarvisd.cli import wall_clock
from jarvisd.core.origin import Kind, Life
from jarvisd.core.source_views import RootView, SourceState, SourceView
from jarvisd.core.wire import Backfill, Problem
from jarvisd.overview.wire import SourcesListResult, Status
from jarvisd.reports.wire import ReportToolsResult
from tests.cli.conftest import Ctl
from tests.cli.conftest import command as jarvisctl
from tests.cli.fake_daemon import (
    HALF_WAY,
    NOW_MS,
    SCANNING,
    FakeDaemon,
    HangUp,
    block,
    well,
)
from tests.cli.terminal import Terminal

OLD = block("aaaa000000000000", life=Life.QUIET, last_activity_ms=1_000, project="old")
EVIL = block("bbbb000000000000", project="\x1b]0;evil\x07na\tme\u202e", agent="codex")


# --- ps


def test_ps_shows_newest_first_and_hides_the_old(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.blocks = [
        OLD,
        block(),
        block("ffff000000000000", last_activity_ms=NOW_MS + 9),
    ]

    done = ctl("ps")

    header, *rows = done.stdout.splitlines()
    assert header.split() == [
        *("BLOCK", "STATE", "AGENT", "PROJECT", "TITLE", "MODEL", "TOKENS", "COST"),
        *("CTX", "TOOL", "LINES", "RATE", "ACTIVE", "SESSION"),
    ]
    assert [row.split()[0] for row in rows] == ["ffff0000", "01234567"]
    assert done.stderr == "jarvisctl: 1 older block: --all shows them\n"


def test_ps_all_shows_the_old_as_well(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.blocks = [OLD]

    assert "aaaa0000" in ctl("ps", "--all").stdout


def test_ps_shows_a_session_once_that_was_printed_and_has_a_transcript(
    ctl: Ctl, daemon: FakeDaemon
) -> None:
    printed = block("bbbb000000000000", kind=Kind.PUSH, path=None)
    alone = block("cccc000000000000", kind=Kind.PUSH, path=None, session_id="other")
    plain = block("dddd000000000000", kind=Kind.PUSH, path=None, session_id=None)
    daemon.blocks = [block(), printed, alone, plain]

    rows = ctl("ps", "--all").stdout.splitlines()[1:]

    assert {row.split()[0] for row in rows} == {"01234567", "cccc0000", "dddd0000"}
    assert len(ctl("ps", "--all", "--plain").stdout.splitlines()) == 4


@pytest.mark.parametrize(
    "words",
    [("--agent", "codex"), ("--project", "wanted"), ("--project", "/work/wanted")],
)
def test_ps_filters(ctl: Ctl, daemon: FakeDaemon, words: tuple[str, ...]) -> None:
    wanted = block("cccc000000000000", agent="codex", project=None, cwd="/work/wanted")
    daemon.blocks = [block(), wanted]

    rows = ctl("ps", *words).stdout.splitlines()[1:]

    assert [row.split()[0] for row in rows] == ["cccc0000"]


def test_ps_never_passes_an_escape_sequence_on(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.blocks = [EVIL]

    for words in ("ps",), ("ps", "--plain"), ("ps", "--color=always"), ("show", "bbbb"):
        done = ctl(*words)
        assert "evil" not in done.stdout
        assert "\u202e" not in done.stdout

    assert "\x1b[32mlive" in ctl("ps", "--color=always").stdout
    assert "\x1b" not in ctl("ps").stdout


def test_ps_json_is_one_object_with_a_schema(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.blocks = [block(), OLD]

    answer = json.loads(ctl("ps", "--json", "--all").stdout)

    assert (answer["schema"], answer["revision"]) == (1, 7)
    assert answer["blocks"] == [
        json.loads(msgspec.json.encode(each)) for each in daemon.blocks
    ]


def test_ps_plain_has_stable_columns(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.blocks = [block(session_id=None, kind=Kind.PUSH)]

    assert ctl("ps", "--plain").stdout == (
        f"0123456789abcdef\tpush\tclaude\tlive\tdemo\t\t1234\t10000\t{NOW_MS}\t0.500"
        "\t\t\t\t\t\t\t\t\t\n"
    )


def test_ps_tells_how_to_begin_where_nothing_is_found(
    ctl: Ctl, daemon: FakeDaemon
) -> None:
    done = ctl("ps")

    assert done.stdout == ""
    assert "jarvisctl ingest" in done.stderr


@pytest.mark.parametrize("backfill", [HALF_WAY, SCANNING])
def test_ps_does_not_say_that_nothing_was_found_before_all_is_read(
    ctl: Ctl, daemon: FakeDaemon, backfill: Backfill
) -> None:
    daemon.backfill = backfill

    told = ctl("ps").stderr
    assert "backfill: " in told
    assert "still reading the logs" in told
    assert "No agent's output" not in told


def test_ps_and_health_show_how_far_history_is_read(
    ctl: Ctl, daemon: FakeDaemon
) -> None:
    daemon.blocks = [OLD]
    daemon.backfill = HALF_WAY
    daemon.health = well(backfill=HALF_WAY)

    told = ctl("ps").stderr
    assert "backfill: 1.2 of 4.0 GB, 18 s left" in told
    assert "1 block, older or not yet read: --all shows them" in told
    assert "backfill: 1.2 of 4.0 GB, 18 s left" in ctl("health").stdout


@pytest.mark.parametrize("is_read", [False, True])
def test_progress_says_which_days_are_complete(
    ctl: Ctl, daemon: FakeDaemon, *, is_read: bool
) -> None:
    monday = wall_clock.begin_of_day(of_week=True)
    since_ms = monday if is_read else 2**42  # some years from now
    daemon.backfill = msgspec.structs.replace(HALF_WAY, complete_since_ms=since_ms)

    told = ctl("ps").stderr
    assert is_read == ("18 s left; today and this week complete\n" in told)
    assert is_read == ("complete" in told)


def test_a_week_begins_on_the_last_monday() -> None:
    today, monday = wall_clock.begin_of_day(), wall_clock.begin_of_day(of_week=True)

    assert time.localtime(monday / 1000)[3:7] == (0, 0, 0, 0)
    assert time.localtime(today / 1000)[3:6] == (0, 0, 0)
    assert monday <= today <= wall_clock.unix_ms() < today + 26 * 3_600_000


# --- show


def test_show_takes_the_start_of_an_id(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.blocks = [block(error="cannot be read", malformed_count=3)]

    shown = ctl("show", "0123").stdout

    assert "block          0123456789abcdef\n" in shown
    assert "error          cannot be read\n" in shown
    assert "malformed      3 lines\n" in shown
    assert "estimate       10,000 tokens (characters / 4)\n" in shown


def test_show_json(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.blocks = [block()]

    answer = json.loads(ctl("show", "0123", "--json").stdout)

    assert (answer["schema"], answer["block"]["line_count"]) == (1, 1234)


@pytest.mark.parametrize("columns", [40, 80])
def test_a_list_of_what_a_name_may_mean_fits_the_terminal(
    environ: dict[str, str], daemon: FakeDaemon, columns: int
) -> None:
    long = {"title": "A title of very many words " * 4, "project": f"/home/{'p' * 60}"}
    daemon.blocks = [
        block(f"0{number}00000000000000", session_id=f"s{number}", **long)
        for number in range(3)
    ]

    with Terminal(jarvisctl("show", "0"), environ, columns=columns) as terminal:
        assert terminal.status() == EXIT_NO_SUCH_BLOCK
        shown = terminal.output.decode().splitlines()

    (head,) = [at for at, each in enumerate(shown) if each.startswith("ID ")]
    assert len(shown) == head + 4
    assert max(map(len, shown)) <= columns


@pytest.mark.parametrize("command", ["show", "tail"])
def test_an_unknown_block_is_its_own_status(
    ctl: Ctl, daemon: FakeDaemon, command: str
) -> None:
    done = ctl(command, "beef")

    assert (done.returncode, done.stdout) == (EXIT_NO_SUCH_BLOCK, "")
    assert "nothing is called `beef`" in done.stderr


def test_an_ambiguous_block_lists_those_that_match(
    ctl: Ctl, daemon: FakeDaemon
) -> None:
    daemon.blocks = [block("0100000000000000"), block("0200000000000000")]

    done = ctl("show", "0")

    assert done.returncode == EXIT_NO_SUCH_BLOCK
    assert "`0` may mean 2 things" in done.stderr
    assert "01000000" in done.stderr
    assert "02000000" in done.stderr


# --- health, sync, doctor, config


@pytest.mark.parametrize(
    ("words", "state", "status"),
    [
        pytest.param((), "degraded", 0, id="asking is no check"),
        pytest.param(("--check",), "ok", 0, id="well"),
        pytest.param(("--check",), "degraded", EXIT_FAILURE, id="not well"),
    ],
)
def test_health_check_is_for_scripts(
    ctl: Ctl, daemon: FakeDaemon, words: tuple[str, ...], state: str, status: int
) -> None:
    problem = Problem(kind="disk_full", message="no space", since_ms=NOW_MS, count=3)
    daemon.health = well(status=state, problems=[problem] if state != "ok" else [])

    done = ctl("health", *words)

    assert done.returncode == status
    assert f"status    {state}\n" in done.stdout
    assert ("problem: disk_full: no space" in done.stdout) == (state != "ok")


def test_health_json(ctl: Ctl, daemon: FakeDaemon) -> None:
    assert json.loads(ctl("health", "--json").stdout)["health"]["status"] == "ok"


def test_sync_tells_the_revision(ctl: Ctl, daemon: FakeDaemon) -> None:
    assert ctl("sync").stdout == "revision 8, after 2 s\n"
    assert json.loads(ctl("sync", "--json").stdout)["revision"] == 8


def test_doctor_finds_nothing_wrong_where_nothing_is(
    ctl: Ctl, daemon: FakeDaemon, socket_path: Path
) -> None:
    socket_path.chmod(0o600)

    done = ctl("doctor")

    assert done.returncode == 0, done.stdout
    assert sqlite3.sqlite_version in done.stdout
    assert f"version {__version__}" in done.stdout


def test_doctor_works_without_a_daemon(ctl: Ctl) -> None:
    done = ctl("doctor")

    assert done.returncode == EXIT_FAILURE
    assert "jarvisctl service install" in done.stdout


def test_doctor_says_what_to_do_about_each_finding(
    ctl: Ctl, daemon: FakeDaemon, socket_path: Path
) -> None:
    socket_path.chmod(0o666)
    daemon.version = "0.0.1"
    root = RootView(
        agent="claude", path="/r", exists=True, files=1, error="Permission denied"
    )
    source = SourceView(
        agent="codex",
        path="/x\x1b[2J.jsonl",
        state=SourceState.QUARANTINED,
        block_id=None,
        offset=0,
        size=0,
        partial_bytes=0,
        generation=0,
        error="is a device",
    )
    daemon.sources = SourcesListResult(roots=[root], sources=[source])

    answer = json.loads(ctl("doctor", "--json").stdout)
    shown = ctl("doctor").stdout

    found = [each for each in answer["findings"] if each["level"] != "ok"]
    assert {each["subject"] for each in found} == {
        "socket",
        "daemon",
        "claude",
        "codex",
    }
    assert all(each["remedy"] for each in found)
    assert f"chmod 0600 {socket_path}" in shown
    assert "\x1b" not in shown


def test_config_show_says_who_set_what(ctl: Ctl, tmp_path: Path) -> None:
    done = ctl("config", "show", "--origin", env={"JARVISD_LOG_LEVEL": "debug"})

    (row,) = [each for each in done.stdout.splitlines() if each.startswith("log_level")]
    assert row.split() == ["log_level", '"debug"', "JARVISD_LOG_LEVEL"]


def test_a_wrong_configuration_is_a_usage_error(ctl: Ctl, tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text("colour = 1\n")

    done = ctl("config", "show", env={"JARVISD_CONFIG": str(file)})

    assert done.returncode == EXIT_USAGE
    assert str(file) in done.stderr


# --- tail


def test_tail_prints_the_last_lines(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.blocks = [block()]
    daemon.pushed["0123456789abcdef"] = ["one", "two\x1b[31m", "three"]

    assert ctl("tail", "-n", "2", "0123").stdout == "two\x1b[31m\nthree\n"


# --- what may go wrong


def test_without_a_daemon_every_question_ends_with_how_to_start_it(ctl: Ctl) -> None:
    for words in (
        ("ps",),
        ("show", "0"),
        ("tail", "0"),
        ("health",),
        ("sync",),
        ("watch",),
    ):
        done = ctl(*words)
        assert done.returncode == EXIT_NO_DAEMON
        assert "jarvisctl service install" in done.stderr
        assert done.stdout == ""


def test_a_restarted_daemon_is_asked_again(ctl: Ctl, daemon: FakeDaemon) -> None:
    def vanish_once(_: Params) -> None:
        if len(daemon.asked) == 1:
            raise HangUp

    daemon.before = vanish_once

    assert ctl("health").returncode == 0


def test_a_daemon_that_keeps_vanishing_is_given_up(
    ctl: Ctl, daemon: FakeDaemon
) -> None:
    def vanish(_: Params) -> None:
        raise HangUp

    daemon.before = vanish

    assert ctl("health").returncode == EXIT_NO_DAEMON
    assert len(daemon.asked) == 2


@pytest.mark.parametrize(
    ("error", "status"),
    [
        pytest.param(
            ProtocolError(-32601, "method_not_found", "no such method"),
            EXIT_PROTOCOL,
            id="too old",
        ),
        pytest.param(
            ProtocolError(-32007, "protocol_mismatch", "speak 2"),
            EXIT_PROTOCOL,
            id="too new",
        ),
        pytest.param(ProtocolError(-32002, "timeout", "late"), EXIT_TIMEOUT, id="late"),
        pytest.param(ProtocolError(-32001, "busy", "busy"), EXIT_FAILURE, id="busy"),
    ],
)
def test_refusals_have_their_status(
    ctl: Ctl, daemon: FakeDaemon, error: ProtocolError, status: int
) -> None:
    def refuse(_: Params) -> None:
        raise error

    daemon.before = refuse
    done = ctl("health")

    assert done.returncode == status
    assert str(error) in done.stderr


def test_a_daemon_that_does_not_answer_in_time(ctl: Ctl, daemon: FakeDaemon) -> None:
    def wait_for_the_client_to_go(_: Params) -> None:
        daemon.wait_for_a_client_to_leave()

    daemon.before = wait_for_the_client_to_go
    done = ctl("health", "--timeout", "0.2")

    assert done.returncode == EXIT_TIMEOUT
    assert "did not answer `health` within 0.2 s" in done.stderr


def test_an_answer_of_another_shape_means_another_version(
    ctl: Ctl, daemon: FakeDaemon
) -> None:
    daemon.raw["health"] = {"mood": "fine"}

    assert ctl("health").returncode == EXIT_PROTOCOL


# --- the shell around them


def test_no_command_shows_what_there_is(ctl: Ctl) -> None:
    done = ctl()

    assert done.returncode == EXIT_USAGE
    assert "examples:" in done.stderr


def test_help_begins_with_examples(ctl: Ctl) -> None:
    shown = ctl("ps", "--help").stdout

    assert shown.index("examples:") < shown.index("options:")


def test_version(ctl: Ctl) -> None:
    assert ctl("--version").stdout == f"jarvisctl {__version__}\n"


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("helth",), "health"),
        (("ps", "--jsn"), "--json"),
        (("completions", "bsh"), "bash"),
    ],
)
def test_what_was_meant_is_suggested(
    ctl: Ctl, words: tuple[str, ...], meant: str
) -> None:
    done = ctl(*words)

    assert done.returncode == EXIT_USAGE
    assert meant in done.stderr


@pytest.mark.parametrize(
    "words",
    [("ps", "--timeout", "0"), ("ps", "--timeout", "nan"), ("tail", "-n", "-3", "0")],
)
def test_senseless_numbers_are_usage_errors(ctl: Ctl, words: tuple[str, ...]) -> None:
    assert ctl(*words).returncode == EXIT_USAGE


NO_TOOLS = ReportToolsResult(revision=7, tz="UTC", complete=True, rows=[])

writing = pytest.mark.parametrize(
    "words", [("ps", "--plain"), ("line",), ("report", "tool", "--json")]
)


@writing
def test_a_reader_that_has_gone_is_no_error(
    words: tuple[str, ...], daemon: FakeDaemon, ctl: Ctl
) -> None:
    daemon.blocks = [block(f"{n:016x}") for n in range(3000)]
    daemon.raw["report.tools"] = NO_TOOLS

    done = ctl(*words, closed_stdout=True)

    assert done.stderr == ""
    assert done.returncode == 141


@writing
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_behind_the_output_is_told_in_a_sentence(
    words: tuple[str, ...], daemon: FakeDaemon, ctl: Ctl
) -> None:
    daemon.blocks = [block("0" * 16)]
    daemon.raw["report.tools"] = NO_TOOLS

    done = ctl(*words, full_stdout=True)

    assert done.stderr == "jarvisctl: cannot write: No space left on device\n"
    assert done.returncode == 1


def test_people_see_no_traceback_unless_they_ask(ctl: Ctl, daemon: FakeDaemon) -> None:
    impossible = {"JARVISD_SOCKET": "/x" * 100}

    assert "Traceback" not in ctl("ps", env=impossible).stderr
    assert "Traceback" in ctl("ps", env=impossible | {"JARVISD_DEBUG": "1"}).stderr


def test_json_costs_one_question(ctl: Ctl, daemon: FakeDaemon) -> None:
    ctl("ps", "--json")

    assert not daemon.was_asked(Status)
