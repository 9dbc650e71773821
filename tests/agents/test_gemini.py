"""What the lines of Gemini CLI say, by the cases of its format."""

from pathlib import Path
from typing import Any

import pytest

from jarvisd.agents.gemini import presence
from jarvisd.agents.gemini.places import enters, find, place
from jarvisd.base.usage import Tokens
from jarvisd.core.agent import ReaderContext
from jarvisd.core.event import (
    ApiFailed,
    Asked,
    Compacted,
    Cue,
    Event,
    Instructed,
    Interrupted,
    LimitReached,
    MessageWritten,
    Outcome,
    PromptGiven,
    ToolCalled,
    ToolKind,
    ToolReturned,
    Trouble,
    TurnEnded,
    UsageReported,
)
from jarvisd.core.origin import SessionId
from jarvisd.core.process import ProcessRole
from jarvisd.core.record import Drift, DriftKind, Record
from tests.agents.found import AGENTS, read_alone
from tests.ledger.books import Block, Books, block, line, read_all

AT = "2026-11-21T02:36:19.171Z"
AT_MS = 1_795_228_579_171
SESSION = "5e457aec-9f60-415b-a73a-7e777cf24b52"


def said(**fields: Any) -> Record:
    record = read_alone("gemini", line(**fields))
    assert record is not None
    return record


def message(kind: str, content: Any = "", **fields: Any) -> dict[str, Any]:
    return {"id": "m1", "timestamp": AT, "type": kind, "content": content, **fields}


def events(kind: str, content: Any = "", **fields: Any) -> tuple[Event, ...]:
    return said(**message(kind, content, **fields)).events


def tokens(**counts: Any) -> dict[str, Any]:
    return message("gemini", tokens=counts, model="gemini-2.5-pro")


def usage(**counts: Any) -> Tokens:
    (found,) = (
        each
        for each in said(**tokens(**counts)).events
        if isinstance(each, UsageReported)
    )
    return found.tokens


def result(name: str = "output", text: str = "ok") -> list[dict[str, Any]]:
    return [{"functionResponse": {"id": "c1", "response": {name: text}}}]


def call(**fields: Any) -> tuple[Event, ...]:
    made = {
        "id": "c1",
        "name": "run_shell_command",
        "args": {"command": "ls"},
        "result": result(),
        "status": "success",
        "timestamp": "2026-11-21T02:36:21.171Z",
        **fields,
    }
    return events("gemini", toolCalls=[made])


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        pytest.param(
            {
                "input": 15_327,
                "output": 23,
                "cached": 11_526,
                "thoughts": 919,
                "tool": 7,
                "total": 16_276,
            },
            Tokens(input=3_808, output=942, reasoning=919, cache_read=11_526),
            id="GM-001",
        ),
        pytest.param(
            {"input": 12_693, "output": 52, "cached": 12_139, "thoughts": 13},
            Tokens(input=554, output=65, reasoning=13, cache_read=12_139),
            id="GM-002",
        ),
        pytest.param(
            {"input": 5, "output": 1, "cached": 10},
            Tokens(cache_read=5, output=1),
            id="GM-005 more cached than there was",
        ),
        pytest.param(
            {"input": 100, "output": 5, "cached": 50, "thoughts": 10, "total": 165},
            Tokens(input=100, cache_read=50, output=15, reasoning=10),
            id="a total of which the cache is a part of its own",
        ),
        pytest.param({"output": 7}, Tokens(output=7), id="output alone"),
    ],
)
def test_counts_are_disjoint(counts: dict[str, Any], expected: Tokens) -> None:
    assert usage(**counts) == expected


@pytest.mark.parametrize("counts", [{"total": 654}, {}])
def test_a_total_that_nothing_splits_is_reported_as_lacking(
    counts: dict[str, Any],
) -> None:
    record = said(**tokens(**counts))

    assert record.lacks_tokens
    assert not any(isinstance(each, UsageReported) for each in record.events)
    drift = AGENTS["gemini"].inspect(line(**tokens(**counts)))
    assert Drift(DriftKind.NO_TOKENS, "gemini") in drift


def test_a_message_before_its_tokens_lacks_none() -> None:
    assert not said(**message("gemini", "Hi.", tokens=None)).lacks_tokens


@pytest.mark.parametrize(
    ("content", "chars"),
    [
        pytest.param("Hello", 5, id="text"),
        pytest.param([{"text": "Hello"}], 5, id="a part"),
        pytest.param({"text": "Hello"}, 5, id="a part without a list"),
        pytest.param(["Hello", {"text": "you"}], 9, id="both"),
        pytest.param([{"inlineData": {"data": "x"}}], 0, id="an image alone"),
        pytest.param("<div>Hello", 10, id="a prompt may start with a tag"),
    ],
)
def test_words_of_a_person_are_a_prompt(content: Any, chars: int) -> None:
    assert events("user", content) == (PromptGiven(chars=chars, key="m1"),)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(
            "I ran the following shell command:\n```\nls\n```", id="GM-011 shell"
        ),
        pytest.param([{"text": "<session_context>\nToday"}], id="the setting"),
        pytest.param("System: Potential loop detected.", id="a loop"),
        pytest.param(result(), id="the result of a tool"),
        pytest.param("<state_snapshot>x", id="a compressed history"),
    ],
)
def test_words_of_nobody_are_no_prompt(content: Any) -> None:
    assert events("user", content) == ()


def test_what_was_typed_counts_and_not_what_it_was_expanded_to() -> None:
    found = events("user", "@a.py and all of a.py", displayContent="@a.py")

    assert found == (PromptGiven(chars=5, key="m1"),)


def test_prompts_of_a_subagent_are_another_agents() -> None:
    reader = AGENTS["gemini"].reader(ReaderContext(), b"")
    reader.read(line(sessionId="s2", projectHash="p", kind="subagent"), offset=0)
    reader = AGENTS["gemini"].reader(ReaderContext(), reader.memory())

    record = reader.read(line(**message("user", "Count.")), offset=9)

    assert record is not None
    assert record.events == (Instructed(by_agent=True),)


@pytest.mark.parametrize(
    ("kind", "content", "expected"),
    [
        pytest.param(
            "info",
            "Request cancelled.",
            (Interrupted(reason="user"),),
            id="GM-010 cancelled",
        ),
        pytest.param("info", "Model set to x", (), id="GM-010 a notice"),
        pytest.param("warning", "Small terminal", (), id="a warning"),
        pytest.param(
            "info", "This request failed. Press F12", (TurnEnded(),), id="failed"
        ),
        pytest.param(
            "error",
            '[API Error: {"error":{"code":503}}]',
            (ApiFailed(error="api_error", trouble=Trouble.API_ERROR, status=503),),
            id="GM-010 error",
        ),
        pytest.param("error", "No such command", (TurnEnded(),), id="another error"),
        pytest.param(
            "error",
            "[API Error: You have exhausted your daily quota]",
            (LimitReached(),),
            id="a limit",
        ),
    ],
)
def test_notices(kind: str, content: str, expected: tuple[Event, ...]) -> None:
    assert events(kind, content) == expected


@pytest.mark.parametrize(
    ("content", "stop"),
    [
        ("Done.", "end_turn"),
        ("", "tool_use"),
        ([{"text": "x", "thought": True}], "tool_use"),
    ],
)
def test_a_message_with_words_ends_the_turn(content: Any, stop: str) -> None:
    written = MessageWritten(message_id="m1", stop_reason=stop)

    assert events("gemini", content) == (written,)


def test_last_words_may_ask_something() -> None:
    assert Asked(cue=Cue.QUESTION) in events("gemini", "Which of them?")


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        pytest.param({}, Outcome.OK, id="success"),
        pytest.param(
            {"result": result(text="Output: no\nExit Code: 3\nProcess Group PGID: 5")},
            Outcome.ERROR,
            id="a command that failed",
        ),
        pytest.param(
            {"result": result(text="Exit Code: 3\nExit Code: 0\n")},
            Outcome.OK,
            id="a command that prints such a line",
        ),
        pytest.param(
            {"name": "read_file", "result": result(text="Exit Code: 3\n")},
            Outcome.OK,
            id="a file with such a line",
        ),
        pytest.param(
            {"status": "error", "result": result("error", "no such file")},
            Outcome.ERROR,
            id="error",
        ),
        pytest.param(
            {
                "status": "cancelled",
                "result": result("error", "User did not allow tool call"),
            },
            Outcome.DENIED,
            id="denied",
        ),
        pytest.param({"status": "cancelled", "result": None}, Outcome.ERROR, id="cut"),
        pytest.param({"status": "executing"}, None, id="at work"),
    ],
)
def test_calls_and_how_they_ended(
    fields: dict[str, Any], outcome: Outcome | None
) -> None:
    found = [each for each in call(**fields) if isinstance(each, ToolReturned)]

    expected = [] if outcome is None else [outcome]
    assert [each.outcome for each in found] == expected
    assert all(each.duration_ms == 2_000 for each in found)
    assert all(each.call_id == "m1/c1" for each in found)


@pytest.mark.parametrize(
    ("fields", "kind", "tool", "server", "subagent"),
    [
        ({}, ToolKind.TOOL, "run_shell_command", None, None),
        (
            {"name": "mcp_lab_echo", "displayName": "echo (lab MCP Server)"},
            ToolKind.MCP,
            "echo",
            "lab",
            None,
        ),
        ({"name": "mcp_lab_echo"}, ToolKind.MCP, "mcp_lab_echo", None, None),
        (
            {"name": "invoke_agent", "args": {"agent_name": "x"}},
            ToolKind.SUBAGENT,
            "invoke_agent",
            None,
            "x",
        ),
    ],
)
def test_sorts_of_tools(
    fields: dict[str, Any],
    kind: ToolKind,
    tool: str,
    server: str | None,
    subagent: str | None,
) -> None:
    (found,) = (each for each in call(**fields) if isinstance(each, ToolCalled))

    assert (found.kind, found.tool) == (kind, tool)
    assert (found.server, found.subagent) == (server, subagent)


def test_a_message_that_comes_again_happens_when_its_last_call_ended() -> None:
    ended = {"id": "c1", "name": "x", "timestamp": "2026-11-21T02:36:29.171Z"}

    record = said(**message("gemini", toolCalls=[ended]))

    assert record.at_ms == AT_MS + 10_000


@pytest.mark.parametrize(
    "text",
    [
        "<session_context>\n- **Workspace Directories:**\n  - /w/demo\n  - /x\n",
        "<session_context>\nI'm currently working in the directory: /w/demo\n",
        "<session_context>\nworking in the following directories:\n  - /w/demo\n",
    ],
)
def test_the_folder_is_in_the_words_that_begin_a_session(text: str) -> None:
    setting = message("user", [{"text": text}])

    assert said(**setting).cwd == "/w/demo"
    assert said(**{"$set": {"messages": [setting]}}).cwd == "/w/demo"


def account(books: Books) -> tuple[int, int, int]:
    (session,) = books.ledger.sessions()
    calls = session.tool_calls
    return books.tokens().total, calls, session.prompts


def stream(*lines: dict[str, Any], name: str = "a") -> Block:
    header = {"sessionId": SESSION, "projectHash": "p", "startTime": AT, "kind": "main"}
    return block([line(**each) for each in (header, *lines)], agent="gemini", name=name)


REPLY = {
    "tokens": {"input": 100, "output": 10, "cached": 40, "thoughts": 5, "total": 115},
    "model": "gemini-2.5-pro",
}
CALL = {"id": "c1", "name": "ls", "status": "success", "timestamp": AT}
SPENT = (
    message("user", "Hi.", id="p1"),
    message("gemini", id="a1", **REPLY),
    message("gemini", id="a1", **REPLY, toolCalls=[CALL]),
)


@pytest.mark.parametrize(
    "after",
    [
        pytest.param([], id="as it is written"),
        pytest.param(
            [{"$set": {"messages": [SPENT[0], {**SPENT[1], "tokens": None}]}}],
            id="GM-007 the conversation is replaced",
        ),
        pytest.param([{"$rewindTo": "p1"}], id="GM-008 rewound"),
        pytest.param([{"$rewindTo": "unknown"}], id="GM-008 rewound to nothing known"),
        pytest.param(SPENT, id="copied again, as a resumed session of old"),
    ],
)
def test_what_was_spent_is_counted_once(after: list[dict[str, Any]]) -> None:
    assert account(read_all(stream(*SPENT, *after))) == (115, 1, 1)


def test_a_document_and_the_lines_that_it_went_on_in_are_one_session() -> None:
    more = message("gemini", "Done.", id="a2", **REPLY)
    old = stream(*SPENT, name="old")

    assert account(read_all(old, stream(*SPENT, more, name="new"))) == (230, 1, 1)


def test_calls_of_two_messages_may_have_one_id() -> None:
    again = message("gemini", id="a2", **REPLY, toolCalls=[CALL])

    assert account(read_all(stream(*SPENT, again))) == (230, 2, 1)


def test_a_compressed_history_is_one_compaction() -> None:
    snapshot = message("user", "<state_snapshot>x</state_snapshot>", id="z1")
    patch = line(**{"$set": {"messages": [snapshot], "lastUpdated": AT}})
    reader = AGENTS["gemini"].reader(ReaderContext(), b"")

    first, second = (reader.read(patch, offset=at) for at in (0, 99))

    assert first is not None
    assert second is not None
    assert first.events == (Compacted(),)
    assert second.events == ()


@pytest.mark.parametrize(
    ("path", "session", "parent", "is_document"),
    [
        ("demo/chats/session-2026-11-21T02-36-5e457aec.jsonl", None, None, False),
        ("demo/chats/session-2025-10-01T10-00-5e457aec.json", None, None, True),
        (f"demo/chats/{SESSION}/7df89f55.jsonl", "7df89f55", SESSION, False),
        (
            f"demo/chats/{SESSION}/7df89f55.sync-conflict-20261130-1-A.jsonl",
            "7df89f55",
            SESSION,
            False,
        ),
    ],
)
def test_places(
    path: str, session: str | None, parent: str | None, *, is_document: bool
) -> None:
    found = place(tuple(path.split("/")))

    assert found is not None
    assert (found.session_id, found.parent_session_id) == (session, parent)
    assert (found.kind is not None) is is_document


@pytest.mark.parametrize(
    "path",
    [
        "demo/logs.json",
        "demo/chats/notes.jsonl",
        "demo/chats/session-1.txt",
        "demo/tool-outputs/session-1.jsonl",
        "session-1.jsonl",
        "demo/chats/a/b/c.jsonl",
    ],
)
def test_what_is_no_session(path: str) -> None:
    assert place(tuple(path.split("/"))) is None


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("demo",), True),
        (("demo", "chats"), True),
        (("demo", "chats", SESSION), True),
        (("demo", "tool-outputs"), False),
        (("demo", "chats", SESSION, "deeper"), False),
    ],
)
def test_folders(parts: tuple[str, ...], *, expected: bool) -> None:
    assert enters(parts) is expected


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, ["/home/dev/.gemini/tmp", "/x/.gemini/tmp", "/y/tmp"]),
        ({"GEMINI_CLI_HOME": "/z"}, ["/z/.gemini/tmp", "/x/.gemini/tmp", "/y/tmp"]),
    ],
)
def test_roots(environ: dict[str, str], expected: list[str]) -> None:
    trees = find(environ, Path("/home/dev"), (Path("/x/.gemini"), Path("/y/tmp")))

    assert [str(each.root) for each in trees] == expected


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("gemini", ProcessRole.TALKS),
        ("node /usr/bin/gemini -i hi", ProcessRole.TALKS),
        ("node --max-old-space-size=8192 /usr/bin/gemini -p hi", ProcessRole.ONCE),
        ("node /lib/@google/gemini-cli/bundle/gemini.js --prompt=hi", ProcessRole.ONCE),
        ("gemini --acp", ProcessRole.SERVES),
        ("gemini mcp list", None),
        ("vim gemini", None),
    ],
)
def test_processes(command: str, expected: ProcessRole | None) -> None:
    assert presence.role(command.split()) == expected


def test_words_of_a_conversation() -> None:
    spoken = AGENTS["gemini"].messages
    thought = {"text": "Hm.", "thought": True}

    asked = spoken(line(**message("user", [{"text": "Hello"}])))
    answered = spoken(line(**message("gemini", [thought, {"text": "Hi."}])))

    assert asked is not None
    assert (asked.content, asked.key, asked.at_ms) == ("Hello", "m1", AT_MS)
    assert answered is not None
    assert answered.content == "Hi."
    for each in (
        message("info", "x"),
        message("gemini"),
        message("user", result()),
        {"$set": {"lastUpdated": AT}},
    ):
        assert spoken(line(**each)) is None


def test_the_session_is_the_headers() -> None:
    header = said(sessionId=SESSION, projectHash="p", startTime=AT, directories=["/w"])

    assert header.session_id == SessionId(SESSION)
    assert header.cwd == "/w"
