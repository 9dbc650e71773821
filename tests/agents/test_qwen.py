"""What the lines of Qwen Code say, by the cases of its format."""

from pathlib import Path
from typing import Any

import pytest

from jarvisd.agents.qwen import presence
from jarvisd.agents.qwen.places import enters, find, place
from jarvisd.base.usage import Tokens
from jarvisd.core.event import (
    ApiFailed,
    Asked,
    Compacted,
    Cue,
    Event,
    Instructed,
    MessageWritten,
    Outcome,
    PromptGiven,
    ToolCalled,
    ToolKind,
    ToolReturned,
    Trouble,
    UsageReported,
)
from jarvisd.core.process import ProcessRole
from jarvisd.core.record import Drift, DriftKind, Record
from tests.agents.found import AGENTS, fresh_reader, read_alone
from tests.ledger.books import Block, Books, block, line, read_all

AT = "2026-11-21T02:40:07.362Z"
SESSION = "ae4f11a1-353d-4858-8769-be43e13f6e66"


def entry(kind: str, **fields: Any) -> dict[str, Any]:
    base = {"uuid": "u1", "sessionId": SESSION, "timestamp": AT, "type": kind}
    return {**base, "cwd": "/w", "version": "0.24.4", **fields}


def telemetry(name: str, **fields: Any) -> dict[str, Any]:
    event = {"event.name": f"qwen-code.{name}", **fields}
    return entry("system", subtype="ui_telemetry", systemPayload={"uiEvent": event})


def response(prompt: Any = None, output: Any = None, **fields: Any) -> dict[str, Any]:
    counts = {"input_token_count": prompt, "output_token_count": output, **fields}
    return telemetry("api_response", response_id="r1", model="qwen3", **counts)


def message(*parts: dict[str, Any], **fields: Any) -> dict[str, Any]:
    content = {"role": "model", "parts": list(parts)}
    return entry("assistant", model="qwen3", message=content, **fields)


def call(name: str = "run_shell_command", /, **args: Any) -> dict[str, Any]:
    return {"functionCall": {"id": "c1", "name": name, "args": args}}


def ended(**fields: Any) -> dict[str, Any]:
    return telemetry("tool_call", call_id="c1", duration_ms=345, **fields)


def result(status: str) -> dict[str, Any]:
    return entry("tool_result", toolCallResult={"callId": "c1", "status": status})


def returned(name: str) -> dict[str, Any]:
    part = {"functionResponse": {"id": "c1", "response": {name: "x"}}}
    ended = {"callId": "c1", "durationMs": 40}
    return entry("tool_result", message={"parts": [part]}, toolCallResult=ended)


def prompt(text: str = "Hello", **fields: Any) -> dict[str, Any]:
    return entry("user", message={"parts": [{"text": text}]}, **fields)


def read(*lines: dict[str, Any]) -> list[Record]:
    reader, found = fresh_reader("qwen"), []
    for at, each in enumerate(lines):
        record = reader.read(line(**each), offset=at)
        assert record is not None
        found.append(record)

    return found


def events(*lines: dict[str, Any]) -> list[Event]:
    return [event for record in read(*lines) for event in record.events]


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        pytest.param(
            {
                "prompt": 100,
                "output": 50,
                "cached_content_token_count": 5,
                "thoughts_token_count": 10,
                "total_token_count": 160,
            },
            Tokens(input=95, cache_read=5, output=60, reasoning=10),
            id="OT-001 thoughts apart",
        ),
        pytest.param(
            {
                "prompt": 100,
                "output": 50,
                "thoughts_token_count": 10,
                "total_token_count": 150,
            },
            Tokens(input=100, output=50, reasoning=10),
            id="thoughts in the output",
        ),
        pytest.param(
            {"prompt": 100, "output": 50, "thoughts_token_count": 60},
            Tokens(input=100, output=50, reasoning=50),
            id="more thoughts than output",
        ),
        pytest.param(
            {"prompt": 5, "output": 1, "cached_content_token_count": 9},
            Tokens(cache_read=5, output=1),
            id="more cached than there was",
        ),
    ],
)
def test_counts_are_disjoint(counts: dict[str, Any], expected: Tokens) -> None:
    (found,) = events(response(**counts))

    assert isinstance(found, UsageReported)
    assert found.tokens == expected


def test_a_total_that_nothing_splits_is_reported_as_lacking() -> None:
    (record,) = read(response(total_token_count=321))  # OT-003

    assert record.lacks_tokens
    assert record.events == ()
    drift = AGENTS["qwen"].inspect(
        line(**telemetry("api_response", total_token_count=1))
    )
    assert drift == (Drift(DriftKind.NO_TOKENS, "qwen-code.api_response"),)


def test_an_unknown_count_is_found_by_its_name() -> None:
    text = line(**response(1, 2, audio_token_count=3))

    assert AGENTS["qwen"].inspect(text) == (
        Drift(DriftKind.USAGE_FIELD, "audio_token_count"),
    )


COUNTS = {"promptTokenCount": 100, "candidatesTokenCount": 50, "totalTokenCount": 150}


def usage(*lines: dict[str, Any]) -> list[str | None]:
    found = events(*lines)
    return [each.response for each in found if isinstance(each, UsageReported)]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(
            [response(100, 50), message(usageMetadata=COUNTS)], ["r1"], id="both"
        ),
        pytest.param([message(usageMetadata=COUNTS)], ["u1"], id="a message alone"),
        pytest.param(
            [response(100, 50, subagent_id="s"), message(usageMetadata=COUNTS)],
            ["r1", "u1"],
            id="telemetry of a subagent in between",
        ),
        pytest.param(
            [response(100, 50, prompt_id=""), message(usageMetadata=COUNTS)],
            ["r1", "u1"],
            id="telemetry of a request of no prompt in between",
        ),
        pytest.param(
            [message(usageMetadata=COUNTS, isSidechain=True, agentId="s")],
            [],
            id="a message of a subagent, which the session's telemetry has",
        ),
    ],
)
def test_a_response_counts_once(
    lines: list[dict[str, Any]], expected: list[str]
) -> None:
    assert usage(*lines) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(prompt(), PromptGiven(chars=5, key="u1"), id="a prompt"),
        pytest.param(
            prompt(provenance="real_user", systemPayload={"displayText": "Hi"}),
            PromptGiven(chars=2, key="u1"),
            id="what was typed, not what it was expanded to",
        ),
        pytest.param(
            prompt(
                subtype="mid_turn_user_message", systemPayload={"displayText": "Hi"}
            ),
            PromptGiven(chars=2, key="u1", queued=True),
            id="typed while the agent works",
        ),
        pytest.param(
            prompt(provenance="system", subtype="notification"),
            Instructed(by_agent=True),
            id="a notification",
        ),
        pytest.param(
            prompt(isSidechain=True, agentId="s"),
            Instructed(by_agent=True),
            id="of a subagent",
        ),
        pytest.param(
            prompt(provenance="goal_runtime"), Instructed(by_agent=True), id="of a goal"
        ),
    ],
)
def test_prompts(given: dict[str, Any], expected: Event) -> None:
    assert events(given) == [expected]


@pytest.mark.parametrize(
    ("parts", "stop"),
    [
        ([{"text": "Done."}], "end_turn"),
        ([{"text": "I look."}, call()], "tool_use"),
        ([{"text": "Hm.", "thought": True}], None),
        ([], None),
    ],
)
def test_a_message_without_calls_ends_the_turn(
    parts: list[dict[str, Any]], stop: str | None
) -> None:
    written = MessageWritten(message_id="u1", stop_reason=stop)

    assert events(message(*parts))[0] == written


def test_last_words_may_ask_something() -> None:
    assert Asked(cue=Cue.QUESTION) in events(message({"text": "Which of them?"}))


@pytest.mark.parametrize(
    ("ends", "outcome", "duration_ms"),
    [
        pytest.param([ended(status="success")], Outcome.OK, 345, id="telemetry"),
        pytest.param([result("success")], Outcome.OK, None, id="a result"),
        pytest.param([result("error")], Outcome.ERROR, None, id="an error"),
        pytest.param(
            [ended(status="error"), result("error")], Outcome.ERROR, 345, id="both"
        ),
        pytest.param(
            [ended(status="cancelled", decision="reject"), result("cancelled")],
            Outcome.DENIED,
            345,
            id="denied",
        ),
        pytest.param([result("cancelled")], Outcome.ERROR, None, id="cancelled"),
        pytest.param([returned("output")], Outcome.OK, 40, id="a result of a subagent"),
        pytest.param(
            [returned("error")], Outcome.ERROR, 40, id="an error of a subagent"
        ),
    ],
)
def test_ends_of_calls(
    ends: list[dict[str, Any]], outcome: Outcome, duration_ms: int | None
) -> None:
    found = events(message(call()), *ends)[2:]

    assert found == [
        ToolReturned(call_id="u1/c1", outcome=outcome, duration_ms=duration_ms)
    ]


def test_the_end_of_a_call_that_is_not_known_says_nothing() -> None:
    assert events(ended(status="success"), result("success")) == []


@pytest.mark.parametrize(
    ("part", "kind", "tool", "server", "subagent"),
    [
        (call(), ToolKind.TOOL, "run_shell_command", None, None),
        (call("mcp__lab__a__b"), ToolKind.MCP, "a__b", "lab", None),
        (
            call("tool_call", name="mcp__lab__echo", arguments={}),
            ToolKind.MCP,
            "echo",
            "lab",
            None,
        ),
        (call("agent", subagent_type="x"), ToolKind.SUBAGENT, "agent", None, "x"),
        (call("tool_call", name=7), ToolKind.TOOL, "tool_call", None, None),
    ],
)
def test_sorts_of_tools(
    part: dict[str, Any],
    kind: ToolKind,
    tool: str,
    server: str | None,
    subagent: str | None,
) -> None:
    (found,) = (
        each
        for each in events(response(1, 1), message(part))
        if isinstance(each, ToolCalled)
    )

    assert (found.kind, found.tool, found.response) == (kind, tool, "r1")
    assert (found.server, found.subagent) == (server, subagent)


def test_an_error_of_a_subagents_request_is_not_the_sessions() -> None:
    failure = {"status_code": 400, "error_type": "BadRequestError"}

    assert events(telemetry("api_error", **failure)) == [
        ApiFailed(error="BadRequestError", trouble=Trouble.API_ERROR, status=400)
    ]
    assert events(telemetry("api_error", **failure, subagent_id="s")) == []


def test_a_compression_says_what_set_it_off() -> None:
    info = {"originalTokenCount": 9, "newTokenCount": 3, "triggerReason": "manual"}

    assert events(
        entry("system", subtype="chat_compression", systemPayload={"info": info})
    ) == [Compacted(trigger="manual", before_tokens=9, after_tokens=3)]


def test_a_session_that_another_one_began_names_it() -> None:
    (record,) = read(
        entry(
            "system", subtype="parent_session", systemPayload={"parentSessionId": "p"}
        )
    )

    assert record.parent_session_id == "p"


def account(books: Books) -> tuple[int, int, int]:
    sessions = list(books.ledger.sessions())
    calls = sum(each.tool_calls for each in sessions)
    return books.tokens().total, calls, sum(each.prompts for each in sessions)


SPENT = (
    prompt(),
    {**response(100, 50), "uuid": "t1"},
    {**message(call(), usageMetadata=COUNTS), "uuid": "a1"},
    {**ended(status="success"), "uuid": "t2"},
)


def stream(*lines: dict[str, Any], name: str, session: str = SESSION) -> Block:
    texts = [line(**{**each, "sessionId": session}) for each in lines]
    return block(texts, agent="qwen", session=session, name=name)


def test_a_fork_counts_its_copies_once() -> None:
    fork = {"sessionId": SESSION, "messageUuid": "x"}
    copies = [{**each, "forkedFrom": fork} for each in SPENT]
    more = {**response(10, 5), "uuid": "t9"}
    more["systemPayload"]["uiEvent"]["response_id"] = "r9"
    blocks = (stream(*SPENT, name="a"), stream(*copies, more, name="b", session="s2"))

    assert account(read_all(*blocks)) == (165, 1, 1)
    assert account(read_all(*reversed(blocks))) == (165, 1, 1)


def test_calls_of_two_sessions_may_have_one_id() -> None:
    others = [{**each, "uuid": f"{each['uuid']}x"} for each in (SPENT[0], SPENT[2])]
    blocks = (stream(*SPENT, name="a"), stream(*others, name="b", session="s2"))

    assert account(read_all(*blocks)) == (300, 2, 2)


@pytest.mark.parametrize(
    ("path", "session", "parent"),
    [
        (f"-w/chats/{SESSION}.jsonl", SESSION, None),
        (f"-w/chats/{SESSION} (Ann's conflicted copy).jsonl", SESSION, None),
        (f"-w/subagents/{SESSION}/agent-x-c1.jsonl", f"{SESSION}/agent-x-c1", SESSION),
    ],
)
def test_places(path: str, session: str, parent: str | None) -> None:
    found = place(tuple(path.split("/")))

    assert found is not None
    assert (found.session_id, found.parent_session_id) == (session, parent)


@pytest.mark.parametrize(
    "path",
    [
        f"-w/chats/{SESSION}.runtime.json",
        f"-w/subagents/{SESSION}/agent-x.meta.json",
        "-w/other/x.jsonl",
        "x.jsonl",
    ],
)
def test_what_is_no_session(path: str) -> None:
    assert place(tuple(path.split("/"))) is None


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("-w",), True),
        (("-w", "chats"), True),
        (("-w", "subagents", SESSION), True),
        (("-w", "memory"), False),
    ],
)
def test_folders(parts: tuple[str, ...], *, expected: bool) -> None:
    assert enters(parts) is expected


@pytest.mark.parametrize(
    ("environ", "own"),
    [({}, "/home/dev/.qwen/projects"), ({"QWEN_HOME": "/z"}, "/z/projects")],
)
def test_roots(environ: dict[str, str], own: str) -> None:
    trees = find(environ, Path("/home/dev"), (Path("/x"), Path("/y/projects")))

    assert [str(each.root) for each in trees] == [own, "/x/projects", "/y/projects"]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("qwen", ProcessRole.TALKS),
        ("node /usr/bin/qwen --prompt hi", ProcessRole.ONCE),
        ("node /lib/@qwen-code/qwen-code/cli.js -p=hi", ProcessRole.ONCE),
        ("qwen --acp", ProcessRole.SERVES),
        ("qwen mcp list", None),
        ("vim qwen", None),
    ],
)
def test_processes(command: str, expected: ProcessRole | None) -> None:
    assert presence.role(command.split()) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'{"pid": 42, "session_id": "s1"}', 42),
        (b'{"pid": -1}', None),
        (b'{"pi', None),
        (b"", None),
    ],
)
def test_the_file_of_an_open_session_names_its_process(
    text: bytes, expected: int | None
) -> None:
    names = presence.names("s1.jsonl", list)

    assert list(names) == ["s1.runtime.json"]
    assert presence.pid_of("s1.runtime.json", lambda: text) == expected


def test_words_of_a_conversation() -> None:
    spoken = AGENTS["qwen"].messages

    asked = spoken(line(**prompt(systemPayload={"displayText": "Hi"})))
    answered = spoken(
        line(**message({"text": "Hm.", "thought": True}, {"text": "Yes."}))
    )

    assert asked is not None
    assert (asked.content, asked.key) == ("Hi", "u1")
    assert answered is not None
    assert answered.content == "Yes."
    for each in (
        message(call()),
        prompt(provenance="system", subtype="notification"),
        message({"text": "x"}, isSidechain=True, agentId="s"),
        response(1, 2),
    ):
        assert spoken(line(**each)) is None


def test_a_line_says_where_and_by_which_version_it_was_written() -> None:
    record = read_alone("qwen", line(**prompt(gitBranch="main")))

    assert record is not None
    assert (record.cwd, record.branch, record.version) == ("/w", "main", "0.24.4")
