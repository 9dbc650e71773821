"""What lines of pi and oh-my-pi say, by the cases of their format."""

import json
from pathlib import Path
from typing import Any

import pytest

from jarvisd.agents.pi.places import account, enters, place
from jarvisd.agents.pi.presence import role
from jarvisd.base.usage import Tokens
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
    TitleGiven,
    TitleRank,
    ToolCalled,
    ToolKind,
    ToolReturned,
    Trouble,
    UsageReported,
)
from jarvisd.core.message import Role, Said
from jarvisd.core.process import ProcessRole
from jarvisd.core.record import Record
from tests.agents.found import AGENTS, fresh_reader
from tests.agents.undigested import undigested
from tests.ledger.books import block, read_all

AT = "2026-11-21T02:51:24.939Z"
AT_MS = 1_795_229_484_939
KEY = f"e1@{AT}"
USAGE = {"input": 100, "output": 50, "cacheRead": 10, "cacheWrite": 20}
TOKENS = Tokens(input=100, output=50, cache_read=10, cache_write_5m=20)
ID = "01a1fbfc-e42b-70ac-ab64-3d39cbc1cc69"
NAME = f"2026-11-21T02-43-37-133Z_{ID}"


def line(type_: str, **fields: Any) -> dict[str, Any]:
    return {"type": type_, "id": "e1", "parentId": None, "timestamp": AT, **fields}


def message(role: str, **fields: Any) -> dict[str, Any]:
    return line("message", message={"role": role, **fields})


def answer(*content: Any, stop: str = "stop", **fields: Any) -> dict[str, Any]:
    return message(
        "assistant",
        content=[*content],
        **{"model": "m", "stopReason": stop, "usage": USAGE, **fields},
    )


def failed(error: str, id_: str = "e1") -> dict[str, Any]:
    zero = dict.fromkeys(USAGE, 0)
    return answer(stop="error", usage=zero, errorMessage=error) | {"id": id_}


def text(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}


def call(name: str, call_id: str = "t1") -> dict[str, Any]:
    return {"type": "toolCall", "id": call_id, "name": name, "arguments": {"a": 1}}


def records(*lines: dict[str, Any]) -> list[Record]:
    reader, found = fresh_reader("pi"), []
    for offset, each in enumerate(lines):
        record = reader.read(json.dumps(each).encode(), offset=offset)
        assert record is not None
        found.append(record)

    return found


def events(*lines: dict[str, Any]) -> tuple[Event, ...]:
    return undigested(records(*lines)[-1].events)


def spent(response: str = KEY, **fields: Any) -> UsageReported:
    given = {"model": "m", "tokens": TOKENS, **fields}
    return UsageReported(response=response, **given)


def wrote(stop: str) -> MessageWritten:
    return MessageWritten(message_id=KEY, stop_reason=stop)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(
            [answer(text("Done."))], (spent(), wrote("stop")), id="the end of a turn"
        ),
        pytest.param(
            [answer(text("Which one?"))],
            (spent(), wrote("stop"), Asked(cue=Cue.QUESTION)),
            id="a question ends a turn",
        ),
        pytest.param(
            [answer(text("Which one?"), call("bash"), stop="toolUse")],
            (
                spent(),
                wrote("tool_use"),
                ToolCalled(call_id="t1", tool="bash", response=KEY),
            ),
            id="OT-055: a call goes on, and its answer is counted",
        ),
        pytest.param(
            [answer(call("mcp__maps__find_all"), stop="toolUse")],
            (
                spent(),
                wrote("tool_use"),
                ToolCalled(
                    call_id="t1",
                    tool="find_all",
                    response=KEY,
                    kind=ToolKind.MCP,
                    server="maps",
                ),
            ),
            id="a call of MCP",
        ),
        pytest.param(
            [answer(text("Dr"), stop="aborted")],
            (spent(in_context=False), Interrupted(reason="user")),
            id="OT-055: an interrupt",
        ),
        pytest.param(
            [answer(usage={**USAGE, "cost": {"total": 0.00123}})],
            (spent(stated_micros=1230), wrote("stop")),
            id="OT-051: the cost that the agent states is kept beside ours",
        ),
        pytest.param(
            [answer(usage={**USAGE, "cost": {"total": 0}})],
            (spent(), wrote("stop")),
            id="a cost of 0 is that of a model without a price",
        ),
        pytest.param(
            [answer(usage={**USAGE, "reasoning": 30, "cacheWrite1h": 15})],
            (
                spent(tokens=Tokens(100, 10, 5, 15, output=50, reasoning=30)),
                wrote("stop"),
            ),
            id="parts are inside their sums",
        ),
        pytest.param(
            [answer(usage={**USAGE, "reasoning": 70, "cacheWrite1h": 35})],
            (
                spent(tokens=Tokens(100, 10, 0, 20, output=50, reasoning=50)),
                wrote("stop"),
            ),
            id="parts are never more than their sums",
        ),
        pytest.param(
            [answer(responseModel="m-2026-01-01", durationMs=890)],
            (spent(model="m-2026-01-01", latency_ms=890), wrote("stop")),
            id="the model that answered, and how long it took",
        ),
        pytest.param(
            [message("user", content=[text("Draw"), text(" it.")])],
            (PromptGiven(chars=8, key=KEY),),
            id="a prompt",
        ),
        pytest.param(
            [message("user", content="Draw it.")],
            (PromptGiven(chars=8, key=KEY),),
            id="a prompt that is one text",
        ),
        pytest.param(
            [message("user", content="Draw it.", attribution="agent")],
            (Instructed(by_agent=True),),
            id="words of another agent are no prompt",
        ),
        pytest.param(
            [message("bashExecution", command="ls", output="", exitCode=1)],
            (),
            id="OT-054: a command of the user's own begins no turn",
        ),
        pytest.param(
            [message("toolResult", toolCallId="t1", isError=False, durationMs=20)],
            (ToolReturned(call_id="t1", duration_ms=20),),
            id="a result",
        ),
        pytest.param(
            [message("toolResult", toolCallId="t1", isError=True, usage=USAGE)],
            (
                ToolReturned(call_id="t1", outcome=Outcome.ERROR),
                spent(f"{KEY}:tool", model=None, in_context=False),
            ),
            id="a tool that failed, and asked a model itself",
        ),
        pytest.param(
            [
                line("model_change", provider="x", modelId="m2"),
                line("compaction", tokensBefore=900, usage=USAGE),
            ],
            (Compacted(before_tokens=900), spent(model="m2", in_context=False)),
            id="a compaction is a response of the model in use",
        ),
        pytest.param(
            [
                line("model_change", model="openai/m2", role="default"),
                line("branch_summary", fromId="a", usage=USAGE),
            ],
            (spent(model="m2", in_context=False),),
            id="the summary of a branch that was left",
        ),
        pytest.param(
            [line("usage", kind="cache_warm", model="m3", usage=USAGE)],
            (spent(model="m3", in_context=False),),
            id="usage beside the conversation",
        ),
        pytest.param(
            [line("session_info", name="Plot")],
            (TitleGiven(title="Plot", rank=TitleRank.CUSTOM),),
            id="a name",
        ),
        pytest.param(
            [{"type": "title", "v": 1, "title": "Sky", "source": "auto"}],
            (TitleGiven(title="Sky", rank=TitleRank.AI),),
            id="a title that a model gave",
        ),
    ],
)
def test_what_a_line_says(
    lines: list[dict[str, Any]], expected: tuple[Event, ...]
) -> None:
    assert events(*lines) == expected


@pytest.mark.parametrize(
    ("usage", "lacks"),
    [
        pytest.param({"totalTokens": 333}, True, id="OT-052: a sum alone"),
        pytest.param(None, True, id="none"),
        pytest.param(dict.fromkeys(USAGE, 0), False, id="nothing was used"),
    ],
)
def test_what_is_not_written_is_not_counted_as_zero(usage: Any, lacks: bool) -> None:
    (record,) = records(answer(text("Done."), usage=usage))

    assert record.lacks_tokens is lacks
    assert record.events == (wrote("stop"),)


BUSY = '529 {"type":"error","error":{"type":"overloaded_error","message":"busy"}}'
BAD = '400 {"type":"error","error":{"type":"invalid_request_error","code":400}}'
RETRYING = ApiFailed(error="overloaded_error", status=529, attempt=1, retrying=True)
FINAL = ApiFailed(
    error="invalid_request_error", status=400, attempt=1, trouble=Trouble.API_ERROR
)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param([failed(BUSY)], (RETRYING,), id="a busy provider"),
        pytest.param([failed(BAD)], (FINAL,), id="a bad request"),
        pytest.param(
            [failed(BAD), line("context_edit", targetId="e1")],
            (ApiFailed(attempt=1, retrying=True),),
            id="it is tried again all the same",
        ),
        pytest.param(
            [failed(BAD), line("context_edit", targetId="e0")],
            (),
            id="another message leaves the context",
        ),
        pytest.param(
            [failed(BUSY)] * 4,
            (
                ApiFailed(
                    error="overloaded_error",
                    status=529,
                    attempt=4,
                    trouble=Trouble.API_ERROR,
                ),
            ),
            id="it was tried often enough",
        ),
        pytest.param(
            [failed(BUSY), answer(), failed(BUSY)], (RETRYING,), id="a new row"
        ),
        pytest.param(
            [failed('401 {"error":{"type":"authentication_error"}}')],
            (
                ApiFailed(
                    error="authentication_error",
                    status=401,
                    attempt=1,
                    trouble=Trouble.LOGGED_OUT,
                ),
            ),
            id="not logged in",
        ),
        pytest.param(
            [failed("You have hit your ChatGPT usage limit (plus plan).")],
            (LimitReached(),),
            id="a limit of the plan",
        ),
        pytest.param(
            [failed("Request was aborted.")],
            (ApiFailed(attempt=1, trouble=Trouble.API_ERROR),),
            id="an error without a word",
        ),
    ],
)
def test_requests_that_fail(
    lines: list[dict[str, Any]], expected: tuple[Event, ...]
) -> None:
    assert events(*lines) == expected


def header(session: str, **fields: Any) -> dict[str, Any]:
    return {"type": "session", "version": 3, "id": session, "timestamp": AT, **fields}


def test_a_fork_counts_only_what_is_its_own() -> None:
    made = "2026-11-21T03:00:00.000Z"
    old = [message("user", content="Draw."), answer(call("bash"), stop="toolUse")]
    old[1]["id"] = "e2"
    new = answer(text("Done.")) | {"id": "e3", "timestamp": "2026-11-21T03:00:01.000Z"}
    first = [header("s1", cwd="/w"), *old]
    fork = [header("s2", cwd="/w", parentSession="/x") | {"timestamp": made}, *old, new]

    def read(*files: tuple[str, list[dict[str, Any]]]) -> dict[str, tuple[int, int]]:
        books = read_all(
            *(
                block(
                    [json.dumps(each).encode() for each in lines],
                    agent="pi",
                    session=session,
                )
                for session, lines in files
            )
        )
        return {
            str(each.session_id): (each.messages, each.prompts)
            for each in books.ledger.sessions()
        }

    assert read(("s1", first), ("s2", fork)) == {"s1": (1, 1), "s2": (1, 0)}
    assert read(("s2", fork), ("s1", first)) == {"s1": (1, 1), "s2": (1, 0)}


@pytest.mark.parametrize(
    ("parts", "session", "parent"),
    [
        pytest.param(("--w--", f"{NAME}.jsonl"), ID, None, id="a session"),
        pytest.param((f"{NAME}.jsonl",), ID, None, id="in a folder chosen by hand"),
        pytest.param(
            ("agent", "sessions", "--w--", f"{NAME}.jsonl"), ID, None, id="below a root"
        ),
        pytest.param(
            ("--w--", "2026-11-21T02-43-37-133Z_nightly.2.jsonl"),
            "nightly.2",
            None,
            id="an id chosen by hand",
        ),
        pytest.param(
            ("--w--", NAME, "Scout.jsonl"), f"{ID}/Scout", ID, id="a subagent"
        ),
        pytest.param(
            ("--w--", NAME, "Scout", "Inner.jsonl"),
            f"{ID}/Scout/Inner",
            f"{ID}/Scout",
            id="a subagent of a subagent",
        ),
        pytest.param(
            ("--w--", f"{NAME}.sync-conflict-20261130-101010-ABCDEFG.jsonl"),
            ID,
            None,
            id="a version of a synchroniser",
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
        ("--w--", "notes.jsonl"),
        ("--w--", f"{NAME}.json"),
        ("--w--", NAME, "1.bash.log"),
        (f"{NAME}.html",),
        (),
    ],
)
def test_what_is_no_session(parts: tuple[str, ...]) -> None:
    assert place(parts) is None


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        pytest.param(
            {}, ["~/.pi/agent/sessions", "~/.omp/agent/sessions", "~/.omp/profiles"]
        ),
        pytest.param(
            {
                "PI_CODING_AGENT_DIR": "/a",
                "PI_CODING_AGENT_SESSION_DIR": "~/b",
                "PI_CONFIG_DIR": ".o",
                "XDG_DATA_HOME": "/x",
            },
            [
                *("~/b", "/a/sessions", "~/.o/agent/sessions", "~/.o/profiles"),
                *("/x/omp/sessions", "/x/omp/profiles"),
            ],
        ),
    ],
)
def test_roots(environ: dict[str, str], expected: list[str]) -> None:
    home, extra = Path("/home/me"), Path("/more")
    trees = AGENTS["pi"].roots(environ, home, (extra,))

    found = [str(tree.root).replace("/home/me", "~") for tree in trees]
    assert found == [*expected, "/more"]


def test_accounts_are_told_apart_by_the_folder_above_the_sessions() -> None:
    below = f"sessions/--w--/{NAME}.jsonl"

    assert account(f"/home/me/.pi/agent/{below}") is not None
    assert account(f"/home/me/.pi/agent/{below}") != account(f"/x/{below}")
    assert account(f"/x/{NAME}.jsonl") is None


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("pi", ProcessRole.TALKS),
        ("omp -c", ProcessRole.TALKS),
        ("node /usr/bin/pi -p hi", ProcessRole.ONCE),
        ("pi --mode json hi", ProcessRole.ONCE),
        ("pi --mode rpc", ProcessRole.SERVES),
        ("pi-rpc", ProcessRole.SERVES),
        (
            "node /lib/@earendil-works/pi-coding-agent/dist/bundle/cli.js",
            ProcessRole.TALKS,
        ),
        ("vim pi", None),
        ("pip install", None),
        ("", None),
    ],
)
def test_commands(command: str, expected: ProcessRole | None) -> None:
    assert role(command.split()) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (message("user", content="Draw."), (Role.USER, "Draw.")),
        (answer(text("A."), call("bash"), text("B.")), (Role.ASSISTANT, "A.\n\nB.")),
        (message("user", content="Draw.", attribution="agent"), None),
        (message("toolResult", content=[text("x")]), None),
        (line("compaction", summary="x"), None),
        (answer(call("bash")), None),
    ],
)
def test_who_says_what(
    given: dict[str, Any], expected: tuple[Role, str] | None
) -> None:
    said = AGENTS["pi"].messages(json.dumps(given).encode())

    if expected is None:
        assert said is None
    else:
        spoken, content = expected
        assert said == Said(role=spoken, content=content, at_ms=AT_MS, key=KEY)


def test_a_new_field_of_usage_is_found_by_name() -> None:
    given = json.dumps(answer(usage={**USAGE, "cacheTouch": 3})).encode()

    assert [each.name for each in AGENTS["pi"].inspect(given)] == ["cacheTouch"]
