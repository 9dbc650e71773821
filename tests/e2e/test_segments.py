"""Segments as clients meet them: over the socket, over ends, kills and restarts."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import anyio
import anyio.to_thread
import msgspec
import pytest
import pytest_asyncio
from anyio import BrokenResourceError, EndOfStream

from jarvisd.core.wire import PushOpenResult
from jarvisd.overview.model import SessionView
from jarvisd.rpc.client_wire import SubscribeResult
from jarvisd.segments.model import Closed, Segment
from jarvisd.segments.wire import (
    ChatsEndSessionResult,
    ChatsRecordResult,
    SegmentsListResult,
)
from tests.e2e.client import Client, RpcError
from tests.e2e.home import Home, append
from tests.e2e.rig import Daemon, running_daemon
from tests.ledger.test_ledger_claude import call, prompt, reply, result
from tests.support import eventually

QUICK = "[segments]\nidle_s = 1"

WORK = [
    prompt(second=0, key="q1"),
    reply("x1", second=4, inp=5, out=70, read=10, blocks=[call("y1")]),
    result("y1", second=5, error=True),
    reply("x2", second=600, inp=9, out=3, read=0),
]
"""Two segments of history: ten minutes lie between them."""

RECORDS = """
import json, socket, sys
path, = sys.argv[1:]
server = socket.socket(socket.AF_UNIX)
server.connect(path)
answers = server.makefile("rb")
for number in range(200):
    request = {"jsonrpc": "2.0", "id": 1, "method": "record_inference",
        "params": {"session_id": "shared", "tokens_in": 2, "latency_ms": 5}}
    server.sendall(json.dumps(request).encode() + b"\\n")
    json.loads(answers.readline())["result"]
"""


@pytest_asyncio.fixture
async def daemon(home: Home) -> AsyncIterator[Daemon]:
    """Return a daemon of the test's own: segments are of all sessions."""
    async with running_daemon(home) as daemon:
        yield daemon


async def infer(client: Client, session: str = "c1", **given: Any) -> int:
    given = {"session_id": session} | given
    answer = await client.ask("record_inference", ChatsRecordResult, **given)
    return answer.segment


async def end(client: Client, session: str = "c1") -> int | None:
    asked = {"session_id": session}
    answer = await client.ask("end_session", ChatsEndSessionResult, **asked)
    return answer.segment


async def listed(client: Client, **asked: Any) -> list[Segment]:
    """Return the segments that match, the first closed first."""
    asked = {"after": 0, "limit": 1_000} | asked
    return (await client.ask("segments.list", SegmentsListResult, **asked)).segments


async def test_a_chat_is_summed_up_when_it_ends(daemon: Daemon) -> None:
    async with daemon.connected() as client:
        for latency_ms in (100, 200, 300, 400, 500):
            numbers: dict[str, Any] = {
                "tokens_in": 10,
                "tokens_out": 5,
                "latency_ms": latency_ms,
            }
            await infer(client, model_hash="m", engine="ollama", **numbers)

        for name in ("x", "x", "y"):
            asked = {"session_id": "c1", "tool_name": name}
            await client.ask("record_tool", ChatsRecordResult, **asked)

        await client.ask("record_error", ChatsRecordResult, session_id="c1")
        assert await end(client) == 1
        assert await end(client) is None
        (segment,) = await listed(client)

    assert (segment.turns, segment.tokens_in, segment.tokens_out) == (5, 50, 25)
    assert (segment.latency_p50_ms, segment.latency_p95_ms) == (300, 480)
    assert (segment.tools, segment.unique_tools, segment.errors) == (3, 2, 1)
    assert (segment.model, segment.engine) == ("m", "ollama")
    assert segment.reason is Closed.END


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"tokens_in": True}, id="true as a number"),
        pytest.param({"session_id": None}, id="no session"),
        pytest.param({"latency_ms": "fast"}, id="a word as a time"),
    ],
)
async def test_what_is_no_record_is_refused(daemon: Daemon, given: Any) -> None:
    async with daemon.connected() as client:
        with pytest.raises(RpcError) as refused:
            await infer(client, **given)

        assert refused.value.kind == "invalid_params"
        assert await listed(client) == []


async def test_a_gap_closes_a_segment_of_a_live_file_too(
    home: Home, daemon: Daemon
) -> None:
    async with daemon.connected() as client:
        await client.sync()  # what is there before the first look is history
        append(home.transcript(session="s1"), *(each.decode() for each in WORK))
        await client.sync()
        (segment,) = await listed(client)

    assert (segment.segment, segment.duration_ms) == (1, 5_000)


async def test_history_is_split_as_if_somebody_had_watched(home: Home) -> None:
    append(home.transcript(session="s1"), *(each.decode() for each in WORK))
    async with running_daemon(home) as daemon, daemon.connected() as client:
        await client.sync()
        first, second = await listed(client)

    assert [first.segment, second.segment] == [1, 2]
    assert [first.reason, second.reason] == [Closed.IDLE, Closed.IDLE]
    assert (first.turns, first.tools, first.errors) == (1, 1, 1)
    assert (first.duration_ms, first.latency_p50_ms) == (5_000, 4_000)
    assert (second.turns, second.tokens_out) == (1, 3)


async def test_the_newest_work_comes_first_whatever_was_read_first(home: Home) -> None:
    days = range(5)
    for day in days:  # of history the newest file is read first
        path = home.transcript(session=f"s{day}")
        asked = prompt(second=day * 600, key=f"q{day}")
        answered = reply(f"x{day}", second=day * 600 + 4, inp=5, out=70, read=1)
        append(path, asked.decode(), answered.decode())
        os.utime(path, (10**9 + day, 10**9 + day))

    async with running_daemon(home) as daemon, daemon.connected() as client:
        await client.sync()
        answer = await client.ask("segments.list", SegmentsListResult, limit=3)

    assert [each.session_id for each in answer.segments] == ["s4", "s3", "s2"]


async def test_idle_segments_close_by_themselves_and_are_told(home: Home) -> None:
    home.configure(QUICK)
    async with running_daemon(home) as daemon, daemon.connected() as client:
        await client.ask("subscribe", SubscribeResult, topics=["segments"])
        await infer(client, tokens_in=3)
        event = await client.next_event()
        (segment,) = await listed(client)

    assert event.topic == "segments"
    assert msgspec.json.decode(event.data, type=Segment) == segment
    assert segment.reason is Closed.IDLE


async def test_a_process_that_ends_closes_its_session(daemon: Daemon) -> None:
    lines = [each.decode() for each in WORK[:3]]
    push = {"block_id": "00c0ffee00c0ffee", "agent": "claude", "kind": "process"}
    async with daemon.connected() as client:
        await client.ask("push.open", PushOpenResult, **push)
        asked = {"block_id": push["block_id"], "seq": 0, "lines": lines}
        await client.ask("push.lines", object, **asked)
        await client.ask("push.close", object, block_id=push["block_id"])
        (segment,) = await listed(client)

    assert (segment.reason, segment.turns, segment.tools) == (Closed.END, 1, 1)
    assert segment.block_id == push["block_id"]


async def test_a_stopped_daemon_closes_what_is_open(home: Home) -> None:
    async with running_daemon(home) as daemon:
        async with daemon.connected() as client:
            assert await infer(client, tokens_in=1) == 1

        await daemon.stop(signal.SIGTERM)
        await daemon.start()
        async with daemon.connected() as client:
            assert await infer(client, tokens_in=2) == 2
            await end(client)
            first, second = await listed(client)

    assert (first.reason, first.tokens_in) == (Closed.SHUTDOWN, 1)
    assert (second.reason, second.tokens_in) == (Closed.END, 2)


async def test_a_killed_daemon_says_so_once(home: Home) -> None:
    async with running_daemon(home) as daemon:
        async with daemon.connected() as client:
            await infer(client, latency_ms=20)

        for _ in range(3):
            await daemon.restart()

        async with daemon.connected() as client:
            (segment,) = await listed(client)

    assert (segment.reason, segment.turns) == (Closed.INTERRUPTED, 1)
    assert segment.latency_p50_ms == 20


async def test_two_programs_record_at_once_and_nothing_is_lost(daemon: Daemon) -> None:
    command = [sys.executable, "-c", RECORDS, str(daemon.socket)]
    async with anyio.create_task_group() as group:
        for _ in range(2):
            group.start_soon(_done, command)

    async with daemon.connected() as client:
        await end(client, "shared")
        (segment,) = await listed(client)
        session = await client.ask("sessions.get", SessionView, session_id="shared")

    assert (segment.turns, segment.tokens_in) == (400, 800)
    assert session.assistant_messages == 400


async def _done(command: list[str]) -> None:
    await anyio.to_thread.run_sync(
        lambda: subprocess.run(command, check=True, timeout=60)
    )


async def test_segments_are_exact_over_kills_at_random_moments(home: Home) -> None:
    chance, sure = random.Random(20261121), 0
    home.configure(QUICK)
    path = home.transcript(session="s1")
    written = 0
    async with running_daemon(home) as daemon:
        for kill in range(12):
            try:
                async with daemon.connected() as client:
                    with anyio.move_on_after(chance.uniform(0, 0.5)):
                        while True:
                            append(path, _answer(written))
                            written += 1
                            await infer(client, key=f"{kill}-{sure}", tokens_in=1)
                            sure += 1
            except (BrokenResourceError, EndOfStream):
                pass

            await daemon.restart()

        async with daemon.connected() as client:
            await client.sync()
            await eventually(lambda: _all_told(client))
            segments = await listed(client)
            chat = await client.ask("sessions.get", SessionView, session_id="c1")

    assert len({each.segment_id for each in segments}) == len(segments)
    own = [each for each in segments if each.agent == "claude"]
    assert sum(each.turns for each in own) == written
    assert sum(each.tokens_out for each in own) == 7 * written
    of_chat = [each for each in segments if each.agent == "chat"]
    assert [each.segment for each in of_chat] == list(range(1, len(of_chat) + 1))
    assert sum(each.turns for each in of_chat) == chat.assistant_messages
    assert sure <= chat.assistant_messages <= sure + 12


def _answer(number: int) -> str:
    return reply(f"m{number}", second=number % 300, inp=1, out=7, read=0).decode()


async def _all_told(client: Client) -> bool:
    segments = await listed(client)
    told = sum(each.turns for each in segments)
    sessions = [
        await client.ask("sessions.get", SessionView, session_id=id_)
        for id_ in ("s1", "c1")
    ]
    return told == sum(each.assistant_messages for each in sessions)


async def test_segments_come_in_pages_and_by_filters(daemon: Daemon) -> None:
    async with daemon.connected() as client:
        for number in range(5):
            await infer(client, f"c{number}", project=f"/home/ada/p{number % 2}")
            await end(client, f"c{number}")

        page = await client.ask("segments.list", SegmentsListResult, limit=2, after=0)
        rest = await client.ask("segments.list", SegmentsListResult, after=page.next)
        newest = await client.ask("segments.list", SegmentsListResult, limit=1)
        of_project = await listed(client, project="p1")
        of_session = await listed(client, session_id="c3")
        none = await client.ask("segments.list", SegmentsListResult, limit=0)

    assert [each.session_id for each in page.segments] == ["c0", "c1"]
    assert (page.more, rest.more, newest.more) == (True, False, True)
    assert [each.session_id for each in rest.segments] == ["c2", "c3", "c4"]
    assert [each.session_id for each in newest.segments] == ["c4"]
    assert [each.session_id for each in of_project] == ["c1", "c3"]
    assert [each.session_id for each in of_session] == ["c3"]
    assert (none.segments, none.next) == ([], newest.next)
