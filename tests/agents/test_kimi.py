"""What lines of Kimi Code and kimi-cli say, by the cases of their formats."""

import json
from pathlib import Path
from typing import Any

import pytest

from jarvisd.agents.kimi.places import account, enters, place
from jarvisd.agents.kimi.presence import role
from jarvisd.base.usage import Tokens
from jarvisd.core.event import (
    ApiFailed,
    ApprovalAnswered,
    ApprovalRequested,
    Asked,
    Compacted,
    ContextMeasured,
    Cue,
    Event,
    Instructed,
    Interrupted,
    LimitReached,
    MessageWritten,
    ModeChanged,
    Outcome,
    PromptGiven,
    TaskEnded,
    TaskKind,
    TaskStarted,
    ToolCalled,
    ToolKind,
    ToolReturned,
    Trouble,
    TurnEnded,
    TurnStarted,
    UsageReported,
)
from jarvisd.core.message import Role, Said
from jarvisd.core.process import ProcessRole
from jarvisd.core.record import Record
from tests.agents.found import AGENTS, fresh_reader
from tests.agents.undigested import undigested
from tests.ledger.books import block, read_all

AT_MS = 1_795_229_141_000
USAGE = {
    "inputOther": 100,
    "output": 50,
    "inputCacheRead": 10,
    "inputCacheCreation": 20,
}
OLD = {
    "input_other": 100,
    "output": 50,
    "input_cache_read": 10,
    "input_cache_creation": 20,
}
TOKENS = Tokens(input=100, output=50, cache_read=10, cache_write_5m=20)


def line(type_: str, **fields: Any) -> dict[str, Any]:
    return {"type": type_, "agentId": "main", **fields, "time": AT_MS}


def step(type_: str, **fields: Any) -> dict[str, Any]:
    return line("context.append_loop_event", event={"type": type_, **fields})


def message(type_: str, **payload: Any) -> dict[str, Any]:
    at_s = AT_MS / 1000
    return {"timestamp": at_s, "message": {"type": type_, "payload": payload}}


def records(*lines: dict[str, Any]) -> list[Record]:
    reader, found = fresh_reader("kimi"), []
    for offset, each in enumerate(lines):
        record = reader.read(json.dumps(each).encode(), offset=offset)
        assert record is not None
        found.append(record)

    return found


def events(*lines: dict[str, Any]) -> tuple[Event, ...]:
    return undigested(records(*lines)[-1].events)


BEGUN = step("step.begin", uuid="s1")
REQUEST = line("llm.request", model="big-1", modelAlias="mock/big")
PROMPT = line("turn.prompt", input=[{"type": "text", "text": "Draw."}], turnId=0)


def used(scope: str = "turn", **fields: Any) -> dict[str, Any]:
    given = {"model": "mock/big", "usage": USAGE, "usageScope": scope, **fields}
    return line("usage.record", **given)


def spent(response: str = "s1", **fields: Any) -> UsageReported:
    given = {"model": "big-1", "tokens": TOKENS, **fields}
    return UsageReported(response=response, **given)


def call(name: str = "Bash", call_id: str = "c1") -> dict[str, Any]:
    return step("tool.call", uuid="t1", stepUuid="s1", toolCallId=call_id, name=name)


def part(text: str) -> dict[str, Any]:
    return step("content.part", stepUuid="s1", part={"type": "text", "text": text})


def result(**fields: Any) -> dict[str, Any]:
    return step("tool.result", toolCallId="c1", result=fields)


def asked(kind: str = "approval", **fields: Any) -> dict[str, Any]:
    return line("interaction.request", id="a1", kind=kind, **fields)


def resolved(decision: str) -> dict[str, Any]:
    return line("interaction.resolved", id="a1", response={"decision": decision})


ASKED = asked(toolCallId="c1", request={"toolName": "Bash"})
SESSION_ID = f"main@{AT_MS}:100:50:10:20"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param([BEGUN, REQUEST, used()], (spent(),), id="an answer"),
        pytest.param(
            [BEGUN, REQUEST, used(), step("step.end", uuid="s1", usage=USAGE)],
            (),
            id="the end of a step repeats its usage",
        ),
        pytest.param(
            [BEGUN, REQUEST, step("step.end", uuid="s1", usage=USAGE)],
            (spent(),),
            id="without a record of it, the end of a step counts",
        ),
        pytest.param(
            [BEGUN, REQUEST, used(), used()], (spent("s1:2"),), id="two in one step"
        ),
        pytest.param(
            [BEGUN, REQUEST, used("session")],
            (spent(SESSION_ID, in_context=False),),
            id="OT-009, newer: requests beside a step are spent as well",
        ),
        pytest.param(
            [REQUEST, used(model="__kimi_env_model__")],
            (spent(SESSION_ID, in_context=False),),
            id="OT-010: a placeholder is the model of the request",
        ),
        pytest.param(
            [REQUEST, used(model="kimi-code/kimi-k3")],
            (spent(SESSION_ID, model="kimi-k3", in_context=False),),
            id="another model than that of the request",
        ),
        pytest.param(
            [BEGUN, REQUEST, used(usage=dict.fromkeys(USAGE, 0))],
            (),
            id="OT-006: nothing was used",
        ),
        pytest.param(
            [PROMPT | {"promptId": "p1"}],
            (TurnStarted(turn_id="0"), PromptGiven(chars=5, key="p1")),
            id="a prompt",
        ),
        pytest.param(
            [PROMPT | {"origin": {"kind": "system_trigger", "name": "subagent"}}],
            (TurnStarted(turn_id="0"),),
            id="the task of a subagent is no prompt",
        ),
        pytest.param(
            [line("turn.steer", input="Wait.", messageId="m1")],
            (PromptGiven(chars=5, key="m1", queued=True),),
            id="words while it works",
        ),
        pytest.param(
            [line("turn.steer", input="x", origin={"kind": "background_task"})],
            (Instructed(by_agent=True),),
            id="a notice while it works",
        ),
        pytest.param(
            [part("Done."), line("turn.ended", turnId=0, reason="completed")],
            (TurnEnded(turn_id="0"),),
            id="the end of a turn",
        ),
        pytest.param(
            [part("Which?"), line("turn.ended", turnId=0, reason="completed")],
            (Asked(cue=Cue.QUESTION), TurnEnded(turn_id="0")),
            id="a question ends a turn",
        ),
        pytest.param(
            [part("Which?"), call(), line("turn.ended", reason="completed")],
            (TurnEnded(),),
            id="a question before a call asks nobody",
        ),
        pytest.param(
            [line("turn.ended", reason="cancelled", durationMs=20)],
            (Interrupted(reason="user"), TurnEnded(duration_ms=20)),
            id="an interrupt",
        ),
        pytest.param(
            [
                line(
                    "turn.ended",
                    reason="failed",
                    error={
                        "code": "provider.api_error",
                        "details": {"statusCode": 400},
                    },
                )
            ],
            (
                ApiFailed(
                    error="provider.api_error", status=400, trouble=Trouble.API_ERROR
                ),
                TurnEnded(),
            ),
            id="an error ends a turn",
        ),
        pytest.param(
            [
                line(
                    "turn.ended",
                    reason="failed",
                    error={
                        "code": "provider.api_error",
                        "details": {"statusCode": 401},
                    },
                )
            ],
            (
                ApiFailed(
                    error="provider.api_error", status=401, trouble=Trouble.LOGGED_OUT
                ),
                TurnEnded(),
            ),
            id="not logged in",
        ),
        pytest.param(
            [line("turn.ended", reason="failed", error={"code": "provider.quota"})],
            (LimitReached(), TurnEnded()),
            id="a limit ends a turn",
        ),
        pytest.param(
            [
                line(
                    "turn.step.retrying",
                    failedAttempt=2,
                    errorName="APIProviderOverloadedError",
                    statusCode=503,
                )
            ],
            (
                ApiFailed(
                    error="APIProviderOverloadedError",
                    status=503,
                    attempt=2,
                    retrying=True,
                ),
            ),
            id="a request that is tried again",
        ),
        pytest.param([part("I look.")], (MessageWritten(message_id="s1"),), id="words"),
        pytest.param(
            [call()], (ToolCalled(call_id="c1", tool="Bash", response="s1"),), id="call"
        ),
        pytest.param(
            [call("mcp__maps__find_all")],
            (
                ToolCalled(
                    call_id="c1",
                    tool="find_all",
                    response="s1",
                    kind=ToolKind.MCP,
                    server="maps",
                ),
            ),
            id="a call of MCP",
        ),
        pytest.param(
            [call("Agent")],
            (
                ToolCalled(
                    call_id="c1",
                    tool="Agent",
                    response="s1",
                    kind=ToolKind.SUBAGENT,
                    subagent="Agent",
                ),
            ),
            id="a subagent",
        ),
        pytest.param(
            [result(durationMs=34)],
            (ToolReturned(call_id="c1", duration_ms=34),),
            id="a result",
        ),
        pytest.param(
            [result(isError=True)],
            (ToolReturned(call_id="c1", outcome=Outcome.ERROR),),
            id="an error",
        ),
        pytest.param(
            [ASKED],
            (ApprovalRequested(call_id="c1", tool="Bash"),),
            id="OT-013: somebody is asked",
        ),
        pytest.param(
            [ASKED, resolved("approved")],
            (ApprovalAnswered(call_id="c1"),),
            id="OT-013: and answers",
        ),
        pytest.param([resolved("approved")], (), id="an answer to nothing"),
        pytest.param(
            [ASKED, resolved("rejected"), result(isError=True)],
            (ToolReturned(call_id="c1", outcome=Outcome.DENIED),),
            id="a refusal",
        ),
        pytest.param(
            [ASKED, resolved("rejected"), result(), result()],
            (ToolReturned(call_id="c1"),),
            id="a refusal is of one call only",
        ),
        pytest.param(
            [asked("question", request={"questions": []})],
            (ApprovalRequested(call_id="a1", tool="AskUserQuestion"),),
            id="a question to a person",
        ),
        pytest.param([asked("user_tool")], (), id="a tool that a program answers"),
        pytest.param(
            [line("permission.set_mode", mode="yolo")],
            (ModeChanged(mode="yolo"),),
            id="a mode",
        ),
        pytest.param(
            [line("subagent.spawned", subagentId="agent-0", runInBackground=True)],
            (TaskStarted(task_id="agent-0", kind=TaskKind.AGENT),),
            id="a subagent in the background",
        ),
        pytest.param(
            [
                line("subagent.spawned", subagentId="agent-0", runInBackground=True),
                line("subagent.failed", subagentId="agent-0", usage=USAGE),
            ],
            (TaskEnded(task_id="agent-0", status="failed"),),
            id="it is over, and its usage is in its own wire",
        ),
        pytest.param(
            [
                line("subagent.spawned", subagentId="agent-0", runInBackground=False),
                line("subagent.completed", subagentId="agent-0", usage=USAGE),
            ],
            (),
            id="a subagent that is waited for",
        ),
        pytest.param(
            [
                line("full_compaction.begin", source="manual"),
                line("context.apply_compaction", tokensBefore=900, tokensAfter=90),
            ],
            (Compacted(trigger="manual", before_tokens=900, after_tokens=90),),
            id="a compaction",
        ),
    ],
)
def test_what_a_line_of_kimi_code_says(
    lines: list[dict[str, Any]], expected: tuple[Event, ...]
) -> None:
    assert events(*lines) == expected


def status(**fields: Any) -> dict[str, Any]:
    return message("StatusUpdate", **fields)


APPROVAL = message("ApprovalRequest", id="a1", tool_call_id="c1", sender="Shell")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(
            [status(token_usage=OLD, message_id="m1")],
            (UsageReported(response="m1", tokens=TOKENS),),
            id="OT-004: a step",
        ),
        pytest.param(
            [status(token_usage=dict.fromkeys(OLD, 0))], (), id="OT-006: nothing"
        ),
        pytest.param([status(token_usage={"total": 432})], (), id="OT-007: a sum"),
        pytest.param(
            [status(context_tokens=9, max_context_tokens=99)],
            (ContextMeasured(tokens=9, window_tokens=99),),
            id="how full the context is",
        ),
        pytest.param(
            [message("TurnBegin", user_input="Draw.")],
            (TurnStarted(), PromptGiven(chars=5)),
            id="OT-013: a turn begins",
        ),
        pytest.param(
            [APPROVAL],
            (ApprovalRequested(call_id="c1", tool="Shell"),),
            id="OT-013: somebody is asked",
        ),
        pytest.param(
            [
                APPROVAL,
                message("ApprovalResponse", request_id="a1", response="approve"),
            ],
            (ApprovalAnswered(call_id="c1"),),
            id="OT-013: and answers",
        ),
        pytest.param(
            [
                APPROVAL,
                message("ApprovalResponse", request_id="a1", response="reject"),
                message("ToolResult", tool_call_id="c1", return_value={}),
            ],
            (ToolReturned(call_id="c1", outcome=Outcome.DENIED),),
            id="a refusal",
        ),
        pytest.param([message("TurnEnd")], (TurnEnded(),), id="OT-013: a turn ends"),
        pytest.param(
            [message("StepInterrupted")],
            (Interrupted(reason="user"),),
            id="an interrupt ends a turn",
        ),
        pytest.param(
            [
                message("ContentPart", type="text", text="Which?"),
                message("TurnEnd"),
            ],
            (Asked(cue=Cue.QUESTION), TurnEnded()),
            id="a question ends a turn",
        ),
    ],
)
def test_what_a_message_of_its_predecessor_says(
    lines: list[dict[str, Any]], expected: tuple[Event, ...]
) -> None:
    assert events(*lines) == expected


@pytest.mark.parametrize("name", ["task_tool_call_id", "parent_tool_call_id"])
def test_messages_of_a_subagent_are_wrapped_and_counted(name: str) -> None:
    inner = {"type": "StatusUpdate", "payload": {"token_usage": OLD, "message_id": "m"}}

    (record,) = records(message("SubagentEvent", **{name: "c1", "event": inner}))

    assert record.sidechain
    assert record.events == (UsageReported(response="m", tokens=TOKENS),)


@pytest.mark.parametrize(
    "given",
    [used(usage={"total": 432}), used(usage=None), status(token_usage={"total": 432})],
)
def test_a_sum_alone_is_not_counted_as_zero(given: dict[str, Any]) -> None:
    (record,) = records(given)

    assert record.lacks_tokens
    assert record.events == ()


def test_a_fork_is_counted_once() -> None:
    shared = [PROMPT | {"promptId": "p1"}, BEGUN, REQUEST, used(), used("session")]
    own = [line("forked"), step("step.begin", uuid="s2"), used()]

    def read(*sessions: tuple[str, list[dict[str, Any]]]) -> Tokens:
        return read_all(
            *(
                block(
                    [json.dumps(each).encode() for each in lines],
                    agent="kimi",
                    session=session,
                )
                for session, lines in sessions
            )
        ).tokens()

    thrice = TOKENS + TOKENS + TOKENS
    assert read(("a", shared), ("b", [*shared, *own])) == thrice
    assert read(("b", [*shared, *own]), ("a", shared)) == thrice


@pytest.mark.parametrize(
    ("parts", "session", "parent"),
    [
        (("wd_w_1", "s1", "agents", "main", "wire.jsonl"), "s1", None),
        (("wd_w_1", "s1", "agents", "agent-0", "wire.jsonl"), "s1/agent-0", "s1"),
        (("0123abcd", "s1", "wire.jsonl"), "s1", None),
        (
            (
                *("wd_w_1", "s1", "agents", "main"),
                "wire.sync-conflict-20261130-101010-ABCDEFG.jsonl",
            ),
            "s1",
            None,
        ),
    ],
)
def test_what_names_of_files_say(
    parts: tuple[str, ...], session: str, parent: str | None
) -> None:
    found = place(parts)

    assert found is not None
    assert (found.session_id, found.parent_session_id) == (session, parent)
    assert all(enters(parts[:end]) for end in range(len(parts)))


@pytest.mark.parametrize(
    "parts",
    [
        ("0123abcd", "s1", "context.jsonl"),
        ("wd_w_1", "s1", "state.json"),
        ("wd_w_1", "s1", "notify", "state.json"),
        ("wire.jsonl",),
        (),
    ],
)
def test_what_is_no_wire(parts: tuple[str, ...]) -> None:
    assert place(parts) is None


def test_roots() -> None:
    def roots(*extra: Path, **environ: str) -> list[str]:
        trees = AGENTS["kimi"].roots(environ, Path("/home/me"), extra)
        return [str(tree.root) for tree in trees]

    assert roots() == ["/home/me/.kimi-code/sessions", "/home/me/.kimi/sessions"]
    assert roots(
        Path("/b"), Path("/c/sessions"), KIMI_CODE_HOME="/a", KIMI_SHARE_DIR="~/k"
    ) == ["/a/sessions", "/home/me/k/sessions", "/b/sessions", "/c/sessions"]


def test_accounts_are_told_apart_by_the_folder_above_the_sessions() -> None:
    below = "sessions/wd_w_1/s1/agents/main/wire.jsonl"

    assert account(f"/home/me/.kimi-code/{below}") is not None
    assert account(f"/home/me/.kimi-code/{below}") != account(f"/x/{below}")
    assert account("/x/wire.jsonl") is None


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("kimi", ProcessRole.TALKS),
        ("node /usr/bin/kimi -p hi", ProcessRole.ONCE),
        ("node /lib/@moonshot-ai/kimi-code/dist/main.mjs", ProcessRole.TALKS),
        ("python3.12 /home/me/.local/bin/kimi --print", ProcessRole.ONCE),
        ("kimi acp", ProcessRole.SERVES),
        ("vim kimi", None),
        ("python3", None),
        ("", None),
    ],
)
def test_commands(command: str, expected: ProcessRole | None) -> None:
    assert role(command.split()) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (PROMPT | {"promptId": "p1"}, (Role.USER, "Draw.", "p1")),
        (PROMPT | {"origin": {"kind": "system_trigger"}}, None),
        (part("Done."), (Role.ASSISTANT, "Done.", None)),
        (call(), None),
        (line("context.append_message", message={"role": "user"}), None),
        (message("TurnBegin", user_input="Draw."), (Role.USER, "Draw.", None)),
        (
            message("ContentPart", type="text", text="Done."),
            (Role.ASSISTANT, "Done.", None),
        ),
        (message("ContentPart", type="think", think="x"), None),
        (message("TurnEnd"), None),
    ],
)
def test_who_says_what(
    given: dict[str, Any], expected: tuple[Role, str, str | None] | None
) -> None:
    said = AGENTS["kimi"].messages(json.dumps(given).encode())

    if expected is None:
        assert said is None
    else:
        spoken, content, key = expected
        assert said == Said(role=spoken, content=content, at_ms=AT_MS, key=key)
