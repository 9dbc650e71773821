"""What OpenClaw's events say, in its database and in the files of lines before."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from jarvisd.agents.openclaw.places import account, enters, place
from jarvisd.agents.openclaw.presence import role
from jarvisd.agents.openclaw.queries import MAX_EVENT_BYTES, event_body
from jarvisd.base.usage import Tokens
from jarvisd.core.event import (
    Event,
    MessageWritten,
    Outcome,
    PromptGiven,
    TitleGiven,
    TitleRank,
    ToolReturned,
    UsageReported,
)
from jarvisd.core.message import Role, Said
from jarvisd.core.process import ProcessRole
from jarvisd.overview.log_check import LogCheck, check_logs, logs_at
from tests.agents.found import AGENTS, fresh_reader
from tests.ledger.books import block, read_all
from tests.zstd_library import zstd

AT = "2026-11-30T23:51:12.948Z"
AT_MS = 1_796_082_672_948
KEY = f"e1@{AT}"
USAGE = {
    "input": 1660,
    "output": 55,
    "cacheRead": 108_928,
    "cacheWrite": 0,
    "cost": {"total": 0.02},
}
TOKENS = Tokens(input=1660, output=55, cache_read=108_928)
SCHEMA = """
  create table session_nodes (
    session_key text primary key, current_session_id text, label text,
    display_name text, spawned_by text, parent_session_key text, updated_at integer);
  create table session_windows (
    session_id text primary key, session_key text, parent_session_key text,
    spawned_by text, display_name text, updated_at integer);
  create table transcript_events (
    session_id text, seq integer, event_json text, created_at integer,
    event_zstd blob, event_utf8_bytes integer, primary key (session_id, seq));
  create table transcript_rewrite_watermarks (
    session_id text primary key, generation text, updated_at integer);
"""


def event(type_: str, id_: str = "e1", **fields: Any) -> dict[str, Any]:
    return {"type": type_, "id": id_, "parentId": None, "timestamp": AT, **fields}


def message(role_: str, id_: str = "e1", **fields: Any) -> dict[str, Any]:
    return event("message", id_, message={"role": role_, **fields})


def answer(id_: str = "e1", **fields: Any) -> dict[str, Any]:
    given = {"model": "m", "usage": USAGE, "stopReason": "stop", "content": []}
    return message("assistant", id_, **{**given, **fields})


def result(**details: Any) -> dict[str, Any]:
    return message("toolResult", toolCallId="c1", isError=False, details=details)


def events(*given: dict[str, Any]) -> tuple[Event, ...]:
    reader = fresh_reader("openclaw")
    records = [reader.read(json.dumps(each).encode(), offset=0) for each in given]
    assert records[-1] is not None
    return records[-1].events


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(
            [event("model_change", modelId="gpt-5.2"), answer(model=None)],
            (
                UsageReported(
                    response=KEY, model="gpt-5.2", tokens=TOKENS, stated_micros=20_000
                ),
                MessageWritten(message_id=KEY, stop_reason="stop"),
            ),
            id="OT-057: an answer, with the cost that it states",
        ),
        pytest.param(
            [result(exitCode=3, durationMs=1029)],
            (ToolReturned(call_id="c1", outcome=Outcome.ERROR, duration_ms=1029),),
            id="a command that failed",
        ),
        pytest.param(
            [result(exitCode=0)], (ToolReturned(call_id="c1"),), id="a command"
        ),
        pytest.param(
            [result(status="error")],
            (ToolReturned(call_id="c1", outcome=Outcome.ERROR),),
            id="an error inside of a result",
        ),
        pytest.param(
            [result(exitCode="x", status=[])],
            (ToolReturned(call_id="c1"),),
            id="strange notes of a result",
        ),
        pytest.param(
            [message("user", content="[Wed 2026-02-18 11:21 GMT+1] Draw it.")],
            (PromptGiven(chars=8, key=KEY),),
            id="a prompt with the time of a channel",
        ),
        pytest.param(
            [message("user", content="[Wed] Draw it.")],
            (PromptGiven(chars=14, key=KEY),),
            id="a prompt that begins with a bracket",
        ),
        pytest.param(
            [answer(model="delivery-mirror", usage=dict.fromkeys(USAGE, 0))],
            (),
            id="a copy of what was sent to a channel",
        ),
    ],
)
def test_what_an_event_says(
    given: list[dict[str, Any]], expected: tuple[Event, ...]
) -> None:
    assert events(*given) == expected


class Database:
    """A database as an agent of OpenClaw keeps it."""

    def __init__(self, home: Path) -> None:
        self.path = home / ".openclaw/agents/main/agent/openclaw-agent.sqlite"
        self.path.parent.mkdir(parents=True)
        self.connection = sqlite3.connect(self.path, isolation_level=None)
        self.connection.executescript(SCHEMA)

    def open_session(self, session: str, *, by: str | None = None, **node: Any) -> None:
        """Add a session; its key is its name in upper case."""
        key = session.upper()
        self.connection.execute(
            "insert into session_nodes values (?, ?, ?, ?, ?, null, ?)",
            (key, session, node.get("label"), node.get("display_name"), by, AT_MS),
        )
        self.connection.execute(
            "insert into session_windows values (?, ?, null, null, null, ?)",
            (session, key, AT_MS),
        )

    def write(self, session: str, *given: dict[str, Any], compressed: bool) -> None:
        """Append events."""
        for each in given:
            text = json.dumps(each)
            packed = zstd.compress(text.encode()) if compressed else None
            self.connection.execute(
                """insert into transcript_events select :session, coalesce(max(seq) + 1, 0),
                   :text, :at, :packed, :bytes from transcript_events
                   where session_id = :session""",
                {
                    "session": session,
                    "at": AT_MS,
                    "text": None if compressed else text,
                    "packed": packed,
                    "bytes": len(text) if compressed else None,
                },
            )


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    found = Database(tmp_path)
    with closing(found.connection):
        yield found


def check(home: Path) -> LogCheck:
    agent = AGENTS["openclaw"]
    return check_logs(agent, logs_at(agent, home / ".openclaw"))


@pytest.mark.parametrize("compressed", [False, True])
def test_events_are_read_however_they_are_kept(
    database: Database, tmp_path: Path, compressed: bool
) -> None:
    database.open_session("s1")
    header = event("session", "s1", version=4, cwd="/w")
    said = message("user", "e0", content="Draw it, \u00fcber alles.")
    database.write("s1", header, said, answer("e1"), compressed=compressed)
    database.open_session("s2", by="S1")
    database.write("s2", answer("e2"), compressed=compressed)

    found = check(tmp_path)

    assert not [each for each in found.files if each.error or each.malformed]
    assert not found.unknown
    assert (found.totals.requests, found.totals.user_prompts) == (2, 1)
    assert found.totals.cache_read == 2 * TOKENS.cache_read


def test_an_event_that_cannot_be_decompressed_is_malformed_alone(
    database: Database, tmp_path: Path
) -> None:
    database.open_session("s1")
    database.write("s1", answer("e1"), answer("e2"), compressed=True)
    database.connection.execute(
        "update transcript_events set event_zstd = x'28b52ffd00' where seq = 0"
    )

    found = check(tmp_path)

    assert sum(each.malformed for each in found.files) == 1
    assert found.totals.requests == 1


def test_an_event_that_expands_beyond_the_limit_is_refused() -> None:
    bomb = zstd.compress(b" " * (MAX_EVENT_BYTES + 1))

    with pytest.raises(Exception, match=r"\w"):
        event_body((None, bomb))


def test_titles_and_parents_come_from_the_nodes(
    database: Database, tmp_path: Path
) -> None:
    database.open_session("s1", label="Plot")
    database.write("s1", answer("e1"), compressed=False)
    database.open_session("s2", by="S1", display_name="Draw it.")
    database.write("s2", answer("e2"), compressed=False)

    nodes = [each for each in check(tmp_path).lines if each.kind == "session_info"]

    assert [each.events for each in nodes] == [["TitleGiven"]] * 2


@pytest.mark.parametrize(
    ("node", "title"),
    [
        (
            {"name": "Plot", "title": "x"},
            TitleGiven(title="Plot", rank=TitleRank.CUSTOM),
        ),
        ({"title": "Plot"}, TitleGiven(title="Plot", rank=TitleRank.AI)),
        ({}, None),
    ],
)
def test_a_node_names_title_and_parent(
    node: dict[str, str], title: TitleGiven | None
) -> None:
    row = {"type": "session_info", "startedBy": "s0", "updatedAt": AT_MS, **node}

    record = fresh_reader("openclaw").read(json.dumps(row).encode(), offset=0)

    assert record is not None
    assert (record.parent_session_id, record.at_ms) == ("s0", AT_MS)
    assert record.events == (() if title is None else (title,))


def test_a_copy_of_a_file_counts_once() -> None:
    lines = [json.dumps(answer(each)).encode() for each in ("e1", "e2")]
    files = [
        block(lines, agent="openclaw", session="s1", name=name)
        for name in ("a.jsonl", "a.jsonl.deleted.1700000000000")
    ]

    assert read_all(*files).tokens() == TOKENS + TOKENS


ID = "a007bab5-e385-4481-b58b-441b64dd8bb5"


@pytest.mark.parametrize(
    ("name", "session"),
    [
        (f"{ID}.jsonl", ID),
        (f"{ID}-topic-7.jsonl", f"{ID}-topic-7"),
        (f"{ID}.jsonl.deleted.1700000000000", ID),
        (f"{ID}.jsonl.reset.2026-02-18T11-21-00.000Z", ID),
        (f"{ID}.jsonl.full.bak", ID),
        (f"{ID}.json", None),
        ("sessions.json", None),
        (f"{ID}.jsonl.lock", None),
    ],
)
def test_names_of_files(name: str, session: str | None) -> None:
    found = place(("main", "sessions", name))

    assert (None if found is None else found.session_id) == session


def test_the_database_is_one_source_of_many_sessions() -> None:
    found = place(("main", "agent", "openclaw-agent.sqlite"))

    assert found is not None
    assert found.kind is not None
    assert found.session_id is None
    assert found.kind.beside == ("-wal", "-journal")
    assert place(("main", "agent", "x.reindex-lock.sqlite")) is None
    assert all(enters(each) for each in [(), ("main",), ("main", "agent")])
    assert not enters(("main", "workspace"))


def test_roots() -> None:
    def roots(*extra: Path, **environ: str) -> list[str]:
        trees = AGENTS["openclaw"].roots(environ, Path("/home/me"), extra)
        return [str(tree.root) for tree in trees]

    assert roots()[0] == "/home/me/.openclaw/agents"
    assert "/home/me/.clawdbot/agents" in roots()
    assert roots(Path("/b"), Path("/c/agents"), OPENCLAW_STATE_DIR="/a") == [
        *("/a/agents", "/b/agents", "/c/agents")
    ]
    assert roots(OPENCLAW_HOME="/x")[0] == "/x/.openclaw/agents"


def test_accounts_are_told_apart_by_the_folder_above_the_agents() -> None:
    below = f"agents/main/sessions/{ID}.jsonl"

    assert account(f"/home/me/.openclaw/{below}") is not None
    assert account(f"/home/me/.openclaw/{below}") != account(f"/x/{below}")
    assert account("/x/y.jsonl") is None


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("node /usr/bin/openclaw agent --local --message hi", ProcessRole.ONCE),
        ("openclaw tui", ProcessRole.TALKS),
        ("openclaw gateway run", ProcessRole.SERVES),
        ("openclaw-gateway", ProcessRole.SERVES),
        ("node /lib/openclaw/openclaw.mjs agent", ProcessRole.ONCE),
        ("vim openclaw", None),
        ("", None),
    ],
)
def test_commands(command: str, expected: ProcessRole | None) -> None:
    assert role(command.split()) == expected


def test_words_are_those_of_the_person() -> None:
    prompt = message("user", content="[Wed 2026-02-18 11:21 GMT+1] Draw it.")
    spoken = AGENTS["openclaw"].messages

    assert spoken(json.dumps(prompt).encode()) == Said(
        role=Role.USER, content="Draw it.", at_ms=AT_MS, key=KEY
    )
    assert spoken(json.dumps(event("custom")).encode()) is None
