"""`agents`: what can be read, and what becomes of each line of a log; no daemon."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jarvisd.agents.unread import UNREAD
from tests.agents.found import AGENTS
from tests.cli.conftest import Ctl, command
from tests.cli.terminal import Terminal
from tests.zstd_library import zstd

SESSION = "5e55a1b2-0000-4000-8000-000000000001"
THREAD = "01a1fbed-0000-7000-8000-000000000002"
STAMP = "2026-11-21T02:51:24.000Z"


def written(path: Path, *lines: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{json.dumps(each)}\n" for each in lines))
    return path


def claude_log(home: Path) -> Path:
    """Write a prompt, a response in two copies, a call that failed, and a novelty."""
    usage = {"input_tokens": 10, "cache_read_input_tokens": 200, "output_tokens": 7}
    call = {"type": "tool_use", "id": "t1", "name": "Bash", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "t1", "is_error": True}
    common = {"sessionId": SESSION, "timestamp": STAMP, "version": "2.1.332"}

    def answer(uuid: str, block: dict[str, Any]) -> dict[str, Any]:
        message = {"id": "m1", "model": "claude-opus-4-8", "content": [block]}
        return {
            "type": "assistant",
            "uuid": uuid,
            "message": message | {"usage": usage},
        }

    lines = [
        {"type": "user", "uuid": "u1", "message": {"content": "Go."}},
        answer("u2", {"type": "text", "text": "Looking."}),
        answer("u3", call),
        {"type": "user", "uuid": "u4", "message": {"content": [result]}},
        {"type": "hologram", "uuid": "u5"},
    ]
    path = home / ".claude" / "projects" / "-home-me" / f"{SESSION}.jsonl"
    return written(path, *(each | common for each in lines))


def codex_log(home: Path) -> Path:
    """Write a prompt, and a response that its token count repeats."""
    usage = {"input_tokens": 30, "cached_input_tokens": 20, "output_tokens": 5}
    item = {
        "type": "UserMessage",
        "id": "i",
        "content": [{"type": "text", "text": "Go."}],
    }
    entries = [
        ("session_meta", {"id": THREAD, "cli_version": "0.171.0"}),
        ("event_msg", {"type": "item_completed", "item": item}),
        ("token_usage_record", {"response_id": "r1", "usage": usage}),
        ("event_msg", {"type": "token_count", "info": {"total_token_usage": usage}}),
    ]
    name = f"rollout-2026-11-21T02-27-13-{THREAD}.jsonl"
    path = home / ".codex" / "sessions" / "2026" / "11" / "21" / name
    lines = [
        {"timestamp": STAMP, "type": kind, "payload": data} for kind, data in entries
    ]
    return written(path, *lines)


Log = Callable[[Path], Path]
LOGS: list[Any] = [
    pytest.param(
        "claude",
        claude_log,
        {"requests": 1, "input_uncached": 10, "cache_read": 200, "output": 7},
        id="claude",
    ),
    pytest.param(
        "codex",
        codex_log,
        {"requests": 1, "input_uncached": 10, "cache_read": 20, "output": 5},
        id="codex",
    ),
]


@pytest.mark.parametrize(("agent", "log", "usage"), LOGS)
@pytest.mark.parametrize("whole", [False, True], ids=["file", "home"])
def test_a_log_adds_up_to_its_truth(
    ctl: Ctl,
    tmp_path: Path,
    agent: str,
    log: Log,
    usage: dict[str, int],
    *,
    whole: bool,
) -> None:
    path, truth = log(tmp_path / "run"), tmp_path / "truth.json"
    truth.write_text(json.dumps({"usage": usage, "user_prompts": ["Go."]}))

    place = tmp_path / "run" if whole else path
    done = ctl("agents", "check", agent, str(place), "--truth", str(truth), "--json")

    assert done.returncode == 0, done.stderr
    check = json.loads(done.stdout)
    assert check["totals"].items() >= {**usage, "user_prompts": 1}.items()
    assert check["differing"] == []
    assert [each["path"] for each in check["files"]] == [str(path)]


def test_each_line_is_shown_with_its_record_and_its_row(
    ctl: Ctl, tmp_path: Path
) -> None:
    done = ctl("agents", "check", "claude", str(claude_log(tmp_path)), "--json")

    check = json.loads(done.stdout)
    assert [(each["kind"], each["verdict"]) for each in check["lines"]] == [
        ("user", "counted"),
        ("assistant", "counted"),
        ("assistant", "counted"),
        ("user", "merged"),
        ("hologram", "nothing"),
    ]
    assert check["lines"][0]["events"] == ["PromptGiven"]
    assert check["lines"][2]["reason"].endswith("call of Bash")
    assert check["lines"][3]["reason"] == "result of Bash: error"
    assert check["lines"][4]["unknown"] == ["record_type hologram"]
    assert check["unknown"] == [{"kind": "record_type", "name": "hologram", "count": 1}]


def test_a_new_field_of_usage_is_listed_whatever_the_version(
    ctl: Ctl, tmp_path: Path
) -> None:
    path = claude_log(tmp_path)
    path.write_text(path.read_text().replace("cache_read_input_tokens", "cache_hits"))

    done = ctl("agents", "check", "claude", str(path), "--brief")

    assert "unknown: usage field cache_hits (2)" in done.stdout


def test_totals_that_differ_are_marked_and_end_with_1(ctl: Ctl, tmp_path: Path) -> None:
    truth = tmp_path / "truth.json"
    truth.write_text(json.dumps({"usage": {"output": 8}, "tool_calls": 1}))

    done = ctl(
        *("agents", "check", "claude", str(claude_log(tmp_path))),
        *("--truth", str(truth)),
    )

    assert done.returncode == 1
    (output,) = [each for each in done.stdout.splitlines() if each.startswith("output")]
    assert output.split() == ["output", "7", "8", "differs"]
    assert done.stdout.count("differs") == 1


def test_a_truth_of_the_wire_is_compared_without_what_is_never_logged(
    ctl: Ctl, tmp_path: Path
) -> None:
    one = {"requests": 1, "input_uncached": 10, "cache_read": 200, "output": 7}
    side = {"requests": 1, "input_uncached": 5, "cache_read": 0, "output": 2}
    both = {name: one[name] + side[name] for name in one}
    truth = tmp_path / "truth.json"
    truth.write_text(
        json.dumps(
            {
                "usage_completed": both,
                "usage_total": both,
                "usage_by_kind": {"lane": one, "side-json": side},
                "aborted": [],
                "user_prompts": [],
            }
        )
    )

    done = ctl(
        *("agents", "check", "claude", str(claude_log(tmp_path))),
        *("--truth", str(truth)),
    )

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (
            ("clade", "x.jsonl"),
            2,
            "no agent is called `clade`; did you mean `claude`",
        ),
        (("claude", "x.jsonl"), 3, "x.jsonl: there is no log of Claude Code"),
        (("claude", "{log}", "--truth", "x"), 3, "x: No such file"),
        (("claude", "{log}", "--truth", "{log}"), 2, "is no truth file"),
    ],
)
def test_what_is_not_there_has_a_status_of_its_own(
    ctl: Ctl, tmp_path: Path, words: tuple[str, ...], status: int, message: str
) -> None:
    log = str(claude_log(tmp_path))
    done = ctl("agents", "check", *(each.replace("{log}", log) for each in words))

    assert done.returncode == status
    assert message in done.stderr


@pytest.mark.parametrize("truth", ["{}", '{"tokens":{"input":5}}', '{"usage":{}}'])
def test_a_truth_that_names_no_figure_is_refused(
    ctl: Ctl, tmp_path: Path, truth: str
) -> None:
    path = tmp_path / "truth.json"
    path.write_text(truth)
    log = str(claude_log(tmp_path))

    done = ctl("agents", "check", "claude", log, "--truth", str(path))

    assert done.returncode == 2
    assert "it names no figure that can be compared" in done.stderr


def listed(ctl: Ctl) -> dict[str, Any]:
    return {
        each["name"]: each
        for each in json.loads(ctl("agents", "--json").stdout)["agents"]
    }


def test_agents_are_listed_with_what_is_exact_and_where_their_logs_are(
    ctl: Ctl, tmp_path: Path
) -> None:
    log = claude_log(tmp_path)
    os.utime(log, (1_795_228_013, 1_795_228_013))

    shown, found = ctl("agents").stdout, listed(ctl)

    unread = [each.name for each in UNREAD]
    assert [*found] == [*(each for each in AGENTS.names if each != "text"), *unread]
    claude, codex = found["claude"], found["codex"]
    assert claude["found"] == [str(tmp_path / ".claude" / "projects")]
    assert (claude["version"], claude["logs"]) == ("2.1.332", 1)
    assert (claude["kinds"], claude["tokens"]) == (["lines"], "exact")
    assert claude["last_activity_ms"] == 1_795_228_013_000
    assert (codex["found"], codex["version"]) == ([], None)
    assert codex["last_activity_ms"] is None
    assert "Claude Code, tested with 2.0.76 to 2." in shown
    assert "none found in ~/.codex/sessions" not in shown
    assert "none found in ~/.codex/sessions" in ctl("agents", "--all").stdout


def test_agents_that_are_not_read_are_listed_with_the_reason(
    ctl: Ctl, tmp_path: Path, environ: dict[str, str]
) -> None:
    threads = tmp_path / "elsewhere" / "threads"
    for folder in (threads, tmp_path / ".grok"):
        folder.mkdir(parents=True)

    environ["AMP_DATA_DIR"] = str(threads.parent)
    shown, found = ctl("agents").stdout, listed(ctl)

    assert found["amp"]["found"] == [str(threads)]
    assert found["amp"]["tokens"] is None
    assert found["grok"]["found"] == [str(tmp_path / ".grok")]
    assert found["cursor"]["found"] == []
    assert re.search(r"^amp +~/elsewhere/threads +not read", shown, re.MULTILINE)
    assert "writes no log" in shown


def test_an_agent_is_read_or_it_is_not() -> None:
    assert not {each.name for each in UNREAD} & set(AGENTS.names)


@pytest.mark.parametrize(
    "words", [(), ("--all",), ("check", "claude", "{log}", "--all")]
)
def test_nothing_is_wider_than_a_terminal_of_80_columns(
    tmp_path: Path, environ: dict[str, str], words: tuple[str, ...]
) -> None:
    log = str(claude_log(tmp_path))
    shown = [each.replace("{log}", log) for each in words]
    with Terminal(command("agents", *shown), environ) as terminal:
        assert terminal.status() == 0
        lines = re.sub(rb"\x1b\[[\d;]*m", b"", terminal.output).decode().splitlines()

    assert len(lines) > 5
    assert max(map(len, lines)) <= 80


def test_a_compressed_log_is_read_as_the_text_that_it_was(
    ctl: Ctl, tmp_path: Path
) -> None:
    path = codex_log(tmp_path)
    path.with_name(f"{path.name}.zst").write_bytes(zstd.compress(path.read_bytes()))
    path.unlink()

    done = ctl("agents", "check", "codex", str(tmp_path), "--json")

    check = json.loads(done.stdout)
    assert [each["session_id"] for each in check["files"]] == [THREAD]
    assert check["totals"]["cache_read"] == 20
