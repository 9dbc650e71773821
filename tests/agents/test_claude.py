"""What Claude Code's lines say, by the cases of its format."""

from typing import Any

import pytest

from jarvisd.base.usage import Tokens, Variant
from jarvisd.core.event import (
    ApiFailed,
    ClosingWritten,
    CommandGiven,
    Compacted,
    Event,
    Instructed,
    Interrupted,
    LimitReached,
    ModeChanged,
    Outcome,
    PromptGiven,
    TaskEnded,
    TaskStarted,
    TitleGiven,
    TitleRank,
    ToolCalled,
    ToolKind,
    ToolReturned,
    Trouble,
    TurnEnded,
    UsageReported,
)
from jarvisd.core.origin import SessionId
from jarvisd.core.record import Record, Speaker
from tests.agents.found import read_alone
from tests.agents.undigested import undigested
from tests.ledger.books import line

AT = "2026-11-21T02:51:24.939Z"
AT_MS = 1_795_229_484_939


def said(**fields: Any) -> Record:
    record = read_alone(
        "claude",
        line(**{"timestamp": AT, "sessionId": "s1", "uuid": "u1", **fields}),
        offset=0,
    )
    assert record is not None
    return record


def user(content: Any, **fields: Any) -> tuple[Event, ...]:
    return said(
        type="user", message={"role": "user", "content": content}, **fields
    ).events


def reply(*content: Any, **message: Any) -> Record:
    whole = {"id": "m1", "model": "claude-opus-4-7", "content": [*content], **message}
    return said(type="assistant", message=whole)


def usage(**fields: Any) -> UsageReported:
    (found,) = (
        event
        for event in reply(usage=fields).events
        if isinstance(event, UsageReported)
    )
    return found


def text(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}


def tool(name: str, call_id: str = "t1", /, **given: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": name, "input": given}


def result(content: Any = "ok", **fields: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": "t1", "content": content, **fields}


PROMPTS = [
    pytest.param("Hello", 5, id="plain"),
    pytest.param([text("Hello")], 5, id="a text block"),
    pytest.param("<div>Hello", 10, id="a prompt may start with a tag"),
    pytest.param(
        "<system-reminder>be\nkind</system-reminder>\nHello",
        5,
        id="CC-060 after a reminder",
    ),
    pytest.param(
        "<ide_opened_file>a.py</ide_opened_file>Hello", 5, id="after an opened file"
    ),
    pytest.param("<system-reminder>Hello", 22, id="a tag that is not closed"),
    pytest.param(
        "<task-notification-status>x", 27, id="CC-063 a tag that only looks alike"
    ),
    pytest.param("hello /clear", 12, id="CC-071 a slash inside"),
    pytest.param("/usr/local/bin/x", 16, id="CC-071 a path"),
    pytest.param("/etc/passwd is bad", 18, id="S001-27 a path in prose"),
    pytest.param([{"type": "image"}], 0, id="an image alone"),
]

NO_PROMPTS = [
    pytest.param("<command-name>/clear</command-name>", {}, id="CC-059 command"),
    pytest.param(
        "<local-command-stdout>ok</local-command-stdout>", {}, id="CC-059 local output"
    ),
    pytest.param(
        "<system-reminder>x</system-reminder>", {}, id="CC-059 only a reminder"
    ),
    pytest.param([result()], {}, id="CC-062 only a result"),
    pytest.param("<task-notification>x</task-notification>", {}, id="CC-063"),
    pytest.param("[Request interrupted by user]", {}, id="CC-065 interrupt"),
    pytest.param("<teammate-message x>hi</teammate-message>", {}, id="a teammate"),
    pytest.param("<cross-session-message>hi", {}, id="another session"),
    pytest.param("Hello", {"isMeta": True}, id="meta"),
    pytest.param("Hello", {"isSidechain": True}, id="S001-36 sidechain"),
    pytest.param("Hello", {"isCompactSummary": True}, id="a summary"),
    pytest.param("Hello", {"promptSource": "system"}, id="from the system"),
    pytest.param("This session is being continued from", {}, id="continued"),
    pytest.param("Caveat: The messages below were", {}, id="caveat"),
    pytest.param("\ufeff  <bash-stdout>x", {}, id="behind a mark and blanks"),
]


@pytest.mark.parametrize(("content", "chars"), PROMPTS)
def test_what_a_human_wrote_is_a_prompt(content: Any, chars: int) -> None:
    assert user(content) == (PromptGiven(chars=chars, key="u1"),)


@pytest.mark.parametrize(("content", "fields"), NO_PROMPTS)
def test_what_was_put_in_the_users_mouth_is_none(
    content: Any, fields: dict[str, Any]
) -> None:
    assert not any(isinstance(each, PromptGiven) for each in user(content, **fields))


@pytest.mark.parametrize(
    ("content", "name"),
    [
        pytest.param("<command-name>/clear</command-name>", "clear", id="tag"),
        pytest.param(
            "<command-message>x</command-message>\n"
            "<command-name>/compound:debug</command-name>",
            "compound:debug",
            id="CC-069 in the middle",
        ),
        pytest.param(
            [text("a <command-name>plug:x.y</command-name>")],
            "plug:x.y",
            id="CC-069 in a block",
        ),
        pytest.param("/compound:debug args", "compound:debug", id="legacy"),
        pytest.param("/plan x", "plan", id="CC-071 with words"),
        pytest.param("/clear", "clear", id="CC-071 alone"),
        pytest.param(
            "<system-reminder>x</system-reminder>/clear", "clear", id="after a reminder"
        ),
    ],
)
def test_a_slash_command_is_told_by_its_tag_or_its_whole_first_word(
    content: Any, name: str
) -> None:
    assert user(content) == (CommandGiven(name=name),)


def test_a_prompt_typed_while_busy_counts_where_it_is_delivered() -> None:
    """CC-066, CC-068: the queue's own lines say nothing."""
    attachment = {"type": "queued_command", "prompt": "More", "commandMode": "prompt"}

    assert said(type="attachment", attachment=attachment).events == (
        PromptGiven(chars=4, key="u1", queued=True),
    )
    assert (
        said(type="queue-operation", operation="enqueue", content="More").events == ()
    )


def test_a_teammates_message_while_busy_is_no_prompt() -> None:
    words = '<teammate-message teammate_id="dev-1">Done.</teammate-message>'
    attachment = {"type": "queued_command", "prompt": words, "commandMode": "prompt"}

    assert said(type="attachment", attachment=attachment).events == (
        Instructed(by_agent=True),
    )


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param(
            {"cache_creation_input_tokens": 5},
            (Tokens(), 5),
            id="CC-002 flat",
        ),
        pytest.param(
            {
                "cache_creation_input_tokens": 30,
                "cache_creation": {
                    "ephemeral_5m_input_tokens": 10,
                    "ephemeral_1h_input_tokens": 20,
                },
            },
            (Tokens(cache_write_5m=10, cache_write_1h=20), 30),
            id="split",
        ),
        pytest.param(
            {
                "input_tokens": 321,
                "output_tokens": 654,
                "cache_read_input_tokens": 987,
                "cache_creation_input_tokens": 111,
                "output_tokens_details": {"thinking_tokens": 5},
            },
            (Tokens(input=321, cache_read=987, output=654, reasoning=5), 111),
            id="CC-026 all of it",
        ),
        pytest.param(
            {"input_tokens": -5, "output_tokens": 12},
            (Tokens(output=12), 0),
            id="CC-027",
        ),
        pytest.param(
            {"input_tokens": "12", "output_tokens": 12},
            (Tokens(output=12), 0),
            id="CC-027 text",
        ),
        pytest.param(
            {"input_tokens": True, "output_tokens": 12.5, "cache_read_input_tokens": 3},
            (Tokens(cache_read=3), 0),
            id="S001-18 no counts",
        ),
        pytest.param(
            {"input_tokens": 2**53 + 1, "output_tokens": 10**40},
            (Tokens(), 0),
            id="absurd",
        ),
    ],
)
def test_usage_is_read_as_disjoint_counts(
    fields: dict[str, Any], expected: tuple[Tokens, int]
) -> None:
    found = usage(**fields)

    assert (found.tokens, found.cache_write_flat) == expected


def test_usage_without_cache_keys_says_so() -> None:
    assert not usage(input_tokens=50).has_cache
    assert usage(input_tokens=50, cache_read_input_tokens=0).has_cache
    assert not usage(cache_read_input_tokens=4).has_input


@pytest.mark.parametrize(
    ("fields", "variant"),
    [
        pytest.param({"speed": "fast"}, Variant(speed="fast"), id="CC-029 fast"),
        pytest.param({"speed": None, "service_tier": None}, Variant(), id="K nulls"),
        pytest.param({"service_tier": "batch"}, Variant(tier="batch"), id="batch"),
        pytest.param({"inference_geo": "us"}, Variant(geo_us=True), id="US only"),
    ],
)
def test_how_a_response_was_served(fields: dict[str, Any], variant: Variant) -> None:
    assert usage(**fields).variant == variant


def test_advice_is_a_response_of_its_own() -> None:
    """CC-023: tokens of an advisor are not in the message's own."""
    found = [
        (event.response, event.model, event.tokens.output)
        for event in reply(
            usage={
                "output_tokens": 7,
                "iterations": [
                    {"type": "message", "output_tokens": 7},
                    {"type": "advisor_message", "model": "opus", "output_tokens": 3},
                ],
            }
        ).events
        if isinstance(event, UsageReported)
    ]

    assert found == [("m1", "claude-opus-4-7", 7), ("m1:advisor:1", "opus", 3)]


def test_web_searches_are_counted() -> None:
    """CC-045."""
    assert usage(server_tool_use={"web_search_requests": 2}).web_searches == 2


def test_a_line_of_no_model_costs_nothing() -> None:
    """CC-024: an API error in a reply's clothes."""
    record = said(
        type="assistant",
        isApiErrorMessage=True,
        error="rate_limit",
        apiErrorStatus=429,
        message={"model": "<synthetic>", "usage": {"input_tokens": 0}, "content": []},
    )

    failed = ApiFailed(error="rate_limit", status=429, trouble=Trouble.API_ERROR)
    assert record.events == (failed,)


def test_a_false_mark_of_an_error_is_none() -> None:
    record = said(type="assistant", isApiErrorMessage=False, message={"id": "m"})

    assert not any(isinstance(each, ApiFailed) for each in record.events)


def test_a_legacy_limit_says_until_when() -> None:
    """CC-104."""
    record = said(
        type="assistant",
        isApiErrorMessage=True,
        message={
            "model": "<synthetic>",
            "content": [text("Claude AI usage limit reached|1751900400")],
        },
    )

    assert LimitReached(resets_at_ms=1_751_900_400_000) in record.events


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        pytest.param(
            tool("Bash"),
            ToolCalled(call_id="t1", response="m1", tool="Bash"),
            id="tool",
        ),
        pytest.param(
            tool("mcp__github__create_issue"),
            ToolCalled(
                call_id="t1",
                response="m1",
                tool="create_issue",
                kind=ToolKind.MCP,
                server="github",
            ),
            id="CC-075 MCP",
        ),
        pytest.param(
            tool("mcp__plugin_a_b__x__y"),
            ToolCalled(
                call_id="t1",
                response="m1",
                tool="x__y",
                kind=ToolKind.MCP,
                server="plugin_a_b",
            ),
            id="the first double underscore splits",
        ),
        pytest.param(
            tool("Skill", skill="myplug:my-skill"),
            ToolCalled(
                call_id="t1", response="m1", tool="Skill", skill="myplug:my-skill"
            ),
            id="CC-074 skill",
        ),
        pytest.param(
            tool("Skill", skill="a", name="b"),
            ToolCalled(call_id="t1", response="m1", tool="Skill", skill="a"),
            id="S001-12 skill before name",
        ),
        pytest.param(
            tool("Skill"),
            ToolCalled(call_id="t1", response="m1", tool="Skill"),
            id="S001-12 neither",
        ),
        pytest.param(
            tool("Task", subagent_type="myplug:my-agent"),
            ToolCalled(
                call_id="t1",
                response="m1",
                tool="Task",
                kind=ToolKind.SUBAGENT,
                subagent="myplug:my-agent",
            ),
            id="CC-077 subagent",
        ),
        pytest.param(
            tool("Task"),
            ToolCalled(
                call_id="t1",
                response="m1",
                tool="Task",
                kind=ToolKind.SUBAGENT,
                subagent="Task",
            ),
            id="S001-11 without a type",
        ),
        pytest.param(
            tool("Agent", subagent_type=""),
            ToolCalled(
                call_id="t1",
                response="m1",
                tool="Agent",
                kind=ToolKind.SUBAGENT,
                subagent="Agent",
            ),
            id="S001-11 an empty type",
        ),
        pytest.param(
            {"type": "tool_use", "id": "t1", "name": "Bash", "input": [1]},
            ToolCalled(call_id="t1", response="m1", tool="Bash"),
            id="a strange input",
        ),
        pytest.param(
            {"type": "tool_use", "id": "t1", "name": 7},
            ToolCalled(call_id="t1", response="m1", tool=""),
            id="no name is still a call",
        ),
    ],
)
def test_tool_calls(block: dict[str, Any], expected: ToolCalled) -> None:
    assert expected in undigested(reply(block).events)


def test_two_calls_of_one_tool_are_two() -> None:
    """CC-078."""
    events = reply(tool("Bash", "t1"), tool("Bash", "t2")).events

    assert [each.call_id for each in events if isinstance(each, ToolCalled)] == [
        "t1",
        "t2",
    ]


@pytest.mark.parametrize(
    ("block", "fields", "outcome"),
    [
        pytest.param(result(is_error=True), {}, Outcome.ERROR, id="CC-081 error"),
        pytest.param(result(), {}, Outcome.OK, id="CC-081 missing is ok"),
        pytest.param(result(is_error="false"), {}, Outcome.OK, id="text is no flag"),
        pytest.param(
            result(
                "The user doesn't want to proceed with this tool use.", is_error=True
            ),
            {},
            Outcome.DENIED,
            id="rejected",
        ),
        pytest.param(
            result("Permission to use Bash with x has been denied.", is_error=True),
            {},
            Outcome.DENIED,
            id="by a rule",
        ),
        pytest.param(
            result("x needs approval", is_error=True),
            {"toolDenialKind": "user-rejected"},
            Outcome.DENIED,
            id="in the agent's own word",
        ),
        pytest.param(
            result([text("doesn't want to")], is_error=False),
            {},
            Outcome.OK,
            id="prose",
        ),
    ],
)
def test_how_a_call_came_back(
    block: dict[str, Any], fields: dict[str, Any], outcome: Outcome
) -> None:
    assert user([block], **fields) == (ToolReturned(call_id="t1", outcome=outcome),)


def test_a_result_says_how_long_it_took_and_what_it_started() -> None:
    """CC-048, CC-087."""
    noted = {"agentId": "a7", "totalDurationMs": 919, "backgroundTaskId": "b1"}

    assert user([result()], toolUseResult=noted) == (
        ToolReturned(call_id="t1", duration_ms=919),
        TaskStarted(task_id="b1"),
    )


@pytest.mark.parametrize(
    "noted",
    [
        pytest.param("Error: x", id="text"),
        pytest.param([{"type": "text"}], id="a list"),
        pytest.param(7, id="a number"),
        pytest.param({"agentId": 7, "durationMs": "long"}, id="strange fields"),
        pytest.param(None, id="null"),
    ],
)
def test_what_is_noted_of_a_result_may_be_anything(noted: Any) -> None:
    assert user([result()], toolUseResult=noted) == (ToolReturned(call_id="t1"),)


def test_a_background_task_says_when_it_is_over() -> None:
    notice = (
        "<task-notification><task-id>b1</task-id><status>completed</status>"
        "</task-notification>"
    )

    assert user(notice) == (TaskEnded(task_id="b1", status="completed"),)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param(
            {"type": "system", "subtype": "turn_duration", "durationMs": 42},
            TurnEnded(duration_ms=42, pending=0),
            id="CC-098 nothing pending",
        ),
        pytest.param(
            {
                "type": "system",
                "subtype": "turn_duration",
                "pendingBackgroundAgentCount": 2,
            },
            TurnEnded(pending=2),
            id="CC-099 pending",
        ),
        pytest.param(
            {"type": "system", "subtype": "stop_hook_summary"},
            TurnEnded(),
            id="CC-098 unknown",
        ),
        pytest.param(
            {
                "type": "system",
                "subtype": "compact_boundary",
                "compactMetadata": {
                    "trigger": "auto",
                    "preTokens": 9,
                    "postTokens": 2,
                },
            },
            Compacted(trigger="auto", before_tokens=9, after_tokens=2),
            id="compaction",
        ),
        pytest.param(
            {
                "type": "system",
                "subtype": "api_error",
                "error": {"status": 429},
                "retryAttempt": 1,
            },
            ApiFailed(status=429, attempt=1, retrying=True),
            id="CC-102 a retry",
        ),
        pytest.param(
            {"type": "user", "message": {"content": "[Request interrupted by user]"}},
            Interrupted(reason="user"),
            id="CC-065 interrupt",
        ),
        pytest.param(
            {
                "type": "user",
                "message": {"content": "[Request interrupted by user for tool use]"},
            },
            Interrupted(reason="tool"),
            id="a denied tool",
        ),
        pytest.param(
            {"type": "ai-title", "aiTitle": "A" * 300},
            TitleGiven(title="A" * 200, rank=TitleRank.AI),
            id="title, cut",
        ),
        pytest.param(
            {"type": "custom-title", "customTitle": " Mine "},
            TitleGiven(title="Mine", rank=TitleRank.CUSTOM),
            id="own title",
        ),
        pytest.param(
            {"type": "summary", "summary": "Old"},
            TitleGiven(title="Old", rank=TitleRank.SUMMARY),
            id="legacy title",
        ),
        pytest.param(
            {"type": "permission-mode", "permissionMode": "plan"},
            ModeChanged(mode="plan"),
            id="mode",
        ),
        pytest.param(
            {"type": "tool_use_result", "tool_use_id": "t1", "is_error": True},
            ToolReturned(call_id="t1", outcome=Outcome.ERROR),
            id="a result of very old",
        ),
        pytest.param(
            {"type": "tool_use_result", "toolUseId": "t1", "isError": True},
            ToolReturned(call_id="t1", outcome=Outcome.ERROR),
            id="a result of very old, by another spelling",
        ),
        pytest.param(
            {"type": "user", "message": {"content": "<teammate-message teammate_id"}},
            Instructed(by_agent=True),
            id="words of a teammate",
        ),
        pytest.param({"type": "cost-state"}, ClosingWritten(), id="closing lines"),
        pytest.param(
            {"type": "api-request", "id": "r2", "base": "r1", "tail": []},
            ApiFailed(retrying=True),
            id="a request that repeats another",
        ),
    ],
)
def test_single_events(fields: dict[str, Any], expected: Event) -> None:
    assert said(**fields).events == (expected,)


@pytest.mark.parametrize(
    "fields",
    [
        {"base": "r1", "tail": ["a1b2"]},
        {"tail": []},
        {"base": "r1"},
        {"base": {}, "tail": {}},
    ],
)
def test_a_request_with_something_new_is_no_retry(fields: dict[str, Any]) -> None:
    assert said(type="api-request", id="r2", **fields).events == ()


@pytest.mark.parametrize(
    "kind",
    ["last-prompt", "file-history-snapshot", "atis-latch", "foo-bar", ""],
)
def test_bookkeeping_says_nothing(kind: str) -> None:
    """CC-101, S001-14: not even with a tool call in it."""
    assert said(type=kind, message={"content": [tool("Bash")]}).events == ()


def test_a_record_says_when_whose_and_where() -> None:
    record = said(type="user", cwd="/w", message={"content": "Hi"})

    assert (record.at_ms, record.session_id, record.cwd) == (AT_MS, "s1", "/w")
    assert (record.key, record.speaker, record.kind) == ("u1", Speaker.USER, "user")


def test_a_subagents_line_is_of_its_own_session() -> None:
    record = said(type="user", isSidechain=True, agentId="a7", message={"content": "x"})

    assert (record.session_id, record.parent_session_id) == ("s1/agent-a7", "s1")
    assert record.sidechain


@pytest.mark.parametrize(
    ("origin", "key"),
    [
        pytest.param({"sessionId": "s0", "messageUuid": "u0"}, "u0", id="of a line"),
        pytest.param({"sessionId": "s0"}, "u1", id="of a session"),
        pytest.param({"sessionId": 7, "messageUuid": [1]}, "u1", id="nonsense"),
    ],
)
def test_a_line_that_a_fork_copied_says_so_and_keeps_its_first_id(
    origin: dict[str, Any], key: str
) -> None:
    record = said(type="user", message={"content": "Go"}, forkedFrom=origin)

    assert (record.session_id, record.copied, record.key) == ("s1", True, key)
    assert record.events == (PromptGiven(chars=2, key=key),)


def test_a_line_that_is_no_copy_says_nothing_of_it() -> None:
    assert not said(type="user", message={"content": "Go"}, forkedFrom=None).copied


def test_a_copied_request_is_passed_over_unread() -> None:
    record = read_alone(
        "claude",
        b'{"type":"api-request-blob","sessionId":"s1","message":{"any":[]}}',
        offset=5,
    )

    assert record == Record(
        kind="api-request-blob", session_id=SessionId("s1"), offset=5
    )


def test_a_torn_copy_of_a_request_is_malformed() -> None:
    assert (
        read_alone(
            "claude", b'{"type":"api-request-blob","sessionId":"s1","mess', offset=0
        )
        is None
    )


@pytest.mark.parametrize(
    ("stamp", "at_ms"),
    [
        pytest.param(AT, AT_MS, id="the usual"),
        pytest.param("2026-11-21T02:51:24Z", 1_795_229_484_000, id="no fraction"),
        pytest.param("2026-11-21T02:51:24.939999Z", AT_MS, id="cut, not rounded"),
        pytest.param("2026-11-21T02:51:24.939123456Z", AT_MS, id="nanoseconds"),
        pytest.param("2026-11-21T04:51:24.939+02:00", AT_MS, id="another zone"),
        pytest.param("2026-11-21T02:51:24.939", AT_MS, id="no zone is UTC"),
        pytest.param(1_795_229_484, 1_795_229_484_000, id="seconds"),
        pytest.param(1_795_229_484_939, AT_MS, id="milliseconds"),
        pytest.param(1_795_229_484_939_000, AT_MS, id="microseconds"),
        pytest.param(1_795_229_484_939_000_000, AT_MS, id="nanoseconds, as a number"),
        pytest.param("", None, id="empty"),
        pytest.param("yesterday", None, id="prose"),
        pytest.param(None, None, id="null"),
        pytest.param(True, None, id="a truth"),
        pytest.param(12, None, id="1970"),
        pytest.param("0001-01-01T00:00:00Z", None, id="no year of ours"),
        pytest.param(10**30, None, id="beyond all"),
    ],
)
def test_times(stamp: Any, at_ms: int | None) -> None:
    assert said(type="user", timestamp=stamp).at_ms == at_ms
