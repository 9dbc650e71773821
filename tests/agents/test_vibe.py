"""What items of Mistral Vibe say, by the cases of its formats."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from jarvisd.agents.vibe import presence
from jarvisd.agents.vibe.places import account, enters, place
from jarvisd.base.usage import Tokens
from jarvisd.core.event import (
    ApiFailed,
    ApprovalAnswered,
    ApprovalRequested,
    Asked,
    Cue,
    Event,
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
    TurnEnded,
    TurnStarted,
    UsageReported,
)
from jarvisd.core.message import Role, Said
from jarvisd.core.process import ProcessRole
from jarvisd.core.record import Record, Speaker
from jarvisd.overview.log_check import LogCheck, check_logs, logs_at
from tests.agents.found import AGENTS, fresh_reader
from tests.agents.undigested import undigested

AT_MS = 1_796_082_595_000
ID = "13688393-f1b3-2237-1a61-1e1084da6570"


def record(type_: str, **payload: Any) -> dict[str, Any]:
    return {"type": type_, "sequence": 1, "payload": payload}


def delta(*operations: dict[str, Any]) -> dict[str, Any]:
    return record("projection_delta", delta=list(operations))


def entry(type_: str, id_: str, **fields: Any) -> dict[str, Any]:
    return {"type": type_, "id": id_, "createdAt": AT_MS, "updatedAt": AT_MS, **fields}


def message(role: str, text: str, **fields: Any) -> dict[str, Any]:
    content = [{"type": "text", "text": text}]
    return entry("message", f"{role}-1", role=role, content=content, **fields)


def appended(each: dict[str, Any]) -> dict[str, Any]:
    return delta({"op": "append_entry", "entry": each})


def replaced(each: dict[str, Any]) -> dict[str, Any]:
    return delta({"op": "replace_entry", "entry": each})


def effect(status: str, tool: str = "file_system.bash", **state: Any) -> dict[str, Any]:
    detail = {"kind": "tool", "toolName": tool, "input": {"command": "ls"}}
    state = {"status": status, **state}
    return entry("effect", "effect-1", detail=detail, state=state)


def state(
    status: str = "in_progress",
    *counts: int,
    turn: str = "t1",
    at_ms: int = AT_MS,
    **fields: Any,
) -> dict[str, Any]:
    session: dict[str, Any] = {
        "id": ID,
        "updatedAt": at_ms,
        **fields.pop("session", {}),
    }
    if counts:
        names = ("inputTokens", "cachedInputTokens", "outputTokens")
        session["tokenUsage"] = dict(zip(names, counts, strict=True))

    return {"latestTurn": {"id": turn, "status": status, **fields}, "session": session}


def envelope(*given: Any, **fields: Any) -> dict[str, Any]:
    return delta({"op": "set_envelope", "state": state(*given, **fields)})


def folded(each: dict[str, Any]) -> dict[str, Any]:
    return {"type": "entry", "entry": each}


def snapshot(*given: Any, **fields: Any) -> dict[str, Any]:
    return {"type": "state", "state": state(*given, **fields)}


def meta(**fields: Any) -> dict[str, Any]:
    return {"type": "meta", "meta": fields}


def records(*items: dict[str, Any]) -> list[Record]:
    reader, found = fresh_reader("vibe"), []
    for offset, each in enumerate(items):
        read = reader.read(json.dumps(each).encode(), offset=offset)
        assert read is not None
        found.append(read)

    return found


def events(*items: dict[str, Any]) -> tuple[Event, ...]:
    return undigested(records(*items)[-1].events)


def spent(after: tuple[int, int, int], *added: int, **fields: Any) -> UsageReported:
    return UsageReported(
        response=f"{ID}:{after[0]}:{after[1]}:{after[2]}",
        tokens=Tokens(input=added[0], cache_read=added[1], output=added[2]),
        in_context=False,
        **fields,
    )


MODEL = meta(config={"active_model": "mock", "model_name": "mock-model"})
CALLED = ToolCalled(call_id="effect-1", tool="bash")
ASKED = record(
    "callback_registered",
    callback_id="approval-c1",
    kind="approval",
    routing={
        "createdAt": AT_MS,
        "detail": {
            "relatedEntryId": "effect-1",
            "effect": {"toolName": "file_system.bash"},
        },
    },
)


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        pytest.param(
            [appended(message("user", "Draw it.", source="turn_start"))],
            (PromptGiven(chars=8, key="user-1"),),
            id="a prompt",
        ),
        pytest.param(
            [appended(message("assistant", "Done."))],
            (MessageWritten(message_id="assistant-1"),),
            id="words",
        ),
        pytest.param([appended(entry("reasoning", "r1", text="x"))], (), id="thoughts"),
        pytest.param([appended(effect("running"))], (CALLED,), id="a call"),
        pytest.param(
            [replaced({**effect("completed"), "updatedAt": AT_MS + 7})],
            (ToolReturned(call_id="effect-1", duration_ms=7),),
            id="it returns, and no second call is made",
        ),
        pytest.param(
            [
                replaced(
                    effect(
                        "completed",
                        output={
                            "type": "success",
                            "structured_content": {"returncode": 3},
                        },
                    )
                )
            ],
            (ToolReturned(call_id="effect-1", outcome=Outcome.ERROR, duration_ms=0),),
            id="a command that failed",
        ),
        pytest.param(
            [replaced(effect("completed", error={"code": "x"}))],
            (ToolReturned(call_id="effect-1", outcome=Outcome.ERROR, duration_ms=0),),
            id="a tool that failed",
        ),
        pytest.param(
            [replaced(effect("completed", decision="skip"))],
            (ToolReturned(call_id="effect-1", outcome=Outcome.DENIED, duration_ms=0),),
            id="a refusal",
        ),
        pytest.param(
            [replaced(effect("cancelled"))],
            (ToolReturned(call_id="effect-1", outcome=Outcome.ERROR, duration_ms=0),),
            id="a call that was cancelled",
        ),
        pytest.param(
            [
                appended(
                    entry(
                        "effect",
                        "effect-1",
                        detail={"kind": "subagent", "toolName": "task"},
                    )
                )
            ],
            (
                ToolCalled(
                    call_id="effect-1",
                    tool="task",
                    kind=ToolKind.SUBAGENT,
                    subagent="task",
                ),
            ),
            id="a subagent",
        ),
        pytest.param(
            [ASKED],
            (ApprovalRequested(call_id="effect-1", tool="bash"),),
            id="somebody is asked",
        ),
        pytest.param(
            [ASKED, record("callback_resolved", callback_id="approval-c1")],
            (ApprovalAnswered(call_id="effect-1"),),
            id="and answers",
        ),
        pytest.param(
            [record("callback_resolved", callback_id="approval-c1")],
            (),
            id="an answer to nothing",
        ),
        pytest.param(
            [MODEL, envelope("in_progress", 2131, 2017, 60)],
            (
                spent((114, 2017, 60), 114, 2017, 60, model="mock-model"),
                TurnStarted(turn_id="t1"),
            ),
            id="an answer in a turn that began",
        ),
        pytest.param(
            [envelope("in_progress", 2131, 2017, 60)] * 2, (), id="a state again"
        ),
        pytest.param(
            [
                envelope("in_progress", 2131, 2017, 60),
                envelope("completed", 4292, 4051, 130),
            ],
            (spent((241, 4051, 130), 127, 2034, 70), TurnEnded(turn_id="t1")),
            id="the next answer ends the turn",
        ),
        pytest.param(
            [
                envelope("in_progress", 4292, 4051, 130),
                snapshot("completed", 2131, 2017, 60, turn="t0", at_ms=AT_MS - 1),
            ],
            (),
            id="an older state says nothing again",
        ),
        pytest.param(
            [
                appended(message("assistant", "Shall I?")),
                envelope("completed"),
            ],
            (Asked(cue=Cue.QUESTION), TurnEnded(turn_id="t1")),
            id="a question ends a turn",
        ),
        pytest.param(
            [
                appended(message("assistant", "Shall I?")),
                appended(effect("running")),
                envelope("completed"),
            ],
            (TurnEnded(turn_id="t1"),),
            id="a question before a call asks nobody",
        ),
        pytest.param(
            [envelope("interrupted")],
            (Interrupted(reason="user"), TurnEnded(turn_id="t1")),
            id="an interrupt",
        ),
        pytest.param(
            [envelope("failed", error={"code": "x", "details": {"httpStatus": 400}})],
            (
                ApiFailed(error="x", status=400, trouble=Trouble.API_ERROR),
                TurnEnded(turn_id="t1"),
            ),
            id="an error",
        ),
        pytest.param(
            [envelope("failed", error={"code": "x", "details": {"httpStatus": 401}})],
            (
                ApiFailed(error="x", status=401, trouble=Trouble.LOGGED_OUT),
                TurnEnded(turn_id="t1"),
            ),
            id="not logged in",
        ),
        pytest.param(
            [envelope("failed", error={"code": "quota_exceeded"})],
            (LimitReached(), TurnEnded(turn_id="t1")),
            id="a limit",
        ),
        pytest.param(
            [meta(title="Plot", title_source="user")],
            (TitleGiven(title="Plot", rank=TitleRank.CUSTOM),),
            id="a name",
        ),
        pytest.param(
            [meta(title="Plot", title_source="auto")],
            (TitleGiven(title="Plot", rank=TitleRank.AI),),
            id="a title",
        ),
        pytest.param(
            [folded(message("user", "Draw it."))],
            (PromptGiven(chars=8, key="user-1"),),
            id="an entry whose journal was deleted",
        ),
        pytest.param(
            [envelope("completed"), folded(message("user", "Draw it."))],
            (),
            id="an entry that a journal had",
        ),
        pytest.param(
            [
                folded(message("user", "Draw it.")),
                appended(message("user", "Draw it.")),
            ],
            (),
            id="the same entry in the journal behind",
        ),
    ],
)
def test_what_an_item_says(
    items: list[dict[str, Any]], expected: tuple[Event, ...]
) -> None:
    assert events(*items) == expected


def old(role: str, content: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"role": role, "content": content, "injected": False, **fields}


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        pytest.param(
            [old("user", "Draw.", message_id="m")],
            (PromptGiven(chars=5, key="m"),),
            id="a prompt",
        ),
        pytest.param(
            [old("user", "x", message_id="m") | {"injected": True}],
            (),
            id="words that were put there",
        ),
        pytest.param(
            [
                old(
                    "assistant",
                    reasoning_message_id="r",
                    tool_calls=[{"id": "c", "function": {"name": "bash"}}],
                )
            ],
            (
                MessageWritten(message_id="r", stop_reason="tool_use"),
                ToolCalled(call_id="c", tool="bash", response="r"),
            ),
            id="a call",
        ),
        pytest.param(
            [old("assistant", "Which?", message_id="m")],
            (
                MessageWritten(message_id="m", stop_reason="stop"),
                Asked(cue=Cue.QUESTION),
            ),
            id="a question ends a turn",
        ),
        pytest.param(
            [old("tool", "stdout: x\nreturncode: 0", tool_call_id="c")],
            (ToolReturned(call_id="c"),),
            id="a result",
        ),
        pytest.param(
            [old("tool", "stdout: x\nreturncode: 3", tool_call_id="c")],
            (ToolReturned(call_id="c", outcome=Outcome.ERROR),),
            id="a command that failed",
        ),
        pytest.param(
            [
                old(
                    "tool",
                    "<user_cancellation>no</user_cancellation>",
                    tool_call_id="c",
                )
            ],
            (ToolReturned(call_id="c", outcome=Outcome.DENIED),),
            id="a refusal",
        ),
        pytest.param(
            [
                meta(
                    session_id=ID,
                    config={
                        "active_model": "d",
                        "models": [{"name": "devstral-2", "alias": "d"}],
                    },
                    stats={
                        "session_prompt_tokens": 900,
                        "session_completion_tokens": 60,
                        "session_cost": 0.01,
                    },
                ),
            ],
            (
                spent(
                    (900, 0, 60), 900, 0, 60, model="devstral-2", stated_micros=10_000
                ),
            ),
            id="totals with the cost that it states",
        ),
    ],
)
def test_what_an_item_of_an_older_version_says(
    items: list[dict[str, Any]], expected: tuple[Event, ...]
) -> None:
    assert events(*items) == expected


def test_words_of_a_copy_are_spoken_once() -> None:
    first, again = records(
        folded(message("user", "Draw it.")), appended(message("user", "Draw it."))
    )

    assert (first.speaker, again.speaker) == (Speaker.USER, None)


class Session:
    """A folder of a session as the program writes it."""

    def __init__(self, home: Path) -> None:
        self.path = home / f".vibe/logs/session/unified/{ID}"
        (self.path / "journal").mkdir(parents=True)
        self.path.joinpath("meta.json").write_text(
            json.dumps({"config": {"model_name": "m"}})
        )

    def write(self, sequence: int, *items: dict[str, Any]) -> None:
        lines = "".join(json.dumps(each) + "\n" for each in items)
        with self.path.joinpath(f"journal/{sequence:016}.jsonl").open("a") as file:
            file.write(lines)

    def fold(self, sequence: int, *entries: dict[str, Any], **given: Any) -> None:
        """Write a generation, and delete the journal before it."""
        folder = self.path / f"generations/{sequence:016}"
        folder.mkdir(parents=True)
        chunk = self.path / f"chunks/{sequence:064x}.json"
        chunk.parent.mkdir(exist_ok=True)
        chunk.write_text(json.dumps(entries))
        whole = {"snapshot": state(*given["state"])}
        folder.joinpath("projection-state.json").write_text(json.dumps(whole))
        for journal in self.path.glob("journal/*.jsonl"):
            journal.unlink()


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(tmp_path)


def check(home: Path) -> LogCheck:
    agent = AGENTS["vibe"]
    return check_logs(agent, logs_at(agent, home / ".vibe"))


PROMPT = message("user", "Draw it.")
JOURNAL = [
    appended(PROMPT),
    envelope("in_progress", 2131, 2017, 60),
    appended(effect("running")),
    replaced(effect("completed")),
    envelope("completed", 4292, 4051, 130),
]
TOTALS = (241, 4051, 130)


def totals(found: LogCheck) -> tuple[int, int, int]:
    assert not [each for each in found.files if each.error or each.malformed]
    assert not found.unknown
    sums = found.totals
    return sums.input_uncached, sums.cache_read, sums.output


def test_a_journal_counts_answer_by_answer(session: Session, tmp_path: Path) -> None:
    session.write(1, *JOURNAL)

    found = check(tmp_path)

    assert totals(found) == TOTALS
    assert (found.totals.requests, found.totals.tool_calls) == (2, 1)
    assert found.totals.user_prompts == 1


def test_a_copy_of_a_folder_counts_nothing_again(
    session: Session, tmp_path: Path
) -> None:
    session.write(1, *JOURNAL)
    shutil.copytree(session.path, session.path.with_name(f"{ID}-backup"))

    found = check(tmp_path)

    assert totals(found) == TOTALS
    assert found.totals.requests == 2


def test_what_was_folded_before_it_was_read_counts_as_a_whole(
    session: Session, tmp_path: Path
) -> None:
    entries = (PROMPT, effect("completed"))
    session.fold(5, *entries, state=("completed", 4292, 4051, 130))

    found = check(tmp_path)

    assert totals(found) == TOTALS
    assert (found.totals.requests, found.totals.tool_calls) == (1, 1)
    assert found.totals.user_prompts == 1


def test_a_state_and_the_journal_behind_it_count_once(
    session: Session, tmp_path: Path
) -> None:
    session.fold(2, PROMPT, state=("in_progress", 2131, 2017, 60))
    session.write(3, *JOURNAL[2:])
    shutil.copytree(
        session.path / "generations/0000000000000002",
        session.path / "generations/.staging-7",
    )

    found = check(tmp_path)

    assert totals(found) == TOTALS
    assert found.totals.requests == 2


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("unified", ID, "meta.json"), ID),
        (("unified", "child-0a1b", "CURRENT"), "child-0a1b"),
        (("unified", ID, "journal", "0000000000000001.jsonl"), ID),
        (("unified", ID, "journal", "x.jsonl"), None),
        (("unified", ID, "scheduled-loops.json"), None),
        (("unified", ".staging", "meta.json"), None),
        (("session_20260707_143448_69aaf3da", "messages.jsonl"), None),
        (("active", f"{ID}.lock.json"), None),
        ((), None),
    ],
)
def test_names_of_parts(parts: tuple[str, ...], expected: str | None) -> None:
    found = place(parts)
    if parts[-1:] == ("messages.jsonl",):
        expected = parts[0]

    assert (None if found is None else found.session_id) == expected
    if found is not None:
        assert all(enters(parts[:end]) for end in range(len(parts)))


def test_roots() -> None:
    def roots(*extra: Path, **environ: str) -> list[str]:
        trees = AGENTS["vibe"].roots(environ, Path("/home/me"), extra)
        return [str(tree.root) for tree in trees]

    assert roots() == ["/home/me/.vibe/logs/session"]
    assert roots(Path("/b"), Path("/c/session"), VIBE_HOME="~/v") == [
        "/home/me/v/logs/session",
        "/b/logs/session",
        "/c/session",
    ]


def test_accounts_are_told_apart_by_the_folder_above_the_logs() -> None:
    below = f"logs/session/unified/{ID}"

    assert account(f"/home/me/.vibe/{below}") is not None
    assert account(f"/home/me/.vibe/{below}") != account(f"/x/{below}")
    assert account("/x") is None


def test_a_lock_names_a_session() -> None:
    assert presence.folder(Path("/s")) == Path("/s/active")
    assert presence.session_of(f"{ID}.lock") == ID
    assert presence.session_of(f"{ID}.lock.json") is None
    assert presence.session_of(".registry") is None


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("vibe", ProcessRole.TALKS),
        ("/opt/venv/bin/python3.12 /opt/venv/bin/vibe -p hi", ProcessRole.ONCE),
        ("vibe-acp", ProcessRole.SERVES),
        ("python3", None),
        ("vim vibe", None),
        ("", None),
    ],
)
def test_commands(command: str, expected: ProcessRole | None) -> None:
    assert presence.role(command.split()) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (appended(message("user", "Draw.")), (Role.USER, "Draw.", "user-1")),
        (folded(message("assistant", "A.")), (Role.ASSISTANT, "A.", "assistant-1")),
        (replaced(message("user", "Draw.")), None),
        (appended(effect("running")), None),
        (record("core_input"), None),
    ],
)
def test_who_says_what(
    given: dict[str, Any], expected: tuple[Role, str, str] | None
) -> None:
    said = AGENTS["vibe"].messages(json.dumps(given).encode())

    if expected is None:
        assert said is None
    else:
        spoken, content, key = expected
        assert said == Said(role=spoken, content=content, at_ms=AT_MS, key=key)


def test_words_of_an_older_version_have_no_time() -> None:
    given = json.dumps(old("user", "Draw.", message_id="m")).encode()

    assert AGENTS["vibe"].messages(given) == Said(
        role=Role.USER, content="Draw.", key="m"
    )
