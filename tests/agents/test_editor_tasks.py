"""Tasks of editor extensions: cases of their format, and where they lie."""

import json
from pathlib import Path
from typing import Any

import pytest

from jarvisd.base.session_words import State
from jarvisd.base.usage import NO_TOKENS, Tokens
from jarvisd.core.event import ModeChanged, UsageReported
from tests.agents.found import AGENTS, fresh_reader
from tests.books.process import started
from tests.state.rig import Desk, ms

HOME = Path("/home/dev")
EXTENSIONS = {
    "cline_tasks": "saoudrizwan.claude-dev",
    "roo_code": "rooveterinaryinc.roo-cline",
    "kilo_code": "kilocode.kilo-code",
}


def say(second: float, what: str, text: Any = "", **fields: Any) -> dict[str, Any]:
    text = text if isinstance(text, str) else json.dumps(text)
    return {"ts": ms(second), "type": "say", "say": what, "text": text, **fields}


def ask(second: float, what: str, **fields: Any) -> dict[str, Any]:
    return {"ts": ms(second), "type": "ask", "ask": what, "text": "", **fields}


def environment(second: float, words: str) -> dict[str, Any]:
    text = f"<environment_details>\n{words}\n</environment_details>"
    part = {"type": "text", "text": text}
    return {"role": "user", "content": [part], "ts": ms(second)}


def usages(*items: dict[str, Any]) -> dict[str, UsageReported]:
    """Return the last word on each response."""
    reader, found = fresh_reader("roo_code"), {}
    for each in items:
        record = reader.read(json.dumps(each).encode(), offset=1)
        assert record is not None
        for event in record.events:
            if isinstance(event, UsageReported):
                assert event.response is not None
                found[event.response] = event

    return found


FULL = {
    "tokensIn": 100,
    "tokensOut": 50,
    "cacheReads": 20,
    "cacheWrites": 5,
    "cost": 0.12,
}


def test_ot_036_and_037_a_request_is_filled_in() -> None:
    found = usages(
        say(1, "api_req_started", {"request": "x"}), say(1, "api_req_started", FULL)
    )

    (usage,) = found.values()
    assert usage.tokens == Tokens(input=100, cache_read=20, output=50)
    assert (usage.cache_write_flat, usage.stated_micros) == (5, 120_000)


def test_ot_039_the_mode_is_its_slug() -> None:
    words = "<slug>code</slug>\n<name>Code</name>"
    text = json.dumps(environment(1, words)).encode()
    record = fresh_reader("kilo_code").read(text, offset=1)

    assert record is not None
    assert record.events == (ModeChanged(mode="code"),)


@pytest.mark.parametrize(
    ("item", "state"),
    [
        (ask(3, "tool", partial=False), State.WAITING_APPROVAL),
        (ask(3, "command"), State.WAITING_APPROVAL),
        (ask(3, "tool", partial=True), State.WORKING),
        (ask(3, "followup"), State.WAITING_ANSWER),
        (ask(3, "command_output"), State.WORKING),
        (ask(3, "completion_result"), State.IDLE),
    ],
    ids=lambda each: each["ask"] if isinstance(each, dict) else "",
)
def test_ot_040_what_the_newest_message_asks(
    item: dict[str, Any], state: State
) -> None:
    desk = Desk("cline_tasks")
    for each in (say(1, "task", "Go"), say(2, "api_req_started", FULL), item):
        desk.read(json.dumps(each).encode())

    assert desk.at(4).state is state
    desk.read(json.dumps(say(5, "api_req_started", {})).encode())
    assert desk.at(6).state is State.WORKING


def test_where_settings_permit_in_silence_no_wait_is_told() -> None:
    desk = Desk("roo_code")
    for each in (say(1, "text", "Go"), ask(3, "command")):
        desk.read(json.dumps(each).encode())

    assert desk.at(60).state is State.WORKING


def test_an_older_message_that_comes_again_changes_no_turn() -> None:
    desk = Desk("cline_tasks")
    old = say(2, "api_req_started", FULL)
    for each in (say(1, "task", "Go"), old, ask(3, "completion_result"), old):
        desk.read(json.dumps(each).encode())

    assert desk.at(4).state is State.IDLE


def test_the_model_is_the_last_one_that_was_named_before() -> None:
    found = usages(
        environment(1, "<model>one</model>"),
        environment(5, "<model>two</model>"),
        say(2, "api_req_started", FULL),
        say(6, "api_req_started", FULL),
    )

    assert [each.model for each in found.values()] == ["one", "two"]


@pytest.mark.parametrize("agent", EXTENSIONS)
def test_roots(agent: str) -> None:
    roots = [str(each.root) for each in AGENTS[agent].roots({}, HOME, (Path("/x"),))]

    tail = f"User/globalStorage/{EXTENSIONS[agent]}/tasks"
    assert f"/home/dev/.config/Code/{tail}" in roots
    assert f"/home/dev/.vscode-server/data/{tail}" in roots
    assert "/x/tasks" in roots
    assert ("/home/dev/.cline/data/tasks" in roots) is (agent == "cline_tasks")


def test_a_task_is_counted_by_the_daemon(tmp_path: Path) -> None:
    storage = f".vscode-server/data/User/globalStorage/{EXTENSIONS['roo_code']}"
    folder = tmp_path / "home" / storage / "tasks" / "t1"
    folder.mkdir(parents=True)
    shown = [say(1, "text", "Go"), say(2, "api_req_started", FULL)]
    (folder / "ui_messages.json").write_text(json.dumps(shown))
    history = [environment(1, "# Current Workspace Directory (/home/me/x) Files")]
    (folder / "api_conversation_history.json").write_text(json.dumps(history))
    with started(tmp_path / "home", tmp_path / "state") as daemon:
        daemon.ask("sync")
        (session,) = daemon.ask("sessions.list", agent="roo_code")["sessions"]

    assert (session["session_id"], session["cwd"]) == ("t1", "/home/me/x")
    assert session["tokens"] == {
        **dict.fromkeys(NO_TOKENS.__struct_fields__, 0),
        "input": 100,
        "cache_read": 20,
        "cache_write_5m": 5,
        "output": 50,
    }
