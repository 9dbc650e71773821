"""Blocks of piped output end with their senders, however these end."""

import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest
from anyio.abc import Process

from jarvisd.core.origin import BlockView, Life
from jarvisd.core.wire import PushLinesResult, PushOpenResult
from jarvisd.state.wire import StatesListResult
from tests.e2e.commands import started
from tests.e2e.home import Home
from tests.e2e.rig import Daemon, running_daemon
from tests.support import eventually

SESSION = "11111111-aaaa-4aaa-8aaa-111111111111"
PRINTED = [
    {"type": "system", "subtype": "init", "session_id": SESSION},
    {
        "type": "assistant",
        "session_id": SESSION,
        "message": {
            "id": "m1",
            "model": "claude-opus-4-8",
            "content": [{"type": "text", "text": "Done. Shall I go on?"}],
            "stop_reason": "end_turn",
        },
    },
    {"type": "result", "subtype": "success", "session_id": SESSION},
]
"""What `claude -p --output-format stream-json` prints."""


@pytest.fixture
async def daemon(home: Home) -> AsyncIterator[Daemon]:
    async with running_daemon(home) as running:
        yield running


@asynccontextmanager
async def ingesting(daemon: Daemon, *lines: str) -> AsyncIterator[Process]:
    """Pipe *lines* into `jarvisctl ingest`, which waits for more of them."""
    async with await started(daemon.home, "ingest", "--agent", "claude") as process:
        assert process.stdin is not None
        await process.stdin.send("".join(f"{each}\n" for each in lines).encode())

        async def has_lines() -> bool:
            block = await the_block(daemon)
            return block is not None and block.line_count == len(lines)

        await eventually(has_lines)
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()


async def the_block(daemon: Daemon) -> BlockView | None:
    async with daemon.connected() as client:
        blocks = await client.blocks()
        return blocks[0] if blocks else None


async def has_ended(daemon: Daemon) -> bool:
    block = await the_block(daemon)
    return block is not None and block.life is Life.ENDED


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
async def test_a_pipe_whose_reader_is_stopped_ends(
    daemon: Daemon, number: signal.Signals
) -> None:
    async with ingesting(daemon, "one", "two") as process:
        process.send_signal(number)
        await process.wait()
        await eventually(lambda: has_ended(daemon))

    block = await the_block(daemon)
    assert block is not None
    assert (block.line_count, block.pid) == (2, process.pid)
    assert block.exit_status == (130 if number is signal.SIGINT else None)


async def test_a_reader_that_dies_while_no_daemon_runs_is_missed_later(
    daemon: Daemon,
) -> None:
    async with ingesting(daemon, "one") as process:
        await daemon.terminate()
        process.kill()
        await process.wait()

    await daemon.start()
    await eventually(lambda: has_ended(daemon))


async def test_a_pipe_that_is_silent_lives_over_a_restart(daemon: Daemon) -> None:
    async with ingesting(daemon, "one") as process:
        await daemon.restart()
        assert process.stdin is not None
        await process.stdin.send(b"two\n")

        async def goes_on() -> bool:
            block = await the_block(daemon)
            return block is not None and block.line_count == 2

        await eventually(goes_on)
        block = await the_block(daemon)
        assert block is not None
        assert block.life is Life.LIVE


async def test_a_session_that_was_printed_ends_with_its_pipe(daemon: Daemon) -> None:
    async with ingesting(daemon, *map(json.dumps, PRINTED)) as process:
        assert process.stdin is not None
        await process.stdin.aclose()
        await process.wait()

    async def is_over() -> bool:
        told = await daemon.ask("states.list", StatesListResult, over=True)
        return [(each.session_id, each.state.state) for each in told.sessions] == [
            (SESSION, "ended")
        ]

    await eventually(is_over)
    async with daemon.connected() as client:
        (block,) = await client.blocks()
    assert block.state == "ended"


async def test_a_sender_that_was_taken_for_gone_is_believed(daemon: Daemon) -> None:
    """As `jarvisctl run` does where the daemon takes long with the last lines."""
    block_id = "0123456789abcdef"
    command = await anyio.open_process(["sleep", "60"])
    async with daemon.connected() as client:
        opening = {"block_id": block_id, "kind": "process", "pid": command.pid}
        await client.ask("push.open", PushOpenResult, **opening)
        command.kill()
        await command.wait()
        await eventually(lambda: has_ended(daemon))

        lines = {"block_id": block_id, "seq": 0, "lines": ["late"]}
        await client.ask("push.lines", PushLinesResult, **lines)
        assert not await has_ended(daemon)
        closed = await client.ask(
            "push.close", BlockView, block_id=block_id, exit_status=3
        )

    assert (closed.life, closed.exit_status, closed.line_count) == (Life.ENDED, 3, 1)
