"""The status line: always one line, the daemon told, and one's own command untouched."""

import json
import socket
from pathlib import Path

import msgspec
import pytest

from jarvisd.base.errors import EXIT_USAGE
from jarvisd.presence.wire import StatusLine, StatusLineResult
from tests.cli.conftest import Ctl
from tests.cli.fake_daemon import FakeDaemon
from tests.cli.test_hook import ALLOWED
from tests.cli.test_line import loaded_by

INPUT = {
    "session_id": "5e55",
    "model": {"id": "claude-opus-4-7", "display_name": "Opus 4.7"},
    "cost": {"total_cost_usd": 1.234},
    "context_window": {"used_percentage": 42},
    "rate_limits": {"five_hour": {"used_percentage": 35.4}},
}
WRITTEN = json.dumps(INPUT, indent=2).encode()
OWN = "Opus 4.7 · 42% context · $1.23 · 5h 35%"
FAST = (
    "import sys; sys.argv[1:] = ['statusline'];"
    "from jarvisd.cli.main import main; main()"
)


@pytest.fixture
def daemon(daemon: FakeDaemon) -> FakeDaemon:
    daemon.raw["statusline"] = StatusLineResult(text="2 need you")
    return daemon


def test_the_daemon_adds_what_needs_the_person(ctl: Ctl, daemon: FakeDaemon) -> None:
    done = ctl("statusline", stdin=WRITTEN)

    assert (done.returncode, done.stdout) == (0, f"{OWN} · 2 need you\n")
    (asked,) = daemon.asked
    assert isinstance(asked, StatusLine)
    assert msgspec.json.decode(asked.payload) == INPUT


@pytest.mark.parametrize(
    ("micros", "cost"),
    [(0, "$0.00"), (2_500, "<$0.01"), (12_340_000, "$12.34"), (None, "$1.23")],
)
def test_the_cost_is_that_of_the_books_where_they_know_it(
    ctl: Ctl, daemon: FakeDaemon, micros: int | None, cost: str
) -> None:
    daemon.raw["statusline"] = StatusLineResult(text="", cost_micros=micros)

    done = ctl("statusline", stdin=WRITTEN)

    assert done.stdout == f"Opus 4.7 · 42% context · {cost} · 5h 35%\n"


def test_without_a_daemon_there_is_a_line_all_the_same(ctl: Ctl) -> None:
    done = ctl("statusline", stdin=WRITTEN)

    assert (done.returncode, done.stdout, done.stderr) == (0, f"{OWN}\n", "")


def test_a_daemon_that_hangs_costs_only_its_part(ctl: Ctl, socket_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as deaf:
        deaf.bind(str(socket_path))
        deaf.listen()
        done = ctl("statusline", stdin=WRITTEN)

    assert (done.returncode, done.stdout) == (0, f"{OWN}\n")


@pytest.mark.parametrize(
    ("written", "line"),
    [
        pytest.param(b"", "", id="nothing"),
        pytest.param(b"{", "", id="torn"),
        pytest.param(b"[]", "", id="an array"),
        pytest.param(b'{"a":1} x', "", id="more than an object"),
        pytest.param(b'{"a":NaN}', "", id="no JSON"),
        pytest.param(b'{"session_id":"s"}', "", id="without figures"),
        pytest.param(b'\xef\xbb\xbf{"model":{"id":"m"}}', "m", id="with a BOM"),
        pytest.param(b'{"model":{"id":7},"cost":[]}', "", id="of other types"),
        pytest.param(
            b'{"model":{"id":"\\u001b[31mred"}}', "[31mred", id="an escape sequence"
        ),
        pytest.param(b'{"cost":{"total_cost_usd":0}}', "$0.00", id="no cost yet"),
    ],
)
def test_strange_input_is_no_error(ctl: Ctl, written: bytes, line: str) -> None:
    done = ctl("statusline", stdin=written)

    assert (done.returncode, done.stdout, done.stderr) == (0, f"{line}\n", "")


def test_what_is_no_json_is_not_passed_on(ctl: Ctl, daemon: FakeDaemon) -> None:
    ctl("statusline", stdin=b'{}},"id":2,"method":"config.reload","params":{')

    assert daemon.asked == []


@pytest.mark.parametrize("words", [("--wrap", "{}"), ("--wrap={}",)])
def test_a_wrapped_command_has_input_output_and_status_of_its_own(
    ctl: Ctl, words: tuple[str, ...]
) -> None:
    script = "cat; printf 'no line end'; echo talk >&2; exit 7"
    done = ctl("statusline", *(each.format(script) for each in words), stdin=WRITTEN)

    assert done.stdout == WRITTEN.decode() + "no line end"
    assert (done.returncode, done.stderr) == (7, "talk\n")


def test_the_daemon_hears_of_a_wrapped_line_too(ctl: Ctl, daemon: FakeDaemon) -> None:
    assert ctl("statusline", "--wrap", "echo mine", stdin=WRITTEN).stdout == "mine\n"

    daemon.wait_until(lambda: daemon.was_asked(StatusLine))


def test_a_wrapped_command_is_not_kept_by_a_daemon_that_hangs(
    ctl: Ctl, socket_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as deaf:
        deaf.bind(str(socket_path))
        deaf.listen()
        # `ctl` reads until nobody has the output open any more.
        done = ctl("statusline", "--wrap", "echo mine", stdin=WRITTEN)
        client, _ = deaf.accept()
        client.close()

    assert done.stdout == "mine\n"


def test_a_wrapped_command_dies_of_a_closed_pipe_as_it_would_alone(ctl: Ctl) -> None:
    script = "sh -c 'kill -PIPE $$; echo alive'; echo $?"

    assert ctl("statusline", "--wrap", script, stdin=WRITTEN).stdout == "141\n"


def test_a_mistyped_option_is_explained(ctl: Ctl) -> None:
    done = ctl("statusline", "--warp", "x")

    assert done.returncode == EXIT_USAGE
    assert "did you mean `--wrap`?" in done.stderr


def test_the_fast_path_loads_next_to_nothing(
    environ: dict[str, str], daemon: FakeDaemon
) -> None:
    code = (
        f"import os; os.dup2(os.open({str(socket_file(environ))!r}, os.O_RDONLY), 0);"
    )
    Path(socket_file(environ)).write_bytes(WRITTEN)
    before = loaded_by("import os, sys", environ)
    allowed = ALLOWED | {"jarvisd.cli.statusline", "jarvisd.cli.line"}

    assert loaded_by(code + FAST, environ) - before <= allowed | {
        "jarvisd.cli.wall_clock"
    }
    assert daemon.asked


def socket_file(environ: dict[str, str]) -> str:
    return f"{environ['HOME']}/input.json"
