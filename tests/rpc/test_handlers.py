"""What the methods answer."""

import os

import pytest

from jarvisd.core.block import LIVE_MS
from jarvisd.overview.sessions import Sessions
from jarvisd.overview.status import StatusBoard
from jarvisd.rpc.handlers import MAX_TAIL_BYTES
from jarvisd.rpc.wire import METHODS
from tests.rpc.fakes import Client, FakeDaemon, Running, block, running
from tests.support import FakeClock


async def test_hello_says_who_answers() -> None:
    async with running() as server:
        with Client(server.endpoint.path) as client:
            hello = await client.result("hello", client="t", protocol=[1, 2])
            wrong = await client.ask("hello", protocol=[2])

    assert (hello["protocol"], hello["pid"]) == (1, os.getpid())
    assert hello["capabilities"] == [
        *METHODS,
        "topic:blocks",
        "topic:session",
        "topic:states",
        "topic:segments",
        "topic:flushes",
        "topic:health",
        "topic:budget",
    ]
    assert wrong["error"]["code"] == -32007
    assert wrong["error"]["data"] == {"kind": "protocol_mismatch", "supported": 1}


async def test_status_follows_every_change() -> None:
    async with running() as server:
        grown = server.add(block())
        with Client(server.endpoint.path) as client:
            counts = []
            for _ in range(3):
                server.grow(grown)
                counts.append((await client.result("status"))["line_count"])

    assert counts == [1, 2, 3]


def test_status_is_made_once_while_nothing_changes() -> None:
    board = StatusBoard(Sessions(), FakeClock(), FakeDaemon())

    assert board.encoded() is board.encoded()


async def test_health_counts_the_clients() -> None:
    async with running() as server:
        with Client(server.endpoint.path) as one, Client(server.endpoint.path) as two:
            await one.result("subscribe", topics=["blocks"])
            health = await two.result("health")

    assert (health["clients"], health["subscriptions"]) == (2, 1)


NOW_MS = FakeClock().unix_ms()


def fill(server: Running) -> None:
    """One live, one quiet, one ended long ago, one that has never had a line."""
    for letter, agent, age_ms, ended in (
        ("a", "claude", 0, False),
        ("b", "codex", LIVE_MS + 1000, False),
        ("c", "claude", 10 * LIVE_MS, True),
    ):
        made = block(letter * 16, agent=agent, lines=1, at_ms=NOW_MS - age_ms)
        made.ended = ended
        made.revision = ord(letter)
        server.add(made)
    server.add(block("d" * 16, project=None))


@pytest.mark.parametrize(
    ("wanted", "letters"),
    [
        pytest.param({}, "abcd", id="all, newest first, those without a line last"),
        pytest.param({"limit": 2}, "ab", id="limited"),
        pytest.param({"agent": "claude"}, "acd", id="of an agent"),
        pytest.param({"kind": "fifo"}, "", id="of a kind"),
        pytest.param({"life": ["quiet"]}, "bd", id="quiet"),
        pytest.param({"life": ["ended", "live"]}, "ac", id="of two lives"),
        pytest.param({"life": []}, "", id="of no life"),
        pytest.param({"active_s": 400}, "ab", id="active lately"),
        pytest.param({"active_s": 86400}, "ab", id="active: ended ones not"),
        pytest.param(
            {"active_s": 86400, "life": ["ended"]}, "c", id="active, but ended"
        ),
        pytest.param({"since": ord("a")}, "bc", id="changed since"),
        pytest.param({"project": "/home/ada/shop"}, "abc", id="project"),
        pytest.param({"project": "shop"}, "abc", id="end of a project's path"),
        pytest.param({"project": "ada/shop/"}, "abc", id="longer end of it"),
        pytest.param({"project": "hop"}, "", id="not half a name"),
        pytest.param({"project": "ada"}, "", id="not its beginning"),
        pytest.param({"agent": "claude", "project": "shop"}, "ac", id="joined by and"),
    ],
)
async def test_blocks_are_listed_as_asked(
    wanted: dict[str, object], letters: str
) -> None:
    async with running(clock=FakeClock()) as server:
        fill(server)
        with Client(server.endpoint.path) as client:
            answer = await client.result("blocks.list", **wanted)

    assert "".join(each["block_id"][0] for each in answer["blocks"]) == letters
    assert answer["revision"] == 7


async def test_a_block_is_found_by_the_beginning_of_its_id() -> None:
    async with running(clock=FakeClock()) as server:
        fill(server)
        server.add(block("ab" * 8))
        with Client(server.endpoint.path) as client:
            found = await client.result("blocks.get", block_id="b")
            several = await client.ask("blocks.get", block_id="a")
            none = await client.ask("blocks.tail", block_id="x")

    assert found["block_id"] == "b" * 16
    assert several["error"]["data"]["kind"] == "ambiguous_block"
    assert none["error"]["code"] == -32005


async def test_a_tail_gives_the_newest_lines_that_fit() -> None:
    async with running() as server:
        server.add(block())
        server.daemon.lines = ["é" * 1000] * 2000
        with Client(server.endpoint.path) as client:
            tail = await client.result("blocks.tail", block_id="0", lines=2000)

    assert len(tail["lines"]) == MAX_TAIL_BYTES // 2003
    assert tail["first_line"] + len(tail["lines"]) == 2000


async def test_a_line_is_rendered_for_its_place() -> None:
    async with running() as server:
        server.add(block(agent="c#", lines=1, at_ms=server.clock.unix_ms()))
        with Client(server.endpoint.path) as client:
            plain = await client.result("line")
            tmux = await client.result("line", format="tmux", width=10)

    assert plain["text"] == "c# 1 live"
    assert tmux["text"] == "c## 1 live"
