"""Numbers of real kinds of lines, as the daemon tells them over its socket."""

from pathlib import Path
from typing import Any

import msgspec

from tests.books.process import started
from tests.books.rig import append, transcript
from tests.ledger import test_ledger_claude as claude
from tests.ledger import test_ledger_codex as codex
from tests.ledger.books import line


def told(home: Path, method: str, **params: object) -> Any:
    """Return the answers of a daemon that has read everything in *home*."""
    with started(home, home / "state") as daemon:
        daemon.ask("sync")
        return daemon.ask(method, **params)


def test_a_refused_approval_and_a_script_are_one_call_each(tmp_path: Path) -> None:
    def item(kind: str, **fields: Any) -> bytes:
        return codex.envelope("response_item", type=kind, **fields)

    def ran(kind: str, item_id: str) -> bytes:
        done = {"type": kind, "id": item_id, "status": "failed", "exit_code": 3}
        return codex.envelope("event_msg", type="item_completed", item=done)

    append(
        transcript(tmp_path, codex.THREAD, agent="codex"),
        codex.meta(),
        item("function_call", name="exec_command", call_id="c1", arguments="{}"),
        item(
            "function_call_output",
            call_id="c1",
            output="Wall time: 8.5 seconds\naborted by user",
        ),
        item("custom_tool_call", name="exec", call_id="c2", input="text(1)"),
        ran("CommandExecution", "exec-1"),
        ran("FileChange", "exec-2"),
        item("custom_tool_call_output", call_id="c2", output="Script completed\n"),
    )

    rows = told(tmp_path, "report.tools")["rows"]

    assert {
        each["name"]: (each["calls"], each["errors"], each["denials"]) for each in rows
    } == {"exec": (1, 0, 0), "exec_command": (1, 0, 1)}


def test_a_context_that_overflowed_is_full(tmp_path: Path) -> None:
    append(
        transcript(tmp_path, codex.THREAD, agent="codex"),
        codex.meta(),
        codex.count(200_000, 200_000),
        codex.count(
            codex.usage(total_tokens=258_400), codex.usage(total_tokens=58_400)
        ),
    )

    session = told(tmp_path, "sessions.get", session_id=codex.THREAD)

    assert session["context"]["tokens"] == 258_400
    assert session["tokens"]["input"] == 200_000


def test_searches_of_side_calls_are_counted_and_paid_for(tmp_path: Path) -> None:
    def result(call_id: str, noted: dict[str, object], second: float) -> bytes:
        block = {"type": "tool_result", "tool_use_id": call_id, "content": "x"}
        return line(
            type="user",
            timestamp=claude.stamp(second),
            message={"role": "user", "content": [block]},
            toolUseResult=noted,
        )

    files = {"readCount": 1, "searchCount": 7}
    append(
        transcript(tmp_path),
        claude.reply("m1", inp=10, blocks=[claude.call("t1", "WebSearch", query="x")]),
        result("t1", {"query": "x", "results": [], "searchCount": 2}, 2),
        claude.reply("m2", second=3, inp=10, blocks=[claude.call("t2", "Agent")]),
        result("t2", {"agentId": "a1", "toolStats": files}, 4),
    )

    (row,) = told(tmp_path, "report.usage", by="model")["rows"]

    assert row["web_searches"] == 2
    assert row["responses"] == 3
    assert row["tokens"]["input"] == 20
    assert row["unpriced"] == 0
    assert row["cost_micros"] == 20 * 5 + 2 * 10_000


def test_messages_of_teammates_are_work_and_no_prompts(tmp_path: Path) -> None:
    words = '<teammate-message teammate_id="dev-1">tests pass</teammate-message>'
    append(
        transcript(tmp_path),
        claude.prompt("Split the work.", second=0),
        claude.reply("m1", second=1, inp=1),
        claude.prompt(words, second=2, key="p2"),
    )

    session = told(tmp_path, "sessions.get", session_id="s1")

    assert (session["prompts"], session["user_lines"]) == (1, 2)


def test_a_branch_that_writes_each_line_twice_has_only_its_own(tmp_path: Path) -> None:
    shared = [
        msgspec.json.decode(each)
        for each in (
            claude.prompt(second=0, key="p1"),
            claude.reply("m1", second=1, key="a1", inp=100, out=50),
        )
    ]

    def copies(session: str, **fields: object) -> list[bytes]:
        return [
            msgspec.json.encode({**each, "sessionId": session, **fields})
            for each in shared
        ]

    marked = [
        msgspec.json.encode(
            {
                **each,
                "sessionId": "a-branch",
                "forkedFrom": {"sessionId": "z", "messageUuid": each["uuid"]},
            }
        )
        for each in shared
    ]
    append(transcript(tmp_path, "z"), *copies("z"))
    append(
        transcript(tmp_path, "a-branch"),
        *marked,
        *copies("a-branch"),
        claude.prompt(second=60, key="p2"),
        claude.reply("m2", second=61, inp=10, out=5),
    )

    both = told(tmp_path, "sessions.list")["sessions"]

    assert {
        each["session_id"]: (each["tokens"]["input"], each["prompts"]) for each in both
    } == {"z": (100, 1), "a-branch": (10, 1)}


def test_a_model_named_by_a_cloud_costs_what_its_maker_lists(tmp_path: Path) -> None:
    profile = "arn:aws:bedrock:eu-west-1:123456789012:inference-profile"
    models = (
        f"{profile}/eu.anthropic.claude-opus-4-8-v1:0",
        "us-gov.anthropic.claude-opus-4-8-v1:0",
        "bedrock/us.anthropic.claude-opus-4-8-v1:0",
        "databricks-claude-opus-4-8",
    )
    append(
        transcript(tmp_path),
        *(claude.reply(each, model=each, inp=1_000_000) for each in models),
    )

    total = told(tmp_path, "report.usage", by="model")["total"]

    assert (total["unpriced"], total["cost_micros"]) == (0, 4 * 5_000_000)
