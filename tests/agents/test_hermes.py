"""Rows of Hermes, its counters that grow, and its database as it is written."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jarvisd.agents.hermes.messages import spoken
from jarvisd.agents.hermes.presence import EVIDENCE
from jarvisd.agents.hermes.queries import QUERIES, WITHOUT_MODELS
from jarvisd.agents.hermes.shape import HermesRow
from jarvisd.base.usage import Tokens
from jarvisd.core.event import (
    Asked,
    Event,
    Instructed,
    Interrupted,
    MessageWritten,
    Outcome,
    PromptGiven,
    TaskEnded,
    TaskKind,
    TaskStarted,
    ToolCalled,
    ToolKind,
    ToolReturned,
    TurnEnded,
    UsageReported,
)
from jarvisd.core.message import Role
from jarvisd.core.origin import SessionId
from jarvisd.core.process import ProcessRole
from jarvisd.core.record import Record
from tests.agents.found import AGENTS, agent_folders, fresh_reader
from tests.agents.samples import items_of
from tests.agents.test_places import HOME, roots
from tests.books.rig import running
from tests.sources.sqlite.database_rig import consuming

T = 1796082168.0
SUMS = ("requests", "input", "output", "cache_read", "cache_write", "reasoning")


def message(number: int, role: str, content: Any = "", **more: Any) -> bytes:
    """Return a message, a second after the one before."""
    columns = {"session": "s1", "id": number, "at": T + number, "role": role}
    return json.dumps(
        {"table": "messages", **columns, "content": content, **more}
    ).encode()


def counters(at: float, *sums: int, **more: Any) -> bytes:
    """Return counters as they are at a time."""
    columns = {"session": "s1", "model": "m", "first": T, "at": T + at}
    named = dict(zip(SUMS, sums, strict=False))
    return json.dumps(
        {"table": "session_model_usage", **columns, **named, **more}
    ).encode()


def read(*items: bytes) -> list[Record]:
    """Return the records of *items*, one after the other."""
    reader, found = fresh_reader("hermes"), []
    for item in items:
        record = reader.read(item, offset=0)
        assert record is not None
        found.append(record)

    return found


def events(*items: bytes) -> list[Event]:
    """Return the events of all *items*."""
    return [event for record in read(*items) for event in record.events]


def usages(*items: bytes) -> dict[str | None, tuple[str | None, Tokens]]:
    """Return model and tokens of each response, as they were reported last."""
    found = [each for each in events(*items) if isinstance(each, UsageReported)]
    return {each.response: (each.model, each.tokens) for each in found}


def test_ot061_counters_that_grow_are_responses() -> None:
    found = usages(
        message(1, "user", "hi"),
        message(2, "assistant", finish="tool_calls"),
        counters(2, 1, 100, 10, 1000, 0, 4),
        message(3, "assistant", finish="stop"),
        counters(3, 2, 230, 25, 3000, 7, 9),
    )

    assert found == {
        "s1:2": ("m", Tokens(input=100, cache_read=1000, output=10, reasoning=4)),
        "s1:3": (
            "m",
            Tokens(
                input=130, cache_read=2000, cache_write_5m=7, output=15, reasoning=5
            ),
        ),
    }


def test_what_several_answers_took_is_spread_over_them() -> None:
    answers = [message(number, "assistant", finish="stop") for number in range(1, 4)]
    found = usages(*answers, counters(3, 3, 100, 10))

    assert [tokens.input for _, tokens in found.values()] == [33, 33, 34]
    assert sum(tokens.output for _, tokens in found.values()) == 10
    assert len(found) == 3


def test_answers_are_those_of_the_model_that_was_at_work() -> None:
    found = usages(
        message(1, "assistant", finish="stop"),
        message(20, "assistant", finish="stop"),
        counters(20, 1, 7, model="later", first=T + 19),
        counters(1, 1, 5, model="earlier"),
    )

    assert {key: model for key, (model, _) in found.items()} == {
        "s1:1": "earlier",
        "s1:20": "later",
    }


def test_requests_beside_the_conversation_count_apart() -> None:
    found = usages(
        message(1, "assistant", finish="stop"),
        counters(1, 2, 50, task="compression"),
        counters(1, 1, 5),
    )

    assert len(found) == 3
    assert found["s1:1"] == ("m", Tokens(input=5))
    assert sum(tokens.input for _, tokens in found.values()) == 55


def test_counters_without_a_change_and_a_session_that_began_again() -> None:
    same = usages(counters(1, 1, 5), counters(2, 1, 5))
    again = usages(counters(1, 3, 50), counters(2, 1, 5))

    assert sum(tokens.input for _, tokens in same.values()) == 5
    assert again["s1:::0"] == ("m", Tokens(input=5))


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"estimated": 0.002, "actual": 0.0}, 2000),
        ({"estimated": 0.002, "actual": 0.001}, 1000),
        ({"estimated": 0.0, "actual": 0.0}, None),
    ],
    ids=["an estimate", "what was billed", "OT-060 nothing"],
)
def test_the_stated_cost(more: dict[str, float], expected: int | None) -> None:
    (found,) = events(counters(1, 1, 244_075, 10_019, 3_339_776, **more))[:1]

    assert isinstance(found, UsageReported)
    assert found.stated_micros == expected


def call(name: str, call_id: str = "c1", **given: Any) -> bytes:
    """Return an answer that asks for a tool."""
    function = {"name": name, "arguments": json.dumps(given)}
    return message(
        2,
        "assistant",
        calls=[{"id": call_id, "function": function}],
        finish="tool_calls",
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("terminal", (ToolKind.TOOL, None, "terminal")),
        ("mcp_lab_echo", (ToolKind.MCP, "lab", "echo")),
        ("mcp_x", (ToolKind.TOOL, None, "mcp_x")),
        ("delegate_task", (ToolKind.SUBAGENT, None, "delegate_task")),
    ],
)
def test_tools(name: str, expected: tuple[ToolKind, str | None, str]) -> None:
    (found,) = (each for each in events(call(name)) if isinstance(each, ToolCalled))

    assert (found.kind, found.server, found.tool) == expected


@pytest.mark.parametrize(
    ("content", "outcome"),
    [
        ({"output": "", "exit_code": 0, "error": None}, Outcome.OK),
        ({"output": "", "exit_code": 3, "error": None}, Outcome.ERROR),
        ({"content": "", "error": "File not found: x"}, Outcome.ERROR),
        ({"success": False}, Outcome.ERROR),
        ({"status": "blocked", "error": "no"}, Outcome.DENIED),
        ({"exit_code": -1, "error": "BLOCKED: User denied it"}, Outcome.DENIED),
        ("echo: ping", Outcome.OK),
        ("{no JSON", Outcome.OK),
        ("", Outcome.OK),
    ],
)
def test_how_a_call_ended(content: Any, outcome: Outcome) -> None:
    text = content if isinstance(content, str) else json.dumps(content)

    assert events(message(3, "tool", text, call="c1", tool="terminal")) == [
        ToolReturned(call_id="c1", outcome=outcome)
    ]


def test_subagents_in_the_background_are_tasks() -> None:
    sent = {"status": "dispatched", "delegation_id": "deleg_e5", "count": 3}
    report = "[ASYNC DELEGATION BATCH COMPLETE — deleg_e5]\nall done"

    assert events(message(3, "tool", json.dumps(sent), call="c1"))[1:] == [
        TaskStarted(task_id="deleg_e5", kind=TaskKind.WORKFLOW)
    ]
    assert events(message(4, "user", report)) == [
        TaskEnded(task_id="deleg_e5", status="complete"),
        Instructed(by_agent=True),
    ]


def test_rows_as_they_are_written_need_no_mending() -> None:
    """A row that does not fit its shape takes twenty times as long."""
    rows = items_of(agent_folders()["hermes"] / "samples" / "rows.jsonl")
    decoder = msgspec.json.Decoder(HermesRow)

    assert all(decoder.decode(row) for row in rows if row.startswith(b"{"))


def test_prompts() -> None:
    assert events(message(1, "user", "hello")) == [PromptGiven(chars=5, key="s1:1")]
    assert events(message(1, "user", "hello", parent="s0")) == [
        Instructed(by_agent=True)
    ]
    (record,) = read(message(1, "user", "hello", parent="s0"))
    assert record.parent_session_id == SessionId("s0")


@pytest.mark.parametrize(
    ("finish", "ends"),
    [
        ("stop", True),
        ("length", True),
        ("tool_calls", False),
        ("verification_required", False),
    ],
)
def test_an_answer_ends_the_turn_or_goes_on(finish: str, ends: bool) -> None:
    found = events(message(2, "assistant", "Shall I?", finish=finish))[1:]

    assert [type(each) for each in found] == [
        MessageWritten,
        *([TurnEnded, Asked] if ends else []),
    ]


def test_an_interrupted_answer_is_none() -> None:
    text = "Operation interrupted: waiting for model response (3 s)"

    assert events(message(2, "assistant", text)) == [Interrupted(reason="user")]


def test_words() -> None:
    said = spoken(message(1, "user", "hello"))
    assert said is not None
    assert (said.role, said.content, said.key) == (Role.USER, "hello", "s1:1")
    for silent in (
        message(1, "tool", "x"),
        message(1, "user", "[ASYNC DELEGATION x"),
        message(1, "assistant", None),
        counters(1, 1),
        b"x",
    ):
        assert spoken(silent) is None


@pytest.mark.parametrize(
    ("argv", "role"),
    [
        (
            ["/usr/bin/python3.11", "/x/bin/hermes", "chat", "-q", "hi"],
            ProcessRole.ONCE,
        ),
        (["python3", "-u", "/x/bin/hermes"], ProcessRole.TALKS),
        (["hermes", "chat"], ProcessRole.TALKS),
        (["hermes", "--continue"], ProcessRole.TALKS),
        (["hermes", "gateway", "run"], ProcessRole.HOSTS),
        (["hermes", "setup"], None),
        (["python3", "x.py", "hermes"], None),
        (["python3"], None),
        ([], None),
    ],
)
def test_processes(argv: list[str], role: ProcessRole | None) -> None:
    assert EVIDENCE.role(argv) is role


def test_roots_and_places() -> None:
    assert roots("hermes") == ["/home/dev/.hermes"]
    assert roots("hermes", "/b", HERMES_HOME="/a") == ["/a", "/b"]
    (tree,) = AGENTS["hermes"].roots({}, HOME, ())
    found = {
        path: tree.place(tuple(path.split("/"))) is not None
        for path in ("state.db", "profiles/x/state.db", "state.db-wal", "x/state.db")
    }
    assert list(found.values()) == [True, True, False, False]
    assert [tree.enters(tuple(each)) for each in ("", ["profiles"], ["skills"])] == [
        True,
        True,
        False,
    ]


# The database

TABLES = """
create table sessions(
  id text primary key, source text not null, model text, model_config text,
  system_prompt text, parent_session_id text, started_at real not null, ended_at real,
  message_count integer default 0, api_call_count integer default 0,
  input_tokens integer default 0, output_tokens integer default 0,
  cache_read_tokens integer default 0, cache_write_tokens integer default 0,
  reasoning_tokens integer default 0, estimated_cost_usd real, actual_cost_usd real,
  title text{more});
create unique index by_title on sessions(title) where title is not null;
create table messages(
  id integer primary key autoincrement, session_id text not null, role text not null,
  content text, tool_call_id text, tool_calls text, tool_name text,
  timestamp real not null, finish_reason text);
create index idx_messages_session on messages(session_id, timestamp);
"""
MODELS = """
create table session_model_usage(
  session_id text not null, model text not null, billing_provider text not null default '',
  billing_base_url text not null default '', billing_mode text not null default '',
  task text not null default '', api_call_count integer not null default 0,
  input_tokens integer not null default 0, output_tokens integer not null default 0,
  cache_read_tokens integer not null default 0,
  cache_write_tokens integer not null default 0,
  reasoning_tokens integer not null default 0,
  estimated_cost_usd real not null default 0, actual_cost_usd real not null default 0,
  first_seen real, last_seen real,
  primary key(
    session_id, model, billing_provider, billing_base_url, billing_mode, task));
create index by_session on session_model_usage(session_id);
"""


class Hermes:
    """The program, of version 0.19 or of one before."""

    def __init__(self, path: Path, *, is_old: bool = False) -> None:
        path.parent.mkdir(parents=True)
        self.is_old, self.number = is_old, 0
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.execute("pragma journal_mode = wal")
        more = "" if is_old else ", cwd text, git_branch text"
        self.connection.executescript(TABLES.format(more=more))
        if not is_old:
            self.connection.executescript(MODELS)

    def session(
        self, name: str, source: str = "cli", parent: str | None = None
    ) -> None:
        """Begin a session."""
        self.connection.execute(
            "insert into sessions(id, source, model, parent_session_id, started_at)"
            " values(?, ?, 'm1', ?, ?)",
            (name, source, parent, T),
        )
        self._insert(name, "user", "go on", None)

    def answer(self, session: str, model: str = "m1", *, tokens: int = 100) -> None:
        """Write an answer with its counters."""
        self.connection.execute("begin immediate")
        self._insert(session, "assistant", "done", "stop")
        self.connection.execute(
            "update sessions set input_tokens = input_tokens + ?,"
            " message_count = message_count + 1 where id = ?",
            (tokens, session),
        )
        if not self.is_old:
            at = T + self.number
            self.connection.execute(
                "insert into session_model_usage(session_id, model, api_call_count,"
                " input_tokens, first_seen, last_seen) values(?, ?, 1, ?, ?, ?)"
                " on conflict do update set api_call_count = api_call_count + 1,"
                " input_tokens = input_tokens + excluded.input_tokens, last_seen = ?",
                (session, model, tokens, at, at, at),
            )

        self.connection.execute("commit")

    def _insert(self, session: str, role: str, text: str, finish: str | None) -> None:
        self.number += 1
        self.connection.execute(
            "insert into messages(session_id, role, content, timestamp, finish_reason)"
            " values(?, ?, ?, ?, ?)",
            (session, role, text, T + self.number, finish),
        )


@pytest.mark.parametrize("is_old", [False, True], ids=["0.19", "before"])
async def test_a_database_that_grows(tmp_path: Path, is_old: bool) -> None:
    path = tmp_path / ".hermes/state.db"
    with closing(Hermes(path, is_old=is_old).connection) as connection:
        hermes = Hermes.__new__(Hermes)
        hermes.is_old, hermes.number, hermes.connection = is_old, 0, connection
        hermes.session("s1")
        hermes.answer("s1")
        hermes.answer("s1", tokens=200)
        async with running(tmp_path) as daemon:
            await daemon.sync()
            hermes.session("s2", "subagent", "s1")
            hermes.answer("s2", tokens=50)
            hermes.answer("s1", "m2", tokens=7)
            connection.execute("update sessions set title = 'Plots' where id = 's1'")
            await daemon.sync()
            daemon.crash()

        async with running(tmp_path) as daemon:
            await daemon.sync()
            hermes.answer("s1", "m2", tokens=3)
            await daemon.sync()

            found = daemon.session("s1", "hermes")
            assert (found.messages, found.prompts, found.tokens.input) == (4, 1, 310)
            assert found.title is not None
            assert found.title[-1] == "Plots"
            child = daemon.session("s2", "hermes")
            assert (child.messages, child.tokens.input) == (1, 50)
            assert child.parent_session_id == SessionId("s1")


def test_a_branch_that_was_continued_is_no_subagent(tmp_path: Path) -> None:
    path = tmp_path / ".hermes/state.db"
    hermes = Hermes(path)
    with closing(hermes.connection), consuming(path, QUERIES) as consumer:
        hermes.session("s1")
        hermes.session("s2", "cli", "s1")
        batch = consumer.drain()

        assert batch.fault is None
        assert [json.loads(each.body)["parent"] for each in batch.items] == [None, None]


def test_both_queries_are_of_the_same_rows() -> None:
    assert QUERIES.older is WITHOUT_MODELS
    for name, query in WITHOUT_MODELS.tables.items():
        assert set(query.columns) <= set(QUERIES.tables[name].columns)
