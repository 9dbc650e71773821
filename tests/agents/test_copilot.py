"""What the lines of GitHub Copilot CLI say, by the cases of its format."""

from pathlib import Path
from typing import Any

import pytest

from jarvisd.agents.copilot import presence
from jarvisd.agents.copilot.places import enters, find, place
from jarvisd.base.usage import Tokens
from jarvisd.core.event import (
    ApiFailed,
    ApprovalAnswered,
    ApprovalRequested,
    Asked,
    Compacted,
    Cue,
    Event,
    Instructed,
    Interrupted,
    LimitReached,
    MessageWritten,
    ModeChanged,
    Outcome,
    PromptGiven,
    SessionClosed,
    TaskEnded,
    TaskKind,
    TaskStarted,
    ToolCalled,
    ToolKind,
    ToolReturned,
    Trouble,
    TurnEnded,
    UsageReported,
)
from jarvisd.core.process import ProcessRole
from jarvisd.core.record import Drift, DriftKind, Record
from tests.agents.found import AGENTS, fresh_reader
from tests.ledger.books import Block, Books, block, line, read_all

AT = "2026-11-21T02:40:32.223Z"
SESSION = "4ccd599d-57aa-4db4-9658-c24c3f9ccc8a"
START = {"sessionId": SESSION, "copilotVersion": "1.0.77"}


def event(kind: str, agent: str | None = None, /, **data: Any) -> dict[str, Any]:
    base = {"type": kind, "data": data, "id": f"e-{kind}", "timestamp": AT}
    return base if agent is None else {**base, "agentId": agent}


def used(call: str = "r1", **counts: Any) -> dict[str, Any]:
    usage = {"model": "mini", "apiCallId": call, **counts}
    return event("session.usage_record", usage=usage)


def message(content: str = "", agent: str | None = None, /, **data: Any) -> Any:
    named = {"messageId": "m1", "content": content, **data}
    return event("assistant.message", agent, **named)


def call(tool: str = "bash", /, **data: Any) -> dict[str, Any]:
    return event("tool.execution_start", toolCallId="c1", toolName=tool, **data)


def result(**data: Any) -> dict[str, Any]:
    return event("tool.execution_complete", toolCallId="c1", **data)


def shutdown(**metrics: tuple[int, int, int, int, int]) -> dict[str, Any]:
    """Return the end of a process: input, output, cache read and written, billed."""
    sums = {
        model: {
            "usage": {
                "inputTokens": prompt,
                "outputTokens": output,
                "cacheReadTokens": read,
                "cacheWriteTokens": written,
            },
            "totalNanoAiu": billed,
        }
        for model, (prompt, output, read, written, billed) in metrics.items()
    }
    return event("session.shutdown", modelMetrics=sums)


def records(*lines: dict[str, Any]) -> list[Record]:
    reader, found = fresh_reader("copilot"), []
    for at, each in enumerate((event("session.start", **START), *lines)):
        record = reader.read(line(**{**each, "id": f"e{at}"}), offset=at)
        assert record is not None
        found.append(record)

    return found[1:]


def events(*lines: dict[str, Any]) -> list[Event]:
    return [each for record in records(*lines) for each in record.events]


def usages(*lines: dict[str, Any]) -> list[UsageReported]:
    return [each for each in events(*lines) if isinstance(each, UsageReported)]


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        pytest.param(
            {"inputTokens": 75_774, "outputTokens": 3_593, "cacheReadTokens": 52_736},
            Tokens(input=23_038, cache_read=52_736, output=3_593),
            id="CP-002",
        ),
        pytest.param(
            {"inputTokens": 12_612, "outputTokens": 35, "cacheWriteTokens": 12_602},
            Tokens(input=10, cache_write_5m=12_602, output=35),
            id="CP-003",
        ),
        pytest.param(
            {"inputTokens": 5, "cacheReadTokens": 9, "cacheWriteTokens": 9},
            Tokens(cache_read=5),
            id="more cached than there was",
        ),
        pytest.param(
            {"outputTokens": 5, "reasoningTokens": 9},
            Tokens(output=5, reasoning=5),
            id="more reasoning than output",
        ),
    ],
)
def test_counts_are_disjoint(counts: dict[str, Any], expected: Tokens) -> None:
    (found,) = usages(used(**counts))

    assert found.tokens == expected
    assert found.response == "r1"


@pytest.mark.parametrize(
    "billed",
    [
        {"totalNanoAiu": 1_426_390_000},
        {"copilotUsage": {"totalNanoAiu": 1_426_390_000}},
    ],
)
def test_what_is_billed_is_kept_beside_our_price(billed: dict[str, Any]) -> None:
    (found,) = usages(used(inputTokens=1, **billed))

    assert found.stated_micros == 14_264  # CP-002: $0.0142639


def test_a_record_without_counts_lacks_tokens() -> None:
    (record,) = records(used())

    assert record.lacks_tokens
    assert AGENTS["copilot"].inspect(line(**used(audioTokens=1))) == (
        Drift(DriftKind.USAGE_FIELD, "audioTokens"),
        Drift(DriftKind.NO_TOKENS, "session.usage_record"),
    )


OLD = {"model": "mini"}


def test_what_was_announced_is_not_added_to_the_sums() -> None:
    lines = (
        message("a", apiCallId="r1", outputTokens=100, **OLD),
        message("b", apiCallId="r2", outputTokens=181, **OLD),
        shutdown(mini=(1_000, 281, 400, 0, 379_020_000)),
    )

    first, second, rest = usages(*lines)

    assert (first.tokens, second.tokens) == (Tokens(output=100), Tokens(output=181))
    assert rest.response == "r2"  # CP-006
    assert rest.tokens == Tokens(input=600, cache_read=400, output=181)
    assert rest.stated_micros == 3_790


def test_sums_go_on_over_a_resume() -> None:
    lines = (
        message("a", apiCallId="r1", outputTokens=35, model="haiku"),
        shutdown(haiku=(12_612, 35, 0, 12_602, 1_593_750_000)),
        event("session.resume"),
        message("b", apiCallId="r2", outputTokens=88, model="mini"),
        shutdown(
            haiku=(12_612, 35, 0, 12_602, 1_593_750_000),
            mini=(10_813, 88, 1_536, 0, 253_365_000),
        ),
    )

    found = usages(*lines)

    assert [each.response for each in found] == ["r1", "r1", "r2", "r2"]
    assert found[3].tokens == Tokens(input=9_277, cache_read=1_536, output=88)
    assert [each.stated_micros for each in found] == [None, 15_938, None, 2_534]


def test_a_compaction_counts_beside_the_sums() -> None:
    compaction = event(
        "session.compaction_complete",
        success=True,
        compactionTokensUsed={
            "model": "mini",
            "inputTokens": 11_842,
            "cacheReadTokens": 10_624,
            "outputTokens": 1_075,
            "copilotUsage": {"totalNanoAiu": 272_010_000},
        },
    )
    lines = (
        message("a", apiCallId="r1", outputTokens=9, **OLD),
        compaction,
        shutdown(mini=(100, 9, 0, 0, 651_030_000)),
    )

    _, compacted, rest = usages(*lines)

    assert compacted.tokens == Tokens(input=1_218, cache_read=10_624, output=1_075)
    assert (compacted.stated_micros, rest.stated_micros) == (2_720, 3_790)  # CP-005
    assert Compacted() in events(*lines)


def test_a_compaction_that_failed_was_paid_all_the_same() -> None:
    spent = {"inputTokens": 9, "outputTokens": 1}
    failed = event(
        "session.compaction_complete", success=False, compactionTokensUsed=spent
    )

    assert [each.tokens for each in usages(failed)] == [Tokens(input=9, output=1)]
    assert Compacted() not in events(failed)


def test_sums_say_nothing_where_responses_are_recorded() -> None:
    lines = (used(inputTokens=9), shutdown(mini=(9, 0, 0, 0, 0)))

    assert len(usages(*lines)) == 1


def test_sums_of_models_without_a_response_are_apart() -> None:
    found = usages(shutdown(mini=(9, 1, 0, 0, 0), haiku=(7, 1, 0, 0, 0)))

    assert [each.response for each in found] == ["e1/mini", "e1/haiku"]


@pytest.mark.parametrize("metrics", [None, [], 7, {"mini": 7}, {"mini": {"usage": []}}])
def test_strange_sums_cost_nothing_else(metrics: Any) -> None:
    assert events(event("session.shutdown", modelMetrics=metrics)) == [SessionClosed()]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({}, PromptGiven(chars=2, key="e1"), id="a prompt"),
        pytest.param(
            {"delivery": "steering"},
            PromptGiven(chars=2, key="e1", queued=True),
            id="typed while the agent works",
        ),
        pytest.param(
            {"isAutopilotContinuation": True},
            Instructed(by_agent=True),
            id="its own continuation",
        ),
        pytest.param(
            {"source": "skill-x"}, Instructed(by_agent=True), id="of a program"
        ),
    ],
)
def test_prompts(given: dict[str, Any], expected: Event) -> None:
    assert events(event("user.message", content="Hi", **given)) == [expected]


TURN_END = event("assistant.turn_end")
REQUESTS = [{"toolCallId": "c1"}]


@pytest.mark.parametrize(
    ("lines", "stops"),
    [
        pytest.param([message("Done."), TURN_END], ["end_turn", "end"], id="words"),
        pytest.param(
            [message("I look.", toolRequests=REQUESTS), TURN_END],
            ["tool_use"],
            id="CP-014 a call: another turn follows",
        ),
        pytest.param(
            [
                message("a", chunkIndex=0, chunkCount=2),
                message("b", chunkIndex=1, chunkCount=2),
                TURN_END,
            ],
            [None, "end_turn", "end"],
            id="CP-020 in pieces",
        ),
        pytest.param([message(""), TURN_END], [None], id="nothing said"),
        pytest.param(
            [
                message("I look.", toolRequests=REQUESTS),
                message("x", "a1"),
                event("assistant.turn_end", "a1"),
            ],
            ["tool_use", "end_turn"],
            id="of a subagent",
        ),
    ],
)
def test_ends_of_turns(lines: list[dict[str, Any]], stops: list[str | None]) -> None:
    found = [
        "end" if isinstance(each, TurnEnded) else each.stop_reason
        for each in events(*lines)
        if isinstance(each, TurnEnded | MessageWritten)
    ]

    assert found == stops


def test_last_words_may_ask_something() -> None:
    assert Asked(cue=Cue.QUESTION) in events(message("Which of them?"))


@pytest.mark.parametrize(
    ("given", "outcome"),
    [
        pytest.param({"success": True}, Outcome.OK, id="success"),
        pytest.param({"success": False}, Outcome.ERROR, id="error"),
        pytest.param(
            {"success": True, "shellExecution": {"exitCode": 3}},
            Outcome.ERROR,
            id="a command that failed",
        ),
        pytest.param(
            {"success": True, "toolTelemetry": {"metrics": {"exit_code": 1}}},
            Outcome.ERROR,
            id="the same in older versions",
        ),
        pytest.param(
            {"success": False, "error": {"code": "rejected"}},
            Outcome.DENIED,
            id="rejected",
        ),
        pytest.param({"success": False, "error": "no"}, Outcome.ERROR, id="words"),
    ],
)
def test_ends_of_calls(given: dict[str, Any], outcome: Outcome) -> None:
    returned = ToolReturned(call_id=f"{SESSION}/c1", outcome=outcome)

    assert events(call(), result(**given))[1:] == [returned]


def test_a_dialog_opens_and_closes() -> None:
    ask = event(
        "permission.requested", requestId="q1", permissionRequest={"toolCallId": "c1"}
    )
    no = event("permission.completed", requestId="q1", result={"kind": "denied-by-x"})

    asked, answered, returned = events(call(), ask, no, result(success=False))[1:]

    assert asked == ApprovalRequested(call_id=f"{SESSION}/c1")
    assert answered == ApprovalAnswered(call_id=f"{SESSION}/c1")
    assert returned == ToolReturned(call_id=f"{SESSION}/c1", outcome=Outcome.DENIED)


@pytest.mark.parametrize(
    ("given", "kind", "tool", "server", "subagent"),
    [
        (call(), ToolKind.TOOL, "bash", None, None),
        (
            call("lab-echo", mcpServerName="lab", mcpToolName="echo"),
            ToolKind.MCP,
            "echo",
            "lab",
            None,
        ),
        (
            call("task", arguments={"agent_type": "x"}),
            ToolKind.SUBAGENT,
            "task",
            None,
            "x",
        ),
    ],
)
def test_sorts_of_tools(
    given: dict[str, Any],
    kind: ToolKind,
    tool: str,
    server: str | None,
    subagent: str | None,
) -> None:
    found = events(message("", apiCallId="r1"), given)[-1]

    assert isinstance(found, ToolCalled)
    assert (found.kind, found.tool, found.response) == (kind, tool, "r1")
    assert (found.server, found.subagent) == (server, subagent)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (event("abort", reason="user_abort"), [Interrupted(reason="user_abort")]),
        (
            event("session.error", errorType="query", statusCode=429),
            [ApiFailed(error="query", trouble=Trouble.API_ERROR, status=429)],
        ),
        (event("session.error", errorType="quota"), [LimitReached()]),
        (
            event("session.permissions_changed", allowAllPermissions=True),
            [ModeChanged(mode="allow_all")],
        ),
        (event("session.usage_checkpoint", totalNanoAiu=1), []),  # CP-009
        (call(isUserRequested=True), []),  # CP-015
        (result(isUserRequested=True), []),
        (
            event("subagent.started", "a1", toolCallId="c1"),
            [TaskStarted(task_id="a1", kind=TaskKind.AGENT)],
        ),
        (
            event("subagent.failed", "a1", toolCallId="c1"),
            [TaskEnded(task_id="a1", status="failed")],
        ),
    ],
)
def test_other_events(given: dict[str, Any], expected: list[Event]) -> None:
    assert events(given) == expected


def stream(*lines: dict[str, Any], session: str, name: str) -> Block:
    start = event("session.start", sessionId=session)
    texts = [
        line(**{**each, "id": f"{name}{at}"}) for at, each in enumerate((start, *lines))
    ]
    return block(texts, agent="copilot", session=session, name=name)


def account(books: Books) -> tuple[int, int, int]:
    sessions = list(books.ledger.sessions())
    calls = sum(each.tool_calls for each in sessions)
    return books.tokens().total, calls, sum(each.messages for each in sessions)


def test_calls_of_two_sessions_may_have_one_id() -> None:
    lines = (used(inputTokens=9), call(), result(success=True))
    others = (used("r2", inputTokens=9), *lines[1:])

    books = read_all(
        stream(*lines, session="s1", name="a"), stream(*others, session="s2", name="b")
    )

    assert account(books) == (18, 2, 2)


def test_copies_of_a_session_count_once() -> None:
    lines = (used(inputTokens=9), call(), result(success=True))
    copies = [stream(*lines, session="s1", name="a") for _ in range(2)]
    copies[1] = block(copies[1].lines, agent="copilot", session="s1", name="b")

    assert account(read_all(*copies)) == (9, 1, 1)


@pytest.mark.parametrize(
    ("path", "session"),
    [
        (f"{SESSION}/events.jsonl", SESSION),
        (f"{SESSION}/events.sync-conflict-20261130-1-A.jsonl", SESSION),
        (f"{SESSION}.jsonl", SESSION),
    ],
)
def test_places(path: str, session: str) -> None:
    found = place(tuple(path.split("/")))

    assert found is not None
    assert found.session_id == session


@pytest.mark.parametrize(
    "path", [f"{SESSION}/workspace.yaml", f"{SESSION}/x.jsonl", "a/b/events.jsonl"]
)
def test_what_is_no_session(path: str) -> None:
    assert place(tuple(path.split("/"))) is None
    assert enters(("a",))
    assert not enters(("a", "checkpoints"))


@pytest.mark.parametrize(
    ("environ", "own"),
    [
        ({}, "/home/dev/.copilot/session-state"),
        ({"COPILOT_HOME": "/z"}, "/z/session-state"),
    ],
)
def test_roots(environ: dict[str, str], own: str) -> None:
    configured = (Path("/x"), Path("/y/session-state"))

    found = [str(each.root) for each in find(environ, Path("/home/dev"), configured)]

    assert found == [own, "/x/session-state", "/y/session-state"]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("copilot", ProcessRole.TALKS),
        ("node /usr/bin/copilot --prompt=hi", ProcessRole.ONCE),
        ("/lib/@github/copilot-linux-x64/copilot -p hi", ProcessRole.ONCE),
        ("copilot --acp", ProcessRole.SERVES),
        ("copilot update", None),
        ("vim copilot", None),
    ],
)
def test_processes(command: str, expected: ProcessRole | None) -> None:
    assert presence.role(command.split()) == expected


def test_the_file_of_an_open_session_names_its_process() -> None:
    listed = ["events.jsonl", "inuse.42.lock", "inuse.x.lock", "workspace.yaml"]

    names = list(presence.names("events.jsonl", lambda: listed))

    assert [presence.pid_of(each, bytes) for each in names] == [42]
    assert presence.pid_of("inuse.0.lock", bytes) is None


def test_words_of_a_conversation() -> None:
    spoken = AGENTS["copilot"].messages

    asked = spoken(line(**event("user.message", content="Hi")))
    answered = spoken(line(**message("Yes.")))

    assert asked is not None
    assert (asked.content, asked.key) == ("Hi", "e-user.message")
    assert answered is not None
    assert answered.content == "Yes."
    for each in (
        message(""),
        message("x", "a1"),
        event("user.message", content="x", source="agent-1"),
        event("system.message", content="x"),
    ):
        assert spoken(line(**each)) is None
