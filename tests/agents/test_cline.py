"""Cline: what its elements say, where its sessions are, and how its processes are known."""

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from jarvisd.agents.cline.presence import role
from jarvisd.base.session_words import State
from jarvisd.base.usage import Tokens
from jarvisd.core.event import (
    ApiFailed,
    Event,
    Instructed,
    Outcome,
    PromptGiven,
    ToolCalled,
    ToolKind,
    ToolReturned,
    UsageReported,
)
from jarvisd.core.origin import BlockId, Kind, Origin, SessionId
from jarvisd.core.process import ProcessRole
from jarvisd.core.record import Record
from tests.agents.found import AGENTS, fresh_reader, read_alone
from tests.state.rig import Desk, ms

HOME = Path("/home/dev")
SESSION = "1796081669440_px50f"


def item(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def answer(second: float, *calls: str, **fields: Any) -> bytes:
    """Return an answer that asks for *calls*, each an id and a tool."""
    content = [{"type": "text", "text": "So."}]
    for each in calls:
        call_id, _, tool = each.partition(":")
        content.append({"type": "tool_use", "id": call_id, "name": tool or "editor"})

    return item(
        role="assistant", id=f"m{second}", ts=ms(second), content=content, **fields
    )


def result(second: float, content: Any, **fields: Any) -> bytes:
    block = {"type": "tool_result", "tool_use_id": "c1", "content": content, **fields}
    return item(role="user", id=f"r{second}", ts=ms(second), content=[block])


def prompt(second: float, text: Any) -> bytes:
    return item(role="user", id=f"p{second}", ts=ms(second), content=text)


def manifest(status: str, **fields: Any) -> bytes:
    return item(session_id=SESSION, status=status, **fields)


def events(text: bytes) -> tuple[Event, ...]:
    record = read_alone("cline", text)
    assert record is not None
    return record.events


@pytest.mark.parametrize(
    ("metrics", "tokens", "micros"),
    [
        pytest.param(
            {"inputTokens": 2131, "outputTokens": 60, "cacheReadTokens": 2017},
            Tokens(input=114, cache_read=2017, output=60),
            None,
            id="the prompt includes the cache",
        ),
        pytest.param(
            {"inputTokens": 100, "cacheReadTokens": 60, "cacheWriteTokens": 30},
            Tokens(input=10, cache_read=60, cache_write_5m=30),
            None,
            id="read and written",
        ),
        pytest.param(
            {"inputTokens": 10, "cacheReadTokens": 60, "cacheWriteTokens": 30},
            Tokens(cache_read=10),
            None,
            id="parts are cut to their sum",
        ),
        pytest.param(
            {"inputTokens": 1, "outputTokens": 2, "cost": 0.0123},
            Tokens(input=1, output=2),
            12_300,
            id="the stated cost",
        ),
        pytest.param(
            {"inputTokens": 1, "outputTokens": -5, "cost": 0},
            Tokens(input=1),
            None,
            id="no count, and no price",
        ),
    ],
)
def test_usage(metrics: dict[str, Any], tokens: Tokens, micros: int | None) -> None:
    text = answer(1, metrics=metrics, modelInfo={"id": "gpt-5.1"})

    (usage,) = (each for each in events(text) if isinstance(each, UsageReported))

    assert (usage.tokens, usage.stated_micros) == (tokens, micros)
    assert (usage.response, usage.model) == ("m1", "gpt-5.1")


@pytest.mark.parametrize(
    ("content", "fields", "outcome"),
    [
        pytest.param([{"success": True}], {}, Outcome.OK, id="a list"),
        pytest.param(
            [{"success": True}, {"success": False}], {}, Outcome.ERROR, id="one failed"
        ),
        pytest.param('{"success":false}', {}, Outcome.ERROR, id="JSON in a text"),
        pytest.param('{"success":true}', {}, Outcome.OK, id="JSON in a text, good"),
        pytest.param([{"type": "text", "text": "x"}], {}, Outcome.OK, id="text"),
        pytest.param("plain {", {}, Outcome.OK, id="plain words"),
        pytest.param("x", {"is_error": True}, Outcome.ERROR, id="said to be an error"),
        pytest.param(
            '{"error":"This tool call was rejected by the user and not executed."}',
            {"is_error": True},
            Outcome.DENIED,
            id="refused",
        ),
    ],
)
def test_how_a_call_came_back(
    content: Any, fields: dict[str, Any], outcome: Outcome
) -> None:
    assert events(result(1, content, **fields)) == (
        ToolReturned(call_id="c1", outcome=outcome),
    )


def test_calls_of_servers_and_subagents() -> None:
    found = [
        (each.tool, each.server, each.kind)
        for each in events(answer(1, "c1:lab__echo", "c2:spawn_agent", "c3:editor"))
        if isinstance(each, ToolCalled)
    ]

    assert found == [
        ("echo", "lab", ToolKind.MCP),
        ("spawn_agent", None, ToolKind.SUBAGENT),
        ("editor", None, ToolKind.TOOL),
    ]


@pytest.mark.parametrize(
    ("text", "chars"),
    [
        pytest.param('<user_input mode="act">Go on.</user_input>', 6, id="wrapped"),
        pytest.param("Go on.", 6, id="bare"),
        pytest.param("<mode_notice>x</mode_notice>\nGo on.", 6, id="with a notice"),
        pytest.param([{"type": "text", "text": "Go on."}], 6, id="in a block"),
        pytest.param('<user_input mode="act">Go on.', 6, id="cut"),
        pytest.param("<mode_notice>x</mode_notice>", None, id="a notice alone"),
        pytest.param([], None, id="nothing"),
    ],
)
def test_prompts(text: Any, chars: int | None) -> None:
    found = [
        each.chars for each in events(prompt(1, text)) if isinstance(each, PromptGiven)
    ]

    assert found == ([] if chars is None else [chars])


def test_the_first_words_of_a_subagent_are_of_an_agent() -> None:
    origin = Origin(
        block_id=BlockId("b"),
        kind=Kind.TRANSCRIPT,
        agent="cline",
        session_id=SessionId(f"{SESSION}__agent_1_x"),
    )
    record: Record | None = fresh_reader("cline", origin).read(
        prompt(1, "Go"), offset=0
    )

    assert record is not None
    assert record.parent_session_id == SESSION
    assert record.events == (Instructed(by_agent=True),)


def test_an_error_that_is_shown_as_a_message_is_no_response() -> None:
    text = answer(1, metadata={"displayRole": "error"})
    record = read_alone("cline", text)

    assert record is not None
    assert not record.lacks_tokens
    assert [type(each) for each in record.events] == [ApiFailed]


# States: the manifest has no times, and gets that of its file


def told(desk: Desk, second: float, *texts: bytes) -> Desk:
    """Apply *texts*, of which those without a time were written at *second*."""
    for text in texts:
        stream = desk.stream(SESSION)
        reader = desk.readers.setdefault(
            SessionId(SESSION), fresh_reader("cline", stream.ledger.origin)
        )
        record = reader.read(text, offset=0)
        assert record is not None
        if record.at_ms is None:
            record = replace(record, at_ms=ms(second))

        desk.ledger.apply(stream, record)
        desk.states.apply(stream, record, live=True)

    desk.ledger.applied()
    return desk


def state(desk: Desk, second: float) -> tuple[State, str | None]:
    view = desk.at(second, SESSION)
    return view.state, view.tool


def test_a_session_in_a_terminal_from_prompt_to_prompt() -> None:
    desk = told(Desk("cline"), 0, manifest("idle"))
    assert state(desk, 1)[0] is State.IDLE

    told(desk, 2, manifest("running"))  # the prompt comes with the first answer
    assert state(desk, 3) == (State.WORKING, None)

    told(desk, 4, prompt(2, "Go"), answer(4, "c1:run_commands"))
    assert state(desk, 4.1) == (State.WORKING, "run_commands")

    told(desk, 4.2, manifest("pending"))
    assert state(desk, 60) == (State.WAITING_APPROVAL, "run_commands")

    told(desk, 61, manifest("running"))
    assert state(desk, 61.1) == (State.WORKING, "run_commands")

    told(desk, 62, result(62, [{"success": True}]), answer(63), manifest("idle"))
    assert state(desk, 64)[0] is State.IDLE


def test_a_manifest_that_is_written_again_begins_no_turn() -> None:
    desk = told(Desk("cline"), 0, manifest("running"), prompt(0, "Go"))
    told(desk, 1, answer(1, "c1:run_commands"))
    told(desk, 2, manifest("running", pid=7), manifest("running", pid=8))

    assert state(desk, 3) == (State.WORKING, "run_commands")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"status": "completed"}, State.ENDED, id="completed"),
        pytest.param({"status": "cancelled"}, State.ENDED, id="cancelled"),
        pytest.param(
            {"status": "failed", "metadata": {"terminal_marker": "failed"}},
            State.ENDED,
            id="killed, as the next process found",
        ),
        pytest.param(
            {"status": "completed", "interactive": False}, State.ENDED, id="headless"
        ),
    ],
)
def test_how_a_session_ends(fields: dict[str, Any], expected: State) -> None:
    desk = told(Desk("cline"), 0, manifest("running"), prompt(0, "Go"))
    told(desk, 1, answer(1, "c1:run_commands"))
    assert state(desk, 2)[0] is State.WORKING

    assert state(told(desk, 3, item(session_id=SESSION, **fields)), 4)[0] is expected


def test_a_manifest_that_is_written_again_opens_no_session() -> None:
    done = manifest("completed", interactive=False)
    desk = told(
        Desk("cline"), 0, manifest("running", interactive=False), prompt(0, "Go")
    )
    told(desk, 1, answer(1), done)
    told(desk, 2, manifest("completed", interactive=False, exit_code=0))
    assert state(desk, 3)[0] is State.ENDED

    assert state(told(desk, 4, manifest("running")), 5)[0] is State.WORKING


def test_history_of_a_finished_session_has_ended() -> None:
    desk = told(
        Desk("cline"),
        9,
        prompt(0, "Go"),
        answer(1, "c1"),
        answer(2),
        manifest("completed"),
    )

    assert state(desk, 10)[0] is State.ENDED


# Places and processes


@pytest.mark.parametrize(
    ("environ", "configured", "expected"),
    [
        pytest.param({}, (), ["/home/dev/.cline/data/sessions"], id="default"),
        pytest.param({"CLINE_DIR": "/a"}, (), ["/a/data/sessions"], id="CLINE_DIR"),
        pytest.param(
            {"CLINE_DIR": "/a", "CLINE_DATA_DIR": "/b"}, (), ["/b/sessions"], id="data"
        ),
        pytest.param(
            {"CLINE_DATA_DIR": "/b", "CLINE_SESSION_DATA_DIR": "/c"},
            (),
            ["/c"],
            id="sessions",
        ),
        pytest.param(
            {},
            ("/x", "/y/data", "/z/sessions", "/x"),
            [
                "/home/dev/.cline/data/sessions",
                "/x/data/sessions",
                "/y/data/sessions",
                "/z/sessions",
            ],
            id="configured ones, each once",
        ),
    ],
)
def test_roots(
    environ: dict[str, str], configured: tuple[str, ...], expected: list[str]
) -> None:
    trees = AGENTS["cline"].roots(environ, HOME, tuple(map(Path, configured)))

    assert [str(each.root) for each in trees] == expected


@pytest.mark.parametrize(
    ("path", "session"),
    [
        pytest.param(f"{SESSION}/{SESSION}.json", SESSION, id="the manifest"),
        pytest.param(f"{SESSION}/{SESSION}.messages.json", SESSION, id="messages"),
        pytest.param(f"{SESSION}/agent_1_x.messages.json", SESSION, id="a subagent"),
        pytest.param(f"{SESSION}/{SESSION}.messages (1).json", None, id="a copy"),
        pytest.param(f"{SESSION}/{SESSION} (1).messages.json", None, id="another copy"),
        pytest.param(f"{SESSION}/{SESSION}.compaction.json", None, id="compaction"),
        pytest.param(f"{SESSION}.json", None, id="in no folder"),
        pytest.param(f"{SESSION}/x/{SESSION}.json", None, id="deeper"),
    ],
)
def test_places(path: str, session: str | None) -> None:
    (tree,) = AGENTS["cline"].roots({}, HOME, ())
    place = tree.place(tuple(path.split("/")))

    assert (None if place is None else place.session_id) == session


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        pytest.param(["/x/bin/.cline"], ProcessRole.TALKS, id="terminal"),
        pytest.param(["/x/bin/cline", "--json", "Go"], ProcessRole.ONCE, id="headless"),
        pytest.param(
            ["/x/.cline", "--cline-hub-daemon"], ProcessRole.SERVES, id="the hub"
        ),
        pytest.param(["node", "/x/bin/cline"], None, id="the script that starts it"),
        pytest.param(["vim", "cline"], None, id="another program"),
        pytest.param([], None, id="nothing"),
    ],
)
def test_processes(argv: list[str], expected: ProcessRole | None) -> None:
    assert role(argv) is expected
