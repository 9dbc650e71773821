"""Agents from tests/ through the real daemon: one on a database, one on a document."""

import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any

import anyio
import msgspec
import pytest

from jarvisd.base.usage import Tokens
from jarvisd.core.origin import BlockView, Life
from jarvisd.overview.health_wire import HealthResult
from jarvisd.overview.wire import SourcesListResult, StatusResult
from jarvisd.reports.wire import (
    ReportToolsResult,
    ReportUsageResult,
    SessionsExplainResult,
)
from jarvisd.rpc.client_wire import SubscribeResult
from tests import toy_agents
from tests.e2e.commands import jarvisctl
from tests.e2e.home import Home
from tests.e2e.rig import Daemon, running_daemon
from tests.support import PATIENCE_S, eventually
from tests.toy_agents.writers import NotebookDatabase, NotebookFile

PACKAGES = (toy_agents.__name__,)
MODEL = "gpt-5.1"
TOKENS = {"input": 1200, "cached": 1000, "output": 80, "reasoning": 30}
USAGE = {"prompt": 1200, "cached": 1000, "answer": 50, "thoughts": 30}
COUNTED = Tokens(input=200, cache_read=1000, output=80, reasoning=30)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def iso(at_ms: int) -> str:
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(at_ms / 1000))}Z"


@pytest.fixture
async def daemon(home: Home) -> AsyncIterator[Daemon]:
    async with running_daemon(home, packages=PACKAGES) as running:
        await running.sync()
        yield running


@pytest.fixture
def database(home: Home) -> Iterator[NotebookDatabase]:
    found = NotebookDatabase(home.folder)
    found.open_session("s1", "/home/me/plot")
    yield found
    found.close()


@pytest.fixture
def document(home: Home) -> NotebookFile:
    return NotebookFile(home.folder, "s1", "/home/me/plot")


def names_beside(database: NotebookDatabase) -> list[str]:
    return sorted(each.name for each in database.path.parent.iterdir())


async def blocks_of(daemon: Daemon) -> dict[str | None, BlockView]:
    async with daemon.connected() as client:
        return {each.session_id: each for each in await client.blocks()}


async def block_of(daemon: Daemon, session: str = "s1") -> BlockView | None:
    return (await blocks_of(daemon)).get(session)


async def shows(daemon: Daemon, session: str = "s1", **expected: object) -> None:
    """Wait until the block of *session* has all of *expected*, without a sync."""
    seen: list[object] = []

    async def is_shown() -> bool:
        block = await block_of(daemon, session)
        found = {each: getattr(block, each, None) for each in expected}
        seen[:] = [found]
        return found == expected

    try:
        await eventually(is_shown)
    except BaseException:
        raise AssertionError(f"{seen} is not {expected}: {daemon.log()}") from None


async def usage(daemon: Daemon) -> ReportUsageResult:
    await daemon.sync()
    return await daemon.ask("report.usage", ReportUsageResult, by="model")


async def ctl(home: Home, *arguments: str) -> str:
    done = await jarvisctl(home, *arguments, packages=PACKAGES)
    return (done.stdout + done.stderr).decode()


# A database


async def test_a_turn_in_a_database_is_seen_as_it_goes_on(
    daemon: Daemon, database: NotebookDatabase
) -> None:
    at_ms = now_ms()
    call = {"id": "c1", "tool": "run", "status": "running"}
    database.write("s1", "m1", at_ms=at_ms, role="user", text="Draw.")
    await shows(daemon, state="working", state_tool=None)

    database.write("s1", "m2", at_ms=at_ms + 1, role="assistant", calls=[call])
    await shows(daemon, state="working", state_tool="run")

    ask = {"id": "c2", "tool": "ask", "status": "running"}
    done = {**call, "status": "failed", "ms": 6500}
    reply: dict[str, Any] = {"role": "assistant", "model": MODEL, "tokens": TOKENS}
    database.write("s1", "m2", at_ms=at_ms + 1, calls=[done, ask], **reply)
    await shows(daemon, state="waiting_answer", tool_errors=1)

    answered = {**ask, "status": "done"}
    database.write(
        "s1", "m2", at_ms=at_ms + 1, calls=[done, answered], finish="calls", **reply
    )
    await shows(daemon, state="working", state_tool=None)

    last = {"id": "c3", "tool": "run", "status": "done", "ms": 5}
    database.write("s1", "m3", at_ms=at_ms + 2, finish="stop", calls=[last], **reply)
    await shows(daemon, state="idle")

    # A summary, long after: no prompt, and nobody is at work.
    database.write(
        "s1", "m1", at_ms=at_ms + 3, role="user", text="Draw.", sum="figures"
    )
    await shows(daemon, state="idle", line_count=4)
    assert (await block_of(daemon)).tokens == COUNTED + COUNTED  # type: ignore[union-attr]
    tools = await daemon.ask("report.tools", ReportToolsResult)
    assert {each.name: (each.calls, each.errors) for each in tools.rows} == {
        "run": (2, 1),
        "ask": (1, 0),
    }


async def test_an_update_in_place_replaces_what_the_row_counted(
    daemon: Daemon, database: NotebookDatabase
) -> None:
    reply: dict[str, Any] = {"role": "assistant", "model": MODEL}
    database.write("s1", "m1", at_ms=now_ms(), text="Ä", tokens=TOKENS, **reply)
    await shows(daemon, tokens=COUNTED)

    grown = {**TOKENS, "output": 100}
    database.write("s1", "m1", at_ms=now_ms(), text="Älter", tokens=grown, **reply)
    database.rename_session("s1", "Figures of May")
    await shows(daemon, title="Figures of May")
    await daemon.sync()

    block, report = await block_of(daemon), await usage(daemon)
    texts = database.texts("s1")
    assert block is not None
    assert (block.line_count, block.char_count) == (2, sum(map(len, texts)))
    assert block.token_estimate == block.char_count // 4
    assert report.total.tokens.output == 100
    assert report.total.responses == 1
    assert report.total.cost_micros > 0
    assert [each.key for each in report.rows] == [MODEL]


async def test_each_session_of_a_database_is_a_block_of_its_own(
    daemon: Daemon, database: NotebookDatabase
) -> None:
    database.open_session("s2", "/home/me/plot", "Figures of June")
    database.rename_session("s1", "Figures of May")
    for session in ("s1", "s2"):
        database.write(
            session,
            f"{session}-m",
            at_ms=now_ms(),
            role="assistant",
            model=MODEL,
            tokens=TOKENS,
        )

    await shows(daemon, "s1", title="Figures of May", tokens=COUNTED)
    await shows(daemon, "s2", title="Figures of June", tokens=COUNTED)
    ps = await ctl(daemon.home, "ps")

    for session in ("s1", "s2"):
        block = await block_of(daemon, session)
        assert block is not None
        assert (block.agent, block.cwd) == ("notebook_db", "/home/me/plot")

    assert "Figures of May" in ps
    assert "Figures of June" in ps
    assert len([each for each in ps.splitlines() if "notebook_db" in each]) == 2


async def test_the_cursor_of_a_database_is_no_block(daemon: Daemon) -> None:
    with closing(NotebookDatabase(daemon.home.folder)) as database:
        assert await shown_sessions(daemon) == []

        async with daemon.connected() as client:
            await client.ask("subscribe", SubscribeResult, topics=["blocks"])
            for session in ("s1", "s2"):
                database.open_session(session, "/home/me/plot")
                database.write(session, f"{session}-m", at_ms=now_ms(), role="user")

            told: list[BlockView] = []
            with anyio.fail_after(PATIENCE_S):
                while {each.session_id for each in told} < {"s1", "s2"}:
                    event = await client.next_event()
                    told.append(msgspec.json.decode(event.data, type=BlockView))

        assert None not in {each.session_id for each in told}
        assert await shown_sessions(daemon) == ["s1", "s2"]
        blocks = await blocks_of(daemon)

        await daemon.restart()
        assert await shown_sessions(daemon) == ["s1", "s2"]
        for session in ("s1", "s2"):
            await shows(daemon, session, block_id=blocks[session].block_id)


async def shown_sessions(daemon: Daemon) -> list[str]:
    """Return the sessions of the blocks that all answers show."""
    await daemon.sync()
    async with daemon.connected() as client:
        blocks = await client.blocks()
        status = await client.ask("status", StatusResult)
        health = await client.ask("health", HealthResult)
        found = await client.ask("sources.list", SourcesListResult)

    count = len(blocks)
    assert (status.blocks, health.blocks) == (count, count)
    assert sum(each.blocks for each in status.agents) == count
    assert (status.live, health.live_blocks, len(status.newest)) == (count,) * 3
    assert [each.block_id for each in found.sources] == [None]
    return sorted(each.session_id or "" for each in blocks)


async def test_an_update_after_a_restart_sets_the_counts_of_a_database(
    daemon: Daemon, database: NotebookDatabase
) -> None:
    """Then nobody remembers how long the row was that is written over."""
    reply: dict[str, Any] = {"role": "assistant", "model": MODEL, "tokens": TOKENS}
    for number in range(3):
        database.write("s1", f"m{number}", at_ms=now_ms(), text="Ä" * 50, **reply)

    await shows(daemon, line_count=4)
    await daemon.restart()
    database.write("s1", "m1", at_ms=now_ms(), text="Ö", **reply)
    database.write("s1", "m3", at_ms=now_ms(), **reply)
    chars = sum(map(len, database.texts("s1")))
    await shows(daemon, line_count=5, char_count=chars)

    await daemon.sync()
    status = await daemon.ask("status", StatusResult)
    assert (status.line_count, status.token_estimate) == (5, chars // 4)
    await daemon.restart()
    await shows(
        daemon,
        line_count=5,
        char_count=chars,
        tokens=COUNTED + COUNTED + COUNTED + COUNTED,
    )


async def test_a_kill_loses_and_doubles_nothing_of_a_database(
    daemon: Daemon, database: NotebookDatabase
) -> None:
    reply: dict[str, Any] = {"role": "assistant", "model": MODEL, "finish": "calls"}
    for number in range(60):
        database.write("s1", f"m{number}", at_ms=now_ms(), tokens=TOKENS, **reply)
        if number % 20 == 10:
            await daemon.kill()
            database.write("s1", f"m{number}", at_ms=now_ms(), text="so", **reply)
            database.write("s1", f"m{number}", at_ms=now_ms(), tokens=TOKENS, **reply)
            await daemon.start()

    await daemon.sync()
    block, report = await block_of(daemon), await usage(daemon)

    assert block is not None
    texts = database.texts("s1")
    assert (block.line_count, block.char_count) == (61, sum(map(len, texts)))
    assert report.total.responses == 60
    assert report.total.tokens.total == 60 * COUNTED.total


async def test_a_deleted_row_is_counted_no_more_and_stays_spent(
    daemon: Daemon, database: NotebookDatabase
) -> None:
    for message in ("m1", "m2"):
        database.write(
            "s1",
            message,
            at_ms=now_ms(),
            role="assistant",
            model=MODEL,
            tokens=TOKENS,
        )

    await shows(daemon, line_count=3)
    database.delete_message("s1", "m1")
    await shows(daemon, line_count=2)

    assert (await usage(daemon)).total.responses == 2


async def test_a_database_that_is_made_anew_is_counted_anew(
    daemon: Daemon, database: NotebookDatabase
) -> None:
    for message, text in (("m1", "{}"), ("m2", "{torn")):
        database.write_text("s1", message, text, at_ms=now_ms())

    await shows(daemon, line_count=3, malformed_count=1)
    database.close()
    database.path.unlink()
    again = NotebookDatabase(daemon.home.folder)
    again.open_session("s1", "/home/me/plot")
    for message, text in (("m1", "{}"), ("m2", "{}"), ("m3", "{torn")):
        again.write_text("s1", message, text, at_ms=now_ms())

    await shows(daemon, line_count=4, malformed_count=1)
    again.close()


async def test_the_owner_of_a_database_finds_no_file_of_ours(
    daemon: Daemon, database: NotebookDatabase
) -> None:
    database.write("s1", "m1", at_ms=now_ms(), role="user", text="Draw.")
    await shows(daemon, state="working")
    while_open = names_beside(database)
    database.close()
    await daemon.sync()

    assert while_open == ["notebook.db", "notebook.db-shm", "notebook.db-wal"]
    assert names_beside(database) == ["notebook.db"]


async def test_a_database_of_an_unknown_version_is_a_fault_with_its_reason(
    daemon: Daemon, database: NotebookDatabase
) -> None:
    database.write("s1", "m1", at_ms=now_ms(), role="user", text="Draw.")
    await shows(daemon, state="working")
    database.execute("alter table message rename column data to body")

    async def is_told() -> bool:
        await daemon.sync()
        health = await daemon.ask("health", HealthResult)
        return any("message.data" in each.message for each in health.problems)

    await eventually(is_told)
    assert "message.data" in await ctl(daemon.home, "health")
    database.execute("alter table message rename column body to data")
    database.write("s1", "m2", at_ms=now_ms(), role="user", text="And June.")
    await shows(daemon, line_count=3)
    assert not (await daemon.ask("health", HealthResult)).problems


# A document


async def test_a_turn_in_a_document_is_seen_as_it_goes_on(
    daemon: Daemon, document: NotebookFile
) -> None:
    document.write("1", type="prompt", at=iso(now_ms()), text="Draw.")
    await shows(daemon, state="working", state_tool=None)

    reply = {"type": "reply", "model": MODEL, "usage": USAGE}
    tools = [{"id": "c1", "name": "run"}, {"id": "c2", "name": "ask_user"}]
    document.write("2", at=iso(now_ms()), **reply, tools=tools[:1])
    await shows(daemon, state="working", state_tool="run")

    document.write(
        "3", type="result", at=iso(now_ms()), tools=[{"id": "c1", "error": True}]
    )
    await shows(daemon, state="working", state_tool=None, tool_errors=1)

    document.write("4", at=iso(now_ms()), **reply, tools=tools[1:])
    await shows(daemon, state="waiting_answer")

    document.write("5", type="result", at=iso(now_ms()), tools=[{"id": "c2"}])
    document.write("6", at=iso(now_ms()), **reply, is_last=True)
    await shows(daemon, state="idle", line_count=7)


async def test_a_rewrite_of_a_document_counts_nothing_again(
    daemon: Daemon, document: NotebookFile
) -> None:
    reply = {"type": "reply", "model": MODEL, "at": iso(now_ms())}
    document.write("1", **reply, usage=USAGE, text="Ä")
    await shows(daemon, tokens=COUNTED)
    for number in range(3):
        document.header["title"] = f"Title {number}"
        document.save()
        await shows(daemon, title=f"Title {number}")

    document.write("1", **reply, usage={**USAGE, "answer": 70}, text="Älter")
    await shows(daemon, tokens=COUNTED + Tokens(output=20))
    block, report = await block_of(daemon), await usage(daemon)

    assert block is not None
    assert (block.line_count, block.char_count) == (2, sum(map(len, document.texts())))
    assert block.token_estimate == block.char_count // 4
    assert (report.total.responses, report.total.tokens.output) == (1, 100)
    assert report.total.cost_micros > 0


async def test_an_element_that_is_removed_stays_counted(
    daemon: Daemon, document: NotebookFile
) -> None:
    reply = {"type": "reply", "model": MODEL, "usage": USAGE, "at": iso(now_ms())}
    document.write("1", **reply)
    document.write("2", **reply)
    await shows(daemon, line_count=3)
    del document.messages[0]
    document.header["title"] = "One was undone"
    document.save()
    await shows(daemon, title="One was undone", line_count=3, tokens=COUNTED + COUNTED)

    document.messages.insert(0, {"id": "1", **reply})
    document.header["title"] = "It is back"
    document.save()
    await shows(daemon, title="It is back", line_count=3, tokens=COUNTED + COUNTED)


async def test_a_document_that_is_half_written_waits(
    daemon: Daemon, document: NotebookFile
) -> None:
    reply = {"type": "reply", "model": MODEL, "usage": USAGE, "at": iso(now_ms())}
    document.write("1", **reply)
    await shows(daemon, line_count=2)
    document.messages.append({"id": "2", **reply})
    text = document.text()
    document.path.write_text(text[: len(text) // 2])
    await daemon.sync()
    block = await block_of(daemon)

    assert block is not None
    assert (block.line_count, block.malformed_count, block.life) == (2, 0, Life.LIVE)

    document.save()
    await shows(daemon, line_count=3, tokens=COUNTED + COUNTED)


async def test_a_kill_loses_and_doubles_nothing_of_a_document(
    daemon: Daemon, document: NotebookFile
) -> None:
    reply = {"type": "reply", "model": MODEL, "usage": USAGE, "at": iso(now_ms())}
    for number in range(30):
        document.write(str(number), **reply)
        await anyio.sleep(0.01)
        if number % 10 == 3:
            await daemon.sync()  # so that there is something to count twice
        elif number % 10 == 5:
            await daemon.kill()
            document.write(str(number), **reply, text="more")
            await daemon.start()

    await daemon.sync()
    block, report = await block_of(daemon), await usage(daemon)

    assert block is not None
    assert (block.line_count, block.char_count) == (31, sum(map(len, document.texts())))
    assert report.total.responses == 30
    assert report.total.tokens.total == 30 * COUNTED.total


async def test_a_document_that_stays_damaged_is_a_fault_with_its_reason(
    daemon: Daemon, document: NotebookFile
) -> None:
    document.path.write_text('{"session": [')

    async def is_told() -> bool:
        health = await daemon.ask("health", HealthResult)
        return any("JSON" in each.message for each in health.problems)

    await eventually(is_told)
    assert "is no whole JSON document" in await ctl(daemon.home, "health")


# Both


@pytest.mark.parametrize("agent", ["notebook_db", "notebook_doc"])
async def test_an_item_of_a_live_session_is_announced_within_a_second(
    daemon: Daemon, agent: str, database: NotebookDatabase, document: NotebookFile
) -> None:
    def write(number: int) -> None:
        at_ms = now_ms()
        if agent == "notebook_db":
            database.write("s1", f"m{number}", at_ms=at_ms, role="user", text="Draw.")
        else:
            document.write(f"m{number}", type="prompt", at=iso(at_ms), text="Draw.")

    lags_s = []
    async with daemon.connected() as client:
        await client.ask("subscribe", SubscribeResult, topics=["blocks"])
        for number in range(7):
            before = anyio.current_time()
            write(number)
            counted = f'"line_count":{number + 2},'.encode()
            while counted not in await client.receive_line():
                pass

            lags_s.append(anyio.current_time() - before)

    assert median(lags_s) < 1.0, lags_s


# The command line


async def test_commands_show_the_items_of_a_session(
    daemon: Daemon, database: NotebookDatabase, document: NotebookFile
) -> None:
    at_ms = now_ms()
    database.write("s1", "m1", at_ms=at_ms, role="user", text="Draw.")
    database.write(
        "s1", "m2", at_ms=at_ms + 1, role="assistant", model=MODEL, tokens=TOKENS
    )
    document.path.unlink(missing_ok=True)
    await shows(daemon, line_count=3, tokens=COUNTED)
    await daemon.sync()

    explained = await daemon.ask(
        "sessions.explain", SessionsExplainResult, session_id="s1", all=True
    )
    assert [each.item for each in explained.lines] == [
        "row:message:m1",
        "row:message:m2",
        "row:session:s1",
    ]
    assert explained.tokens == explained.booked == COUNTED
    explain = await ctl(daemon.home, "explain", "s1", "--all")
    tail = await ctl(daemon.home, "tail", "-n", "1", "s1")
    show = await ctl(daemon.home, "show", "s1")

    assert "row:message:m2" in explain
    assert "3 items" in explain
    assert "line" not in explain.lower()
    assert json.loads(tail)["table"] in {"message", "session"}
    assert "notebook_db" in show
    assert [each.split()[:2] for each in show.splitlines() if "items" in each] == [
        ["items", "3"]
    ]
    assert "line" not in show


@pytest.mark.parametrize("agent", ["notebook_db", "notebook_doc"])
async def test_agents_check_reads_the_logs_of_a_toy_agent(
    home: Home,
    agent: str,
    database: NotebookDatabase,
    document: NotebookFile,
    tmp_path: Path,
) -> None:
    database.write("s1", "m1", at_ms=now_ms(), role="user", text="Draw.")
    database.write(
        "s1", "m2", at_ms=now_ms(), role="assistant", model=MODEL, tokens=TOKENS
    )
    document.write("1", type="prompt", at=iso(now_ms()), text="Draw.")
    document.write("2", type="reply", at=iso(now_ms()), model=MODEL, usage=USAGE)
    logs = {"notebook_db": database.path, "notebook_doc": document.path}
    truth = home.folder / "truth.json"
    wanted = {"requests": 1, "input_uncached": 200, "cache_read": 1000, "output": 80}
    truth.write_text(json.dumps({"usage": wanted, "user_prompts": 1}))

    done = await jarvisctl(
        home,
        "agents",
        "check",
        agent,
        str(logs[agent]),
        "--truth",
        str(truth),
        packages=PACKAGES,
    )
    listed = await ctl(home, "agents")

    shown = done.stdout.decode()
    assert done.returncode == 0, shown
    assert "UsageReported" in shown
    assert "3 items" in shown
    assert "line" not in shown.lower()
    assert agent in listed
