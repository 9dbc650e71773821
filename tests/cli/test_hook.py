"""What agents run: silent, quick, and status 0 whatever happens."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvisd.base.wire_types import Done
from jarvisd.cli import hook
from jarvisd.presence.wire import Hook
from tests.cli.conftest import LIMIT_S, Ctl, command
from tests.cli.fake_daemon import FakeDaemon, HangUp
from tests.cli.test_line import loaded_by

ALLOWED = {
    "jarvisd.base",
    *("jarvisd", "jarvisd.cli", "jarvisd.cli.hook", "jarvisd.cli.main"),
    *("jarvisd.base.paths", "jarvisd.rpc", "jarvisd.base.hook_fields"),
    *("_json", "_signal", "_socket"),
}
"""Everything that the fast path may load beyond what the interpreter has anyway."""

FAST = (
    "import sys; sys.argv[1:] = ['hook', 'claude'];"
    "from jarvisd.cli.main import main; main()"
)
SECRET = "correct horse"
PAYLOAD = {
    "session_id": "5e55",
    "transcript_path": "/home/ada/.claude/projects/-src/5e55.jsonl",
    "cwd": "/src/démo",
    "permission_mode": "default",
    "hook_event_name": "PreToolUse",
    "tool_name": "Bash",
    "tool_input": {"command": SECRET, "deep": [1, {"a": None}]},
    "tool_use_id": "toolu_1",
}
TOLD = {
    "session_id": "5e55",
    "transcript_path": "/home/ada/.claude/projects/-src/5e55.jsonl",
    "cwd": "/src/démo",
    "permission_mode": "default",
    "hook_event_name": "PreToolUse",
    "tool_name": "Bash",
    "tool_use_id": "toolu_1",
}


def written(**more: Any) -> bytes:
    return json.dumps(PAYLOAD | more).encode()


def told(daemon: FakeDaemon) -> list[dict[str, Any]]:
    return [
        msgspec.json.decode(each.payload)
        for each in daemon.asked
        if isinstance(each, Hook)
    ]


@pytest.fixture
def daemon(daemon: FakeDaemon) -> FakeDaemon:
    daemon.raw["hook"] = Done()
    return daemon


def assert_silent(done: "subprocess.CompletedProcess[str]") -> None:
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_daemon_is_told_ids_and_names_only(ctl: Ctl, daemon: FakeDaemon) -> None:
    assert_silent(ctl("hook", "claude", stdin=written()))

    assert told(daemon) == [TOLD]
    assert SECRET not in str(daemon.asked)


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("Claude is waiting for your input", "idle_prompt"),
        ("Claude needs your permission to use Bash", "permission_prompt"),
        ("Something else", None),
    ],
)
def test_a_notification_without_a_type_is_told_with_one(
    ctl: Ctl, daemon: FakeDaemon, message: str, kind: str | None
) -> None:
    fields = {"session_id": "s1", "hook_event_name": "Notification"}
    ctl("hook", "claude", stdin=json.dumps({**fields, "message": message}).encode())

    kinds = {} if kind is None else {"notification_type": kind}
    assert told(daemon) == [fields | kinds]


def test_the_process_that_ran_the_hook_is_named(ctl: Ctl, daemon: FakeDaemon) -> None:
    ctl("hook", "codex", stdin=written())

    (asked,) = daemon.asked
    assert isinstance(asked, Hook)
    assert (asked.agent, asked.pid) == ("codex", os.getpid())


def test_the_shell_between_is_not_taken_for_the_agent(
    environ: dict[str, str], daemon: FakeDaemon
) -> None:
    line = f"'{sys.executable}' -m jarvisd.cli.main hook claude >/dev/null || true"
    subprocess.run(
        ["/bin/sh", "-c", line],
        env=environ,
        input=written(),
        timeout=LIMIT_S,
        check=True,
    )

    assert [each.pid for each in daemon.asked if isinstance(each, Hook)] == [
        os.getpid()
    ]


def test_a_large_payload_is_reduced_before_it_is_sent(
    ctl: Ctl, daemon: FakeDaemon
) -> None:
    large = {"content": "lines\n" * 60_000}
    assert_silent(ctl("hook", "claude", stdin=written(tool_input=large)))

    assert told(daemon) == [TOLD]


def test_of_a_huge_payload_the_beginning_is_told(ctl: Ctl, daemon: FakeDaemon) -> None:
    huge = {"content": "x" * (hook.MAX_PAYLOAD_BYTES * 2)}
    assert_silent(ctl("hook", "claude", stdin=written(tool_input=huge)))

    (found,) = told(daemon)
    assert found == {key: TOLD[key] for key in TOLD if key != "tool_use_id"}


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"not json",
        b"[]",
        b"{}",
        b'{"session_id":"s"}',
        b'{"a":' * 100_000,
        b"\xff",
    ],
)
def test_what_is_no_payload_is_not_told(
    ctl: Ctl, daemon: FakeDaemon, payload: bytes
) -> None:
    assert_silent(ctl("hook", "claude", stdin=payload))

    assert daemon.asked == []


@pytest.mark.parametrize("words", [(), ("",), ("cla ude",), ('a"b',), ("a", "--b")])
def test_a_wrong_command_line_is_no_veto(ctl: Ctl, words: tuple[str, ...]) -> None:
    assert_silent(ctl("hook", *words, stdin=written()))


def test_without_a_daemon_it_is_silent(ctl: Ctl) -> None:
    assert_silent(ctl("hook", "claude", stdin=written()))


def test_a_daemon_that_refuses_or_hangs_up_is_no_veto(
    ctl: Ctl, daemon: FakeDaemon
) -> None:
    def hang_up(_: object) -> None:
        raise HangUp

    daemon.before = hang_up
    assert_silent(ctl("hook", "claude", stdin=written()))


@pytest.fixture
def deaf(socket_path: Path) -> Iterator[socket.socket]:
    """Yield a socket that takes connections and never answers."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(socket_path))
        listener.listen()
        yield listener


@pytest.mark.usefixtures("deaf")
def test_a_daemon_that_hangs_is_not_waited_for(
    ctl: Ctl, environ: dict[str, str]
) -> None:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], env=environ, check=True)
    start_s = time.perf_counter() - began

    began = time.perf_counter()
    assert_silent(ctl("hook", "claude", stdin=written()))
    # The limit, and the start of Python on a machine that may be busy.
    assert time.perf_counter() - began < hook.LIMIT_S + 0.3 + 10 * start_s


def test_an_input_that_never_ends_is_not_waited_for(environ: dict[str, str]) -> None:
    with subprocess.Popen(
        command("hook", "claude"),
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.wait(LIMIT_S) == 0


def test_the_fast_path_loads_next_to_nothing(environ: dict[str, str]) -> None:
    before = loaded_by("import os, sys", environ)

    assert loaded_by(FAST, environ) - before <= ALLOWED


def test_help_is_there_for_people(ctl: Ctl) -> None:
    assert "agents run this" not in ctl("hook", "claude", stdin=b"").stdout
    assert "always exits with 0" in ctl("hook", "--help").stdout


Json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    more=st.dictionaries(st.text(max_size=12), Json, max_size=4),
    indent=st.none() | st.just(2),
)
def test_evidence_is_found_among_anything(
    more: dict[str, Any], indent: int | None
) -> None:
    payload = {"error": "x", **more, **TOLD}

    for text in (
        json.dumps(payload, indent=indent),
        json.dumps(payload, indent=indent, ensure_ascii=False),
    ):
        found = hook.evidence(text)
        found.pop("agent_id", None)
        found.pop("is_interrupt", None)
        assert found == TOLD


@given(text=st.text() | st.just(json.dumps(PAYLOAD)), end=st.integers(0, 400))
def test_no_text_is_too_strange(text: str, end: int) -> None:
    found = hook.evidence(text[:end])

    assert found.items() <= TOLD.items()
