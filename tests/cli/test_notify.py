"""`jarvisctl notify` against a daemon: each is told once, whatever is restarted."""

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from jarvisd.base.errors import EXIT_ALREADY_RUNNING, EXIT_USAGE
from jarvisd.base.ids import SessionId
from jarvisd.base.session_words import Confidence, State
from jarvisd.cli import wall_clock
from jarvisd.cli.notices import gathered, notice
from jarvisd.cli.templates import fill
from jarvisd.rpc.client_wire import Subscribe
from jarvisd.state.model import Transition
from jarvisd.state.wire import StatesList
from tests.cli.conftest import LIMIT_S, Ctl, command
from tests.cli.fake_daemon import FakeDaemon, live_session

APPROVAL: dict[str, Any] = {
    "state": State.WAITING_APPROVAL,
    "confidence": Confidence.HIGH,
}
WAITING = live_session("aaaa", title="Fix <b>it</b>", **APPROVAL)


def transition(number: int, **fields: Any) -> Transition:
    usual: dict[str, Any] = {
        "number": number,
        "agent": "claude",
        "session_id": SessionId("aaaa"),
        "at_ms": wall_clock.unix_ms() - 1_000,
        "before": State.WORKING,
        "state": State.WAITING_APPROVAL,
        "tool": "Bash",
        "evidence": "PermissionRequest Bash",
        "confidence": Confidence.HIGH,
    }
    return Transition(**usual | fields)


@contextmanager
def notifying(
    environ: dict[str, str], *options: str
) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        command("notify", "--json", *options),
        env=environ,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(LIMIT_S)
        assert process.stdout is not None
        process.stdout.close()


def told(process: "subprocess.Popen[str]") -> dict[str, Any]:
    assert process.stdout is not None
    found: dict[str, Any] = json.loads(process.stdout.readline())["notice"]
    return found


def wait_for_followers(daemon: FakeDaemon, *, count: int = 1) -> None:
    daemon.wait_until(
        lambda: sum(isinstance(each, Subscribe) for each in daemon.asked) >= count
    )


@pytest.fixture
def desktop(environ: dict[str, str], tmp_path: Path) -> Path:
    """Put a notify-send into PATH that writes down what it is given."""
    folder = tmp_path / "bin"
    folder.mkdir()
    fake = folder / "notify-send"
    fake.write_text('#!/bin/sh\nprintf "%s\\n" "$@" >> "$HOME/shown"\n')
    fake.chmod(0o755)
    environ["PATH"] = f"{folder}:{environ['PATH']}"
    return tmp_path / "shown"


def test_a_need_is_shown_on_the_desktop_without_its_markup(
    environ: dict[str, str], daemon: FakeDaemon, desktop: Path
) -> None:
    daemon.sessions = [WAITING]
    with notifying(environ, "--by", "desktop") as process:
        wait_for_followers(daemon)
        daemon.tell_transition(transition(wall_clock.unix_ms()))
        shown = told(process)

    assert shown["title"] == "claude needs your approval (Bash)"
    assert desktop.read_text().splitlines() == [
        *("--app-name=jarvisd", "--", "claude needs your approval (Bash)"),
        "demo · Fix &lt;b&gt;it&lt;/b&gt;",
        "PermissionRequest Bash (none)",
    ]


def test_each_is_told_once_over_restarts_of_both_sides(
    environ: dict[str, str], daemon: FakeDaemon
) -> None:
    first = transition(wall_clock.unix_ms())
    second = replace(first, number=first.number + 5, session_id=SessionId("bbbb"))
    daemon.sessions = [WAITING, live_session("bbbb", **APPROVAL)]
    with notifying(environ, "--by", "bell") as process:
        wait_for_followers(daemon)
        daemon.tell_transition(first)
        assert told(process)["number"] == first.number
        daemon.hang_up()
        wait_for_followers(daemon, count=2)
        again = [each for each in daemon.asked if isinstance(each, Subscribe)]
        assert again[-1].after == first.number

    with notifying(environ, "--by", "bell") as process:
        wait_for_followers(daemon, count=3)
        daemon.tell_transition(first)
        daemon.tell_transition(second)
        assert told(process)["number"] == second.number


def test_what_is_over_or_a_subagents_is_not_told(
    environ: dict[str, str], daemon: FakeDaemon
) -> None:
    daemon.sessions = [
        live_session("over", state=State.WORKING),
        live_session(
            "aaaa/agent-1",
            state=State.WAITING_APPROVAL,
            parent_session_id=SessionId("aaaa"),
        ),
        WAITING,
    ]
    number = wall_clock.unix_ms()
    with notifying(environ, "--by", "bell") as process:
        wait_for_followers(daemon)
        for place, name in enumerate(("over", "aaaa/agent-1", "aaaa")):
            daemon.tell_transition(
                transition(number + place, session_id=SessionId(name))
            )

        assert told(process)["session_id"] == "aaaa"


def test_many_at_once_are_told_as_one(
    environ: dict[str, str], daemon: FakeDaemon, tmp_path: Path
) -> None:
    config = tmp_path / ".config" / "jarvisd" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("[notify]\nper_minute = 1\n")
    names = ["aaaa", "bbbb", "cccc"]
    daemon.sessions = [live_session(each, **APPROVAL) for each in names]
    number = wall_clock.unix_ms()
    with notifying(environ, "--by", "bell", "--after", "1.5") as process:
        wait_for_followers(daemon)
        for place, name in enumerate(names):
            daemon.tell_transition(
                transition(number + place, session_id=SessionId(name), at_ms=number)
            )

        shown = told(process)

    assert shown["title"] == "3 sessions need you"
    assert shown["more"] == ["bbbb", "cccc"]


def test_a_guess_is_told_as_one(environ: dict[str, str], daemon: FakeDaemon) -> None:
    daemon.sessions = [live_session("aaaa", state=State.WAITING_APPROVAL)]
    with notifying(environ, "--by", "bell") as process:
        wait_for_followers(daemon)
        daemon.tell_transition(transition(wall_clock.unix_ms()))
        shown = told(process)

    assert shown["title"] == "claude may need your approval (Bash)"
    assert shown["confidence"] == "low"


def gathered_titles(*confidences: Confidence) -> tuple[str, list[str]]:
    waits = [transition(1, confidence=each) for each in confidences]
    found = gathered([notice(each, None) for each in waits])
    return found.title, found.body.splitlines()


def test_together_only_what_is_sure_counts_as_a_need() -> None:
    sure, guess = Confidence.MEDIUM, Confidence.LOW

    assert gathered_titles(sure, guess, sure) == (
        "2 sessions need you, 1 may",
        [
            "claude needs your approval (Bash)",
            "claude may need your approval (Bash)",
            "claude needs your approval (Bash)",
        ],
    )
    assert gathered_titles(guess, sure)[0] == "1 session needs you, 1 may"
    assert gathered_titles(guess, guess)[0] == "2 sessions may need you"


@pytest.mark.parametrize(
    ("state", "title"),
    [
        *((each.value, "claude may") for each in State if each is not State.UNKNOWN),
        ("unknown", "claude is unknown"),
    ],
)
def test_no_state_that_is_guessed_is_told_as_a_fact(state: str, title: str) -> None:
    guess = transition(1, state=State(state), tool=None, confidence=Confidence.LOW)
    trouble = replace(guess, evidence="not logged in")

    assert notice(guess, None).title.startswith(title)
    assert notice(trouble, None).title.startswith(title)


def test_the_users_command_gets_words_and_json(
    environ: dict[str, str], daemon: FakeDaemon, tmp_path: Path
) -> None:
    script = tmp_path / "tell"
    script.write_text('#!/bin/sh\necho "$1" > "$HOME/words"; cat > "$HOME/json"\n')
    script.chmod(0o755)
    daemon.sessions = [WAITING]
    with notifying(environ, "--command", str(script), "{agent}: {tool}; rm") as process:
        wait_for_followers(daemon)
        daemon.tell_transition(transition(wall_clock.unix_ms()))
        told(process)
        daemon.hang_up()
        wait_for_followers(daemon, count=2)  # so it is done with the command

    assert (tmp_path / "words").read_text() == "claude: Bash; rm\n"
    assert json.loads((tmp_path / "json").read_text())["session_id"] == "aaaa"


def test_two_would_tell_everything_twice(
    ctl: Ctl, environ: dict[str, str], daemon: FakeDaemon
) -> None:
    with notifying(environ):
        wait_for_followers(daemon)
        second = ctl("notify")

    assert second.returncode == EXIT_ALREADY_RUNNING
    assert "another" in second.stderr


@pytest.mark.parametrize(
    ("options", "told"),
    [
        pytest.param(("--by", "command"), "--command", id="no command"),
        pytest.param(
            ("--quiet", "25"), "is '25': expected hours such as 22:00", id="no hours"
        ),
        pytest.param(("--on", "tired"), "waiting_approval", id="no state"),
    ],
)
def test_what_cannot_be_done_is_said_at_once(
    ctl: Ctl, options: tuple[str, ...], told: str
) -> None:
    done = ctl("notify", *options)

    assert done.returncode == EXIT_USAGE
    assert told in done.stderr


def test_states_go_by_the_names_that_tables_show(
    environ: dict[str, str], daemon: FakeDaemon
) -> None:
    with notifying(environ, "--on", "approval"):
        wait_for_followers(daemon)


@pytest.mark.parametrize(
    ("evidence", "title"),
    [
        ("AskUserQuestion is open", "claude has a question"),
        ("not logged in", "claude cannot go on: not logged in"),
        ("API error 500", "claude cannot go on: API error 500"),
    ],
)
def test_what_stopped_a_session_is_in_the_title(evidence: str, title: str) -> None:
    waits = transition(1, state=State.WAITING_ANSWER, tool=None, evidence=evidence)

    assert notice(waits, None).title == title


def test_placeholders_are_filled_once_and_never_split() -> None:
    facts = {"title": "{agent} a b", "agent": "claude", "tool": None}

    assert fill(["say", "{title}", "{agent}{tool}{else}"], facts) == [
        *("say", "{agent} a b", "claude{else}"),
    ]


def test_asking_again_is_what_makes_it_sure(
    environ: dict[str, str], daemon: FakeDaemon
) -> None:
    daemon.sessions = [WAITING]
    with notifying(environ, "--by", "bell") as process:
        wait_for_followers(daemon)
        daemon.tell_transition(transition(wall_clock.unix_ms()))
        told(process)

    asked = [each for each in daemon.asked if isinstance(each, StatesList)]
    assert asked[-1].over
