"""Lines handed over by clients: acknowledged means stored, and none counts twice."""

import secrets

import pytest

from jarvisd.core.origin import BlockView, Life
from jarvisd.core.wire import PushLinesResult, PushOpenResult
from jarvisd.overview.model import SessionView
from tests.e2e.client import Client, RpcError
from tests.e2e.home import Home, append
from tests.e2e.rig import Daemon, running_daemon


def new_id() -> str:
    """Return a block id that nobody has."""
    return secrets.token_hex(8)


async def push(client: Client, block_id: str, seq: int, *lines: str) -> PushLinesResult:
    """Hand over one batch."""
    return await client.ask(
        "push.lines", PushLinesResult, block_id=block_id, seq=seq, lines=lines
    )


async def opened(client: Client, block_id: str, **params: object) -> int:
    """Open a block and return the number of the next batch."""
    answer = await client.ask("push.open", PushOpenResult, block_id=block_id, **params)
    return answer.next_seq


async def test_pushed_lines_are_stored_when_acknowledged(daemon: Daemon) -> None:
    block_id = new_id()
    async with daemon.connected() as client:
        assert await opened(client, block_id, agent="claude", cwd="/w") == 0
        answer = await push(client, block_id, 0, '{"n":1}', '{"n":2}')

        assert (answer.next_seq, answer.line_count) == (1, 2)
        assert daemon.home.stored_lines(block_id) == 2


async def test_the_same_batch_twice_counts_once(daemon: Daemon) -> None:
    block_id = new_id()
    async with daemon.connected() as client:
        await opened(client, block_id)
        first = await push(client, block_id, 0, "a", "b")
        assert await push(client, block_id, 0, "a", "b") == first
        assert (await push(client, block_id, 1, "c")).line_count == 3


async def test_a_batch_before_its_turn_is_refused(daemon: Daemon) -> None:
    block_id = new_id()
    async with daemon.connected() as client:
        await opened(client, block_id)
        with pytest.raises(RpcError) as refusal:
            await push(client, block_id, 1, "b")

        assert refusal.value.kind == "out_of_order"
        assert (await push(client, block_id, 0, "a")).line_count == 1


async def test_a_batch_whose_answer_got_lost_is_sent_again_without_harm(
    daemon: Daemon,
) -> None:
    block_id = new_id()
    async with daemon.connected() as client:
        await opened(client, block_id)
        await client.send(
            b'{"jsonrpc":"2.0","id":9,"method":"push.lines","params":'
            b'{"block_id":"%s","seq":0,"lines":["a","b"]}}' % block_id.encode()
        )

    async with daemon.connected() as client:
        next_seq = await opened(client, block_id)
        answer = await push(client, block_id, 0, "a", "b")

    assert next_seq in {0, 1}  # the first may have been read after we hung up, or not
    assert (answer.next_seq, answer.line_count) == (1, 2)


async def test_a_kill_between_batches_loses_none_and_doubles_none(home: Home) -> None:
    block_id = new_id()
    async with running_daemon(home) as daemon:
        for seq in range(6):
            async with daemon.connected() as client:
                assert await opened(client, block_id) == seq
                await push(client, block_id, seq, "a", "b")

            if seq % 2:
                await daemon.restart()

        async with daemon.connected() as client:
            assert await opened(client, block_id) == 6
            block = await client.ask("push.close", BlockView, block_id=block_id)

    assert block.line_count == 12


async def test_a_closed_block_keeps_its_counts_over_a_restart(home: Home) -> None:
    block_id = new_id()
    async with running_daemon(home) as daemon:
        async with daemon.connected() as client:
            await opened(client, block_id, kind="process", pid=1)
            await push(client, block_id, 0, "x" * 40)
            closed = {"block_id": block_id, "exit_status": 3}
            before = await client.ask("push.close", BlockView, **closed)

        await daemon.restart()
        after = await daemon.ask("blocks.get", BlockView, block_id=block_id)

    assert (before.life, before.exit_status, before.line_count) == (Life.ENDED, 3, 1)
    assert (after.life, after.exit_status, after.line_count) == (Life.ENDED, 3, 1)


async def test_a_block_that_is_pushed_again_after_its_end_goes_on(
    daemon: Daemon,
) -> None:
    block_id = new_id()
    async with daemon.connected() as client:
        await opened(client, block_id)
        await push(client, block_id, 0, "a")
        await client.ask("push.close", BlockView, block_id=block_id)
        assert await opened(client, block_id) == 1
        await push(client, block_id, 1, "b")
        block = await client.ask("blocks.get", BlockView, block_id=block_id)

    assert (block.line_count, block.life) == (2, Life.LIVE)


async def test_the_tail_of_pushed_lines_is_kept_nowhere(daemon: Daemon) -> None:
    block_id = new_id()
    async with daemon.connected() as client:
        await opened(client, block_id)
        await push(client, block_id, 0, "secret")
        with pytest.raises(RpcError) as refusal:
            await client.ask("blocks.tail", object, block_id=block_id)

    assert refusal.value.kind == "not_replayable"


@pytest.mark.parametrize(
    "block_id", ["", "x", "0" * 15, "0" * 17, "G" * 16, "0" * 15 + "A"]
)
async def test_what_is_no_block_id_opens_no_block(
    daemon: Daemon, block_id: str
) -> None:
    with pytest.raises(RpcError) as refusal:
        await daemon.ask("push.open", PushOpenResult, block_id=block_id)

    assert refusal.value.code == -32602


async def test_nobody_pushes_into_a_transcript(daemon: Daemon) -> None:
    path = daemon.home.transcript()
    path.write_text("{}\n")
    block = await daemon.block_at(path)

    with pytest.raises(RpcError) as refusal:
        await daemon.ask("push.open", PushOpenResult, block_id=block.block_id)

    assert refusal.value.kind == "block_in_use"


THREAD = "019a9775-ef93-7c41-ae1f-a37beed9aaf2"
PRINTED = (
    f'{{"type":"thread.started","thread_id":"{THREAD}"}}',
    '{"type":"turn.completed","usage":{"input_tokens":250,"output_tokens":7}}',
)
WRITTEN = tuple(
    f'{{"timestamp":"2026-11-21T02:51:24Z","type":"{kind}","payload":{payload}}}'
    for kind, payload in (
        ("session_meta", f'{{"id":"{THREAD}","source":"exec"}}'),
        ("token_usage_record", '{"response_id":"r1","usage":{"input_tokens":100}}'),
        (
            "token_usage_record",
            '{"response_id":"r2","usage":{"input_tokens":150,"output_tokens":7}}',
        ),
    )
)


async def spent(daemon: Daemon) -> tuple[int, int, int]:
    """Return what the thread spent, and on how many responses."""
    await daemon.sync()
    view = await daemon.ask("sessions.get", SessionView, session_id=THREAD)
    return view.tokens.input, view.tokens.output, view.assistant_messages


@pytest.mark.parametrize(
    "printed_first",
    [pytest.param(True, id="printed first"), pytest.param(False, id="written first")],
)
async def test_what_codex_prints_beside_its_rollout_counts_once(
    home: Home, *, printed_first: bool
) -> None:
    rollout = (
        home.sessions / "2026/11/21" / f"rollout-2026-11-21T02-51-24-{THREAD}.jsonl"
    )
    rollout.parent.mkdir(parents=True)
    async with running_daemon(home) as daemon:
        if not printed_first:
            append(rollout, *WRITTEN)
            assert await spent(daemon) == (250, 7, 2)

        async with daemon.connected() as client:
            block_id = new_id()
            await opened(client, block_id, agent="codex")
            await push(client, block_id, 0, *PRINTED)

        assert await spent(daemon) == (250, 7, 1 if printed_first else 2)
        await daemon.restart()
        if printed_first:
            append(rollout, *WRITTEN)

        assert await spent(daemon) == (250, 7, 2)
