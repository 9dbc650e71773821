"""Commands that are run, and pipes that are read, for their output to be counted."""

import json
import secrets
import signal
from uuid import uuid4

import anyio
from anyio.abc import Process

from jarvisd.base.errors import EXIT_NO_DAEMON
from jarvisd.base.session_words import State
from jarvisd.core.origin import BlockView, Kind, Life
from jarvisd.overview.model import SessionView
from tests.e2e.commands import LIMIT_S, jarvisctl, started
from tests.e2e.home import Home
from tests.e2e.rig import Daemon, running_daemon
from tests.support import eventually


async def test_a_command_is_run_unchanged_and_counted(daemon: Daemon) -> None:
    script = "printf 'one\\ntwo\\r\\n\\nthr\\377ee'; printf err >&2; cat; exit 7"
    project = secrets.token_hex(4)

    result = await jarvisctl(
        daemon.home, "run", "--project", project, "--", "sh", "-c", script, stdin=b"x\n"
    )

    assert result.returncode == 7
    assert result.stdout == b"one\ntwo\r\n\nthr\xffeex\n"
    assert result.stderr == b"err"
    block = await block_of(daemon, project)
    assert (block.kind, block.life) == (Kind.PROCESS, Life.ENDED)
    assert (block.line_count, block.exit_status) == (3, 7)
    assert block.char_count == 3 + 3 + 7


async def test_a_command_killed_by_a_signal_gives_its_status(daemon: Daemon) -> None:
    result = await jarvisctl(daemon.home, "run", "--", "sh", "-c", "kill -9 $$")

    assert result.returncode == 128 + signal.SIGKILL


async def test_a_command_that_is_not_there_has_the_shells_status(
    daemon: Daemon,
) -> None:
    result = await jarvisctl(daemon.home, "run", "--", "no-such-command-at-all")

    assert result.returncode == 127
    assert b"no-such-command-at-all" in result.stderr


async def test_a_command_runs_without_a_daemon_all_the_same(home: Home) -> None:
    result = await jarvisctl(home, "run", "--", "sh", "-c", "echo out; exit 3")

    assert result.returncode == 3
    assert result.stdout == b"out\n"
    assert result.stderr


async def test_a_command_with_much_output_is_passed_on_whole(daemon: Daemon) -> None:
    project = secrets.token_hex(4)
    result = await jarvisctl(
        daemon.home, "run", "--project", project, "--", "seq", "200000"
    )

    assert result.returncode == 0
    assert result.stdout == b"".join(b"%d\n" % n for n in range(1, 200_001))
    assert (await block_of(daemon, project)).line_count == 200_000


async def test_piped_lines_are_stored_before_the_command_ends(daemon: Daemon) -> None:
    block_id = secrets.token_hex(8)
    lines = b"one\n\ntwo\r\nthr\xffee\nlast without end"

    result = await jarvisctl(
        daemon.home, "ingest", "--agent", "codex", "--block-id", block_id, stdin=lines
    )

    assert result.returncode == 0
    assert daemon.home.stored_lines(block_id) == 4
    block = await daemon.ask("blocks.get", BlockView, block_id=block_id)
    assert (block.agent, block.kind, block.life) == ("codex", Kind.PUSH, Life.ENDED)
    assert block.char_count == 3 + 3 + 6 + 16


async def test_a_printed_run_of_codex_is_over_when_its_turn_is(daemon: Daemon) -> None:
    thread = str(uuid4())
    lines = [
        {"type": "thread.started", "thread_id": thread},
        {"type": "turn.started"},
        {"type": "item.completed", "item": {"id": "i1", "type": "agent_message"}},
        {"type": "turn.completed", "usage": {"input_tokens": 9, "output_tokens": 1}},
    ]
    stdin = "".join(f"{json.dumps(each)}\n" for each in lines).encode()
    await jarvisctl(daemon.home, "ingest", "--agent", "codex", stdin=stdin)

    async def has_ended() -> bool:
        session = await daemon.ask("sessions.get", SessionView, session_id=thread)
        return session.state is not None and session.state.state is State.ENDED

    await eventually(has_ended)


async def test_piping_on_into_the_same_block_adds_to_it(daemon: Daemon) -> None:
    block_id = secrets.token_hex(8)
    for _ in range(2):
        await jarvisctl(
            daemon.home, "ingest", "--block-id", block_id, stdin=b"one\ntwo\n"
        )

    block = await daemon.ask("blocks.get", BlockView, block_id=block_id)
    assert block.line_count == 4


async def test_piped_lines_are_exact_whenever_the_daemon_is_killed(home: Home) -> None:
    block_id = secrets.token_hex(8)
    async with running_daemon(home) as daemon:
        process = await started(home, "ingest", "--quiet", "--block-id", block_id)
        async with process, anyio.create_task_group() as tasks:
            tasks.start_soon(feed, process, 4000, 2.0)
            for pause_s in (0.3, 0.5):
                await anyio.sleep(pause_s)
                await daemon.restart()

            with anyio.fail_after(LIMIT_S):
                assert await process.wait() == 0

        block = await daemon.ask("blocks.get", BlockView, block_id=block_id)
        assert (block.line_count, block.life) == (4000, Life.ENDED)
        assert home.stored_lines(block_id) == 4000


async def test_piping_gives_up_when_no_daemon_comes(home: Home) -> None:
    result = await jarvisctl(home, "ingest", "--timeout", "0.5", stdin=b"one\n")

    assert result.returncode == EXIT_NO_DAEMON
    assert b"0" in result.stderr


async def feed(process: Process, lines: int, seconds: float) -> None:
    """Write so many lines to the standard input of *process*, and close it."""
    assert process.stdin is not None
    batches = 50
    for _ in range(batches):
        await process.stdin.send(b"a line of output\n" * (lines // batches))
        await anyio.sleep(seconds / batches)

    await process.stdin.aclose()


async def block_of(daemon: Daemon, project: str) -> BlockView:
    """Return the only block of *project*."""
    async with daemon.connected() as client:
        (block,) = await client.blocks(project=project)
        return block
