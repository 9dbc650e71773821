"""Numbers of real kinds of lines, as the daemon tells them over its socket."""

from pathlib import Path
from typing import Any

from tests.accumulators import test_ledger_codex as codex
from tests.books.process import started
from tests.books.rig import append, transcript


def told(home: Path, method: str, **params: object) -> Any:
    """Return what a daemon answers that has read everything in *home*."""
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
